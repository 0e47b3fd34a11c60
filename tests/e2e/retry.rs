use aws_sdk_dynamodb::types::AttributeValue;
use goal_activity_core::keys;
use goal_activity_events::GoalId;
use goal_activity_tests::{Chart, Stack};
use serde_json::{Value, json};

/// Completes a task as the goal app does.
async fn complete(stack: &Stack, goal: &GoalId, position: &str) {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let update = stack.dynamodb().update_item().table_name(stack.output("TasksTableName"));
    let update = update
        .key(keys::GOAL_ID, text(goal.as_str()))
        .key(keys::POSITION, text(position))
        .update_expression("SET #status = :completed, completedAt = :now")
        .expression_attribute_names("#status", "status")
        .expression_attribute_values(":completed", text("completed"))
        .expression_attribute_values(":now", text("2026-11-24T00:00:00.000Z"));
    update.send().await.unwrap();
}

fn of_others(tasks: &[Value], actions: &[&str]) -> Vec<Value> {
    tasks.iter().filter(|t| !actions.contains(&t["actionId"].as_str().unwrap())).cloned().collect()
}

#[tokio::test]
async fn p5_a_retry_does_the_failed_actions_only_and_leaves_the_others_as_they_are() {
    const FAILED: [&str; 2] = ["a-1-3", "a-2-1"];
    let stack = Stack::open().await;
    let (user, stranger) = (stack.user().await, stack.user().await);
    let goal = stack.goal(&user, Chart::of(10).script(FAILED[0], "fail").script(FAILED[1], "fail")).await;
    let first = user.started(&goal).await;
    assert_eq!(user.ended(&first).await["status"], "PARTIALLY_SUCCEEDED");
    complete(&stack, &goal, "1#1#01").await;
    let before = user.tasks(&goal).await;
    assert_eq!(before[0]["status"], "completed", "{}", before[0]);
    assert_eq!(stranger.retry(&first).await.status, 403);

    // One of them can be generated now, the other cannot.
    stack.mend(&goal, "1#3").await;
    let second = user.retry(&first).await;
    assert_eq!((second.status, &second.body["totalActions"]), (202, &json!(2)), "{second:?}");
    let second = second.arn();
    let end = user.ended(&second).await;
    assert_eq!(
        (&end["status"], &end["failedActions"][0]["actionId"]),
        (&json!("PARTIALLY_SUCCEEDED"), &json!("a-2-1"))
    );
    let after = user.tasks(&goal).await;
    assert_eq!(of_others(&after, &FAILED), before, "the others' tasks");
    assert_eq!(after.len(), before.len() + 4);

    // The only remaining action of the first workflow is its other failure, too.
    stack.mend(&goal, "2#1").await;
    let third = user.retry(&first).await;
    assert_eq!((third.status, &third.body["totalActions"]), (202, &json!(1)), "{third:?}");
    let third = third.arn();
    assert_eq!(user.ended(&third).await["status"], "SUCCEEDED");
    let tasks = user.tasks(&goal).await;
    assert_eq!(of_others(&tasks, &FAILED), before, "the others' tasks");
    let made_by = |action: &str| tasks.iter().find(|t| t["actionId"] == action).unwrap()["executionArn"].clone();
    assert_eq!(FAILED.map(made_by), [json!(second), json!(third)]);
    assert_eq!(stack.goal_row(&goal).await["status"], "active");

    for (arn, code) in [(&first, "NOTHING_TO_DO"), (&second, "NOTHING_TO_DO"), (&third, "NOTHING_FAILED")] {
        let refused = user.retry(arn).await;
        assert_eq!((refused.status, &refused.body["code"]), (409, &json!(code)), "{arn}: {refused:?}");
    }
}

#[tokio::test]
async fn p1_a_running_workflow_cannot_be_retried_and_an_ended_one_not_beside_a_running_one() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(2).script("a-1-1", "fail").script("a-1-2", "latency-ms=3000")).await;
    let first = user.started(&goal).await;
    let refused = user.retry(&first).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("NOT_ENDED")), "{refused:?}");
    assert_eq!(refused.arn(), first);
    assert_eq!(user.ended(&first).await["status"], "PARTIALLY_SUCCEEDED");

    let regenerate = json!({ "actionIds": ["a-1-2"], "regenerate": true });
    let second = user.post(&format!("/api/goals/{goal}/start-activity"), &regenerate).await.arn();
    let refused = user.retry(&first).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("ALREADY_RUNNING")), "{refused:?}");
    assert_eq!(refused.arn(), second);
    assert_eq!(user.ended(&second).await["status"], "SUCCEEDED");
}

#[tokio::test]
async fn p3_what_a_cancelled_workflow_had_to_do_can_be_retried() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(9).script("a-1-1", "latency-ms=3000")).await;
    let first = user.started(&goal).await;
    assert_eq!(user.cancel(&first, None).await.status, 200);
    let second = user.retry(&first).await;
    assert_eq!((second.status, &second.body["totalActions"]), (202, &json!(9)), "{second:?}");
    let second = second.arn();
    assert_eq!(user.ended(&second).await["status"], "SUCCEEDED");
    let tasks = user.tasks(&goal).await;
    assert_eq!(tasks.len(), 36);
    assert!(tasks.iter().all(|t| t["executionArn"] == second.as_str()));
}
