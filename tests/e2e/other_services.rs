use goal_activity_client::api::Status;
use goal_activity_events::{
    EventId, GoalActivityRejected, GoalActivityRequested, GoalId, PriorityClass, RejectionReason, Timestamp, UserId,
    Version, WorkflowCompleted,
};
use goal_activity_tests::{Chart, Stack, eventually};

fn request(goal: &GoalId, user: &UserId) -> GoalActivityRequested {
    GoalActivityRequested {
        version: Version::V1,
        event_id: EventId::random(),
        occurred_at: "2026-11-24T00:00:00Z".parse::<Timestamp>().unwrap(),
        execution_arn: None,
        goal_id: goal.clone(),
        user_id: user.clone(),
        action_ids: None,
        regenerate: false,
        priority_class: PriorityClass::default(),
        correlation_id: None,
        traceparent: None,
    }
}

#[tokio::test]
async fn p2_a_request_of_another_service_works_like_the_api_and_twice_is_once() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(8)).await;
    let completions = stack.hear_events::<WorkflowCompleted>(&goal).await;
    let rejections = stack.hear_events::<GoalActivityRejected>(&goal).await;
    let request = request(&goal, &user.id);
    stack.emit("planner", &request).await;
    stack.emit("planner", &request).await;

    let arn = completions.first().await.execution_arn;
    assert_eq!(user.ended(&arn).await.status, Status::Succeeded);
    assert_eq!(user.tasks(&goal).await.len(), 32);

    // Once more after the end: still the same request.
    stack.emit("planner", &request).await;
    let mut other = request.clone();
    other.event_id = EventId::random();
    stack.emit("planner", &other).await;
    let rejected = rejections.first().await;
    assert_eq!((rejected.request_event_id, rejected.reason), (other.event_id, RejectionReason::NothingToDo));
    assert_eq!(stack.executions_of(&goal).await, [arn]);
}

#[tokio::test]
async fn a_request_for_an_unknown_goal_is_rejected() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let nowhere: GoalId = format!("nowhere-{}", user.id).parse().unwrap();
    let rejections = stack.hear_events::<GoalActivityRejected>(&nowhere).await;
    let request = request(&nowhere, &user.id);
    stack.emit("planner", &request).await;
    let rejected = rejections.first().await;
    assert_eq!((rejected.request_event_id, rejected.reason), (request.event_id, RejectionReason::UnknownGoal));
}

#[tokio::test]
async fn p9_a_request_in_the_name_of_another_user_is_rejected() {
    let stack = Stack::open().await;
    let (user, stranger) = (stack.user().await, stack.user().await);
    let goal = stack.goal(&user, Chart::of(1)).await;
    let rejections = stack.hear_events::<GoalActivityRejected>(&goal).await;
    stack.emit("planner", &request(&goal, &stranger.id)).await;
    assert_eq!(rejections.first().await.reason, RejectionReason::NotOwner);
    eventually("a goal that stays as it was", || async {
        (stack.goal_row(&goal).await["status"] == "draft").then_some(())
    })
    .await;
}
