use goal_activity_events::ExecutionArn;
use goal_activity_functions::adapters::memory::samples;
use serde_json::{Value, json};

use crate::rig::{Answer, Rig, USER};

/// The responses to an unauthorised user on every route of a goal and a workflow, and the calls that they take.
async fn as_a_stranger(rig: &Rig, goal: &str, arn: &ExecutionArn) -> Vec<(Answer, Vec<&'static str>)> {
    let description: Value = serde_json::from_str(include_str!("../../openapi.json")).unwrap();
    let mut seen = Vec::new();
    // A route without an id shows what is the caller's own, if anything.
    for (path, operations) in description["paths"].as_object().unwrap().iter().filter(|(path, _)| path.contains('{')) {
        for (method, _) in operations.as_object().unwrap().iter().filter(|(_, o)| o["security"] != json!([])) {
            let (route, ids) =
                (format!("{} {path}", method.to_uppercase()), json!({ "goalId": goal, "executionArn": arn }));
            rig.world.state().calls.clear();
            let answer = rig.call("stranger", &route, ids, json!({}), "").await;
            seen.push((answer, std::mem::take(&mut rig.world.state().calls)));
        }
    }
    assert!(seen.len() >= 7, "{seen:?}");
    seen
}

#[tokio::test]
async fn p9_what_is_another_s_is_refused_with_the_same_calls_and_words_whatever_its_state() {
    let rig = Rig::with_goal(64);
    let nowhere = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:goal-9-1".parse().unwrap();
    let unknown = as_a_stranger(&rig, "goal-9", &nowhere).await;
    let arn = rig.start().await.arn();
    let pending = as_a_stranger(&rig, "goal-1", &arn).await;
    rig.deliver_requests().await;
    rig.run(&arn).await;
    assert!(!rig.tasks().is_empty());
    let ended = as_a_stranger(&rig, "goal-1", &arn).await;

    let created: Vec<_> = unknown.iter().filter(|(answer, _)| answer.code() == "INVALID_REQUEST").collect();
    assert_eq!(created.len(), 1, "only one route creates what does not exist");
    for (((unknown, reads), (early, early_reads)), (late, late_reads)) in unknown.iter().zip(&pending).zip(&ended) {
        // One rule: 404 for what does not exist, 403 for a resource of another user. A goal that does not exist can be created,
        // by a body that says how.
        let missing = if unknown.code() == "INVALID_REQUEST" { 400 } else { 404 };
        assert_eq!((unknown.status, early.status, late.status), (missing, 403, 403), "{early:?}");
        assert_eq!(early.code(), "NOT_OWNER");
        // A resource of another user is known after one read; nothing else of the goal or workflow is read. A missing
        // resource takes the same read, and for a workflow one more, of the archive, for every caller.
        assert_eq!((early_reads.len(), late_reads), (1, early_reads));
        let archived: &[_] = if early_reads == &["find_execution"] { &["find_archived"] } else { &[] };
        // What is created, is decided with more of them, all of which find nothing.
        assert!(missing == 400 || *reads == [early_reads, archived].concat(), "{reads:?}");
        assert_eq!(early.body, late.body);
    }
}

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
    assert!(!rig.execution(&theirs).has_ended());
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
