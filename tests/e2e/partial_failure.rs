use goal_activity_tests::{Chart, Stack};
use serde_json::{Value, json};

#[tokio::test]
async fn p5_one_failing_action_costs_only_itself_and_is_reported_everywhere() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(64).script("a-4-5", "fail")).await;
    let notices = stack.hear_notices(&goal).await;
    let completions = stack.hear_events("WorkflowCompleted", &goal).await;

    let arn = user.started(&goal).await;
    let end = user.ended(&arn).await;
    assert_eq!((&end["status"], &end["succeededActions"]), (&json!("PARTIALLY_SUCCEEDED"), &json!(63)));
    let [failed] = end["failedActions"].as_array().unwrap().as_slice() else {
        unreachable!("one failed action: {end}")
    };
    assert_eq!((&failed["actionId"], &failed["code"]), (&json!("a-4-5"), &json!("AI_REJECTED")));
    assert!(failed["message"].as_str().unwrap().contains("told to refuse"));

    let tasks = user.tasks(&goal).await;
    let mut actions: Vec<_> = tasks.iter().map(|t| t["actionId"].as_str().unwrap()).collect();
    actions.dedup();
    assert_eq!(actions.len(), 63);
    assert!(!actions.contains(&"a-4-5"));

    let completed = completions.first("WorkflowCompleted").await;
    assert_eq!(completed["detail"]["failedActions"][0]["actionId"], "a-4-5");
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
    assert_eq!((next.status, &next.body["totalActions"]), (202, &json!(1)));
    assert_eq!(user.ended(&next.arn()).await["status"], "FAILED");
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
    assert_eq!((&end["status"], &end["error"]["code"]), (&json!("FAILED"), &json!("NOTHING_SUCCEEDED")));
    assert_eq!(end["failedActions"].as_array().unwrap().len(), 9);
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
    assert_eq!(user.ended(&arn).await["status"], "SUCCEEDED");
}
