//! The API calls that the emulator recorded, in the form of CloudTrail, with what `emulator.py` adds to them.

use std::collections::{BTreeMap, HashSet};

use anyhow::Result;
use goal_activity_events::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::aws::{Aws, Service};

/// The maximum number of calls that one query returns.
const PAGE: usize = 50;
/// More than the distance between two adjacent current timestamps in floating point: pages overlap by it.
const OVERLAP_SECONDS: f64 = 1e-6;

/// A call that was made during the recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Such as `PutItem`.
    pub operation: String,
    /// Its caller.
    pub by: Caller,
    /// Its parameters.
    pub request: Value,
    /// The units that `DynamoDB` would count for it.
    pub units: Units,
}

/// The callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A function, by its short name.
    Function(String),
    /// Lambda itself, reading a queue for a function.
    Poller,
    /// This command, or a user.
    Somebody,
}

/// Request units of `DynamoDB`: of reads by 4 KiB, half for those that need not be consistent; of writes by 1 KiB, with
/// the indexes, and twice in a transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Units {
    /// Of reads.
    pub read: f64,
    /// Of writes.
    pub write: f64,
    /// The number of refused writes: they are counted with their minimum cost.
    pub refused: u64,
}

/// A published event.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedEvent {
    /// The bus.
    pub bus: String,
    /// As rules see it.
    pub event: Value,
}

/// Rows written, alone and in transactions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Writes {
    /// Outside transactions.
    pub alone: u64,
    /// In transactions.
    pub in_transactions: u64,
}

#[derive(Deserialize, Default)]
struct Billed {
    #[serde(default)]
    function: String,
    #[serde(default)]
    poller: bool,
    #[serde(flatten)]
    units: Units,
}

/// Returns the calls since that time, or since the recording began. There are no page tokens: the next page ends where
/// this one began.
pub fn recorded(aws: &Aws, since: Option<Timestamp>) -> Result<Vec<Call>> {
    let mut seen = HashSet::new();
    let mut calls = Vec::new();
    let mut query = json!({"MaxResults": PAGE});
    if let Some(since) = since {
        #[allow(clippy::cast_precision_loss, reason = "milliseconds of today are far below 2^52")]
        let seconds = since.as_millis() as f64 / 1000.0;
        query["StartTime"] = seconds.into();
    }
    loop {
        let page = aws.call(Service::CloudTrail, "LookupEvents", &query)?;
        let events = page["Events"].as_array().map_or(&[][..], Vec::as_slice);
        let before = seen.len();
        for event in events {
            if seen.insert(event["EventId"].to_string()) {
                calls.push(call(&serde_json::from_str(event["CloudTrailEvent"].as_str().unwrap_or("null"))?));
            }
        }
        let oldest = events.last().and_then(|event| event["EventTime"].as_f64());
        match oldest {
            Some(time) if events.len() == PAGE && seen.len() > before => {
                query["EndTime"] = (time + OVERLAP_SECONDS).into();
            }
            _ => return Ok(calls),
        }
    }
}

fn call(record: &Value) -> Call {
    let request = record["requestParameters"].clone();
    let billed = Billed::deserialize(&request["billed"]).unwrap_or_default();
    let by = match function_of(&billed.function, "Function") {
        _ if billed.poller => Caller::Poller,
        Some(function) => Caller::Function(function),
        None => Caller::Somebody,
    };
    Call { operation: record["eventName"].as_str().unwrap_or_default().to_owned(), by, request, units: billed.units }
}

/// Returns the function of that kind of resource: the log group `.../FunctionsApiLogsB43A8217` belongs to `api`, the
/// construct around `Logs`; so does the function `GoalActivity-FunctionsApiFunction3AC1-63057`.
pub fn function_of(resource: &str, kind: &str) -> Option<String> {
    let (path, _) = resource.rsplit('/').next()?.rsplit_once(kind)?;
    Some(path[path.rfind(|c: char| c.is_ascii_uppercase())?..].to_lowercase())
}

/// The events that these calls published.
pub fn published_events<'a>(calls: impl IntoIterator<Item = &'a Call>) -> Vec<PublishedEvent> {
    let puts = calls.into_iter().filter(|call| call.operation == "PutEvents");
    puts.flat_map(|call| entries(&call.request)).collect()
}

/// The rows that these calls wrote.
pub fn writes<'a>(calls: impl IntoIterator<Item = &'a Call>) -> Writes {
    let mut writes = Writes::default();
    for call in calls {
        let rows = rows(&call.operation, &call.request);
        let sum = if call.operation == "TransactWriteItems" { &mut writes.in_transactions } else { &mut writes.alone };
        *sum += rows;
    }
    writes
}

/// The events of one `PutEvents` request, in the form in which rules match them.
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

/// Returns the number of rows that a call writes. A row that a transaction only checks costs as much as one that it
/// writes.
fn rows(operation: &str, request: &Value) -> u64 {
    let rows = match operation {
        "TransactWriteItems" => request["TransactItems"].as_array().map_or(0, Vec::len),
        "BatchWriteItem" => {
            let tables = request["RequestItems"].as_object().into_iter().flatten();
            tables.map(|(_, writes)| writes.as_array().map_or(0, Vec::len)).sum()
        }
        "PutItem" | "UpdateItem" | "DeleteItem" => 1,
        _ => 0,
    };
    rows as u64
}

/// Returns the number of events of each type.
pub fn by_type(events: &[PublishedEvent]) -> BTreeMap<String, u64> {
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
        assert_eq!(rows("GetItem", &json!({"TableName": "a"})), 0);
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

    #[test]
    fn a_call_tells_who_made_it_and_what_it_costs() {
        let record = |billed: Value| {
            call(&json!({"eventName": "UpdateItem", "requestParameters": {"TableName": "t", "billed": billed}}))
        };
        let by_worker =
            record(json!({"function": "Stack-FunctionsWorkerFunction1A2B-C3D4", "write": 2.0, "refused": 1}));
        assert_eq!(by_worker.by, Caller::Function("worker".to_owned()));
        assert_eq!(by_worker.units, Units { read: 0.0, write: 2.0, refused: 1 });
        assert_eq!(record(json!({"poller": true, "messages": 3})).by, Caller::Poller);
        assert_eq!(record(json!({"function": ""})).by, Caller::Somebody);
        assert_eq!(record(Value::Null).units, Units::default());
    }

    #[test]
    fn a_resource_tells_whose_it_is() {
        let of_log = |group| function_of(group, "Logs").unwrap_or_default();
        assert_eq!(of_log("/aws/cloudformation/GoalActivity/FunctionsApiLogsB43A8217"), "api");
        assert_eq!(of_log("/aws/cloudformation/GoalActivity/WorkflowFinalizeLogs449647CC"), "finalize");
        assert_eq!(of_log("/aws/vendedlogs/states/GoalActivity"), "");
        let function = function_of("GoalActivity-FunctionsProjectorFunction23EE08DD-63057CCF98EAC", "Function");
        assert_eq!(function.as_deref(), Some("projector"));
    }
}
