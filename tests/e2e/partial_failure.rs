use goal_activity_client::api::{Status, WorkflowErrorCode};
use goal_activity_events::{FailureCode, WorkflowCompleted};
use goal_activity_tests::{Chart, Stack};
use serde_json::{Value, json};

#[tokio::test]
async fn p5_one_failing_action_costs_only_itself_and_is_reported_everywhere() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(64).script("a-4-5", "fail")).await;
    let notices = stack.hear_notices(&goal).await;
    let completions = stack.hear_events::<WorkflowCompleted>(&goal).await;

    let arn = user.started(&goal).await;
    let end = user.ended(&arn).await;
    assert_eq!((end.status.known(), end.succeeded_actions), (Some(Status::PartiallySucceeded), 63));
    let [failed] = end.failed_actions.as_slice() else { unreachable!("one failed action: {end:?}") };
    assert_eq!((failed.action_id.as_str(), failed.code.known()), ("a-4-5", Some(FailureCode::AiRejected)));
    assert!(failed.message.contains("told to refuse"), "{failed:?}");

    let tasks = user.tasks(&goal).await;
    let mut actions: Vec<_> = tasks.iter().map(|t| t.action_id.as_str()).collect();
    actions.dedup();
    assert_eq!(actions.len(), 63);
    assert!(!actions.contains(&"a-4-5"));

    let completed = completions.first().await;
    assert_eq!(completed.failed_actions[0].action_id.as_str(), "a-4-5");
    let notice = notices.first("a notice to the operators").await;
    assert_eq!(
        notice["Subject"].as_str().map(|s| s.starts_with("[MEDIUM] Goal activity partially failed: 1 of 64")),
        Some(true)
    );
    let told: Value = serde_json::from_str(notice["Message"].as_str().unwrap()).unwrap();
    assert_eq!((&told["executionArn"], &told["goalId"]), (&json!(arn), &json!(goal)), "{told}");
    assert_eq!((&told["succeededActions"], &told["totalActions"]), (&json!(63), &json!(64)), "{told}");
    assert_eq!(told["reasons"], json!([{ "code": "AI_REJECTED", "actions": 1 }]));
    assert_eq!(told["firstFailures"][0]["actionId"], "a-4-5");
    assert!(told["links"]["guide"].as_str().unwrap().ends_with("#a-workflow-failed"), "{told}");
    assert_eq!(notice["MessageAttributes"]["severity"]["Value"], "MEDIUM");
    assert_eq!(notices.heard().await.len(), 1, "one notice");
    assert_eq!(stack.goal_row(&goal).await["status"], "partial");

    // Only what is missing is started next time.
    let next = user.start(&goal).await;
    assert_eq!((next.status, next.ok().total_actions), (202, 1));
    assert_eq!(user.ended(&next.ok().execution_arn).await.status, Status::Failed);
    assert_eq!(stack.goal_row(&goal).await["status"], "partial", "63 actions still have their tasks");
}

#[tokio::test]
async fn p5_a_workflow_of_nothing_but_failures_fails() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(9).script_all("fail")).await;
    let notices = stack.hear_notices(&goal).await;
    let arn = user.started(&goal).await;
    let end = user.ended(&arn).await;
    let error = end.error.as_ref().and_then(|error| error.code.known());
    assert_eq!((end.status.known(), error), (Some(Status::Failed), Some(WorkflowErrorCode::NothingSucceeded)));
    assert_eq!(end.failed_actions.len(), 9);
    assert_eq!(stack.goal_row(&goal).await["status"], "failed");
    assert!(user.tasks(&goal).await.is_empty());
    let notice = notices.first("a notice to the operators").await;
    // The AI refused everything, in two batches: the next workflow will fail in the same way.
    assert_eq!(notice["MessageAttributes"]["severity"]["Value"], "CRITICAL");
}

#[tokio::test]
async fn p5_passing_failures_of_the_ai_are_tried_again() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(2).script("a-1-1", "fail-times=1")).await;
    let arn = user.started(&goal).await;
    assert_eq!(user.ended(&arn).await.status, Status::Succeeded);
}
