//! The functions' invocations, from their logs.

use std::collections::BTreeMap;

use anyhow::Result;
use goal_activity_events::Timestamp;
use serde_json::{Value, json};

use crate::aws::{Aws, Service};
use crate::billing::calls::function_of;

/// The maximum number of lines that one query of a log returns.
const PAGE: usize = 10_000;
/// What `CloudWatch` counts for every line in addition to its text (API reference, `PutLogEvents`).
const BYTES_PER_LINE: usize = 26;

/// One invocation of a function. The emulator creates a separate log stream for each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Invocation {
    /// The function's short name.
    pub function: String,
    /// Its duration in milliseconds, including the start of its process if there was none.
    pub milliseconds: u64,
    /// Its configured memory, in megabytes.
    pub megabytes: u64,
    /// The bytes of its log.
    pub log_bytes: u64,
    /// The function's own lines that are JSON.
    pub lines: Vec<Value>,
}

/// Returns the invocations that ended after that time, or all.
pub fn invocations(aws: &Aws, since: Option<Timestamp>) -> Result<Vec<Invocation>> {
    let groups = aws.call(Service::Logs, "DescribeLogGroups", &json!({}))?;
    let mut invocations = Vec::new();
    for group in groups["logGroups"].as_array().into_iter().flatten() {
        let name = group["logGroupName"].as_str().unwrap_or_default();
        if let Some(function) = function_of(name, "Logs") {
            let streams = streams(aws, name, since)?;
            invocations.extend(streams.into_values().map(|lines| invocation(&function, &lines)));
        }
    }
    Ok(invocations)
}

/// The lines of each stream. There are no page tokens: the next page begins with the time at which this one ended. All
/// lines of a stream have the same time, so a stream that a page has cut off is complete on the next.
fn streams(aws: &Aws, group: &str, since: Option<Timestamp>) -> Result<BTreeMap<String, Vec<String>>> {
    let mut request = json!({"logGroupName": group, "limit": PAGE});
    if let Some(since) = since {
        request["startTime"] = since.as_millis().into();
    }
    let mut streams: BTreeMap<String, Vec<String>> = BTreeMap::new();
    loop {
        let page = aws.call(Service::Logs, "FilterLogEvents", &request)?;
        let events = page["events"].as_array().map_or(&[][..], Vec::as_slice);
        let mut on_page: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for event in events {
            let stream = event["logStreamName"].as_str().unwrap_or_default();
            let line = event["message"].as_str().unwrap_or_default();
            on_page.entry(stream.to_owned()).or_default().push(line.to_owned());
        }
        for (stream, lines) in on_page {
            let known = streams.entry(stream).or_default();
            if known.len() < lines.len() {
                *known = lines;
            }
        }
        let end = events.last().map_or(Value::Null, |event| event["timestamp"].clone());
        if events.len() < PAGE || request["startTime"] == end {
            return Ok(streams);
        }
        request["startTime"] = end;
    }
}

fn invocation(function: &str, lines: &[String]) -> Invocation {
    let report = lines.iter().rfind(|line| line.starts_with("REPORT RequestId")).map_or("", String::as_str);
    Invocation {
        function: function.to_owned(),
        milliseconds: reported(report, "Billed Duration: "),
        megabytes: reported(report, "Memory Size: "),
        log_bytes: lines.iter().map(|line| line.len() + BYTES_PER_LINE).sum::<usize>() as u64,
        lines: lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect(),
    }
}

fn reported(report: &str, what: &str) -> u64 {
    let value = report.split('\t').find_map(|part| part.strip_prefix(what));
    value.and_then(|value| value.split(' ').next()?.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_is_what_its_log_says() {
        let lines = [
            "START RequestId: 7 Version: $LATEST",
            r#"{"message":"launched"}"#,
            "not JSON",
            "END RequestId: 7",
            "REPORT RequestId: 7\tDuration: 99 ms\tBilled Duration: 101 ms\tMemory Size: 256 MB\tMax Memory Used: 0 MB",
        ]
        .map(str::to_owned);
        let found = invocation("launch", &lines);
        assert_eq!((found.milliseconds, found.megabytes), (101, 256));
        assert_eq!(found.lines, [json!({"message": "launched"})]);
        let bytes: usize = lines.iter().map(String::len).sum();
        assert_eq!(found.log_bytes, (bytes + 5 * 26) as u64);
    }

    #[test]
    fn a_log_without_a_report_costs_nothing() {
        assert_eq!(invocation("launch", &[]), Invocation { function: "launch".to_owned(), ..Invocation::default() });
    }
}
