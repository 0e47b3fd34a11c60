//! The log of a whole workflow: one line for each step with its ids, and no text of a user or the AI.

use goal_activity_core::ports::Event;
use goal_activity_events::{BatchMessage, ExecutionArn, SOURCE, TaskToken};
use goal_activity_functions::adapters::memory::samples;
use serde_json::{Value, json};

use super::logs::{Logs, assert_silent};
use super::wrong::{MARKER, NEEDLE};
use crate::rig::{Rig, USER, envelope, status_change};

/// The fields of each line in addition to `timestamp`, `level` and `message`.
const STORY: [(&str, &[&str]); 13] = [
    ("workflow accepted", &["executionArn", "goalId", "requestId", "actions", "regenerate"]),
    ("launched", &["executionArn", "goalId", "actions"]),
    ("workflow runs", &["executionArn"]),
    ("batch begun", &["executionArn", "goalId", "batchIndex", "actions", "waitMs"]),
    (
        "attempt of the AI failed",
        &["executionArn", "goalId", "batchIndex", "actionId", "attempt", "code", "durationMs"],
    ),
    (
        "action saved",
        &[
            "executionArn",
            "goalId",
            "batchIndex",
            "actionId",
            "tasks",
            "attempts",
            "durationMs",
            "inputTokens",
            "outputTokens",
        ],
    ),
    (
        "action failed",
        &["executionArn", "goalId", "batchIndex", "actionId", "code", "attempts", "durationMs", "detail"],
    ),
    ("batch answered", &["executionArn", "goalId", "batchIndex", "succeeded", "failed", "durationMs"]),
    ("batch finished", &["executionArn", "goalId", "batchIndex", "succeeded", "failed", "total"]),
    ("ledger sealed", &["executionArn", "goalId", "status", "succeeded", "failed"]),
    ("cancellation recorded", &["executionArn", "goalId"]),
    (
        "workflow ended",
        &[
            "executionArn",
            "goalId",
            "status",
            "succeeded",
            "failed",
            "notProcessed",
            "attempts",
            "inputTokens",
            "outputTokens",
            "durationMs",
        ],
    ),
    ("end published", &["executionArn", "goalId", "status"]),
];

/// A pipeline with one goal, whose user has written the marker into every text field.
fn rig(actions: u8) -> Rig {
    let mut goal = samples::goal("goal-1", USER, actions);
    let head = &mut goal.head;
    for text in [&mut head.title, &mut head.description, &mut head.background, &mut head.constraints] {
        MARKER.clone_into(text);
    }
    for sub_goal in &mut goal.sub_goals {
        (sub_goal.title, sub_goal.description) = (MARKER.to_owned(), MARKER.to_owned());
    }
    for (action, script) in
        goal.actions.iter_mut().zip(["fail", "fail-times=1"].into_iter().chain([""].into_iter().cycle()))
    {
        (action.title, action.description, action.background) = (MARKER.into(), MARKER.into(), MARKER.into());
        action.constraints = format!("{MARKER}\noffline: {script}");
    }
    let rig = Rig::default();
    rig.add(goal);
    rig
}

fn with_secret_token(batch: &BatchMessage) -> BatchMessage {
    let token = TaskToken::new(format!("{NEEDLE}-{}", batch.batch_index));
    BatchMessage { task_token: token, ..batch.clone() }
}

/// Everything is delivered twice.
async fn deliver_twice(rig: &Rig, end: &str) -> ExecutionArn {
    let arn = rig.start().await.arn();
    let events = rig.events();
    let [Event::Requested(request)] = &events[..] else { panic!("one request") };
    for _ in 0..2 {
        rig.launch(&envelope(SOURCE, request)).await.unwrap();
    }
    for _ in 0..2 {
        rig.project(&status_change(&arn, "RUNNING")).await.unwrap();
    }
    for batch in rig.batches(&arn).iter().map(with_secret_token) {
        rig.work(&batch).await.unwrap();
        rig.work(&batch).await.unwrap();
    }
    for _ in 0..2 {
        rig.deliver_progress().await;
    }
    if end == "ABORTED" {
        let reason = json!({ "reason": MARKER }).to_string();
        assert_eq!(rig.cancel(&arn, &reason).await.status, 200);
    } else {
        rig.finalize(&arn).await;
    }
    for _ in 0..2 {
        rig.project(&status_change(&arn, end)).await.unwrap();
    }
    arn
}

