//! Dead letters as an operator handles them. The test `leftovers` verifies that handled ones are removed permanently.

use goal_activity_client::api::Status;
use std::path::PathBuf;

use goal_activity_events::{ExecutionArn, GoalActivityRejected, GoalId, RejectionReason, UserId};
use goal_activity_testkit::EventBridgeEvent;
use goal_activity_tests::{Chart, Stack, eventually};
use goalctl::{Environment, Shell, Terminal};
use serde_json::{Value, json};

/// Returns the tool's standard output, as JSON, and its exit code.
#[allow(clippy::disallowed_methods, reason = "the tool is given the stack as an operator gives it")]
async fn goalctl(arguments: &[&str]) -> (Value, u8) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let stack_file = std::env::var("GOAL_ACTIVITY_STACK").ok().map(PathBuf::from);
    let environment = Environment { stack_file, ..Environment::default() };
    let shell =
        Shell { out: &mut out, err: &mut err, keyboard: None, piped: None, terminal: Terminal::default(), environment };
    let code = goalctl::run(["goalctl", "dlq", "--json"].iter().chain(arguments), shell).await;
    let (out, err) = (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap());
    (serde_json::from_str(&out).unwrap_or_else(|_| json!({ "out": out, "err": err })), code)
}

/// The one result of a command for one message, and the exit code. Other tests read the same queues: a message that is
/// in flight for another test is not found, and the command is repeated.
async fn result(arguments: &[&str]) -> (Value, u8) {
    eventually(&format!("a result of {arguments:?}"), || async {
        let (report, code) = goalctl(arguments).await;
        let result = report["results"].get(0).unwrap_or(&report).clone();
        (result["result"] != "notFound").then_some((result, code))
    })
    .await
}

/// Waits until a message is listed.
async fn listed(queue: &str, message_id: &str) -> Value {
    eventually(&format!("message {message_id} in the list of {queue}"), || async {
        let (list, code) = goalctl(&["list", queue]).await;
        assert_eq!(code, 0, "{list}");
        let messages = list["queues"][0]["messages"].as_array().expect("messages");
        messages.iter().find(|m| m["messageId"] == message_id).cloned()
    })
    .await
}

/// Puts a message into a queue and returns its id.
async fn put(stack: &Stack, queue: &str, body: &Value) -> String {
    let sent = stack.sqs().send_message().queue_url(stack.output(queue)).message_body(body.to_string()).send().await;
    sent.unwrap().message_id.unwrap()
}

fn batch(arn: &ExecutionArn, goal: &GoalId, user: &UserId) -> Value {
    json!({
        "version": "1", "executionArn": arn, "goalId": goal, "userId": user, "batchIndex": 0,
        "actionIds": ["a-1-1", "a-1-2", "a-1-3"], "regenerate": true, "enqueuedAt": "2026-11-24T00:00:00.000Z",
        "taskToken": "used-up",
    })
}

#[tokio::test]
async fn a_malformed_message_is_listed_refused_and_dropped() {
    let stack = Stack::open().await;
    let poison = json!({ "goalId": "a-users-text", "taskToken": "s3cr3t" });
    let id = put(&stack, "BatchQueueUrl", &poison).await;

    let listed = listed("batch", &id).await;
    assert_eq!((&listed["kind"], &listed["goalId"]), (&json!("malformed"), &Value::Null));
    assert!(listed["receiveCount"].as_u64() >= Some(3), "{listed}");
    assert!(listed["problem"].as_str().unwrap().contains("missing field"), "{listed}");

    let (shown, code) = eventually("the message in full", || async {
        let (shown, code) = goalctl(&["show", "batch", &id]).await;
        shown.get("body").is_some().then_some((shown, code))
    })
    .await;
    assert_eq!(
        (code, &shown["body"]["goalId"], &shown["retry"]["action"]),
        (0, &json!("a-users-text"), &json!("refuse"))
    );
    assert!(!shown.to_string().contains("s3cr3t"), "{shown}");

    let (refused, code) = result(&["retry", "batch", &id]).await;
    assert_eq!((&refused["result"], code), (&json!("refused"), 1), "{refused}");
    let (unasked, code) = goalctl(&["drop", "batch", &id]).await;
    assert_eq!(code, 2, "{unasked}");
    assert!(unasked["err"].as_str().unwrap().contains("--yes"), "{unasked}");

    let (dropped, code) = result(&["drop", "batch", &id, "--yes"]).await;
    assert_eq!((&dropped["result"], code), (&json!("removed"), 0), "{dropped}");
    let (unknown, code) = goalctl(&["drop", "batch", "no-such-message", "--yes"]).await;
    assert_eq!((&unknown["results"][0]["result"], code), (&json!("notFound"), 1));
}

