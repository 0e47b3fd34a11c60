//! The remaining data of a workflow when its rows have expired.

use aws_sdk_dynamodb::types::AttributeValue;
use goal_activity_core::archive::Record;
use goal_activity_core::keys;
use goal_activity_core::limits::HISTORY;
use goal_activity_events::ExecutionArn;
use goal_activity_tests::{Answer, Chart, Stack, User, eventually};

type Row = std::collections::HashMap<String, AttributeValue>;

/// All rows of a workflow, by their sort key.
async fn rows(stack: &Stack, arn: &ExecutionArn) -> Vec<(String, Row)> {
    let query = stack.dynamodb().query().table_name(stack.output("ExecutionsTableName")).consistent_read(true);
    let query = query.key_condition_expression("executionArn = :arn");
    let found = query.expression_attribute_values(":arn", AttributeValue::S(arn.to_string())).send().await.unwrap();
    found.items.unwrap().into_iter().map(|row| (row[keys::ITEM].as_s().unwrap().clone(), row)).collect()
}

fn expiry(row: &Row) -> Option<i64> {
    row.get(keys::EXPIRES_AT).map(|at| at.as_n().unwrap().parse().unwrap())
}

/// Whether the archive has the workflow's record. Its key begins with a day that an ARN does not tell.
async fn is_stored(stack: &Stack, arn: &ExecutionArn) -> bool {
    let name = format!("/{}.json", arn.name());
    let mut pages = stack.s3().list_objects_v2().bucket(stack.output("ArchiveBucketName")).into_paginator().send();
    while let Some(page) = pages.next().await {
        if page.unwrap().contents().iter().any(|object| object.key().is_some_and(|key| key.ends_with(&name))) {
            return true;
        }
    }
    false
}

/// Waits for the workflow to be archived. At every check, rows may expire only if the archive has its record, and the
/// workflow's own only if it says so as well.
async fn archived(stack: &Stack, arn: &ExecutionArn) -> Vec<(String, Row)> {
    eventually("an archived workflow", || async {
        let rows = rows(stack, arn).await;
        let is_marked = rows.iter().any(|(item, _)| item == keys::ARCHIVE);
        let mut expiring = rows.iter().filter(|(_, row)| expiry(row).is_some());
        let of_ledger = |(item, _): &(String, Row)| item.starts_with("BATCH#");
        assert!(is_marked || expiring.clone().all(of_ledger), "{rows:?}");
        assert!(expiring.next().is_none() || is_stored(stack, arn).await, "{rows:?}");
        is_marked.then_some(rows)
    })
    .await
}

async fn told(user: &User, arn: &ExecutionArn) -> [Answer; 3] {
    let path = |what| format!("/api/workflows/{}/{what}", arn.as_str().replace(':', "%3A"));
    [user.get(&path("status")).await, user.get(&path("actions")).await, user.get(&path("timeline")).await]
}

#[tokio::test]
async fn p7_a_workflow_is_shown_as_before_when_its_rows_have_expired() {
    let stack = Stack::open().await;
    let (user, other) = (stack.user().await, stack.user().await);
    let goal = stack.goal(&user, Chart::of(9).script("a-1-2", "fail")).await;
    let arn = user.started(&goal).await;
    user.ended(&arn).await;

    let rows = archived(&stack, &arn).await;
    let key = rows.iter().find(|(item, _)| item == keys::ARCHIVE).unwrap().1[keys::ARCHIVED_AS].as_s().unwrap();
    let object = stack.s3().get_object().bucket(stack.output("ArchiveBucketName")).key(key).send().await.unwrap();
    let line = object.body.collect().await.unwrap().to_vec();
    let record = Record::from_line(&line).unwrap();
    assert_eq!((record.key().as_str(), record.to_line().unwrap().as_bytes()), (key.as_str(), line.as_slice()));
    assert_eq!((record.end.tally.succeeded, record.end.tally.failed[0].action_id.as_str()), (8, "a-1-2"));
    let outcomes = record.batches.iter().flat_map(|b| &b.actions).filter(|a| a.outcome.is_some());
    assert_eq!(outcomes.count(), 9);

    let expires = Some(record.end.stop_date.plus(HISTORY).as_seconds());
    let expiring: Vec<_> = rows.iter().map(|(item, row)| (item.as_str(), expiry(row))).collect();
    let of_workflow = [("BATCH#00", expires), ("BATCH#01", expires), ("EXECUTION", expires)];
    assert_eq!(expiring, [&[("ARCHIVE", None)][..], &of_workflow].concat());

    let before = told(&user, &arn).await;
    assert_eq!(before.each_ref().map(|a| a.status), [200, 200, 200]);
    // The emulator expires nothing: the test deletes the rows as DynamoDB does.
    for (item, _) in rows.iter().filter(|(_, row)| expiry(row).is_some()) {
        let delete = stack.dynamodb().delete_item().table_name(stack.output("ExecutionsTableName"));
        let delete = delete.key(keys::EXECUTION_ARN, AttributeValue::S(arn.to_string()));
        delete.key(keys::ITEM, AttributeValue::S(item.clone())).send().await.unwrap();
    }
    let after = told(&user, &arn).await;
    assert_eq!(after.each_ref().map(|a| (a.status, &a.body)), before.each_ref().map(|a| (a.status, &a.body)));
    assert_eq!(told(&other, &arn).await.map(|a| a.status), [403, 403, 403]);
    assert_eq!(user.retry(&arn).await.status, 202, "what has failed can still be retried");
}

#[tokio::test]
async fn a_cancelled_workflow_is_archived() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(1).script("a-1-1", "latency-ms=5000")).await;
    let arn = user.started(&goal).await;
    assert_eq!(user.cancel(&arn, Some("wrong goal")).await.status, 200);
    archived(&stack, &arn).await;
}
