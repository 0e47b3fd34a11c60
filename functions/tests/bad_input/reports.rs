//! The projection queue: what `projector` reads.

use goal_activity_core::execution::Status;
use goal_activity_events::{BatchProgressed, Detail, ExecutionArn, SOURCE};
use goal_activity_testkit::EventBridgeEvent;
use serde_json::{Value, json};

use super::entry::{Fate, assert_dead_lettered, deliver, state};
use super::logs::{Logs, assert_silent};
use super::wrong::{MARKER, with_unknown_fields};
use crate::rig::{Rig, status_change};

const STATUS_CHANGE: &str = "Step Functions Execution Status Change";
const TEXTS: [&str; 5] = ["text", "long text", "control characters", "escaped digits", "parser's words"];

async fn launched() -> Rig {
    let rig = Rig::with_goal(9);
    rig.launched().await;
    rig
}

fn arn(rig: &Rig) -> ExecutionArn {
    rig.world.state().executions.keys().next().unwrap().clone()
}

/// An event with only the fields that are read.
fn event(source: &str, detail_type: &str, detail: Value) -> Value {
    let mut event: Value = EventBridgeEvent::new(source, detail_type, &detail).into();
    event.as_object_mut().unwrap().retain(|name, _| !["account", "region", "resources", "version"].contains(&&**name));
    event
}

fn progress(arn: &ExecutionArn) -> Value {
    let failed = json!({ "actionId": "a-1-1", "code": "AI_TIMEOUT", "message": "too slow", "attempts": 3 });
    let detail = json!({
        "version": "1", "eventId": "e-1", "occurredAt": "2026-11-24T09:30:00.000Z", "executionArn": arn,
        "goalId": "goal-1", "userId": "user-1", "batchIndex": 0, "sequence": 4, "totalActions": 8,
        "succeededActions": 3, "failedActions": [failed],
    });
    event(SOURCE, BatchProgressed::TYPE, detail)
}

#[tokio::test]
async fn p6_a_report_that_breaks_the_contract_is_dead_lettered() {
    let valid = progress(&arn(&launched().await));
    let message = ["text", "empty text", "control characters", "escaped digits", "parser's words"];
    let fine: [(&str, &[&str]); 4] = [
        ("/source", &TEXTS),
        ("/source", &["empty text"]),
        ("/detail/failedActions", &["empty array"]),
        ("/detail/failedActions/0/message", &message),
    ];
    assert_dead_lettered(launched, |rig| rig.projector(), &valid, &fine).await;
}

#[tokio::test]
async fn a_status_change_that_breaks_the_contract_is_dead_lettered() {
    let detail = json!({ "executionArn": arn(&launched().await), "status": "ABORTED", "stopDate": 2 });
    let valid = event("aws.states", STATUS_CHANGE, detail);
    let fine: [(&str, &[&str]); 3] =
        [("/source", &TEXTS), ("/source", &["empty text"]), ("/detail/stopDate", &["null", "removed", "negative"])];
    assert_dead_lettered(launched, |rig| rig.projector(), &valid, &fine).await;
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let (logs, rig) = (Logs::collect(), launched().await);
    let arn = arn(&rig);
    let change: Value = serde_json::from_str(&status_change(&arn, "SUCCEEDED")).unwrap();
    for valid in [progress(&arn), change] {
        let fate = deliver(&rig, &logs, &rig.projector(), &json!(with_unknown_fields(&valid))).await;
        let Fate::Taken(said) = fate else { panic!("{fate:?}") };
        assert_silent("unknown fields", &said);
    }
    assert!(rig.execution(&arn).has_ended());
}