fn lines(said: &str) -> Vec<Value> {
    said.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

fn named<'a>(lines: &'a [Value], message: &str) -> Vec<&'a Value> {
    lines.iter().filter(|l| l["message"] == message).collect()
}

#[tokio::test(start_paused = true)]
async fn the_log_tells_each_step_once_with_its_ids_and_no_word_of_a_user() {
    let (logs, rig) = (Logs::collect(), rig(16));
    let arn = deliver_twice(&rig, "SUCCEEDED").await;
    let said = logs.take();
    assert_silent("the whole story", &said);
    let lines = lines(&said);
    for line in &lines {
        let message = line["message"].as_str().unwrap();
        let names: Vec<_> = line.as_object().unwrap().keys().collect();
        assert!(names.iter().all(|n| !n.contains('_')), "{names:?}");
        if let Some((_, fields)) = STORY.iter().find(|(known, _)| *known == message) {
            let missing: Vec<_> = fields.iter().filter(|f| line.get(**f).is_none_or(Value::is_null)).collect();
            assert!(missing.is_empty(), "{missing:?} in {line}");
            let mut times = ["durationMs", "waitMs"].iter().filter_map(|f| line.get(*f));
            assert!(times.all(Value::is_u64), "a time that is no number in {line}");
        }
        if line.get("executionArn").is_some() {
            assert_eq!(line["executionArn"], json!(arn), "{line}");
        }
    }
    let times = |message: &str| named(&lines, message).len();
    for once in ["workflow accepted", "workflow runs", "ledger sealed", "workflow ended", "end published"] {
        assert_eq!(times(once), 1, "{once}: {said}");
    }
    assert_eq!((times("action saved"), times("action failed")), (15, 1));
    assert_eq!((times("batch answered"), times("batch finished")), (2, 2));
    let attempts: Vec<_> =
        named(&lines, "attempt of the AI failed").iter().map(|l| (&l["attempt"], &l["code"])).collect();
    assert_eq!(attempts, [(&json!(1), &json!("AI_REJECTED")), (&json!(1), &json!("AI_THROTTLED"))]);
    let end = named(&lines, "workflow ended")[0];
    assert_eq!(
        (&end["status"], &end["succeeded"], &end["failed"]),
        (&json!("PARTIALLY_SUCCEEDED"), &json!(15), &json!(1))
    );
}

#[tokio::test(start_paused = true)]
async fn the_timeline_tells_the_same_story_as_the_log() {
    for end in ["SUCCEEDED", "ABORTED"] {
        let (logs, rig) = (Logs::collect(), rig(16));
        let arn = deliver_twice(&rig, end).await;
        let said = logs.take();
        assert_silent(end, &said);
        let transitions = lines(&said).into_iter().filter_map(|line| {
            let what = match line["message"].as_str()? {
                "workflow accepted" => "ACCEPTED",
                "workflow runs" => "STARTED",
                "batch finished" => "BATCH_FINISHED",
                "cancellation recorded" => "CANCELLED",
                "workflow ended" => "ENDED",
                _ => return None,
            };
            Some((what.to_owned(), line["batchIndex"].clone(), line["status"].clone()))
        });
        let timeline = rig.get(USER, "/api/workflows/{executionArn}/timeline", arn.as_str(), json!({})).await;
        let entry = |e: &Value| {
            let (batch, status) = (e["batchIndex"].clone(), e["status"].clone());
            (e["what"].as_str().unwrap().to_owned(), batch, status)
        };
        let told = timeline.body["items"].as_array().unwrap().iter().map(entry);
        // Here everything happens at one point in time; another test covers the order of the entries.
        assert_eq!(sorted(transitions), sorted(told), "{end}");
    }
}

fn sorted(steps: impl Iterator<Item = (String, Value, Value)>) -> Vec<String> {
    let mut steps: Vec<_> = steps.map(|step| format!("{step:?}")).collect();
    steps.sort();
    steps
}