#[tokio::test]
async fn p2_a_batch_of_an_ended_workflow_becomes_one_new_workflow_for_its_failed_action() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(3).script("a-1-2", "fail")).await;
    let rejections = stack.hear_events::<GoalActivityRejected>(&goal).await;
    let first = user.started(&goal).await;
    assert_eq!(user.ended(&first).await.status, Status::PartiallySucceeded);
    stack.mend(&goal, "1#2").await;

    let id = put(&stack, "BatchDlqUrl", &batch(&first, &goal, &user.id)).await;
    let listed = listed("batch", &id).await;
    assert_eq!((&listed["kind"], &listed["batchIndex"]), (&json!("batch"), &json!(0)));
    assert_eq!((&listed["goalId"], &listed["executionArn"]), (&json!(goal), &json!(first)));
    let (requested, code) = result(&["retry", "batch", &id]).await;
    assert_eq!((&requested["result"], &requested["actionIds"], code), (&json!("requested"), &json!(["a-1-2"]), 0));

    let second = eventually("a second workflow", || async {
        stack.executions_of(&goal).await.into_iter().find(|arn| *arn != first)
    })
    .await;
    let end = user.ended(&second).await;
    assert_eq!((end.status.known(), end.total_actions), (Some(Status::Succeeded), 1));
    assert_eq!(user.tasks(&goal).await.len(), 12, "four tasks for each of the three actions");

    // The same batch once more, as after a crash between the request and the removal: still the same request.
    let copy = put(&stack, "BatchDlqUrl", &batch(&first, &goal, &user.id)).await;
    let (again, code) = result(&["retry", "batch", &copy]).await;
    assert_eq!((&again["eventId"], code), (&requested["eventId"], 0), "{again}");
    // A later message has its effect, so this one has been handled.
    let other = put(&stack, "LaunchDlqUrl", &request(&goal, &user.id)).await;
    assert_eq!(result(&["retry", "launch", &other]).await.1, 0);
    // Of the last request.
    let rejected = rejections.first().await;
    assert_eq!(rejected.reason, RejectionReason::NothingToDo);
    assert_eq!(rejected.request_event_id.as_str(), event_id(&goal));
    assert_eq!(stack.executions_of(&goal).await.len(), 2);
}

fn event_id(goal: &GoalId) -> String {
    format!("request-for-{goal}")
}

/// A request of another service as `EventBridge` puts it into the launch queue.
fn request(goal: &GoalId, user: &UserId) -> Value {
    let detail = json!({
        "version": "1", "eventId": event_id(goal), "occurredAt": "2026-11-24T00:00:00Z", "goalId": goal, "userId": user,
    });
    EventBridgeEvent::new("planner", "GoalActivityRequested", &detail).into()
}

#[tokio::test]
async fn requests_that_were_not_launched_or_not_delivered_go_through_when_they_are_retried() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    for (queue, output) in [("launch", "LaunchDlqUrl"), ("undelivered", "UndeliveredDlqUrl")] {
        let goal = stack.goal(&user, Chart::of(1)).await;
        let id = put(&stack, output, &request(&goal, &user.id)).await;
        let (sent, code) = result(&["retry", queue, &id]).await;
        assert_eq!((&sent["result"], &sent["queue"], code), (&json!("sent"), &json!("launch"), 0), "{sent}");
        let arn = eventually("its workflow", || async { stack.executions_of(&goal).await.into_iter().next() }).await;
        assert_eq!(user.ended(&arn).await.status, Status::Succeeded);
    }
}
