//! The spans that functions print with `TRACING=print`, as the tree of one workflow.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::{Duration, Instant};

use anyhow::Result;
use goal_activity_events::ExecutionArn;
use serde_json::{Value, json};

use crate::aws::{Aws, Service};

/// How long the last function may take to print its spans.
const PRINTED: Duration = Duration::from_secs(10);
const WORKFLOW: &str = "goal_activity.execution_arn";
/// The attributes that distinguish spans of one name.
const DETAILS: [&str; 4] =
    ["goal_activity.batch_index", "goal_activity.action_id", "goal_activity.attempt", "error.type"];

/// One span, with the fields of OTLP/JSON that are shown.
#[derive(Debug, Clone)]
struct Span {
    trace: String,
    id: String,
    parent: String,
    name: String,
    service: String,
    start: u128,
    end: u128,
    attributes: BTreeMap<String, String>,
}

/// Returns the tree of a workflow that has ended, once the span of its end is recorded.
pub(crate) fn tree_of(aws: &Aws, execution: &ExecutionArn) -> Result<String> {
    let deadline = Instant::now() + PRINTED;
    loop {
        let spans = spans(&printed(aws)?);
        let of_it = of_workflow(&spans, execution.as_str());
        // The projector writes one for the end, and those for progress have the number of a batch.
        let complete = of_it.iter().any(|span| {
            span.name == "process projection" && !span.attributes.contains_key("goal_activity.batch_index")
        });
        if complete || Instant::now() > deadline {
            return Ok(tree(&of_it));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Returns all lines of all functions that contain spans.
fn printed(aws: &Aws) -> Result<Vec<Value>> {
    let mut lines = Vec::new();
    let groups = aws.call(Service::Logs, "DescribeLogGroups", &json!({}))?;
    for group in groups["logGroups"].as_array().into_iter().flatten() {
        // One page is enough: the emulator gives 10,000 lines that match.
        let request = json!({ "logGroupName": group["logGroupName"], "filterPattern": "\"resourceSpans\"" });
        let page = aws.call(Service::Logs, "FilterLogEvents", &request)?;
        let messages = page["events"].as_array().into_iter().flatten().filter_map(|e| e["message"].as_str());
        lines.extend(messages.filter_map(|message| serde_json::from_str(message).ok()));
    }
    Ok(lines)
}

fn spans(lines: &[Value]) -> Vec<Span> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut spans = Vec::new();
    for resource in lines.iter().flat_map(|line| list(&line["resourceSpans"])) {
        let service = attributes(&resource["resource"]["attributes"]).remove("service.name").unwrap_or_default();
        for span in list(&resource["scopeSpans"]).iter().flat_map(|scope| list(&scope["spans"])) {
            spans.push(Span {
                trace: text(&span["traceId"]),
                id: text(&span["spanId"]),
                parent: text(&span["parentSpanId"]),
                name: text(&span["name"]),
                service: service.clone(),
                start: text(&span["startTimeUnixNano"]).parse().unwrap_or_default(),
                end: text(&span["endTimeUnixNano"]).parse().unwrap_or_default(),
                attributes: attributes(&span["attributes"]),
            });
        }
    }
    spans.sort_by_key(|span| span.start);
    spans
}

fn attributes(all: &Value) -> BTreeMap<String, String> {
    let read = |attribute: &Value| {
        let value = attribute["value"].as_object()?.values().next()?;
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some((attribute["key"].as_str()?.to_owned(), value))
    };
    all.as_array().into_iter().flatten().filter_map(read).collect()
}

/// Returns all spans of the traces that name the workflow.
fn of_workflow(spans: &[Span], execution: &str) -> Vec<Span> {
    let about = spans.iter().filter(|span| span.attributes.get(WORKFLOW).is_some_and(|arn| arn == execution));
    let traces: BTreeSet<_> = about.map(|span| &span.trace).collect();
    spans.iter().filter(|span| traces.contains(&span.trace)).cloned().collect()
}

/// One line per span, below its parent: when it began after the first one, and its duration.
fn tree(spans: &[Span]) -> String {
    let mut text = String::new();
    let ids: BTreeSet<_> = spans.iter().map(|span| &span.id).collect();
    for root in spans.iter().filter(|span| !ids.contains(&span.parent)) {
        let _ = writeln!(text, "trace {}", root.trace);
        branch(&mut text, spans, root, root.start, 1);
    }
    text
}

fn branch(text: &mut String, spans: &[Span], span: &Span, begun: u128, depth: usize) {
    let millis = |nanoseconds: u128| nanoseconds / 1_000_000;
    let (after, took) = (millis(span.start.saturating_sub(begun)), millis(span.end.saturating_sub(span.start)));
    let details = DETAILS.iter().filter_map(|key| Some(format!(" {}={}", short(key), span.attributes.get(*key)?)));
    let (name, details) = (format!("{}{}", "  ".repeat(depth), span.name), details.collect::<String>());
    let _ = writeln!(text, "{name:<46} {:<24} +{after:>5} ms {took:>6} ms{details}", span.service);
    for child in spans.iter().filter(|child| child.parent == span.id) {
        branch(text, spans, child, begun, depth + 1);
    }
}

fn short(key: &str) -> &str {
    key.strip_prefix("goal_activity.").unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(service: &str, trace: &str, (id, parent): (&str, &str), name: &str, workflow: &str, start: u32) -> Value {
        let begun = format!("{start}000000");
        json!({ "resourceSpans": [{
            "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": service } }] },
            "scopeSpans": [{ "spans": [{
                "traceId": trace, "spanId": id, "parentSpanId": parent, "name": name, "startTimeUnixNano": begun,
                "endTimeUnixNano": format!("{}000000", start + 3),
                "attributes": [
                    { "key": WORKFLOW, "value": { "stringValue": workflow } },
                    { "key": "goal_activity.batch_index", "value": { "intValue": "7" } },
                ],
            }] }],
        }] })
    }

    #[test]
    fn a_workflows_spans_are_a_tree_in_the_order_of_time() {
        let lines = [
            line("worker", "t1", ("c", "a"), "process batch", "w1", 30),
            line("launch", "t1", ("b", "a"), "process launch", "w1", 20),
            line("api", "t1", ("a", ""), "POST", "w1", 10),
            line("api", "t2", ("d", ""), "POST", "w2", 5),
        ];
        let tree = tree(&of_workflow(&spans(&lines), "w1"));
        let words: Vec<_> = tree.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let expected = [
            "trace t1",
            "POST api + 0 ms 3 ms batch_index=7",
            "process launch launch + 10 ms 3 ms batch_index=7",
            "process batch worker + 20 ms 3 ms batch_index=7",
        ];
        assert_eq!(words, expected, "{tree}");
    }
}
