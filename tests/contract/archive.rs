//! `ArchiveExecution` and `ReadArchive`.

use goal_activity_core::archive::{ArchiveKey, Record};
use goal_activity_core::execution::Cancellation;
use goal_activity_core::ports::{ArchiveExecution, ReadArchive};
use goal_activity_events::FinalStatus;

use crate::backend::{AwsServices, Services};
use crate::given::{TEXT, at, execution, goal, record};

on_all_services!(
    a_record_comes_back_as_it_was_archived,
    a_record_is_one_line_under_the_day_of_its_end,
    what_is_archived_stays_as_it_is,
    a_record_that_is_not_there_is_a_failure,
);

/// The record of a workflow that was cancelled with unusual text as its reason.
fn cancelled() -> Record {
    let cancellation = Cancellation::by_user("user-1".parse().unwrap(), at(50), Some(TEXT));
    Record { cancellation: Some(cancellation), ..record(&execution(&goal(64), 1), FinalStatus::Aborted) }
}

async fn a_record_comes_back_as_it_was_archived(on: &impl Services) {
    let record = cancelled();
    on.archive().archive_execution(&record).await.unwrap();
    assert_eq!(on.archive().read_archive(&record.key()).await.unwrap(), record);
}

async fn a_record_is_one_line_under_the_day_of_its_end(on: &impl Services) {
    let record = cancelled();
    on.archive().archive_execution(&record).await.unwrap();
    let key = format!("executions/date={}/{}.json", &at(60).to_string()[..10], record.execution_arn.name());
    assert_eq!(on.archived().await, [(key, record.to_line().unwrap())]);
}

async fn what_is_archived_stays_as_it_is(on: &impl Services) {
    let record = cancelled();
    for other in [record.clone(), Record { cancellation: None, ..record.clone() }, record.clone()] {
        on.archive().archive_execution(&other).await.unwrap();
    }
    assert_eq!(on.archive().read_archive(&record.key()).await.unwrap(), record);
    assert_eq!(on.archived().await.len(), 1);
}

async fn a_record_that_is_not_there_is_a_failure(on: &impl Services) {
    let record = cancelled();
    on.archive().archive_execution(&record).await.unwrap();
    let other = ArchiveKey::new(&record.execution_arn, at(24 * 60 * 60));
    assert!(on.archive().read_archive(&other).await.is_err());
}

#[tokio::test]
async fn an_object_that_is_no_record_is_a_failure_that_repeats_nothing_of_it() {
    let (on, key) = (AwsServices::open().await, cancelled().key());
    on.put_archived(&key, r#"{"version":"SECRET-WORDS"}"#).await;
    let error = on.archive().read_archive(&key).await.unwrap_err().to_string();
    assert!(error.contains(key.as_str()) && !error.contains("SECRET-WORDS"), "{error}");
}
