use std::fmt;

use goal_activity_events::{Detail, ExecutionStatusChanged};
use serde::Serialize;
use serde_json::{Value, json};

/// An event as EventBridge delivers it to a queue
/// (<https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html>). Displays as its JSON text.
#[derive(Debug, Clone, PartialEq)]
pub struct EventBridgeEvent(Value);

impl EventBridgeEvent {
    /// Returns an event of any type. Its detail need not keep the contract.
    pub fn new(source: &str, detail_type: &str, detail: &impl Serialize) -> Self {
        Self(json!({
            "version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "detail-type": detail_type, "source": source,
            "account": "000000000000", "time": "2026-11-24T00:00:00Z", "region": "us-east-1", "resources": [],
            "detail": detail,
        }))
    }

    /// Returns an event of the contract.
    pub fn of<D: Detail>(source: &str, detail: &D) -> Self {
        Self::new(source, D::TYPE, detail)
    }

    /// Returns Step Functions' own event that the status of an execution has changed.
    pub fn of_step_functions(detail: &impl Serialize) -> Self {
        Self::new(ExecutionStatusChanged::SOURCE, ExecutionStatusChanged::TYPE, detail)
    }

    /// Returns the same event as another delivery.
    #[must_use]
    pub fn id(self, id: &str) -> Self {
        self.with("id", id)
    }

    /// Returns the same event, put on the bus at that moment.
    #[must_use]
    pub fn time(self, time: impl Serialize) -> Self {
        self.with("time", time)
    }

    /// Returns the same event about the resource with that ARN.
    #[must_use]
    pub fn about(self, resource: impl Serialize) -> Self {
        self.with("resources", [resource])
    }

    fn with(mut self, field: &str, value: impl Serialize) -> Self {
        self.0[field] = json!(value);
        self
    }
}

impl fmt::Display for EventBridgeEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<EventBridgeEvent> for Value {
    fn from(event: EventBridgeEvent) -> Self {
        event.0
    }
}
