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
    Some(Refusal { code: code.to_owned(), message: without_values(entry.error_message().unwrap_or_default()) })
}

/// Why a call failed, as AWS's own message if there is one. Not the SDK's `DisplayErrorContext`: that prints whole
/// responses, which may contain users' texts and secrets.
pub fn reason<E, R>(error: &SdkError<E, R>) -> String
where
    E: Error + ProvideErrorMetadata + 'static,
    R: Debug + 'static,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {}", without_values(message)),
        _ => chain(error),
    }
}

/// A message of AWS without the parts that repeat a request: its validation says `Value '…' at 'field' failed to
/// satisfy …`.
fn without_values(message: &str) -> String {
    let Some((before, rest)) = message.split_once("Value '") else { return message.to_owned() };
    match rest.rsplit_once("' at '") {
        Some((_, field)) => format!("{before}a value at '{field}"),
        None => format!("{before}a value"),
    }
}

/// An error and its sources.
fn chain(error: &(dyn Error + 'static)) -> String {
    let errors = std::iter::successors(Some(error), |e| (*e).source());
    errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::without_values;

    #[test]
    fn values_are_left_out_however_they_are_quoted() {
        let one =
            "1 validation error detected: Value 'it's a 'secret' at 'home' at 'taskToken' failed to satisfy constraint";
        assert_eq!(
            without_values(one),
            "1 validation error detected: a value at 'taskToken' failed to satisfy constraint"
        );
        let two = "2 errors: Value 'secret' at 'a' failed: Member 1; Value 'secret' at 'b' failed: Member 2";
        assert_eq!(without_values(two), "2 errors: a value at 'b' failed: Member 2");
        assert_eq!(without_values("a Value 'secret"), "a a value");
        assert_eq!(without_values("x' at 'y: Value 'secret'"), "x' at 'y: a value");
    }

    #[test]
    fn other_messages_stay_as_they_are() {
        for message in
            ["Rate exceeded", "Value at 'taskToken' failed to satisfy constraint: Member must not be null", ""]
        {
            assert_eq!(without_values(message), message);
        }
    }
}
