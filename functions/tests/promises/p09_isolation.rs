use goal_activity_functions::memory::samples;
use serde_json::json;

use crate::rig::{Rig, USER};

#[tokio::test]
async fn p9_another_user_sees_and_starts_nothing() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    let stranger = "user-2";
    assert_eq!(rig.start_as(stranger, "goal-1", "").await.status, 403);
    let routes = [
        ("GET /api/workflows/{executionArn}/status", json!({ "executionArn": arn.as_str() })),
        ("GET /api/goals/{goalId}/tasks", json!({ "goalId": "goal-1" })),
    ];
    for (route, path) in routes {
        let answer = rig.call(stranger, route, path, json!({}), "").await;
        assert_eq!((answer.status, answer.code()), (403, "NOT_OWNER"), "{route}");
    }
}

#[tokio::test]
async fn p9_workflows_of_different_goals_do_not_touch_each_other() {
    let rig = Rig::with_goal(8);
    rig.add(samples::goal("goal-2", "user-2", 8));
    let mine = rig.start().await.arn();
    let theirs = rig.start_as("user-2", "goal-2", "").await.arn();
    rig.deliver_requests().await;
    rig.run(&mine).await;
    assert!(rig.tasks().iter().all(|t| t.goal_id.as_str() == "goal-1" && t.execution_arn == mine));
    assert!(rig.execution(&theirs).status.ended().is_none());
    rig.run(&theirs).await;
    assert_eq!(rig.tasks().iter().filter(|t| t.goal_id.as_str() == "goal-2").count(), 32);
}

#[tokio::test]
async fn p9_a_batch_with_the_wrong_user_gets_no_tasks() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    let mut batch = rig.batches(&arn).remove(0);
    batch.user_id = "user-2".parse().unwrap();
    rig.work(&batch).await.unwrap();
    assert!(rig.tasks().is_empty());
}

#[tokio::test]
async fn p9_a_token_without_a_usable_user_is_refused() {
    let rig = Rig::with_goal(8);
    assert_eq!(rig.start_as("", "goal-1", "").await.status, 401);
    assert_eq!(rig.start_as(USER, "goal-1", "").await.status, 202);
}
