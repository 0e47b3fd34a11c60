//! The batch queue: what `worker` reads.

use goal_activity_core::ports::Event;
use goal_activity_events::BatchMessage;
use serde_json::{Value, json};

use super::entry::{Fate, assert_dead_lettered, deliver, state};
use super::logs::{Logs, assert_silent};
use super::wrong::{NEEDLE, with_unknown_fields};
use crate::rig::Rig;

async fn launched() -> (Rig, BatchMessage) {
    let rig = Rig::with_goal(9);
    let arn = rig.launched().await;
    let batch = rig.batches(&arn).remove(1);
    (rig, batch)
}

fn document(batch: &BatchMessage) -> Value {
    let mut document = serde_json::to_value(batch).unwrap();
    document["taskToken"] = json!(format!("{NEEDLE} token"));
    document
}

/// The same without what only informs, and what has a substitute: whatever is there is taken.
fn without_information(mut document: Value) -> Value {
    for field in ["request", "correlationId", "totalActions"] {
        document.as_object_mut().unwrap().remove(field);
    }
    document
}

#[tokio::test]
async fn what_only_informs_makes_no_batch_fail() {
    for wrong in [json!({}), json!(""), json!(-7), json!(null), json!({ "source": 7 }), json!(["x"])] {
        let (logs, (rig, batch)) = (Logs::collect(), launched().await);
        let mut document = document(&batch);
        for field in ["request", "correlationId", "totalActions"] {
            document[field] = wrong.clone();
        }
        let fate = deliver(&rig, &logs, &rig.worker(), &json!(document.to_string())).await;
        assert!(matches!(fate, Fate::Taken(_)), "{fate:?}");
        let Some(Event::Progressed(report)) = rig.events().pop() else { panic!("no report") };
        assert_eq!((report.request, report.correlation_id), (None, None));
    }
}

#[tokio::test]
async fn p10_a_batch_that_breaks_the_contract_is_dead_lettered_and_its_token_is_not_logged() {
    let (_, batch) = launched().await;
    // Any text can be a token. Only Step Functions can validate it.
    let texts = ["text", "long text", "control characters", "escaped digits", "parser's words"];
    let fine: [(&str, &[&str]); 2] = [("/taskToken", &texts), ("/regenerate", &["removed", "bool"])];
    let document = without_information(document(&batch));
    assert_dead_lettered(async || launched().await.0, |rig| rig.worker(), &document, &fine).await;
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let (logs, (rig, batch)) = (Logs::collect(), launched().await);
    let fate = deliver(&rig, &logs, &rig.worker(), &json!(with_unknown_fields(&document(&batch)))).await;
    let Fate::Taken(said) = fate else { panic!("{fate:?}") };
    assert_silent("unknown fields", &said);
    assert_eq!(rig.world.state().answers.len(), 1);
}

#[tokio::test]
async fn p9_a_batch_of_another_goals_execution_is_dead_lettered() {
    let (rig, batch) = launched().await;
    rig.add(goal_activity_functions::adapters::memory::samples::goal("goal-2", "user-2", 8));
    let logs = Logs::collect();
    let own = batch.execution_arn.as_str();
    for (field, value) in [
        ("executionArn", json!(own.replace("goal-1-1", "goal-2-1"))),
        ("executionArn", json!(own.replace("goal-1-1", "goal-1"))),
        ("executionArn", json!(own.replace("goal-1-1", "goal-1-one"))),
        ("executionArn", json!(own.replace(":execution:", ":express:"))),
        ("executionArn", json!(format!("{own}:1"))),
        ("executionArn", json!(own.replace(":states:", ":lambda:"))),
        ("executionArn", json!(own.replace("000000000000", "123"))),
        ("goalId", json!("goal-2")),
        ("goalId", json!("g".repeat(65))),
        ("batchIndex", json!(8)),
        ("batchIndex", json!(u32::MAX)),
        ("batchIndex", json!(u64::MAX)),
        ("version", json!("2")),
        ("version", json!(1)),
        ("enqueuedAt", json!("yesterday")),
        ("enqueuedAt", json!("-000001-01-01T00:00:00Z")),
        ("actionIds", json!(vec!["a-1-1"; 2])),
        ("actionIds", json!((0..9).map(|i| format!("a-{i}")).collect::<Vec<_>>())),
    ] {
        let mut wrong = document(&batch);
        wrong[field] = value.clone();
        let before = state(&rig);
        let fate = deliver(&rig, &logs, &rig.worker(), &json!(wrong.to_string())).await;
        let Fate::DeadLettered(said) = fate else { panic!("{field} {value}: {fate:?}") };
        assert_silent(field, &said);
        assert_eq!(state(&rig), before, "{field} {value}");
    }
}

/// Its goal is read only for its owner, as in every batch.
#[tokio::test]
async fn a_batch_of_another_user_gets_no_tasks() {
    let (rig, batch) = launched().await;
    let mut foreign = document(&batch);
    foreign["userId"] = json!("somebody-else");
    let fate = deliver(&rig, &Logs::collect(), &rig.worker(), &json!(foreign.to_string())).await;
    assert!(matches!(fate, Fate::Taken(_)), "{fate:?}");
    assert!(rig.tasks().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_batch_from_the_future_gets_no_more_time_than_others() {
    let (rig, batch) = launched().await;
    rig.script("a-2-1", "latency-ms=400000000");
    let mut early = document(&batch);
    early["enqueuedAt"] = json!("9999-12-30T00:00:00Z");
    let begin = tokio::time::Instant::now();
    let fate = deliver(&rig, &Logs::collect(), &rig.worker(), &json!(early.to_string())).await;
    assert!(matches!(fate, Fate::Taken(_)), "{fate:?}");
    assert_eq!(begin.elapsed().as_secs(), 285);
}

#[tokio::test]
async fn a_message_without_a_body_is_dead_lettered() {
    let (logs, (rig, _)) = (Logs::collect(), launched().await);
    for body in [Value::Null, json!("")] {
        let fates = [
            deliver(&rig, &logs, &rig.worker(), &body).await,
            deliver(&rig, &logs, &rig.launcher(), &body).await,
            deliver(&rig, &logs, &rig.projector(), &body).await,
        ];
        assert!(fates.iter().all(|fate| matches!(fate, Fate::DeadLettered(_))), "{fates:?}");
    }
}
