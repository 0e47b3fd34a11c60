//! Another service, deployed by its own CDK app with the constructs for consumers: `infra/examples/subscriber`.

use std::time::SystemTime;

use goal_activity_events::{Envelope, FailureCode, FinalStatus, GoalActivityRequested, GoalId, WorkflowCompleted};
use goal_activity_tests::{Chart, Listener, Stack, User, eventually};
use serde_json::Value;

/// Requests a goal's tasks as the service does.
async fn request(stack: &Stack, user: &User, goal: &GoalId) {
    let id = format!("plan-of-{goal}").parse().unwrap();
    #[allow(clippy::disallowed_methods, reason = "a service knows what time it is")]
    let request = GoalActivityRequested::new(id, SystemTime::now().into(), goal.clone(), user.id.clone());
    stack.emit("com.example.planner", &request).await;
}

/// The event in a queue about a goal's end.
async fn ended(queue: &Listener, goal: &GoalId) -> WorkflowCompleted {
    let about_it = |event: &Value| event["detail"]["goalId"] == goal.as_str();
    let event = eventually("a WorkflowCompleted", || async { queue.heard().await.into_iter().find(about_it) }).await;
    Envelope::parse(&event.to_string()).unwrap().detail().unwrap()
}

#[tokio::test]
async fn a_subscriber_hears_of_every_end_and_apart_of_those_that_it_asked_for() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let good = stack.goal(&user, Chart::of(2)).await;
    let poor = stack.goal(&user, Chart::of(2).script("a-1-1", "fail")).await;
    for goal in [&good, &poor] {
        request(&stack, &user, goal).await;
    }

    let (all, failures) = (stack.hear_queue("CompletionsQueueUrl"), stack.hear_queue("FailuresQueueUrl"));
    assert_eq!(ended(&all, &good).await.status, FinalStatus::Succeeded);
    let completed = ended(&all, &poor).await;
    assert_eq!(completed.status, FinalStatus::PartiallySucceeded);
    assert_eq!(completed.failed_actions[0].code, FailureCode::AiRejected);
    assert_eq!(ended(&failures, &poor).await, completed, "the same event");
    assert!(failures.heard().await.iter().all(|event| event["detail"]["status"] != "SUCCEEDED"));
}
