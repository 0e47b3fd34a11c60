use goal_activity_client::api::{ProblemCode, Status};
use std::collections::HashSet;

use goal_activity_events::{FinalStatus, WorkflowCompleted};
use goal_activity_tests::{Chart, Stack, eventually};
use serde_json::json;

#[tokio::test]
async fn p7_p8_64_actions_become_tasks_and_the_end_is_published() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(64)).await;
    let completions = stack.hear_events::<WorkflowCompleted>(&goal).await;
    let notices = stack.hear_notices(&goal).await;

    let arn = user.started(&goal).await;
    let end = user.ended(&arn).await;
    assert_eq!(end.status, Status::Succeeded);
    assert_eq!((end.progress_percentage, end.processed_actions, end.total_actions), (100, 64, 64));

    let tasks = user.tasks(&goal).await;
    let mut actions: Vec<_> = tasks.iter().map(|t| t.action_id.as_str()).collect();
    actions.dedup();
    let expected: Vec<_> = (0..64).map(|i| format!("a-{}-{}", i / 8 + 1, i % 8 + 1)).collect();
    assert_eq!(actions, expected, "tasks come in the order of the actions");
    assert_eq!(tasks.iter().map(|t| &t.task_id).collect::<HashSet<_>>().len(), tasks.len());
    assert!(tasks.iter().all(|t| t.execution_arn == arn));

    let completed = completions.first().await;
    assert_eq!((&completed.execution_arn, completed.status), (&arn, FinalStatus::Succeeded));
    assert_eq!(completed.succeeded_actions, 64);

    let row = stack.goal_row(&goal).await;
    assert_eq!((&row["status"], row.get("activityExecutionArn")), (&json!("active"), None));
    assert!(notices.heard().await.is_empty(), "a success wakes nobody");

    // A second start finds nothing to do, and a completed workflow's goal can be started again for selected actions.
    user.start(&goal).await.refused(409, ProblemCode::NothingToDo);
}

#[tokio::test]
async fn p6_progress_is_visible_while_the_workflow_runs() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(16).script_all("latency-ms=1500").script("a-2-8", "latency-ms=6000")).await;
    let arn = user.started(&goal).await;
    let seen = eventually("progress between the start and the end", || async {
        let status = user.status(&arn).await.ok();
        let known = status.status.known();
        assert!(!matches!(known, Some(Status::Succeeded | Status::Failed)), "no progress was seen: {status:?}");
        (status.processed_actions > 0).then_some(status)
    })
    .await;
    assert_eq!(seen.status, Status::Running);
    assert!(seen.estimated_seconds_remaining.is_some(), "{seen:?}");
    assert_eq!(user.ended(&arn).await.status, Status::Succeeded);
}
