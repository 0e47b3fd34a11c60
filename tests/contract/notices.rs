//! `EndExecution::claim_notice`, `release_notice` and `mark_reported`.

use futures_util::future::join_all;
use goal_activity_core::execution::Execution;
use goal_activity_core::execution::Mark;
use goal_activity_core::limits::NOTICE_LEASE;
use goal_activity_core::notice::NoticeClaim;
use goal_activity_core::ports::{EndExecution, FindExecution};
use goal_activity_events::{FinalStatus, Timestamp};

use crate::backend::Tables;
use crate::given::{at, claimed, ending, execution, found, goal};

on_all_tables!(
    p2_the_telling_is_taken_once,
    p7_a_claim_whose_answer_was_lost_is_made_again,
    p7_a_telling_that_was_given_up_can_be_taken_again,
    p7_a_telling_that_was_released_can_be_taken_at_once,
    p2_only_the_own_claim_is_released,
    p2_nothing_is_sent_after_it_was_sent,
    a_notice_of_an_execution_that_is_not_there_is_not_claimed,
    p2_of_claims_of_a_notice_at_once_one_wins,
    marks_are_set_once,
    marks_are_set_one_by_one,
);

async fn ended(on: &impl Tables) -> Execution {
    let (_, execution) = claimed(on, 8).await;
    on.db().end_execution(&execution, &ending(&execution, FinalStatus::Failed)).await.unwrap();
    found(on, &execution).await
}

async fn claim(on: &impl Tables, execution: &Execution, claim: &NoticeClaim) -> bool {
    on.db().claim_notice(&execution.execution_arn, claim).await.unwrap()
}

/// Claims the notice at that time, for a new sender each time.
async fn take(on: &impl Tables, execution: &Execution, at: Timestamp) -> bool {
    claim(on, execution, &NoticeClaim::new(at)).await
}

async fn release(on: &impl Tables, execution: &Execution, claim: &NoticeClaim) {
    on.db().release_notice(&execution.execution_arn, claim).await.unwrap();
}

async fn mark(on: &impl Tables, execution: &Execution, mark: Mark, second: i64) {
    on.db().mark_reported(&execution.execution_arn, mark, at(second)).await.unwrap();
}

async fn p2_the_telling_is_taken_once(on: &impl Tables) {
    let execution = ended(on).await;
    assert!(take(on, &execution, at(61)).await);
    for later in [61, 62, 90] {
        assert!(!take(on, &execution, at(later)).await);
    }
    assert_eq!(found(on, &execution).await, execution);
}

async fn p7_a_claim_whose_answer_was_lost_is_made_again(on: &impl Tables) {
    let execution = ended(on).await;
    let (own, other) = (NoticeClaim::new(at(61)), NoticeClaim::new(at(61)));
    assert!(claim(on, &execution, &own).await);
    assert!(claim(on, &execution, &own).await);
    assert!(!claim(on, &execution, &other).await);
}

async fn p7_a_telling_that_was_given_up_can_be_taken_again(on: &impl Tables) {
    let execution = ended(on).await;
    assert!(take(on, &execution, at(61)).await);
    let lease_ends = at(61).plus(NOTICE_LEASE);
    assert!(!take(on, &execution, lease_ends).await);
    let after = Timestamp::from_millis(lease_ends.as_millis() + 1);
    assert!(take(on, &execution, after).await);
    assert!(!take(on, &execution, after).await);
    assert_eq!(found(on, &execution).await, execution);
}

async fn p7_a_telling_that_was_released_can_be_taken_at_once(on: &impl Tables) {
    let execution = ended(on).await;
    let first = NoticeClaim::new(at(61));
    assert!(claim(on, &execution, &first).await);
    release(on, &execution, &first).await;
    assert!(take(on, &execution, at(62)).await);
    assert!(!take(on, &execution, at(63)).await);
}

async fn p2_only_the_own_claim_is_released(on: &impl Tables) {
    let execution = ended(on).await;
    let expired = Timestamp::from_millis(at(61).plus(NOTICE_LEASE).as_millis() + 1);
    let (first, second) = (NoticeClaim::new(at(61)), NoticeClaim::new(expired));
    assert!(claim(on, &execution, &first).await);
    assert!(claim(on, &execution, &second).await);
    release(on, &execution, &first).await;
    assert!(!take(on, &execution, expired).await);
    release(on, &execution, &second).await;
    assert!(take(on, &execution, expired).await);
}

async fn p2_nothing_is_sent_after_it_was_sent(on: &impl Tables) {
    for told in [Mark::Notified, Mark::Both] {
        let execution = ended(on).await;
        assert!(take(on, &execution, at(61)).await);
        mark(on, &execution, told, 62).await;
        assert!(!take(on, &execution, at(100_000)).await);
        assert_eq!(found(on, &execution).await.is_reported(), told == Mark::Both);
    }
}

async fn a_notice_of_an_execution_that_is_not_there_is_not_claimed(on: &impl Tables) {
    let execution = execution(&goal(1), 1);
    let own = NoticeClaim::new(at(61));
    assert!(!claim(on, &execution, &own).await);
    release(on, &execution, &own).await;
    for told in [Mark::Published, Mark::Notified, Mark::Both] {
        mark(on, &execution, told, 62).await;
    }
    assert_eq!(on.db().find_execution(&execution.execution_arn).await.unwrap(), None);
}

async fn p2_of_claims_of_a_notice_at_once_one_wins(on: &impl Tables) {
    let execution = ended(on).await;
    let answers = join_all((0..8).map(|_| take(on, &execution, at(61)))).await;
    assert_eq!(answers.iter().filter(|won| **won).count(), 1, "{answers:?}");
}

async fn marks_are_set_once(on: &impl Tables) {
    let mut execution = ended(on).await;
    for second in [61, 62] {
        mark(on, &execution, Mark::Both, second).await;
    }
    (execution.published_at, execution.notified_at) = (Some(at(61)), Some(at(61)));
    assert_eq!(found(on, &execution).await, execution);
}

async fn marks_are_set_one_by_one(on: &impl Tables) {
    for first in [Mark::Published, Mark::Notified] {
        let mut execution = ended(on).await;
        mark(on, &execution, first, 61).await;
        let earlier = match first {
            Mark::Published => &mut execution.published_at,
            _ => &mut execution.notified_at,
        };
        *earlier = Some(at(61));
        assert_eq!(found(on, &execution).await, execution, "{first:?}");
        mark(on, &execution, Mark::Both, 62).await;
        execution.published_at.get_or_insert(at(62));
        execution.notified_at.get_or_insert(at(62));
        assert_eq!(found(on, &execution).await, execution, "{first:?}");
    }
}
