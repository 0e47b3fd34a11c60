//! The API calls that the emulator recorded, in the form of CloudTrail.

use std::collections::{BTreeMap, HashSet};

use anyhow::Result;
use serde_json::{Value, json};

use crate::aws::{Aws, Service};

/// The most that one look-up returns.
const PAGE: usize = 50;
/// More than the distance between two neighbouring timestamps of today in floating point: pages overlap by it.
const OVERLAP_SECONDS: f64 = 1e-6;
/// The calls that write rows.
const WRITES: [&str; 5] = ["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"];

/// An event as its publisher sent it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PublishedEvent {
    pub(crate) bus: String,
    pub(crate) event: Value,
}

/// Rows written, alone and in transactions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Writes {
    pub(crate) alone: u64,
    pub(crate) in_transactions: u64,
}

/// The events that were published since the recording began.
pub(crate) fn published_events(aws: &Aws) -> Result<Vec<PublishedEvent>> {
    let requests = requests(aws, "PutEvents")?;
    Ok(requests.iter().flat_map(entries).collect())
}

/// The rows that were written since the recording began.
pub(crate) fn writes(aws: &Aws) -> Result<Writes> {
    let mut writes = Writes::default();
    for operation in WRITES {
        for request in requests(aws, operation)? {
            let rows = rows(operation, &request);
            if operation == "TransactWriteItems" { writes.in_transactions += rows } else { writes.alone += rows }
        }
    }
    Ok(writes)
}

/// The parameters of all recorded calls of an operation. There are no page tokens: the next page ends where this one began.
fn requests(aws: &Aws, operation: &str) -> Result<Vec<Value>> {
    let mut seen = HashSet::new();
    let mut requests = Vec::new();
    let mut query = json!({
        "LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": operation}],
        "MaxResults": PAGE,
    });
    loop {
        let page = aws.call(Service::CloudTrail, "LookupEvents", &query)?;
        let events = page["Events"].as_array().map_or(&[][..], Vec::as_slice);
        let before = seen.len();
        for event in events {
            if seen.insert(event["EventId"].to_string()) {
                let record: Value = serde_json::from_str(event["CloudTrailEvent"].as_str().unwrap_or("null"))?;
                requests.push(record["requestParameters"].clone());
            }
        }
        let oldest = events.last().and_then(|event| event["EventTime"].as_f64());
        match oldest {
            Some(time) if events.len() == PAGE && seen.len() > before => {
                query["EndTime"] = (time + OVERLAP_SECONDS).into();
            }
            _ => return Ok(requests),
        }
    }
}

/// The events of one `PutEvents` request, in the form in which rules see them.
fn entries(request: &Value) -> Vec<PublishedEvent> {
    let entries = request["Entries"].as_array().into_iter().flatten();
    let event = |entry: &Value| {
        let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap_or("null")).unwrap_or_default();
        let bus = entry["EventBusName"].as_str().unwrap_or("default");
        let bus = bus.rsplit('/').next().unwrap_or(bus).to_owned();
        let event = json!({"source": entry["Source"], "detail-type": entry["DetailType"], "detail": detail});
        PublishedEvent { bus, event }
    };
    entries.map(event).collect()
}

/// How many rows a call writes. A row that a transaction only checks costs as much as one that it writes.
fn rows(operation: &str, request: &Value) -> u64 {
    let rows = match operation {
        "TransactWriteItems" => request["TransactItems"].as_array().map_or(0, Vec::len),
        "BatchWriteItem" => {
            let tables = request["RequestItems"].as_object().into_iter().flatten();
            tables.map(|(_, writes)| writes.as_array().map_or(0, Vec::len)).sum()
        }
        _ => 1,
    };
    rows as u64
}

/// How many events of each type there are.
pub(crate) fn by_type(events: &[PublishedEvent]) -> BTreeMap<String, u64> {
    events.iter().fold(BTreeMap::new(), |mut counts, published| {
        let name = published.event["detail-type"].as_str().unwrap_or("?").to_owned();
        *counts.entry(name).or_default() += 1;
        counts
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_by_what_a_call_writes() {
        let transaction = json!({"TransactItems": [{"Put": {}}, {"Update": {}}, {"ConditionCheck": {}}]});
        assert_eq!(rows("TransactWriteItems", &transaction), 3);
        assert_eq!(rows("BatchWriteItem", &json!({"RequestItems": {"a": [{}, {}], "b": [{}]}})), 3);
        assert_eq!(rows("UpdateItem", &json!({"TableName": "a"})), 1);
    }

    #[test]
    fn events_are_read_from_what_was_put() {
        let request = json!({"Entries": [
            {"Source": "a", "DetailType": "T", "Detail": "{\"x\":1}", "EventBusName": "arn:aws:events:r:1:event-bus/bus"},
            {"Source": "b", "DetailType": "T", "Detail": "{}"},
        ]});
        let events = entries(&request);
        assert_eq!(events[0].bus, "bus");
        assert_eq!(events[0].event, json!({"source": "a", "detail-type": "T", "detail": {"x": 1}}));
        assert_eq!(events[1].bus, "default");
        assert_eq!(by_type(&events), BTreeMap::from([("T".to_owned(), 2)]));
    }
}
