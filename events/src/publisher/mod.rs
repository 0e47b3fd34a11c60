//! Puts events on an EventBridge bus: splits them into requests that EventBridge accepts, detects entries that it
//! rejected, and retries only those.

mod aws;
mod split;

use std::time::Duration;

pub use aws::{EventBridge, reason};

use crate::{Detail, SOURCE};

/// The number of attempts for one entry.
const ATTEMPTS: u32 = 4;
/// The wait before the first retry; doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// An event ready to be put on a bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingEvent {
    /// EventBridge's `source`.
    pub source: String,
    /// EventBridge's `detail-type`.
    pub detail_type: &'static str,
    /// The detail as JSON.
    pub detail: String,
}

/// Why events could not be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The detail could not be written as JSON.
    #[error("cannot write the detail of a {detail_type} event: {reason}")]
    Unwritable {
        /// The event's type.
        detail_type: &'static str,
        /// What is wrong.
        #[source]
        reason: serde_json::Error,
    },
    /// One event alone is larger than EventBridge accepts.
    #[error("a {detail_type} event of {bytes} bytes is over EventBridge's limit of {} bytes", split::MAX_REQUEST_BYTES)]
    TooLarge {
        /// The event's type.
        detail_type: &'static str,
        /// Its size as EventBridge counts it.
        bytes: usize,
    },
    /// The bus could not be reached, or refused some events even after retries. Publish all of them again.
    #[error("{failed} of {total} events were not published: {reason}")]
    NotPublished {
        /// How many are not confirmed to be on the bus.
        failed: usize,
        /// Of how many.
        total: usize,
        /// The last reason.
        reason: String,
    },
}

impl OutgoingEvent {
    /// An event of the pipeline itself.
    pub fn new<D: Detail>(detail: &D) -> Result<Self, PublishError> {
        Self::from_source(SOURCE, detail)
    }

    /// An event of another service, under that service's own source name.
    pub fn from_source<D: Detail>(source: impl Into<String>, detail: &D) -> Result<Self, PublishError> {
        let json = serde_json::to_string(detail)
            .map_err(|reason| PublishError::Unwritable { detail_type: D::TYPE, reason })?;
        Ok(Self { source: source.into(), detail_type: D::TYPE, detail: json })
    }
}

/// EventBridge's result for one entry that it rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// AWS's error code.
    pub code: String,
    /// AWS's message.
    pub message: String,
}

/// One `PutEvents` request. Separates this module's logic from AWS.
pub trait PutEvents {
    /// Puts the entries in one request. Returns one item per entry, in order: `None` if it was accepted.
    ///
    /// # Errors The request as a whole failed; which entries were accepted is unknown.
    fn put(&self, entries: &[OutgoingEvent]) -> impl Future<Output = Result<Vec<Option<Refusal>>, String>> + Send;
}

/// Publishes to one bus.
#[derive(Debug, Clone)]
pub struct Publisher<P = EventBridge> {
    bus: P,
}

impl<P: PutEvents + Sync> Publisher<P> {
    /// A publisher that puts its requests through `bus`.
    pub fn new(bus: P) -> Self {
        Self { bus }
    }

    /// Publishes all events, at least once each.
    ///
    /// # Errors
    /// Some events may not be on the bus. Publishing all of them again is safe: receivers deduplicate by event id.
    pub async fn publish(&self, events: &[OutgoingEvent]) -> Result<(), PublishError> {
        for request in split::requests(events)? {
            self.put_with_retries(request, events.len()).await?;
        }
        Ok(())
    }

    async fn put_with_retries(&self, request: &[OutgoingEvent], total: usize) -> Result<(), PublishError> {
        let mut waiting = request.to_vec();
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            let (left, reason) = match self.bus.put(&waiting).await {
                Ok(refusals) => refused(waiting, &refusals),
                Err(reason) => (waiting, reason),
            };
            if left.is_empty() {
                break;
            }
            if attempt == ATTEMPTS {
                return Err(PublishError::NotPublished { failed: left.len(), total, reason });
            }
            tracing::warn!(attempt, entries = left.len(), %reason, "EventBridge did not take all entries; retrying those");
            waiting = left;
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        Ok(())
    }
}

/// Returns the entries that were rejected, and the last reason.
fn refused(entries: Vec<OutgoingEvent>, refusals: &[Option<Refusal>]) -> (Vec<OutgoingEvent>, String) {
    let reason =
        refusals.iter().flatten().next_back().map(|r| format!("{}: {}", r.code, r.message)).unwrap_or_default();
    // A response shorter than the request leaves the rest unknown: those are put again.
    let taken = |i: usize| refusals.get(i).is_some_and(Option::is_none);
    let left = entries.into_iter().enumerate().filter(|(i, _)| !taken(*i)).map(|(_, e)| e).collect();
    (left, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// A bus that rejects the configured entries, and records the accepted ones.
    #[derive(Default)]
    struct FakeBus {
        requests: Mutex<Vec<Vec<String>>>,
        refuse_once: Mutex<Vec<String>>,
        refuse_always: Vec<String>,
    }

    impl PutEvents for FakeBus {
        async fn put(&self, entries: &[OutgoingEvent]) -> Result<Vec<Option<Refusal>>, String> {
            self.requests.lock().unwrap().push(entries.iter().map(|e| e.detail.clone()).collect());
            let mut once = self.refuse_once.lock().unwrap();
            Ok(entries
                .iter()
                .map(|e| {
                    let first_time = once.iter().position(|d| *d == e.detail).map(|i| once.remove(i)).is_some();
                    (first_time || self.refuse_always.contains(&e.detail))
                        .then(|| Refusal { code: "ThrottlingException".into(), message: "slow down".into() })
                })
                .collect())
        }
    }

    fn event(detail: &str) -> OutgoingEvent {
        OutgoingEvent { source: SOURCE.into(), detail_type: "Test", detail: detail.into() }
    }

    #[tokio::test(start_paused = true)]
    async fn only_refused_entries_are_put_again() {
        let publisher = Publisher::new(FakeBus { refuse_once: Mutex::new(vec!["b".into()]), ..FakeBus::default() });
        publisher.publish(&[event("a"), event("b"), event("c")]).await.unwrap();
        let requests = publisher.bus.requests.into_inner().unwrap();
        assert_eq!(requests, [vec!["a", "b", "c"], vec!["b"]]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_that_is_always_refused_is_an_error_after_bounded_attempts() {
        let publisher = Publisher::new(FakeBus { refuse_always: vec!["b".into()], ..FakeBus::default() });
        let error = publisher.publish(&[event("a"), event("b")]).await.unwrap_err();
        assert_eq!(error.to_string(), "1 of 2 events were not published: ThrottlingException: slow down");
        assert_eq!(publisher.bus.requests.into_inner().unwrap().len(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn eleven_events_take_two_requests() {
        let publisher = Publisher::new(FakeBus::default());
        publisher.publish(&vec![event("x"); 11]).await.unwrap();
        let sizes: Vec<_> = publisher.bus.requests.into_inner().unwrap().iter().map(Vec::len).collect();
        assert_eq!(sizes, [10, 1]);
    }
}
