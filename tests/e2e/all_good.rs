use std::collections::HashSet;

use goal_activity_tests::{Chart, Stack, eventually};
use serde_json::json;

#[tokio::test]
async fn p7_p8_64_actions_become_tasks_and_the_end_is_published() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(64)).await;
    let completions = stack.hear_events("WorkflowCompleted", &goal).await;
    let notices = stack.hear_notices(&goal).await;

    let arn = user.started(&goal).await;
    let end = user.ended(&arn).await;
    assert_eq!(end["status"], "SUCCEEDED");
    assert_eq!(
        (&end["progressPercentage"], &end["processedActions"], &end["totalActions"]),
        (&json!(100), &json!(64), &json!(64))
    );

    let tasks = user.tasks(&goal).await;
    let mut actions: Vec<_> = tasks.iter().map(|t| t["actionId"].as_str().unwrap()).collect();
    actions.dedup();
    let expected: Vec<_> = (0..64).map(|i| format!("a-{}-{}", i / 8 + 1, i % 8 + 1)).collect();
    assert_eq!(actions, expected, "tasks come in the order of the actions");
    assert_eq!(tasks.iter().map(|t| t["taskId"].as_str().unwrap()).collect::<HashSet<_>>().len(), tasks.len());
    assert!(tasks.iter().all(|t| t["executionArn"] == arn.as_str()));

    let completed = completions.first("WorkflowCompleted").await;
    assert_eq!(completed["source"], "goal-activity");
    assert_eq!(completed["detail"]["executionArn"], arn.as_str());
    assert_eq!(
        (&completed["detail"]["status"], &completed["detail"]["succeededActions"]),
        (&json!("SUCCEEDED"), &json!(64))
    );

    let row = stack.goal_row(&goal).await;
    assert_eq!((&row["status"], row.get("activityExecutionArn")), (&json!("active"), None));
    assert!(notices.heard().await.is_empty(), "a success wakes nobody");

    // A second start finds nothing to do, and a completed workflow's goal can be started again for selected actions.
    let again = user.start(&goal).await;
    assert_eq!((again.status, &again.body["code"]), (409, &json!("NOTHING_TO_DO")));
}

#[tokio::test]
async fn p6_progress_is_visible_while_the_workflow_runs() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(16).script_all("latency-ms=1500").script("a-2-8", "latency-ms=6000")).await;
    let arn = user.started(&goal).await;
    let seen = eventually("progress between the start and the end", || async {
        let status = user.status(&arn).await.body;
        assert!(!matches!(status["status"].as_str(), Some("SUCCEEDED" | "FAILED")), "no progress was seen: {status}");
        (status["processedActions"].as_u64() > Some(0)).then_some(status)
    })
    .await;
    assert_eq!(seen["status"], "RUNNING");
    assert!(seen["estimatedSecondsRemaining"].is_u64(), "{seen}");
    assert_eq!(user.ended(&arn).await["status"], "SUCCEEDED");
}
