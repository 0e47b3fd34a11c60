use std::collections::BTreeSet;

use goal_activity_tests::{Chart, Stack, eventually};
use serde_json::Value;

const FUNCTIONS: [&str; 5] = ["Api", "Launch", "Worker", "Finalize", "Projector"];

/// The spans that a function has printed about a workflow.
async fn spans(stack: &Stack, function: &str, execution: &str) -> Vec<Value> {
    let lines = stack.logged(function, "resourceSpans").await;
    let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let spans = lines.iter().flat_map(|line| list(line, "resourceSpans"));
    let spans = spans.flat_map(|resource| list(&resource, "scopeSpans")).flat_map(|scope| list(&scope, "spans"));
    spans.filter(|span| span["attributes"].to_string().contains(execution)).collect()
}

#[tokio::test]
async fn every_function_prints_its_spans_of_one_workflow_in_one_trace() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(9)).await;
    let arn = user.started(&goal).await;
    user.ended(&arn).await;

    let mut traces = BTreeSet::new();
    for function in FUNCTIONS {
        let what = format!("spans of {function}");
        let spans = eventually(&what, || async {
            Some(spans(&stack, function, arn.as_str()).await).filter(|spans| !spans.is_empty())
        });
        traces.extend(spans.await.iter().map(|span| span["traceId"].to_string()));
    }
    assert_eq!(traces.len(), 1, "{traces:?}");

    // From a line of the log to the trace.
    let saved = stack.logged("Worker", "action saved").await.into_iter();
    let saved: Vec<_> = saved.filter(|line| line["executionArn"] == arn.as_str()).collect();
    assert_eq!(saved.len(), 9, "{saved:?}");
    assert!(saved.iter().all(|line| traces.contains(&line["traceId"].to_string())), "{saved:?}");
}
