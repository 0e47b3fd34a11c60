//! `goalctl` with the permissions that the guide documents, and without one of them.

use goal_activity_events::ExecutionArn;
use goal_activity_testkit::EventBridgeEvent;
use goal_activity_tests::{Chart, Permission, Stack, User};
use serde_json::{Value, json};

use crate::page::permissions;
use crate::terminal::{Ran, Terminal};

/// Runs `goalctl` on the stack as an operator on AWS does.
async fn goalctl(terminal: &Terminal, stack: &Stack, arguments: &str) -> Ran {
    terminal.run(&format!("goalctl --stack {} {arguments}", stack.output("StackName"))).await
}

async fn put(stack: &Stack, queue: &str, body: &Value) -> String {
    let sent = stack.sqs().send_message().queue_url(stack.output(queue)).message_body(body.to_string()).send().await;
    sent.unwrap().message_id.unwrap()
}

/// A batch of a workflow in which an action has failed: its retry becomes a new request.
async fn failed_batch(stack: &Stack, user: &User) -> (String, ExecutionArn) {
    let goal = stack.goal(user, Chart::of(1).script_all("fail")).await;
    let arn = user.started(&goal).await;
    user.ended(&arn).await;
    let batch = json!({
        "version": "1", "executionArn": arn, "goalId": goal, "userId": user.id, "batchIndex": 0,
        "actionIds": ["a-1-1"], "regenerate": true, "enqueuedAt": "2026-11-24T00:00:00.000Z", "taskToken": "used-up",
    });
    (put(stack, "BatchDlqUrl", &batch).await, arn)
}

/// A request that was not launched: its retry sends it again.
async fn request(stack: &Stack, user: &User) -> String {
    let goal = stack.goal(user, Chart::of(1)).await;
    let detail = json!({
        "version": "1", "eventId": format!("request-for-{goal}"), "occurredAt": "2026-11-24T00:00:00Z", "goalId": goal,
        "userId": user.id,
    });
    put(stack, "LaunchDlqUrl", &EventBridgeEvent::new("planner", "GoalActivityRequested", &detail).into()).await
}

/// All that `goalctl dlq` does, each with messages of its own.
async fn dead_letters(terminal: &Terminal, stack: &Stack, user: &User) -> Vec<Ran> {
    let (batch, _) = failed_batch(stack, user).await;
    let request = request(stack, user).await;
    let malformed = put(stack, "BatchDlqUrl", &json!({ "no": "batch" })).await;
    let mut ran = Vec::new();
    for command in [
        "dlq list".to_owned(),
        format!("dlq show batch {batch}"),
        format!("dlq retry batch {batch}"),
        format!("dlq retry launch {request}"),
        format!("dlq drop batch {malformed} --yes"),
    ] {
        ran.push(goalctl(terminal, stack, &command).await);
    }
    ran
}

/// Names the action of a permission as AWS does, in whatever case, in what was printed.
fn names(ran: &Ran, permission: &Permission) -> bool {
    format!("{}{}", ran.out, ran.err).to_lowercase().contains(&permission.action.to_lowercase())
}

/// The permissions without one action.
fn without(all: &[Permission], action: &str) -> Vec<Permission> {
    all.iter().filter(|permission| permission.action != action).cloned().collect()
}

/// Each action once.
fn actions(all: &[Permission]) -> Vec<Permission> {
    let mut actions = all.to_vec();
    actions.dedup_by(|a, b| a.action == b.action);
    actions
}

#[tokio::test]
async fn dead_letters_need_what_the_guide_says_and_each_missing_permission_is_told() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let all = permissions(&stack, "dead-letters");
    let terminal = Terminal::of(&stack, &all).await;
    for ran in dead_letters(&terminal, &stack, &user).await {
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
    for missing in actions(&all) {
        let terminal = Terminal::of(&stack, &without(&all, &missing.action)).await;
        let ran = dead_letters(&terminal, &stack, &user).await;
        assert!(ran.iter().any(|ran| ran.code != Some(0)), "nothing needs {missing:?}: {ran:?}");
        for ran in ran.iter().filter(|ran| ran.code != Some(0)) {
            // What the failed command has left in flight is not found by the next one.
            let hidden =
                ran.out.contains("notFound") || ran.out.contains("not in the") || ran.err.contains("not in the");
            assert!(hidden || names(ran, &missing), "{missing:?} is not named: {ran:?}");
        }
        assert!(ran.iter().any(|ran| ran.code != Some(0) && names(ran, &missing)), "{missing:?}: {ran:?}");
        empty(&stack).await;
    }
}

/// Removes what a test has left.
async fn empty(stack: &Stack) {
    for queue in ["LaunchDlqUrl", "BatchDlqUrl"] {
        stack.sqs().purge_queue().queue_url(stack.output(queue)).send().await.unwrap();
    }
}

#[tokio::test]
async fn the_doctor_needs_what_the_guide_says_and_tells_each_check_that_was_not_done() {
    let stack = Stack::open().await;
    let all = permissions(&stack, "how-to-look");
    let help = Terminal::of(&stack, &all).await.run("goalctl doctor --help").await;
    for missing in [None].into_iter().chain(actions(&all).into_iter().map(Some)) {
        let left = missing.as_ref().map_or_else(|| all.clone(), |missing| without(&all, &missing.action));
        let ran = goalctl(&Terminal::of(&stack, &left).await, &stack, "doctor --json").await;
        let not_done = ran.out.contains("\"notDone\"");
        match &missing {
            None => assert!(!not_done && ran.out.contains("\"checks\""), "{ran:?}"),
            Some(missing) => {
                assert!(ran.code != Some(0) && names(&ran, missing), "{missing:?}: {ran:?}");
                let operation = missing.action.split(':').nth(1).unwrap_or_default();
                assert!(help.out.contains(operation), "{operation} is not in the help");
            }
        }
    }
}

#[tokio::test]
async fn an_operator_and_a_pause_need_what_the_guide_says() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let (_, arn) = failed_batch(&stack, &user).await;
    empty(&stack).await;
    for (section, commands) in [
        (
            "acting-as-an-operator",
            vec![format!("find --user {}", user.id), format!("status {arn}"), format!("retry {arn} --reason why")],
        ),
        ("stop-something", vec!["pause --reason why".to_owned(), "resume".to_owned()]),
    ] {
        let all = permissions(&stack, section);
        for command in &commands {
            for missing in actions(&all).into_iter().filter(|p| !p.action.ends_with("EventSourceMapping")) {
                let terminal = Terminal::of(&stack, &without(&all, &missing.action)).await;
                let ran = goalctl(&terminal, &stack, command).await;
                assert!(ran.code != Some(0) && names(&ran, &missing), "{command} without {missing:?}: {ran:?}");
            }
            let ran = goalctl(&Terminal::of(&stack, &all).await, &stack, command).await;
            assert_eq!(ran.code, Some(0), "{command}: {ran:?}");
        }
    }
}
