//! Two stacks beside each other in one account and region. Runs after the end-to-end tests, when the second one is deployed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation is how a test reports"
)]

use futures_util::future::join;
use goal_activity_client::api::Status;
use goal_activity_core::keys;
use goal_activity_events::{ExecutionArn, GoalId, StateMachineArn, WorkflowCompleted};
use goal_activity_tests::{Chart, Stack, User, eventually};

/// A user of the stack, with a chart of all actions.
async fn user_with_goal(stack: &Stack) -> (User, GoalId) {
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(64)).await;
    (user, goal)
}

async fn turned_into_tasks(stack: &Stack, user: &User, goal: &GoalId) -> ExecutionArn {
    let arn = user.started(goal).await;
    let end = user.ended(&arn).await;
    assert_eq!((end.status.known(), end.processed_actions), (Some(Status::Succeeded), 64), "{end:?}");
    let machine: StateMachineArn = stack.output("StateMachineArn").parse().unwrap();
    assert!(arn.as_str().starts_with(&machine.as_str().replace(":stateMachine:", ":execution:")), "{arn} of {machine}");
    arn
}

#[tokio::test]
async fn two_stacks_do_the_same_at_once_and_see_nothing_of_each_other() {
    let (one, two) = (Stack::open().await, Stack::second().await);
    for output in [
        "EventBusName",
        "StateMachineArn",
        "ExecutionsTableName",
        "GoalsTableName",
        "UserPoolId",
        "BatchQueueUrl",
        "ArchiveBucketName",
        "ArchiveTable",
    ] {
        assert_ne!(one.output(output), two.output(output), "{output}");
    }
    let ((anna, goal_of_one), (berta, goal_of_two)) = join(user_with_goal(&one), user_with_goal(&two)).await;
    // Each bus, for the ends of both goals.
    let (own_one, other_one) =
        join(one.hear_events::<WorkflowCompleted>(&goal_of_one), one.hear_events::<WorkflowCompleted>(&goal_of_two))
            .await;
    let (own_two, other_two) =
        join(two.hear_events::<WorkflowCompleted>(&goal_of_two), two.hear_events::<WorkflowCompleted>(&goal_of_one))
            .await;
    let (arn_one, arn_two) =
        join(turned_into_tasks(&one, &anna, &goal_of_one), turned_into_tasks(&two, &berta, &goal_of_two)).await;

    for (listener, arn) in [(&own_one, &arn_one), (&own_two, &arn_two)] {
        assert_eq!(listener.first().await.execution_arn, *arn, "the end of the stack's own workflow");
    }
    for (stack, listener, arn, goal) in
        [(&one, &other_one, &arn_two, &goal_of_two), (&two, &other_two, &arn_one, &goal_of_one)]
    {
        assert!(listener.heard().await.is_empty(), "an end came over another stack's bus");
        assert_eq!(stack.row_of(arn.as_str(), keys::EXECUTION).await, None, "{arn}");
        assert_eq!(stack.executions_of(goal).await, [], "{goal}");
    }

    // A user of the one is nobody at the other.
    let stranger = berta.with_token(Some(anna.token()));
    assert_eq!(stranger.status(&arn_two).await.status, 401);
}

#[tokio::test]
async fn what_alarms_the_operators_of_one_is_silent_at_the_other() {
    let (one, two) = (Stack::open().await, Stack::second().await);
    let (at_one, at_two) = join(one.hear_alerts("-Slow", &[]), two.hear_alerts("-Slow", &[])).await;
    two.count("WorkflowDuration", &[3_600_000.0]).await;
    let alarm = at_two.first("an alarm").await;
    assert!(alarm["Message"].as_str().unwrap().contains(&format!("{}-Slow", two.output("StackName"))), "{alarm}");
    assert!(at_one.heard().await.is_empty(), "the alarm of another stack");
}

async fn archived(stack: &Stack, arn: &ExecutionArn) -> Option<()> {
    stack.row_of(arn.as_str(), keys::ARCHIVE).await.map(drop)
}

#[tokio::test]
async fn the_other_still_works_when_one_is_destroyed() {
    let one = Stack::open().await;
    let buses = one.eventbridge().list_event_buses().send().await.unwrap();
    let names: Vec<_> = buses.event_buses().iter().filter_map(|bus| bus.name()).collect();
    assert!(names.contains(&one.output("EventBusName")) && !names.contains(&"goal-activity-two"), "{names:?}");
    let (user, goal) = user_with_goal(&one).await;
    let arn = turned_into_tasks(&one, &user, &goal).await;
    eventually("the archived record", || archived(&one, &arn)).await;
}
