//! The output of the deployed functions about a workflow: log lines and metrics.

use goal_activity_client::api::Status;
use std::collections::BTreeSet;

use goal_activity_tests::{Chart, Stack, eventually};
use serde_json::{Value, json};

const FUNCTIONS: [&str; 5] =
    ["ApiFunction", "LaunchFunction", "WorkerFunction", "ProjectorFunction", "ReconcileFunction"];

/// The lines of all functions with these words in them.
async fn said(stack: &Stack, words: &str) -> Vec<Value> {
    let mut lines = Vec::new();
    for function in FUNCTIONS {
        lines.extend(stack.logged(function, words).await);
    }
    lines
}

#[tokio::test]
async fn a_workflow_is_logged_step_by_step() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(16).script("a-2-8", "fail")).await;
    let arn = user.started(&goal).await;
    assert_eq!(user.ended(&arn).await.status, Status::PartiallySucceeded);

    let lines = eventually("the whole story", || async {
        let mut lines = said(&stack, arn.as_str()).await;
        lines.retain(|line| line["executionArn"] == arn.as_str());
        // An invocation's lines are available at its end, which may be after the workflow's.
        let times = |message: &str| lines.iter().filter(|line| line["message"] == message).count();
        (times("end published") > 0 && times("batch answered") == 2).then_some(lines)
    })
    .await;
    let named = |message: &str| lines.iter().filter(|l| l["message"] == message).collect::<Vec<_>>();
    for once in ["workflow accepted", "workflow ended"] {
        assert_eq!(named(once).len(), 1, "{once}: {lines:#?}");
    }
    assert_eq!((named("action saved").len(), named("action failed").len(), named("batch answered").len()), (15, 1, 2));
    let end = named("workflow ended")[0];
    let summary = ["goalId", "status", "succeeded", "failed", "attempts"].map(|field| end[field].clone());
    assert_eq!(summary, [json!(goal), json!("PARTIALLY_SUCCEEDED"), json!(15), json!(1), json!(16)], "{end}");
    assert!(end["durationMs"].as_u64() > Some(0), "{end}");
}

#[tokio::test]
async fn every_metric_of_a_workflow_is_written_as_the_catalogue_says() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(8).script("a-1-8", "fail")).await;
    let arn = user.started(&goal).await;
    user.ended(&arn).await;

    let catalogue: Value = serde_json::from_str(include_str!("../../functions/metrics.json")).unwrap();
    let known = catalogue["metrics"].as_array().unwrap();
    let expected = [
        "WorkflowStarted",
        "WorkflowFailed",
        "WorkflowDuration",
        "ActionsProcessed",
        "ActionsFailed",
        "TasksGenerated",
        "AiAttempts",
        "AiLatency",
        "AiCallFailed",
        "AiErrors",
        "BatchQueueWait",
        "BatchDuration",
    ];
    let lines = eventually("lines of all metrics", || async {
        let lines = said(&stack, "_aws").await;
        let all = expected.iter().all(|name| lines.iter().any(|line| line[*name].is_number()));
        all.then_some(lines)
    })
    .await;
    for line in &lines {
        assert!(line["_aws"]["Timestamp"].is_u64(), "{line}");
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            assert_eq!(directive["Namespace"], stack.output("StackName"));
            for metric in directive["Metrics"].as_array().unwrap() {
                let entry = known.iter().find(|k| k["name"] == metric["Name"]).unwrap_or_else(|| panic!("{metric}?"));
                assert_eq!(metric.get("Unit").unwrap_or(&json!("None")), &entry["unit"]);
                let sets: BTreeSet<_> = entry["dimensions"].as_array().unwrap().iter().map(Value::to_string).collect();
                assert!(directive["Dimensions"].as_array().unwrap().iter().all(|s| sets.contains(&s.to_string())));
                assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{line}");
            }
        }
    }
}
