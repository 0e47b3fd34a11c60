//! `SettleExecution::claim_notice`, `release_notice` and `mark_told`.

use futures_util::future::join_all;
use goal_activity_core::execution::Execution;
use goal_activity_core::limits::NOTICE_LEASE;
use goal_activity_core::ports::{FindExecution, SettleExecution};
use goal_activity_events::{FinalStatus, Timestamp};

use crate::backend::Tables;
use crate::given::{at, claimed, execution, found, goal, settlement};

on_all_tables!(
    p2_the_telling_is_taken_once,
    p7_a_telling_that_was_given_up_can_be_taken_again,
    p7_a_telling_that_was_released_can_be_taken_at_once,
    p2_only_the_own_claim_is_released,
    p2_nothing_is_told_after_it_was_told,
    a_notice_of_an_execution_that_is_not_there_is_nobodys,
    p2_of_claims_of_a_notice_at_once_one_wins,
    marks_are_set_once,
);

async fn ended(on: &impl Tables) -> Execution {
    let (_, execution) = claimed(on, 8).await;
    on.settlements().settle(&settlement(&execution, FinalStatus::Failed)).await.unwrap();
    found(on, &execution).await
}

async fn take(on: &impl Tables, execution: &Execution, at: Timestamp) -> bool {
    on.settlements().claim_notice(&execution.execution_arn, at).await.unwrap()
}

async fn p2_the_telling_is_taken_once(on: &impl Tables) {
    let mut execution = ended(on).await;
    assert!(take(on, &execution, at(61)).await);
    execution.published_at = Some(at(61));
    assert_eq!(found(on, &execution).await, execution);
    for later in [61, 62, 90] {
        assert!(!take(on, &execution, at(later)).await);
    }
    assert_eq!(found(on, &execution).await, execution);
}

async fn p7_a_telling_that_was_given_up_can_be_taken_again(on: &impl Tables) {
    let mut execution = ended(on).await;
    assert!(take(on, &execution, at(61)).await);
    let lease_ends = at(61).plus(NOTICE_LEASE);
    assert!(!take(on, &execution, lease_ends).await);
    let after = Timestamp::from_millis(lease_ends.as_millis() + 1);
    assert!(take(on, &execution, after).await);
    assert!(!take(on, &execution, after).await);
    execution.published_at = Some(at(61));
    assert_eq!(found(on, &execution).await, execution);
}

async fn p7_a_telling_that_was_released_can_be_taken_at_once(on: &impl Tables) {
    let mut execution = ended(on).await;
    assert!(take(on, &execution, at(61)).await);
    on.settlements().release_notice(&execution.execution_arn, at(61)).await.unwrap();
    execution.published_at = Some(at(61));
    assert_eq!(found(on, &execution).await, execution, "its end stays published");
    assert!(take(on, &execution, at(62)).await);
    assert!(!take(on, &execution, at(63)).await);
}

async fn p2_only_the_own_claim_is_released(on: &impl Tables) {
    let execution = ended(on).await;
    let (first, second) = (at(61), Timestamp::from_millis(at(61).plus(NOTICE_LEASE).as_millis() + 1));
    assert!(take(on, &execution, first).await);
    assert!(take(on, &execution, second).await);
    on.settlements().release_notice(&execution.execution_arn, first).await.unwrap();
    assert!(!take(on, &execution, second).await);
    on.settlements().release_notice(&execution.execution_arn, second).await.unwrap();
    assert!(take(on, &execution, second).await);
}

async fn p2_nothing_is_told_after_it_was_told(on: &impl Tables) {
    let execution = ended(on).await;
    assert!(take(on, &execution, at(61)).await);
    on.settlements().mark_told(&execution.execution_arn, at(62)).await.unwrap();
    assert!(!take(on, &execution, at(100_000)).await);
    assert!(found(on, &execution).await.is_told());
}

async fn a_notice_of_an_execution_that_is_not_there_is_nobodys(on: &impl Tables) {
    let execution = execution(&goal(1), 1);
    assert!(!take(on, &execution, at(61)).await);
    on.settlements().release_notice(&execution.execution_arn, at(61)).await.unwrap();
    on.settlements().mark_told(&execution.execution_arn, at(62)).await.unwrap();
    assert_eq!(on.executions().find_execution(&execution.execution_arn).await.unwrap(), None);
}

async fn p2_of_claims_of_a_notice_at_once_one_wins(on: &impl Tables) {
    let execution = ended(on).await;
    let answers = join_all((0..8).map(|second| take(on, &execution, at(61 + second)))).await;
    assert_eq!(answers.iter().filter(|won| **won).count(), 1, "{answers:?}");
}

async fn marks_are_set_once(on: &impl Tables) {
    let mut execution = ended(on).await;
    for second in [61, 62] {
        on.settlements().mark_told(&execution.execution_arn, at(second)).await.unwrap();
    }
    (execution.published_at, execution.notified_at) = (Some(at(61)), Some(at(61)));
    assert_eq!(found(on, &execution).await, execution);
}
