//! `CancelExecution`.

use futures_util::future::join_all;
use goal_activity_core::execution::{Cancellation, Status, TimelineEntry, TimelineEvent};
use goal_activity_core::keys::CANCELLATION_ENTRY;
use goal_activity_core::limits::MAX_REASON;
use goal_activity_core::ports::{CancelExecution, EndExecution, FindExecution};
use goal_activity_events::FinalStatus;

use crate::backend::Tables;
use crate::given::{TEXT, at, claimed, ending, execution, found, goal};

on_all_tables!(
    a_cancellation_is_recorded_with_who_when_and_why,
    p2_a_cancellation_is_recorded_once,
    an_execution_that_has_ended_is_not_cancelled,
    an_execution_that_is_not_there_is_not_cancelled,
    of_cancellations_at_once_one_is_recorded,
    p4_a_cancellation_and_an_end_at_once_agree,
);

fn by_user(second: i64, reason: &str) -> Cancellation {
    Cancellation::by_user("somebody".parse().unwrap(), at(second), Some(reason))
}

async fn cancel(on: &impl Tables, execution: &goal_activity_core::execution::Execution, wish: &Cancellation) -> bool {
    on.db().record_cancellation(&execution.execution_arn, wish).await.unwrap()
}

async fn a_cancellation_is_recorded_with_who_when_and_why(on: &impl Tables) {
    let texts = [TEXT.to_owned(), "🏃".repeat(MAX_REASON), String::new()];
    let wishes = texts.iter().map(|reason| by_user(7, reason)).chain([Cancellation::from_outside(at(7))]);
    for wish in wishes {
        let (_, mut execution) = claimed(on, 8).await;
        assert!(cancel(on, &execution, &wish).await);
        let entry = TimelineEntry { at: at(7), what: TimelineEvent::Cancelled };
        execution.timeline.insert(CANCELLATION_ENTRY.to_owned(), entry);
        execution.cancellation = Some(wish);
        assert_eq!(found(on, &execution).await, execution);
    }
}

async fn p2_a_cancellation_is_recorded_once(on: &impl Tables) {
    let (_, execution) = claimed(on, 8).await;
    assert!(cancel(on, &execution, &by_user(7, "first")).await);
    let before = found(on, &execution).await;
    assert!(!cancel(on, &execution, &by_user(7, "first")).await);
    assert!(!cancel(on, &execution, &by_user(8, "second")).await);
    assert_eq!(found(on, &execution).await, before);
}

async fn an_execution_that_has_ended_is_not_cancelled(on: &impl Tables) {
    for end in [FinalStatus::Succeeded, FinalStatus::TimedOut, FinalStatus::Aborted] {
        let (_, execution) = claimed(on, 8).await;
        on.db().end_execution(&execution, &ending(&execution, end)).await.unwrap();
        let ended = found(on, &execution).await;
        assert!(!cancel(on, &execution, &by_user(7, "late")).await);
        assert_eq!(found(on, &execution).await, ended);
    }
}

async fn an_execution_that_is_not_there_is_not_cancelled(on: &impl Tables) {
    let execution = execution(&goal(1), 1);
    assert!(!cancel(on, &execution, &by_user(7, "never")).await);
    assert_eq!(on.db().find_execution(&execution.execution_arn).await.unwrap(), None);
}

async fn of_cancellations_at_once_one_is_recorded(on: &impl Tables) {
    let (_, execution) = claimed(on, 8).await;
    let wishes: Vec<_> = (0..8).map(|second| by_user(second, "now")).collect();
    let answers = join_all(wishes.iter().map(|wish| cancel(on, &execution, wish))).await;
    let recorded: Vec<_> = wishes.iter().zip(&answers).filter(|(_, won)| **won).map(|(wish, _)| wish).collect();
    assert_eq!(recorded.len(), 1, "{answers:?}");
    assert_eq!(found(on, &execution).await.cancellation.as_ref(), Some(recorded[0]));
}

async fn p4_a_cancellation_and_an_end_at_once_agree(on: &impl Tables) {
    for round in 0..4 {
        let (_, execution) = claimed(on, 8).await;
        let (wish, end) = (by_user(7, "now"), ending(&execution, FinalStatus::Succeeded));
        let (cancelled, ended) = if round % 2 == 0 {
            futures_util::join!(cancel(on, &execution, &wish), on.db().end_execution(&execution, &end))
        } else {
            let (ended, cancelled) =
                futures_util::join!(on.db().end_execution(&execution, &end), cancel(on, &execution, &wish));
            (cancelled, ended)
        };
        ended.unwrap();
        let read = found(on, &execution).await;
        let expected = if cancelled { (Status::Pending, Some(wish)) } else { (Status::Succeeded, None) };
        assert_eq!((read.status(), read.cancellation), expected);
    }
}
