use goal_activity_core::ports::{Event, PortResult, PublishEvent, Unavailable};
use goal_activity_events::publisher::{EventBridge, OutgoingEvent, Publisher};

use super::Connection;

/// The custom event bus.
#[derive(Debug, Clone)]
pub struct Bus {
    publisher: Publisher,
}

impl Bus {
    /// The bus of that name.
    pub fn new(aws: &Connection, bus: impl Into<String>) -> Self {
        Self { publisher: Publisher::new(EventBridge::new(aws_sdk_eventbridge::Client::new(&aws.sdk), bus)) }
    }
}

impl PublishEvent for Bus {
    async fn publish(&self, event: Event) -> PortResult<()> {
        let outgoing = match &event {
            Event::Requested(detail) => OutgoingEvent::new(detail),
            Event::Accepted(detail) => OutgoingEvent::new(detail),
            Event::Rejected(detail) => OutgoingEvent::new(detail),
            Event::Progressed(detail) => OutgoingEvent::new(detail),
            Event::Completed(detail) => OutgoingEvent::new(detail),
        };
        let failed = |e| Unavailable::new("the event bus", e);
        self.publisher.publish(&[outgoing.map_err(failed)?]).await.map_err(failed)
    }
}
