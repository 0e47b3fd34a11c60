//! Checks of the stored rows: attributes for indexes, for expiry and for other services.

use goal_activity_core::admission::Shard;
use goal_activity_core::execution::Mark;
use goal_activity_core::keys;
use goal_activity_core::limits::{HISTORY, REQUEST_MEMORY};
use goal_activity_core::ports::{
    AdmitExecution, Claim, ClaimGoal, Claimed, EndExecution, Opened, Remembered, RequestKey, SealLedger, WorkLedger,
};
use goal_activity_core::rows::goal_rows;
use goal_activity_events::{EventId, FinalStatus};
use serde_json::{Value, json};

use crate::backend::{AwsTables, Tables};
use crate::given::{at, claim, claimed, ending, goal, record, stored};

on_dynamodb!(
    a_goal_that_was_never_claimed_needs_no_count,
    a_claim_and_an_end_keep_what_other_services_have_stored_with_a_goal,
    p7_the_rows_of_an_execution_expire_once_it_is_archived,
    p7_a_ledger_that_is_not_sealed_does_not_expire_and_one_that_is_gone_stays_so,
    where_an_execution_is_archived_never_expires,
    a_request_expires_some_time_after_it,
    an_execution_is_in_one_index_at_a_time_and_in_none_when_it_is_archived,
);

async fn a_goal_that_was_never_claimed_needs_no_count(on: &AwsTables) {
    for count in [None, Some(json!(0))] {
        let goal = goal(1);
        let mut row = goal_rows(&goal).unwrap().remove(0);
        match count {
            Some(count) => row.insert(keys::CLAIMS.to_owned(), count),
            None => row.remove(keys::CLAIMS),
        };
        on.put_goal_row(row.clone().into()).await;
        assert_eq!(on.db().claim_goal(&claim(&goal, 2)).await.unwrap(), Claimed::GoalChanged);
        assert_eq!(on.goal_row(&goal.head.goal_id, keys::GOAL).await, Some(row.into()));
        assert_eq!(on.db().claim_goal(&claim(&goal, 1)).await.unwrap(), Claimed::Yes);
    }
}

async fn a_claim_and_an_end_keep_what_other_services_have_stored_with_a_goal(on: &AwsTables) {
    let goal = goal(1);
    let mut row: Value = goal_rows(&goal).unwrap().remove(0).into();
    row["colour"] = json!("赤");
    row["updatedAt"] = json!("before");
    on.put_goal_row(row.clone()).await;
    assert_eq!(on.db().claim_goal(&claim(&goal, 1)).await.unwrap(), Claimed::Yes);
    on.db()
        .end_execution(&claim(&goal, 1).execution, &ending(&claim(&goal, 1).execution, FinalStatus::Succeeded))
        .await
        .unwrap();
    row[keys::CLAIMS] = json!(1);
    row["status"] = json!("partial");
    row["updatedAt"] = json!(at(60));
    assert_eq!(on.goal_row(&goal.head.goal_id, keys::GOAL).await, Some(row));
}

async fn p7_the_rows_of_an_execution_expire_once_it_is_archived(on: &AwsTables) {
    let (_, execution) = claimed(on, 9).await;
    let arn = &execution.execution_arn;
    let items = [keys::EXECUTION.to_owned(), keys::batch(0), keys::batch(1)];
    on.db().seal_ledger(arn, 2).await.unwrap();
    on.db().end_execution(&execution, &ending(&execution, FinalStatus::Failed)).await.unwrap();
    on.db().mark_reported(arn, Mark::Both, at(61)).await.unwrap();
    for item in &items {
        assert_eq!(on.execution_row(arn.as_str(), item).await.unwrap().get(keys::EXPIRES_AT), None, "{item}");
    }
    // The ledger first: what is marked is not looked at again. Each step twice, as after a crash.
    let record = record(&execution, FinalStatus::Failed);
    let expires = async |item: &str| {
        let row = on.execution_row(arn.as_str(), item).await.unwrap();
        row.get(keys::EXPIRES_AT).cloned()
    };
    let then = Some(json!(at(60).plus(HISTORY).as_seconds()));
    for _ in 0..2 {
        on.db().expire_ledger(&record).await.unwrap();
        assert_eq!(
            [expires(&items[0]).await, expires(&items[1]).await, expires(&items[2]).await],
            [&None, &then, &then].map(Clone::clone)
        );
    }
    for _ in 0..2 {
        on.db().mark_archived(&record, at(62)).await.unwrap();
        for item in &items {
            assert_eq!(expires(item).await, then, "{item}");
        }
    }
}

