use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::error::DisplayErrorContext;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};

use super::{OutgoingEvent, PutEvents, Refusal};

/// An EventBridge bus on AWS.
#[derive(Debug, Clone)]
pub struct EventBridge {
    client: Client,
    bus: String,
}

impl EventBridge {
    /// The bus of that name or ARN.
    pub fn new(client: Client, bus: impl Into<String>) -> Self {
        Self { client, bus: bus.into() }
    }

    fn entry(&self, event: &OutgoingEvent) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus)
            .source(&event.source)
            .detail_type(event.detail_type)
            .detail(&event.detail)
            .build()
    }
}

impl PutEvents for EventBridge {
    async fn put(&self, entries: &[OutgoingEvent]) -> Result<Vec<Option<Refusal>>, String> {
        let entries = entries.iter().map(|e| self.entry(e)).collect();
        let answer = self
            .client
            .put_events()
            .set_entries(Some(entries))
            .send()
            .await
            .map_err(|e| DisplayErrorContext(e).to_string())?;
        Ok(match answer.failed_entry_count() {
            0 => vec![None; answer.entries().len()],
            _ => answer.entries().iter().map(refusal).collect(),
        })
    }
}

fn refusal(entry: &PutEventsResultEntry) -> Option<Refusal> {
    let code = entry.error_code()?;
    Some(Refusal { code: code.to_owned(), message: entry.error_message().unwrap_or_default().to_owned() })
}
