use std::sync::{Arc, Mutex};

use goal_activity_testkit::EventBridgeEvent;
use goal_activity_testkit::stub::{Reply, Response, Seen, Stub};
use serde_json::json;

use super::*;
use crate::environment::Environment;
use crate::failure::UNAVAILABLE;
use crate::testing::ran_on;

const ARN: &str = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:run-1";

/// What a service puts on the bus about a request with these fields in its detail.
fn event(source: &str, kind: &str, detail: Value) -> Value {
    let mut whole = json!({ "goalId": "run", "occurredAt": "2026-11-24T09:30:00.000Z" });
    whole.as_object_mut().unwrap().extend(detail.as_object().unwrap().clone());
    EventBridgeEvent::new(source, kind, &whole).into()
}

fn own(kind: &str, detail: Value) -> Value {
    let mut detail = detail;
    detail["request"] = json!({ "source": "planner", "eventId": "plan-17" });
    event(SOURCE, kind, detail)
}

fn awaited() -> Awaited {
    Awaited::new("run".parse().unwrap(), "plan-17".parse().unwrap(), "planner".to_owned())
}

#[test]
fn only_what_the_pipeline_says_of_this_request_counts() {
    let completed = |status: &str| own("WorkflowCompleted", json!({ "executionArn": ARN, "status": status }));
    let mut request = awaited();
    for other in [
        event(SOURCE, "WorkflowCompleted", json!({ "status": "SUCCEEDED" })),
        event(SOURCE, "WorkflowCompleted", json!({ "request": { "source": "planner", "eventId": "plan-16" } })),
        event(SOURCE, "WorkflowCompleted", json!({ "request": { "source": "other", "eventId": "plan-17" } })),
        event(SOURCE, "GoalActivityRejected", json!({ "requestEventId": "plan-16" })),
        own("GoalActivityRequested", json!({})),
    ] {
        assert_eq!(request.hear(&other), Heard::Nothing, "{other}");
    }
    let mut forged = completed("SUCCEEDED");
    forged["source"] = "planner".into();
    assert_eq!(request.hear(&forged), Heard::Nothing);
    assert_eq!(request.hear(&Value::Null), Heard::Nothing);

    assert_eq!(request.hear(&own("GoalActivityAccepted", json!({ "executionArn": ARN }))), Heard::Progress);
    assert_eq!(request.hear(&own("BatchProgressed", json!({ "executionArn": ARN }))), Heard::Progress);
    assert_eq!(request.hear(&completed("SUCCEEDED")), Heard::Ended { has_succeeded: true });
    for status in ["PARTIALLY_SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "EXPIRED"] {
        assert_eq!(request.hear(&completed(status)), Heard::Ended { has_succeeded: false }, "{status}");
    }
}

#[test]
fn ctrl_c_and_the_end_of_the_time_say_what_goes_on() {
    let mut request = awaited();
    let said = request.left_alone();
    assert!(said.exit == INTERRUPTED && said.to_string().contains("nothing was emitted"), "{said}");
    request.may_be_emitted = true;
    let said = request.left_alone().to_string();
    assert!(said.contains("its workflow goes on") && said.contains("`goalctl history run`"), "{said}");
    assert!(request.out_of_time(7).to_string().contains("not answered"), "{}", request.out_of_time(7));
    request.hear(&own("GoalActivityAccepted", json!({ "executionArn": ARN })));
    let said = request.left_alone().to_string();
    assert!(
        said.contains("the workflow goes on") && said.contains(&format!("`goalctl status {ARN} --watch`")),
        "{said}"
    );
    assert!(request.out_of_time(7).to_string().contains("it goes on"), "{}", request.out_of_time(7));
    assert_eq!(request.out_of_time(7).exit, UNAVAILABLE);
    let unheard = request.unheard(&anyhow::anyhow!("no route to the queue"));
    assert_eq!((unheard.exit, unheard.execution_arn.as_deref()), (UNAVAILABLE, Some(ARN)));
    let said = unheard.to_string();
    assert!(
        said.contains("no route to the queue") && said.contains(&format!("`goalctl status {ARN} --watch`")),
        "{said}"
    );
}

