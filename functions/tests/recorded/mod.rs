//! The answers in `tests/clients/answers`, which generated clients read: those of the real handlers.

use std::path::Path;

use goal_activity_events::{ExecutionArn, Timestamp};
use serde_json::{Value, json};

use crate::rig::{Rig, USER, status_change};

/// Where the answers are.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/clients/answers");

/// An answer with its name.
type Recorded = (&'static str, Value);

/// A pipeline with one goal. Its moments show whether a client keeps milliseconds.
fn with_goal(actions: u8) -> Rig {
    let rig = Rig::with_goal(actions);
    let begin: Timestamp = "2026-11-24T00:00:00.123Z".parse().unwrap();
    rig.world.state().now = begin.as_millis();
    rig
}

/// Runs a launched workflow to its end, a second for each batch.
async fn run(rig: &Rig, arn: &ExecutionArn) {
    rig.project(&status_change(arn, "RUNNING")).await.unwrap();
    for batch in rig.batches(arn) {
        rig.wait(1);
        rig.work(&batch).await.unwrap();
        rig.deliver_progress().await;
    }
    let status = if rig.finalize(arn).await.succeeded_actions == 0 { "FAILED" } else { "SUCCEEDED" };
    let now = rig.world.state().now;
    let ended = status_change(arn, status).replace(r#""stopDate":2"#, &format!(r#""stopDate":{now}"#));
    rig.project(&ended).await.unwrap();
}

/// A workflow of which one action fails, and the lists of its goal.
async fn one_fails() -> Vec<Recorded> {
    let rig = with_goal(9);
    rig.script("a-1-1", "fail");
    let started = rig.start().await;
    let arn = started.arn();
    let waiting = rig.status(&arn).await;
    let refused = rig.start().await;
    rig.deliver_requests().await;
    run(&rig, &arn).await;
    let ended = rig.status(&arn).await;
    let timeline = rig.get(USER, "/api/workflows/{executionArn}/timeline", arn.as_str(), json!({})).await;
    let actions = rig.get(USER, "/api/workflows/{executionArn}/actions", arn.as_str(), json!({})).await;
    let goal = rig.show_goal(USER, "goal-1").await;
    let goals = rig.call(USER, "GET /api/goals", json!({}), json!({}), "").await;
    let kept = rig.put_goal(USER, "goal-1", &json!({ "title": "Another" })).await;
    let tasks = rig.get(USER, "/api/goals/{goalId}/tasks", "goal-1", json!({ "limit": "3" })).await;
    let workflows = rig.get(USER, "/api/goals/{goalId}/workflows", "goal-1", json!({})).await;
    let mut later = ended.body.clone();
    later["failedActions"][0]["code"] = "AI_TIRED".into();
    later["addedLater"] = json!({ "unknown": true });
    let mut problem = refused.body.clone();
    problem["code"] = "GOAL_TIRED".into();
    vec![
        ("started", started.body),
        ("status-waiting", waiting.body),
        ("status-partly-succeeded", ended.body),
        ("status-newer", later),
        ("goal", goal.body),
        ("goals", goals.body),
        ("problem-tasks-exist", kept.body),
        ("actions", actions.body),
        ("timeline-ended", timeline.body),
        ("tasks", tasks.body),
        ("workflows", workflows.body),
        ("problem-already-running", refused.body),
        ("problem-newer", problem),
    ]
}

/// A workflow that is cancelled while it runs.
async fn cancelled() -> Vec<Recorded> {
    let rig = with_goal(9);
    let arn = rig.launched().await;
    rig.work(&rig.batches(&arn)[0]).await.unwrap();
    rig.deliver_progress().await;
    rig.wait(1);
    let aborted = rig.cancel(&arn, r#"{ "reason": "another goal" }"#).await;
    let status = rig.status(&arn).await;
    let timeline = rig.get(USER, "/api/workflows/{executionArn}/timeline", arn.as_str(), json!({})).await;
    let refused = rig.cancel(&arn, "").await;
    vec![
        ("cancelled", aborted.body),
        ("status-cancelled", status.body),
        ("timeline-cancelled", timeline.body),
        ("problem-already-ended", refused.body),
    ]
}

/// A workflow without any success, and a request that cannot be read.
async fn failed() -> Vec<Recorded> {
    let rig = with_goal(2);
    rig.script("a-1-1", "fail");
    rig.script("a-1-2", "fail");
    let malformed = rig.start_as(USER, "goal-1", r#"{ "actionIds": "all" }"#).await;
    let arn = rig.launched().await;
    run(&rig, &arn).await;
    vec![("status-failed", rig.status(&arn).await.body), ("problem-invalid-request", malformed.body)]
}

/// The same with a fixed id for a random one.
fn repeatable(mut answer: Value) -> Value {
    if let Some(id) = answer.pointer_mut("/request/eventId") {
        *id = "00000000-0000-4000-8000-000000000001".into();
    }
    answer
}

// A duration is part of some answers: with paused time it is the same each time.
#[tokio::test(start_paused = true)]
#[allow(clippy::disallowed_methods, reason = "the switch of `cargo xtask schemas`")]
async fn the_committed_answers_are_those_of_the_handlers() {
    let answers = [one_fails().await, cancelled().await, failed().await].concat();
    for (name, answer) in answers {
        let file = Path::new(FOLDER).join(format!("{name}.json"));
        let made = format!("{}\n", serde_json::to_string_pretty(&repeatable(answer)).unwrap());
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::write(&file, &made).unwrap();
        }
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(committed == made, "{} is not what the handlers answer: run `cargo xtask schemas`", file.display());
    }
}

#[tokio::test]
async fn every_recorded_answer_is_as_the_description_says() {
    let read = |file: &str| -> Value {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    };
    let (description, models) = (read("openapi.json"), read("../tests/clients/models.json"));
    let answers = [one_fails().await, cancelled().await, failed().await].concat();
    assert_eq!(answers.len(), models.as_object().unwrap().len(), "models.json has the schema of every answer");
    for (name, answer) in answers {
        let mut schema = description.clone();
        schema["$ref"] = format!("#/components/schemas/{}", models[name].as_str().unwrap()).into();
        let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap();
        validator.validate(&answer).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}
