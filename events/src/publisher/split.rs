use super::{OutgoingEvent, PublishError};

/// The most entries in one `PutEvents` request (EventBridge API reference).
const MAX_ENTRIES: usize = 10;
/// The most bytes in one `PutEvents` request, and so in one event (EventBridge user guide, "event size").
pub(super) const MAX_REQUEST_BYTES: usize = 256 * 1024;

/// An entry's size as EventBridge counts it: UTF-8 bytes of source, detail-type and detail.
fn size(event: &OutgoingEvent) -> usize {
    event.source.len() + event.detail_type.len() + event.detail.len()
}

/// Splits the events into consecutive requests within both limits.
pub(super) fn requests(events: &[OutgoingEvent]) -> Result<Vec<&[OutgoingEvent]>, PublishError> {
    let mut requests = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (i, event) in events.iter().enumerate() {
        let size = size(event);
        if size > MAX_REQUEST_BYTES {
            return Err(PublishError::TooLarge { detail_type: event.detail_type, bytes: size });
        }
        if i - start == MAX_ENTRIES || bytes + size > MAX_REQUEST_BYTES {
            requests.push(&events[start..i]);
            (start, bytes) = (i, 0);
        }
        bytes += size;
    }
    if start < events.len() {
        requests.push(&events[start..]);
    }
    Ok(requests)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(bytes: usize) -> OutgoingEvent {
        OutgoingEvent { source: String::new(), detail_type: "", detail: "x".repeat(bytes) }
    }

    #[test]
    fn one_event_over_the_limit_is_refused_and_names_its_type() {
        assert!(requests(&[event(MAX_REQUEST_BYTES)]).is_ok());
        let error = requests(&[event(MAX_REQUEST_BYTES + 1)]).unwrap_err();
        assert!(matches!(error, PublishError::TooLarge { bytes, .. } if bytes == MAX_REQUEST_BYTES + 1));
    }

    proptest! {
        #[test]
        fn requests_keep_both_limits_and_lose_and_reorder_nothing(sizes in prop::collection::vec(0..120_000_usize, 0..40)) {
            let events: Vec<_> = sizes.iter().map(|s| event(*s)).collect();
            let requests = requests(&events).unwrap();
            for request in &requests {
                prop_assert!(!request.is_empty() && request.len() <= MAX_ENTRIES);
                prop_assert!(request.iter().map(size).sum::<usize>() <= MAX_REQUEST_BYTES);
            }
            prop_assert_eq!(requests.concat(), events);
        }
    }
}