#[tokio::test]
async fn p6_reports_that_cannot_be_true_are_dead_lettered() {
    let (logs, rig) = (Logs::collect(), launched().await);
    let arn = arn(&rig);
    let before = state(&rig);
    for (field, value) in [
        ("succeededActions", json!(u32::MAX)),
        ("succeededActions", json!(9)),
        ("totalActions", json!(u32::MAX)),
        ("totalActions", json!(0)),
        ("totalActions", json!(64)),
        ("batchIndex", json!(8)),
        ("batchIndex", json!(u32::MAX)),
        ("goalId", json!("goal-2")),
        ("executionArn", json!(arn.as_str().replace("goal-1-1", "goal-2-1"))),
        ("version", json!("2")),
        ("failedActions", json!(vec![progress(&arn)["detail"]["failedActions"][0].clone(); 2])),
        ("failedActions", json!([{ "actionId": "a", "code": MARKER, "message": "", "attempts": 1 }])),
    ] {
        let mut wrong = progress(&arn);
        wrong["detail"][field] = value.clone();
        let fate = deliver(&rig, &logs, &rig.projector(), &json!(wrong.to_string())).await;
        let Fate::DeadLettered(said) = fate else { panic!("{field} {value}: {fate:?}") };
        assert_silent(field, &said);
        assert_eq!(state(&rig), before, "{field} {value}");
    }
}

/// Executions of other state machines, accounts, regions or partitions, started by hand, or without a row: not of this
/// pipeline, so there is nothing to do.
#[tokio::test]
async fn executions_that_are_not_recorded_change_nothing() {
    let (logs, rig) = (Logs::collect(), launched().await);
    let own = arn(&rig);
    let before = state(&rig);
    for (part, other) in [
        ("goal-1-1", "by-hand"),
        ("goal-1-1", "goal-1-2"),
        (":goal-activity:", ":another-machine:"),
        ("000000000000", "111111111111"),
        ("us-east-1", "eu-west-1"),
        ("arn:aws:", "arn:aws-cn:"),
    ] {
        let foreign: ExecutionArn = own.as_str().replacen(part, other, 1).parse().unwrap();
        for status in ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"] {
            let fate = deliver(&rig, &logs, &rig.projector(), &json!(status_change(&foreign, status))).await;
            assert!(matches!(fate, Fate::Taken(_)), "{foreign} {status}: {fate:?}");
            assert_eq!(state(&rig), before, "{foreign} {status}");
        }
    }
    assert!(rig.completed().is_empty());
    assert_eq!(rig.execution(&own).status(), Status::Pending);
}

#[tokio::test]
async fn names_of_executions_that_we_never_make_are_dead_lettered() {
    let (logs, rig) = (Logs::collect(), launched().await);
    let own = arn(&rig);
    for (part, other) in [
        (":execution:", ":express:"),
        (":execution:", ":mapRun:"),
        (":states:", ":lambda:"),
        ("000000000000", "0"),
        ("000000000000", "00000000000a"),
        ("arn:", "ARN:"),
        ("goal-1-1", ""),
        ("goal-1-1", "goal/1"),
        ("goal-1-1", "goal%2D1"),
        ("goal-1-1", &"x".repeat(81)),
    ] {
        let change = status_change(&own, "ABORTED").replace(own.as_str(), &own.as_str().replacen(part, other, 1));
        let fate = deliver(&rig, &logs, &rig.projector(), &json!(change)).await;
        assert!(matches!(fate, Fate::DeadLettered(_)), "{part} {other}: {fate:?}");
    }
    assert_eq!(rig.execution(&own).status(), Status::Pending);
}

#[tokio::test]
async fn moments_at_the_ends_of_time_end_a_workflow_like_others() {
    for stop_date in [i64::MIN, -1, 0, i64::MAX] {
        let rig = launched().await;
        let arn = arn(&rig);
        let detail = json!({ "executionArn": arn, "status": "FAILED", "stopDate": stop_date });
        let fate = deliver(
            &rig,
            &Logs::collect(),
            &rig.projector(),
            &json!(event("aws.states", STATUS_CHANGE, detail).to_string()),
        )
        .await;
        assert!(matches!(fate, Fate::Taken(_)), "{stop_date}: {fate:?}");
        assert_eq!(rig.completed().len(), 1, "{stop_date}");
    }
}