/// Runs `goalctl events emit --wait` on a bus that gives these answers once the request is there. Returns the exit code, what is
/// printed, and which calls of AWS were made.
async fn emitted(name: &str, answers: Vec<Value>, more: &[&str]) -> (u8, String, String, Vec<String>) {
    let bus: Arc<Mutex<(Vec<Value>, Vec<String>)>> = Arc::default();
    let kept = Arc::clone(&bus);
    let aws = Stub::with(move |seen: &Seen| {
        let action = seen.header("x-amz-target").and_then(|target| target.rsplit('.').next()).unwrap_or_default();
        let mut bus = kept.lock().unwrap();
        bus.1.push(action.to_owned());
        Reply::Whole(Response::new(
            200,
            match action {
                "CreateQueue" => json!({ "QueueUrl": "http://queue" }),
                "GetQueueAttributes" => json!({ "Attributes": { "QueueArn": "arn:aws:sqs:us-east-1:123456789012:q" } }),
                "PutRule" => json!({ "RuleArn": "arn:rule" }),
                "PutTargets" => json!({ "FailedEntryCount": 0, "FailedEntries": [] }),
                "PutEvents" => {
                    let entry = &seen.body["Entries"][0];
                    let kind = entry["DetailType"].as_str().unwrap();
                    let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
                    bus.0.push(event(entry["Source"].as_str().unwrap(), kind, detail));
                    if kind == "GoalActivityRequested" {
                        bus.0.extend(answers.clone());
                    }
                    json!({ "FailedEntryCount": 0, "Entries": [{ "EventId": "e" }] })
                }
                "ReceiveMessage" => {
                    let message = |event: Value| json!({ "Body": event.to_string(), "ReceiptHandle": "h" });
                    json!({ "Messages": bus.0.drain(..).map(message).collect::<Vec<_>>() })
                }
                _ => json!({}),
            },
        ))
    })
    .await;
    let emit = ["events", "emit", "run", "--user", "ann", "--source", "planner", "--event-id", "plan-17", "--wait"];
    let on = (&*aws.url(), json!({ "EventBusName": "bus" }));
    let (code, out, err) =
        ran_on(&format!("emit-{name}"), on, Environment::default(), &[&emit[..], more].concat()).await;
    let calls = std::mem::take(&mut bus.lock().unwrap().1);
    let closed = ["RemoveTargets", "DeleteRule", "DeleteQueue"];
    assert!(calls.ends_with(&closed.map(str::to_owned)), "nothing is left behind: {calls:?}");
    (code, out, err, calls)
}

fn ended(status: &str) -> Vec<Value> {
    let end =
        json!({ "executionArn": ARN, "status": status, "succeededActions": 8, "totalActions": 8, "failedActions": [] });
    vec![own("GoalActivityAccepted", json!({ "executionArn": ARN })), own("WorkflowCompleted", end)]
}

#[tokio::test]
async fn a_request_is_followed_until_its_workflow_has_ended() {
    let (code, out, err, calls) = emitted("succeeded", ended("SUCCEEDED"), &[]).await;
    assert!(code == DONE && out.ends_with("SUCCEEDED: 8/8 with tasks, 0 failed\n"), "{code} {out} {err}");
    assert!(err.starts_with("Emitted GoalActivityRequested") && err.contains("GoalActivityAccepted"), "{err}");
    let first = calls.iter().position(|call| call == "PutEvents").unwrap();
    assert!(calls[..first].contains(&"PutTargets".to_owned()), "it listens before it emits: {calls:?}");
    let (code, _, err, _) = emitted("failed", ended("FAILED"), &[]).await;
    assert_eq!(code, NOT_DONE, "{err}");
    let (code, out, err, _) = emitted("json", ended("PARTIALLY_SUCCEEDED"), &["--json"]).await;
    let end: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &end["detail"]["status"], err.as_str()), (NOT_DONE, &json!("PARTIALLY_SUCCEEDED"), ""));
}

#[tokio::test]
async fn a_rejection_is_an_error_with_its_reason() {
    let detail =
        json!({ "requestEventId": "plan-17", "reason": "NOTHING_TO_DO", "message": "no\u{1b}[2J", "retryable": false });
    let (code, out, err, _) = emitted("rejected", vec![own("GoalActivityRejected", detail.clone())], &[]).await;
    assert!(
        code == REFUSED && out.is_empty() && err.contains("rejected (NOTHING_TO_DO)\n  no\u{fffd}[2J\n"),
        "{code} {err}"
    );
    let (code, _, err, _) =
        emitted("rejected-json", vec![event(SOURCE, "GoalActivityRejected", detail)], &["--json"]).await;
    let told: Value = serde_json::from_str(&err).unwrap();
    assert_eq!((code, &told["error"]["code"]), (REFUSED, &json!("NOTHING_TO_DO")), "{err}");
}

#[tokio::test]
async fn a_request_without_an_answer_is_not_waited_for_for_ever() {
    let (code, out, err, _) = emitted("silence", Vec::new(), &["--timeout", "1"]).await;
    assert!(code == UNAVAILABLE && out.is_empty() && err.contains("not answered in that time"), "{code} {err}");
    let accepted = vec![own("GoalActivityAccepted", json!({ "executionArn": ARN }))];
    let (code, _, err, _) = emitted("endless", accepted, &["--timeout", "1"]).await;
    assert!(code == UNAVAILABLE && err.contains("has not ended") && err.contains("it goes on"), "{code} {err}");
}
