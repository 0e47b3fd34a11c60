//! Repairs that only the reconciler can make.

use goal_activity_client::api::{Problem, Status};
use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use goal_activity_adapters::clock::SystemClock;
use goal_activity_core::keys;
use goal_activity_core::limits::NOTICE_WITHIN;
use goal_activity_core::ports::Clock;
use goal_activity_events::{ExecutionArn, FinalStatus, GoalId, WorkflowCompleted};
use goal_activity_tests::{Chart, Stack, User, eventually, within};
use serde_json::json;
use tokio::sync::Mutex;

use crate::least_privilege::start;

/// Locked by a test that runs the reconciler by hand, or waits for its scheduled run.
static RECONCILER: Mutex<()> = Mutex::const_new(());

fn key(arn: &ExecutionArn) -> HashMap<String, AttributeValue> {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    [(keys::EXECUTION_ARN.into(), text(arn.as_str())), (keys::ITEM.into(), text(keys::EXECUTION))].into()
}

/// A workflow whose AI takes some time and refuses one action, and whose end is not reported by an event: it has ended
/// in Step Functions, but not in its row. The rules are shared by all tests and stay unchanged: the row is removed
/// while the events arrive, so that they change nothing; `finalize` does not find it either.
async fn ended_unseen(stack: &Stack, user: &User, goal: &GoalId) -> ExecutionArn {
    let arn = user.started(goal).await;
    let (db, table) = (stack.dynamodb(), stack.output("ExecutionsTableName"));
    let record = eventually("a running workflow", || async {
        let get = db.get_item().table_name(table).set_key(Some(key(&arn))).consistent_read(true);
        let record = get.send().await.unwrap().item.unwrap();
        record.contains_key("startedAt").then_some(record)
    })
    .await;
    db.delete_item().table_name(table).set_key(Some(key(&arn))).send().await.unwrap();
    eventually("the end of the execution", || async { stack.ended_at(&arn).await }).await;
    // Nothing restores it later: all events arrived before.
    eventually("a projector without work", || async { stack.is_empty("ProjectionQueueUrl").await.then_some(()) }).await;
    db.put_item().table_name(table).set_item(Some(record)).send().await.unwrap();
    let open = user.status(&arn).await.ok();
    assert_eq!((open.status.known(), open.stop_date), (Some(Status::Running), None), "{open:?}");
    arn
}

fn slow() -> Chart {
    Chart::of(9).script("a-1-2", "fail").script("a-1-3", "latency-ms=2000")
}

/// By the schedule alone, as it is deployed: every minute, and half a minute later.
#[tokio::test]
async fn p7_the_operators_are_notified_within_a_minute_of_an_end_whose_events_are_lost() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, slow()).await;
    let notices = stack.hear_notices(&goal).await;
    let alone = RECONCILER.lock().await;
    let arn = ended_unseen(&stack, &user, &goal).await;
    let ended = stack.ended_at(&arn).await.unwrap();
    let notice = within(2 * NOTICE_WITHIN, "a notice to the operators", || async { notices.heard().await.pop() }).await;
    let after = SystemClock.now().since(ended);
    drop(alone);
    println!("the operators were told {:.1} s after an end whose events were lost", after.as_secs_f64());
    assert_eq!(notice["MessageAttributes"]["status"]["Value"], "PARTIALLY_SUCCEEDED");
    assert!(after <= NOTICE_WITHIN, "after {after:?}");
    assert_eq!(user.ended(&arn).await.status, Status::PartiallySucceeded);
}

#[tokio::test]
async fn p7_a_workflow_whose_events_are_lost_is_ended_by_the_reconciler_from_the_ledger() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, slow()).await;
    let completions = stack.hear_events::<WorkflowCompleted>(&goal).await;
    let notices = stack.hear_notices(&goal).await;
    let _alone = RECONCILER.lock().await;
    let arn = ended_unseen(&stack, &user, &goal).await;
    let end = eventually("the end of the workflow", || async {
        assert_eq!(stack.reconcile().await["failed"], 0);
        let status = user.status(&arn).await.ok();
        (status.status != Status::Running).then_some(status)
    })
    .await;
    assert_eq!((end.status.known(), end.succeeded_actions), (Some(Status::PartiallySucceeded), 8), "{end:?}");
    assert_eq!(end.failed_actions[0].action_id.as_str(), "a-1-2");
    assert_eq!(user.tasks(&goal).await.len(), 32);
    let row = stack.goal_row(&goal).await;
    assert_eq!((&row["status"], row.get("activityExecutionArn")), (&json!("partial"), None), "{row}");
    assert_eq!(completions.first().await.status, FinalStatus::PartiallySucceeded);
    notices.first("a notice to the operators").await;
}

#[tokio::test]
async fn p7_a_start_that_was_never_announced_is_announced_by_the_reconciler() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(1)).await;
    // A second `api`, which may not emit events.
    let role = stack.copy_of(&stack.role_of("ApiFunction").await).await;
    let silent: Vec<_> = role.permissions.iter().filter(|p| p.action != "events:PutEvents").cloned().collect();
    stack.allow(&role, &silent).await;
    let api = stack.deploy_again("ApiFunction", &role).await;
    let answer = stack.invoke(&api, &start(&user, &goal)).await;
    let problem: Problem = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    // The response says that nothing was announced. The status may change at any moment: the emulator runs the
    // reconciler as well.
    assert_eq!((&answer["statusCode"], problem.status), (&json!(503), 503), "{problem:?}");
    let arn = problem.execution_arn.unwrap();

    let _alone = RECONCILER.lock().await;
    eventually("a workflow that is announced", || async {
        stack.reconcile().await;
        (user.status(&arn).await.ok().status != Status::Pending).then_some(())
    })
    .await;
    assert_eq!(user.ended(&arn).await.status, Status::Succeeded);
    assert_eq!(stack.executions_of(&goal).await, [arn]);
}
