use aws_sdk_dynamodb::types::AttributeValue;
use goal_activity_client::api::{ProblemCode, StartRequest, Status, Task, TaskStatus};
use goal_activity_core::keys;
use goal_activity_events::GoalId;
use goal_activity_tests::{Chart, Stack};

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

fn of_others(tasks: &[Task], actions: &[&str]) -> Vec<Task> {
    tasks.iter().filter(|t| !actions.contains(&t.action_id.as_str())).cloned().collect()
}

#[tokio::test]
async fn p5_a_retry_does_the_failed_actions_only_and_leaves_the_others_as_they_are() {
    const FAILED: [&str; 2] = ["a-1-3", "a-2-1"];
    let stack = Stack::open().await;
    let (user, stranger) = (stack.user().await, stack.user().await);
    let goal = stack.goal(&user, Chart::of(10).script(FAILED[0], "fail").script(FAILED[1], "fail")).await;
    let first = user.started(&goal).await;
    assert_eq!(user.ended(&first).await.status, Status::PartiallySucceeded);
    complete(&stack, &goal, "1#1#01").await;
    let before = user.tasks(&goal).await;
    assert_eq!(before[0].status, TaskStatus::Completed, "{:?}", before[0]);
    assert_eq!(stranger.retry(&first).await.status, 403);

    // One of them can be generated now, the other cannot.
    stack.mend(&goal, "1#3").await;
    let second = user.retry(&first).await;
    assert_eq!((second.status, second.ok().total_actions), (202, 2), "{second:?}");
    let second = second.ok().execution_arn;
    let end = user.ended(&second).await;
    let failed = end.failed_actions[0].action_id.as_str();
    assert_eq!((end.status.known(), failed), (Some(Status::PartiallySucceeded), "a-2-1"));
    let after = user.tasks(&goal).await;
    assert_eq!(of_others(&after, &FAILED), before, "the others' tasks");
    assert_eq!(after.len(), before.len() + 4);

    // The only remaining action of the first workflow is its other failure, too.
    stack.mend(&goal, "2#1").await;
    let third = user.retry(&first).await;
    assert_eq!((third.status, third.ok().total_actions), (202, 1), "{third:?}");
    let third = third.ok().execution_arn;
    assert_eq!(user.ended(&third).await.status, Status::Succeeded);
    let tasks = user.tasks(&goal).await;
    assert_eq!(of_others(&tasks, &FAILED), before, "the others' tasks");
    let made_by = |action: &str| &tasks.iter().find(|t| t.action_id.as_str() == action).unwrap().execution_arn;
    assert_eq!(FAILED.map(made_by), [&second, &third]);
    assert_eq!(stack.goal_row(&goal).await["status"], "active");

    let refusals =
        [(&first, ProblemCode::NothingToDo), (&second, ProblemCode::NothingToDo), (&third, ProblemCode::NothingFailed)];
    for (arn, code) in refusals {
        user.retry(arn).await.refused(409, code);
    }
}

#[tokio::test]
async fn p1_a_running_workflow_cannot_be_retried_and_an_ended_one_not_beside_a_running_one() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(2).script("a-1-1", "fail").script("a-1-2", "latency-ms=3000")).await;
    let first = user.started(&goal).await;
    let refused = user.retry(&first).await.refused(409, ProblemCode::NotEnded);
    assert_eq!(refused.execution_arn.as_ref(), Some(&first));
    assert_eq!(user.ended(&first).await.status, Status::PartiallySucceeded);

    let action_ids = vec!["a-1-2".parse().unwrap()];
    let regenerate = StartRequest { action_ids, regenerate: true, ..StartRequest::default() };
    let second = user.start_with(&goal, &regenerate).await.ok().execution_arn;
    let refused = user.retry(&first).await.refused(409, ProblemCode::AlreadyRunning);
    assert_eq!(refused.execution_arn.as_ref(), Some(&second));
    assert_eq!(user.ended(&second).await.status, Status::Succeeded);
}

#[tokio::test]
async fn p3_what_a_cancelled_workflow_had_to_do_can_be_retried() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(9).script("a-1-1", "latency-ms=3000")).await;
    let first = user.started(&goal).await;
    assert_eq!(user.cancel(&first, None).await.status, 200);
    let second = user.retry(&first).await;
    assert_eq!((second.status, second.ok().total_actions), (202, 9), "{second:?}");
    let second = second.ok().execution_arn;
    assert_eq!(user.ended(&second).await.status, Status::Succeeded);
    let tasks = user.tasks(&goal).await;
    assert_eq!(tasks.len(), 36);
    assert!(tasks.iter().all(|t| t.execution_arn == second));
}
