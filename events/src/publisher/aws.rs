use std::error::Error;
use std::fmt::Debug;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::error::{ProvideErrorMetadata, SdkError};
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
        let answer = self.client.put_events().set_entries(Some(entries)).send().await.map_err(|e| reason(&e))?;
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

/// Why a call failed, in AWS's own words where there are any. Not the SDK's `DisplayErrorContext`: that prints whole
/// responses, in which there may be users' texts and secrets.
pub fn reason<E, R>(error: &SdkError<E, R>) -> String
where
    E: Error + ProvideErrorMetadata + 'static,
    R: Debug + 'static,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        _ => chain(error),
    }
}

/// An error and what is behind it.
fn chain(error: &(dyn Error + 'static)) -> String {
    let errors = std::iter::successors(Some(error), |e| (*e).source());
    errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
