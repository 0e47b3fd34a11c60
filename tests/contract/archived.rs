//! `EndExecution::mark_archived` and `FindArchived`.

use goal_activity_core::ports::{EndExecution, FindArchived, FindExecution};
use goal_activity_events::FinalStatus;

use crate::backend::Tables;
use crate::given::{at, claimed, ending, execution, found, goal, record};

on_all_tables!(
    an_archived_execution_is_found_in_the_archive,
    p7_an_execution_that_has_not_ended_cannot_be_archived,
    an_execution_that_is_not_there_cannot_be_archived,
    the_first_mark_stays,
);

async fn an_archived_execution_is_found_in_the_archive(on: &impl Tables) {
    let (_, execution) = claimed(on, 9).await;
    on.db().end_execution(&execution, &ending(&execution, FinalStatus::Failed)).await.unwrap();
    assert_eq!(on.db().find_archived(&execution.execution_arn).await.unwrap(), None);
    let record = record(&execution, FinalStatus::Failed);
    on.db().mark_archived(&record, at(61)).await.unwrap();
    assert_eq!(on.db().find_archived(&execution.execution_arn).await.unwrap(), Some(record.key()));
    assert_eq!(found(on, &execution).await.archived_at, Some(at(61)));
}

async fn p7_an_execution_that_has_not_ended_cannot_be_archived(on: &impl Tables) {
    let (_, execution) = claimed(on, 9).await;
    on.db().mark_archived(&record(&execution, FinalStatus::Failed), at(61)).await.unwrap();
    assert_eq!(found(on, &execution).await, execution);
    assert_eq!(on.db().find_archived(&execution.execution_arn).await.unwrap(), None);
}

async fn an_execution_that_is_not_there_cannot_be_archived(on: &impl Tables) {
    let execution = execution(&goal(1), 1);
    on.db().mark_archived(&record(&execution, FinalStatus::Failed), at(61)).await.unwrap();
    assert_eq!(on.db().find_archived(&execution.execution_arn).await.unwrap(), None);
    assert_eq!(on.db().find_execution(&execution.execution_arn).await.unwrap(), None);
}

async fn the_first_mark_stays(on: &impl Tables) {
    let (_, execution) = claimed(on, 9).await;
    on.db().end_execution(&execution, &ending(&execution, FinalStatus::Failed)).await.unwrap();
    for second in [61, 62] {
        on.db().mark_archived(&record(&execution, FinalStatus::Failed), at(second)).await.unwrap();
    }
    assert_eq!(found(on, &execution).await.archived_at, Some(at(61)));
}
