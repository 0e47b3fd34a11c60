//! EventBridge: events are delivered to a rule's target at least once and in any order (EventBridge user guide, "How
//! EventBridge retries delivering events"; "Event delivery"). Each target is a queue.
//!
//! Step Functions' own events are delivered on a best-effort basis (EventBridge events reference): they may be lost.

use std::time::Duration;

use goal_activity_core::ports::Event;
use goal_activity_events::{
    BatchProgressed, Detail, ExecutionArn, ExecutionStatusChanged, GoalActivityRequested, SOURCE, WorkflowCompleted,
};
use goal_activity_functions::adapters::memory::samples;
use goal_activity_testkit::EventBridgeEvent;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::flaw::Flaw;
use crate::queues::{Queue, send};
use crate::scale::account;
use crate::scale::quotas::Quota;
use crate::world::Sim;

/// A short description of an event, for the trace.
pub(crate) fn title(event: &Event) -> String {
    match event {
        Event::Requested(e) => format!("Requested {}", e.execution_arn.as_ref().map_or("", |a| a.name())),
        Event::Accepted(e) => format!("Accepted {}", e.execution_arn.name()),
        Event::Rejected(e) => format!("Rejected {:?}", e.reason),
        Event::Progressed(e) => format!(
            "Progressed {}/{} seq {}: +{} -{}",
            e.execution_arn.name(),
            e.batch_index,
            e.sequence,
            e.succeeded_actions,
            e.failed_actions.len()
        ),
        Event::Completed(e) => format!("Completed {} {:?}", e.execution_arn.name(), e.status),
    }
}

/// `PutEvents` on the custom bus, with the rules that this pipeline has there.
pub(crate) fn put(sim: &Sim, event: &Event) {
    let lost = sim.goes_wrong(sim.profile.lose_event, "an event is lost");
    match event {
        Event::Requested(_) | Event::Progressed(_) if lost => sim.note("bus", || format!("LOSES {}", title(event))),
        Event::Requested(detail) => {
            to_queue(sim, Queue::Launch, envelope(sim, SOURCE, GoalActivityRequested::TYPE, detail));
        }
        Event::Progressed(detail) => {
            to_queue(sim, Queue::Projection, envelope(sim, SOURCE, BatchProgressed::TYPE, detail));
        }
        Event::Completed(_) if lost => sim.note("bus", || format!("LOSES {}", title(event))),
        Event::Completed(detail) if !sim.has(Flaw::EndMakesNoRoom) => {
            to_queue(sim, Queue::Launch, envelope(sim, SOURCE, WorkflowCompleted::TYPE, detail));
        }
        Event::Accepted(_) | Event::Rejected(_) | Event::Completed(_) => {}
    }
}

/// A request of another service.
pub(crate) fn put_foreign(sim: &Sim, source: &str, detail: &Value) {
    to_queue(sim, Queue::Launch, envelope(sim, source, GoalActivityRequested::TYPE, detail));
}

/// A forged event that another principal of the account has put on the bus. The rules match its source; the bus's
/// policy restricts the pipeline's source, and is not modelled here.
pub(crate) fn put_forged(sim: &Sim, source: &str, detail_type: &str, detail: &Value) {
    let queue = if detail_type == BatchProgressed::TYPE { Queue::Projection } else { Queue::Launch };
    to_queue(sim, queue, envelope(sim, source, detail_type, detail));
}

/// Step Functions' report on the default bus.
pub(crate) fn status_changed(sim: &Sim, arn: &ExecutionArn, status: &str, since: i64) {
    if sim.goes_wrong(sim.profile.lose_status, "a status event is lost") {
        sim.note("bus", || format!("LOSES {} {status}", arn.name()));
        return;
    }
    let now = sim.millis();
    let detail = json!({
        "executionArn": arn, "stateMachineArn": samples::state_machine(), "name": arn.name(), "status": status,
        "startDate": since, "stopDate": if status == "RUNNING" { Value::Null } else { json!(now) },
    });
    to_queue(
        sim,
        Queue::Projection,
        envelope(sim, ExecutionStatusChanged::SOURCE, ExecutionStatusChanged::TYPE, &detail),
    );
}

fn to_queue(sim: &Sim, queue: Queue, body: String) {
    if sim.profile.long {
        sim.core().memories.events.push((queue, body.clone()));
    }
    let copies = 1 + u32::from(sim.goes_wrong(sim.profile.duplicate / 2.0, "an event comes twice"));
    for _ in 0..copies {
        let (delay, body) = (sim.some_millis(5, 300), body.clone());
        sim.core().busy += 1;
        let sim = sim.clone();
        tokio::task::spawn_local(async move {
            sleep(delay + Duration::from_millis(1)).await;
            account::hold_back(&sim, Quota::RuleInvocations, 1.0).await;
            send(&sim, queue, &body);
            sim.core().busy -= 1;
        });
    }
}

fn envelope(sim: &Sim, source: &str, detail_type: &str, detail: &impl Serialize) -> String {
    let id = format!("event-{}", sim.between(0, u64::MAX));
    EventBridgeEvent::new(source, detail_type, detail).id(&id).time(sim.now()).to_string()
}
