//! Notifications of operators: notices and alarms, with the filters that docs/OPERATIONS.md recommends.

use goal_activity_client::api::Status;
use goal_activity_tests::{Chart, Listener, Stack, eventually};
use serde_json::{Value, json};

/// The JSON of a message.
fn said(message: &Value) -> Value {
    serde_json::from_str(message["Message"].as_str().unwrap()).unwrap()
}

/// A workflow that partially fails, and one of the same user that fails as a whole.
async fn two_failures(stack: &Stack, hear: impl AsyncFn(&str) -> Listener) -> [Listener; 2] {
    let user = stack.user().await;
    let charts = [Chart::of(2).script("a-1-1", "fail"), Chart::of(1).script_all("fail")];
    let mut heard = Vec::new();
    for (chart, status) in charts.into_iter().zip([Status::PartiallySucceeded, Status::Failed]) {
        let goal = stack.goal(&user, chart).await;
        heard.push(hear(goal.as_str()).await);
        let arn = user.started(&goal).await;
        assert_eq!(user.ended(&arn).await.status, status);
        // When the subscription to everything has received it, all have.
        eventually("everybody told", || async {
            let row = stack.execution_row(&arn).await;
            row.get("notifiedAt").is_some_and(|at| !at.is_null()).then_some(())
        })
        .await;
    }
    heard.try_into().unwrap()
}

#[tokio::test]
async fn a_subscriber_that_filters_by_severity_gets_what_is_severe_as_json() {
    let stack = Stack::open().await;
    let policy = json!({ "severity": ["HIGH", "CRITICAL"] }).to_string();
    let hear = async |goal: &str| stack.hear_alerts(goal, &[("FilterPolicy", policy.as_str())]).await;
    let [partial, failed] = two_failures(&stack, hear).await;
    let notice = failed.first("a notice of a failure").await;
    assert_eq!(notice["MessageAttributes"]["status"]["Value"], "FAILED");
    let notice = said(&notice);
    assert_eq!((&notice["version"], &notice["severity"]), (&json!("1"), &json!("HIGH")), "{notice}");
    assert_eq!((&notice["status"], &notice["failedActions"]), (&json!("FAILED"), &json!(1)), "{notice}");
    assert!(partial.heard().await.is_empty(), "a notice of medium severity came through");
}

#[tokio::test]
async fn a_subscriber_that_filters_by_the_body_gets_what_is_severe_and_all_alarms() {
    let stack = Stack::open().await;
    let policy =
        json!({ "$or": [{ "severity": ["HIGH", "CRITICAL"] }, { "AlarmName": [{ "exists": true }] }] }).to_string();
    let subscription = [("FilterPolicyScope", "MessageBody"), ("FilterPolicy", &*policy)];
    let alarms = stack.hear_alerts("-TimedOut", &subscription).await;
    let by_attribute = json!({ "severity": ["MEDIUM", "HIGH", "CRITICAL"] }).to_string();
    let without_alarms = stack.hear_alerts("-TimedOut", &[("FilterPolicy", by_attribute.as_str())]).await;
    let [partial, failed] = two_failures(&stack, async |goal: &str| stack.hear_alerts(goal, &subscription).await).await;
    failed.first("a notice of a failure").await;
    assert!(partial.heard().await.is_empty(), "a notice of medium severity came through");

    stack.count("WorkflowTimedOut", &[1.0]).await;
    let alarm = said(&alarms.first("an alarm").await);
    assert_eq!(alarm["NewStateValue"], "ALARM", "{alarm}");
    assert!(without_alarms.heard().await.is_empty(), "an alarm has no attributes to filter by");
}

/// Waits for the next message of an alarm, and returns its new state.
async fn next_state(listener: &Listener, seen: usize) -> Value {
    let all = eventually("a change of the alarm", || async {
        let all = listener.heard().await;
        (all.len() > seen).then_some(all)
    })
    .await;
    assert_eq!(all.len(), seen + 1, "{all:?}");
    said(&all[seen])
}

#[tokio::test]
async fn a_failure_rate_over_ten_percent_calls_the_operators_and_says_when_it_is_over() {
    let stack = Stack::open().await;
    let alarm = stack.hear_alerts("-FailureRate", &[]).await;
    let ends = |failed: usize, well: usize| [vec![1.0; failed], vec![0.0; well]].concat();
    stack.count("WorkflowFailed", &ends(1, 9)).await;
    assert_eq!(next_state(&alarm, 0).await["NewStateValue"], "OK", "ten percent are not over ten percent");
    stack.count("WorkflowFailed", &ends(1, 0)).await;
    let raised = next_state(&alarm, 1).await;
    assert_eq!(raised["NewStateValue"], "ALARM", "{raised}");
    let description = raised["AlarmDescription"].as_str().unwrap();
    assert!(description.ends_with("What to do: docs/OPERATIONS.md#failure-rate"), "{description}");
    stack.count("WorkflowFailed", &ends(0, 9)).await;
    assert_eq!(next_state(&alarm, 2).await["NewStateValue"], "OK");
}

/// `Slow` sends no OK, so none is received. The emulator evaluates all periods together, ignoring how many of them must
/// be breached, and missing data.
#[tokio::test]
async fn the_alarms_on_other_metrics_of_our_own_call_the_operators() {
    let stack = Stack::open().await;
    let cases = [
        ("Slow", "WorkflowDuration", None, 600_001.0),
        ("AiErrorRate", "AiCallFailed", Some(0.2), 1.0),
        ("ReconcilerSilent", "ReconcilerRuns", None, 0.0),
        ("ReconcilerFailing", "ReconcilerFailures", Some(0.0), 1.0),
    ];
    for (name, metric, still_fine, too_much) in cases {
        let alarm = stack.hear_alerts(&format!("-{name}"), &[]).await;
        let mut seen = 0;
        if let Some(value) = still_fine {
            stack.count(metric, &[value]).await;
            assert_eq!(next_state(&alarm, seen).await["NewStateValue"], "OK", "{name}");
            seen += 1;
        }
        stack.count(metric, &[too_much]).await;
        let raised = next_state(&alarm, seen).await;
        assert_eq!(raised["NewStateValue"], "ALARM", "{raised}");
        assert!(raised["AlarmName"].as_str().unwrap().ends_with(name), "{raised}");
        assert!(raised["AlarmDescription"].as_str().unwrap().contains(" What to do: docs/OPERATIONS.md#"), "{raised}");
    }
}
