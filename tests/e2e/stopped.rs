use goal_activity_tests::{Chart, Stack, eventually};
use serde_json::{Value, json};

#[tokio::test]
async fn p4_an_execution_that_an_operator_stops_counts_as_cancelled() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(16).script("a-2-8", "latency-ms=5000")).await;
    let completions = stack.hear_events("WorkflowCompleted", &goal).await;
    let notices = stack.hear_notices(&goal).await;
    let arn = user.started(&goal).await;
    eventually("tasks", || async { (!user.tasks(&goal).await.is_empty()).then_some(()) }).await;

    let stop = stack.sfn().stop_execution().execution_arn(arn.as_str()).error("Operator").cause("by hand");
    stop.send().await.unwrap();
    let completed = completions.first("WorkflowCompleted").await;
    assert_eq!(completed["detail"]["status"], "ABORTED", "{completed}");
    let status = user.status(&arn).await.body;
    assert_eq!((&status["status"], &status["succeededActions"]), (&json!("ABORTED"), &json!(0)), "{status}");
    let by_nobody = &status["cancellation"];
    assert!(by_nobody["at"].is_string() && by_nobody.get("by").is_none(), "{status}");
    assert_eq!(user.tasks(&goal).await, [] as [Value; 0]);
    assert_eq!(stack.goal_row(&goal).await["status"], "draft");
    let refused = user.cancel(&arn, None).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("ALREADY_ENDED")), "{refused:?}");

    let next = user.started(&goal).await;
    assert_eq!(user.ended(&next).await["status"], "SUCCEEDED");
    assert!(user.tasks(&goal).await.iter().all(|t| t["executionArn"] == next.as_str()), "nothing came late");
    assert_eq!(user.status(&arn).await.body, status, "terminal is terminal");
    assert!(notices.heard().await.is_empty(), "the operator knows");
}
