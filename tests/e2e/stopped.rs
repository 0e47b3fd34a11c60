use goal_activity_client::api::{ProblemCode, Status};
use goal_activity_events::{FinalStatus, WorkflowCompleted};
use goal_activity_tests::{Chart, Stack, eventually};

#[tokio::test]
async fn p4_an_execution_that_an_operator_stops_counts_as_cancelled() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(16).script("a-2-8", "latency-ms=5000")).await;
    let completions = stack.hear_events::<WorkflowCompleted>(&goal).await;
    let notices = stack.hear_notices(&goal).await;
    let arn = user.started(&goal).await;
    eventually("tasks", || async { (!user.tasks(&goal).await.is_empty()).then_some(()) }).await;

    let stop = stack.sfn().stop_execution().execution_arn(arn.as_str()).error("Operator").cause("by hand");
    stop.send().await.unwrap();
    let completed = completions.first().await;
    assert_eq!(completed.status, FinalStatus::Aborted, "{completed:?}");
    let status = user.status(&arn).await.ok();
    assert_eq!((status.status.known(), status.succeeded_actions), (Some(Status::Aborted), 0), "{status:?}");
    assert!(status.cancellation.as_ref().is_some_and(|by_nobody| by_nobody.by.is_none()), "{status:?}");
    assert_eq!(user.tasks(&goal).await, []);
    assert_eq!(stack.goal_row(&goal).await["status"], "draft");
    user.cancel(&arn, None).await.refused(409, ProblemCode::AlreadyEnded);

    let next = user.started(&goal).await;
    assert_eq!(user.ended(&next).await.status, Status::Succeeded);
    assert!(user.tasks(&goal).await.iter().all(|t| t.execution_arn == next), "nothing came late");
    assert_eq!(user.status(&arn).await.ok(), status, "terminal is terminal");
    assert!(notices.heard().await.is_empty(), "the operator knows");
}
