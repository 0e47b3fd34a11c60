//! The messages between the parts of the pipeline and AWS.

use goal_activity_core::inbound;
use goal_activity_core::ports::ExecutionInput;
use goal_activity_events::{
    BatchProgressed, Detail, Envelope, ExecutionArn, ExecutionStatusChanged, GoalActivityRejected,
    GoalActivityRequested, MachineStatus, Timestamp, WorkflowCompleted,
};
use goal_activity_testkit::EventBridgeEvent;
use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::files::Release;

/// When events are put on the bus, as far as it is told.
const PUT: &str = "2026-11-24T09:30:01Z";

/// An event of this pipeline as EventBridge delivers it.
pub(super) fn envelope<D: Detail>(detail: &D) -> Value {
    EventBridgeEvent::of(goal_activity_events::SOURCE, detail).time(PUT).into()
}

/// An event as EventBridge delivers it.
pub(super) fn envelope_from(source: &str, detail_type: &str, detail: &impl Serialize) -> Value {
    EventBridgeEvent::new(source, detail_type, detail).time(PUT).into()
}

/// Step Functions' own event about an execution, as the EventBridge events reference shows it.
pub(super) fn status(arn: &ExecutionArn, status: &str, at: Timestamp) -> Value {
    let stopped = if status == "RUNNING" { Value::Null } else { json!(at.as_millis()) };
    let detail = json!({
        "executionArn": arn, "stateMachineArn": arn.state_machine(), "name": arn.name(), "status": status,
        "startDate": 1_795_512_600_123_i64, "stopDate": stopped, "input": "{}", "output": null, "error": null,
        "cause": null, "inputDetails": { "included": true }, "outputDetails": null,
    });
    EventBridgeEvent::of_step_functions(&detail).time(at).about(arn).into()
}

/// A batch as the state machine sends it: see `EnqueueBatch` in its definition.
pub(super) fn batch(input: &ExecutionInput, index: usize, at: Timestamp) -> Value {
    let actions = input.action_ids.chunks(8).nth(index).unwrap();
    json!({
        "version": "1", "executionArn": input.execution_arn, "goalId": input.goal_id, "userId": input.user_id,
        "batchIndex": index, "actionIds": actions, "regenerate": input.regenerate, "enqueuedAt": at,
        "taskToken": format!("AQCEAAAAKgAAAAMAAAAAAAAAAb-{}-{index}", input.execution_arn.name()),
        "traceparent": input.traceparent,
    })
}

fn read(release: &Release, name: &str) -> Envelope {
    Envelope::parse(&release.message(name).to_string()).unwrap()
}

/// Reads an event of an earlier release, and checks that nothing of its detail is lost.
fn whole<D: Detail>(release: &Release, name: &str) -> D {
    let detail: D = read(release, name).detail().unwrap();
    assert_eq!(serde_json::to_value(&detail).unwrap(), release.message(name)["detail"], "{name}");
    detail
}

#[test]
fn batches_of_every_release_are_taken() {
    for release in Release::all() {
        for (name, actions) in [("batch-1", 8), ("batch-2", 7)] {
            let batch = inbound::batch(&release.message(name).to_string()).unwrap();
            assert_eq!(batch.action_ids.len(), actions);
            assert!(batch.traceparent.is_some() && !batch.regenerate);
        }
        let mut untraced = release.message("batch-1");
        untraced["traceparent"] = json!("");
        assert_eq!(inbound::batch(&untraced.to_string()).unwrap().traceparent, None);
    }
}

#[test]
fn events_of_every_release_are_read() {
    for release in Release::all() {
        let of_api: GoalActivityRequested = whole(&release, "requested-by-api");
        assert!(of_api.execution_arn.is_some());
        let of_service = read(&release, "requested-by-service");
        assert!(of_service.detail::<GoalActivityRequested>().unwrap().execution_arn.is_none());
        inbound::source(&of_service.source).unwrap();
        whole::<GoalActivityRejected>(&release, "rejected");
        let state = inbound::progress(&whole::<BatchProgressed>(&release, "batch-progressed")).unwrap();
        assert_eq!(state.processed(), state.total);
        for end in ["succeeded", "partially-succeeded", "failed", "timed-out", "aborted"] {
            let detail: WorkflowCompleted = whole(&release, &format!("completed-{end}"));
            assert_eq!(detail.event_id, WorkflowCompleted::event_id_for(&detail.execution_arn));
        }
    }
}

#[test]
fn status_events_are_read_as_in_every_release() {
    for release in Release::all() {
        for (name, expected) in [
            ("status-running", MachineStatus::Running),
            ("status-succeeded", MachineStatus::Succeeded),
            ("status-timed-out", MachineStatus::TimedOut),
            ("status-aborted", MachineStatus::Aborted),
        ] {
            let change = ExecutionStatusChanged::read(&read(&release, name)).unwrap();
            assert_eq!((change.status, change.stopped_at().is_some()), (expected, expected != MachineStatus::Running));
        }
    }
}

/// The content of a tick is not used; it only has to be JSON.
#[test]
fn ticks_of_every_release_are_taken() {
    for release in Release::all() {
        for name in ["tick", "tick-from-queue"] {
            let _: IgnoredAny = serde_json::from_value(release.message(name)).unwrap();
        }
    }
}