async fn p7_a_ledger_that_is_not_sealed_does_not_expire_and_one_that_is_gone_stays_so(on: &AwsTables) {
    let (_, execution) = claimed(on, 9).await;
    let arn = &execution.execution_arn;
    assert!(matches!(on.db().open_batch(arn, 0).await.unwrap(), Opened::Open(_)));
    on.db().expire_ledger(&record(&execution, FinalStatus::Failed)).await.unwrap();
    let row = on.execution_row(arn.as_str(), &keys::batch(0)).await.unwrap();
    assert_eq!(row.get(keys::EXPIRES_AT), None);
    assert_eq!(on.execution_row(arn.as_str(), &keys::batch(1)).await, None);
}

async fn where_an_execution_is_archived_never_expires(on: &AwsTables) {
    let (_, execution) = claimed(on, 1).await;
    let arn = execution.execution_arn.as_str();
    on.db().end_execution(&execution, &ending(&execution, FinalStatus::Failed)).await.unwrap();
    let record = record(&execution, FinalStatus::Failed);
    on.db().mark_archived(&record, at(62)).await.unwrap();
    let row = json!({ "executionArn": arn, "item": "ARCHIVE", "archivedAs": record.key() });
    assert_eq!(on.execution_row(arn, keys::ARCHIVE).await, Some(row));
}

async fn a_request_expires_some_time_after_it(on: &AwsTables) {
    let goal = stored(on, 1).await;
    let key = RequestKey::Service { source: "com.example".to_owned(), event_id: EventId::random() };
    let request = Remembered { key: key.clone(), digest: None };
    let claim = Claim { request: Some(request), ..claim(&goal, 1) };
    assert_eq!(on.db().claim_goal(&claim).await.unwrap(), Claimed::Yes);
    let row = on.execution_row(&keys::request(&key), keys::REQUEST).await.unwrap();
    assert_eq!(row[keys::EXPIRES_AT], at(0).plus(REQUEST_MEMORY).as_seconds());
    assert_eq!(row["acceptedAs"], claim.execution.execution_arn.as_str());
}

async fn an_execution_is_in_one_index_at_a_time_and_in_none_when_it_is_archived(on: &AwsTables) {
    let (_, execution) = claimed(on, 8).await;
    let arn = &execution.execution_arn;
    let indexes = async || {
        let row = on.execution_row(arn.as_str(), keys::EXECUTION).await.unwrap();
        (row.get(keys::WAITING).cloned(), row.get(keys::OPEN_SHARD).cloned())
    };
    let (waiting, open) = (Some(json!(keys::waiting_list(Shard::FIRST))), Some(json!(keys::open_shard(arn))));
    assert_eq!(indexes().await, (waiting, None));
    assert!(on.db().mark_admitted(arn, at(1), Shard::FIRST).await.unwrap());
    assert_eq!(indexes().await, (None, open.clone()));
    on.db().end_execution(&execution, &ending(&execution, FinalStatus::Failed)).await.unwrap();
    assert_eq!(indexes().await, (None, open));
    on.db().mark_reported(arn, Mark::Both, at(61)).await.unwrap();
    assert_eq!(indexes().await, (None, Some(json!(keys::unarchived_shard(arn)))));
    on.db().mark_archived(&record(&execution, FinalStatus::Failed), at(62)).await.unwrap();
    assert_eq!(indexes().await, (None, None));
}
