//! The launch queue: `GoalActivityRequested` of other services.

use std::num::NonZeroU32;

use goal_activity_core::daily::DailyLimit;
use goal_activity_core::goal::GoalStatus;
use goal_activity_core::keys;
use goal_activity_core::limits::MAX_RUNNING_PER_USER;
use goal_activity_core::ports::{Accepted, Event, RequestKey};
use goal_activity_events::{
    ClaimSequence, Detail, ExecutionArn, GoalActivityRejected, GoalActivityRequested, RejectionReason, Timestamp,
};
use goal_activity_functions::adapters::memory::{MemoryOfRequest, samples};
use goal_activity_testkit::EventBridgeEvent;
use serde_json::{Value, json};

use super::entry::{Fate, deliver, state};
use super::logs::{Logs, assert_silent};
use super::wrong::{MARKER, Wrong, every_wrong, no_documents, with_unknown_fields};
use crate::rig::{Rig, USER, goal_id};

fn document() -> Value {
    let detail = json!({
        "version": "1", "eventId": "request-1", "occurredAt": "1970-01-01T00:00:00.000Z", "goalId": "goal-1",
        "userId": USER, "actionIds": ["a-1-1", "a-1-2"], "regenerate": false,
    });
    let mut event: Value = EventBridgeEvent::new("test", GoalActivityRequested::TYPE, &detail).into();
    event.as_object_mut().unwrap().retain(|name, _| !["account", "region", "resources", "version"].contains(&&**name));
    event
}

fn rejections(rig: &Rig) -> Vec<GoalActivityRejected> {
    let rejected = |e| if let Event::Rejected(r) = e { Some(r) } else { None };
    rig.events().into_iter().filter_map(rejected).collect()
}

/// Delivers a request to new in-memory adapters. Either it is launched, or it is rejected by one event, or it is
/// dead-lettered: exactly one of these.
async fn fate_of(logs: &Logs, what: &str, text: &str) -> &'static str {
    let rig = Rig::with_goal(9);
    let before = state(&rig);
    let fate = deliver(&rig, logs, &rig.launcher(), &json!(text)).await;
    let (Fate::Taken(said) | Fate::DeadLettered(said)) = &fate;
    assert_silent(what, said);
    let rejections = rejections(&rig);
    assert_silent(what, &serde_json::to_string(&rejections).unwrap());
    assert!(rejections.iter().all(|r| !r.message.is_empty() && r.request_event_id.as_str() == "request-1"));
    let launched = rig.world.state().started.len();
    assert!(launched == 1 || state(&rig) == before, "{what} left something behind");
    match (fate, launched, rejections.len()) {
        (Fate::Taken(_), 1, 0) => "launched",
        (Fate::Taken(_), 0, 1) => "rejected",
        (Fate::DeadLettered(_), 0, 0) => "dead-lettered",
        fate => panic!("{what}: {fate:?}"),
    }
}

#[tokio::test]
async fn a_request_that_breaks_the_contract_is_rejected_or_dead_lettered() {
    let logs = Logs::collect();
    let wrong = every_wrong(&document()).into_iter().chain(no_documents(&document()));
    for Wrong { place, kind, text } in wrong {
        let what = format!("{place}: {kind}");
        let fate = fate_of(&logs, &what, &text).await;
        let expected = match (place.as_str(), kind) {
            ("/source", "text" | "escaped digits" | "parser's words")
            | ("/detail/actionIds", "null" | "removed")
            | ("/detail/regenerate", "null" | "removed" | "bool") => "launched",
            ("/source", "empty text" | "long text" | "control characters") => "rejected",
            // The id beside it can be read.
            (place, "lone surrogate" | "deep array" | "deep object" | "endless number")
                if place.starts_with("/detail/") && place != "/detail/eventId" =>
            {
                "rejected"
            }
            // Only with the request's id can its sender be answered.
            (
                _,
                "lone surrogate"
                | "raw control character"
                | "deep array"
                | "deep object"
                | "endless number"
                | "not JSON",
            ) => "dead-lettered",
            (place, _) if place.starts_with("/detail/") && place != "/detail/eventId" => "rejected",
            ("/detail/eventId", "twice") => "rejected",
            _ => "dead-lettered",
        };
        assert_eq!(fate, expected, "{what}");
    }
    assert_eq!(fate_of(&logs, "unknown fields", &with_unknown_fields(&document())).await, "launched");
    assert_eq!(fate_of(&logs, "nothing wrong", &document().to_string()).await, "launched");
}

#[tokio::test]
async fn every_rejection_says_why() {
    let logs = Logs::collect();
    let many: Vec<_> = (0..65).map(|_| "a-1-1").collect();
    let arn = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:goal-1-1";
    for (field, value, reason, words) in [
        ("version", json!("2"), RejectionReason::Invalid, "version: expected `1`"),
        ("goalId", json!(MARKER), RejectionReason::Invalid, "goalId: not a valid goal id"),
        ("goalId", json!("g".repeat(65)), RejectionReason::Invalid, "1 to 64 letters"),
        ("goalId", json!("goal-2"), RejectionReason::UnknownGoal, "there is no goal goal-2"),
        ("userId", json!("somebody"), RejectionReason::NotOwner, "goal-1"),
        ("userId", json!("a\u{0}b"), RejectionReason::Invalid, "userId: not a valid user id"),
        ("actionIds", json!([]), RejectionReason::Invalid, "actionIds is empty"),
        ("actionIds", json!(many), RejectionReason::Invalid, "65 entries, more than 64"),
        ("actionIds", json!(["a-1-1", MARKER]), RejectionReason::Invalid, "actionIds[1]: not a valid action id"),
        ("actionIds", json!(["a-9-9"]), RejectionReason::UnknownAction, "a-9-9"),
        ("occurredAt", json!(MARKER), RejectionReason::Invalid, "occurredAt: not an RFC 3339 timestamp"),
        ("executionArn", json!(arn), RejectionReason::Invalid, "executionArn is for the pipeline's own"),
        (
            "executionArn",
            json!(format!("{arn}:1")),
            RejectionReason::Invalid,
            "executionArn: not a valid execution ARN",
        ),
        ("executionArn", json!(arn.replace("execution", "express")), RejectionReason::Invalid, "execution ARN"),
        ("executionArn", json!(arn.replace("0000", "1111")), RejectionReason::Invalid, "the pipeline's own"),
        ("executionArn", json!(arn.replace("us-east-1", "eu-west-1")), RejectionReason::Invalid, "the pipeline's own"),
    ] {
        let rig = Rig::with_goal(9);
        let mut wrong = document();
        wrong["detail"][field] = value.clone();
        let fate = deliver(&rig, &logs, &rig.launcher(), &json!(wrong.to_string())).await;
        let Fate::Taken(said) = fate else { panic!("{field} {value}: {fate:?}") };
        assert_silent(field, &said);
        let [rejected] = rejections(&rig).try_into().unwrap();
        assert_eq!(rejected.reason, reason, "{field} {value}: {}", rejected.message);
        assert!(rejected.message.contains(words), "{field} {value}: {}", rejected.message);
    }
}

/// In-memory adapters, and a request of another service that they refuse for that reason.
fn refusal(reason: RejectionReason) -> (Rig, Value) {
    let (mut rig, mut request) = (Rig::with_goal(9), document());
    let (id, detail) = (goal_id("goal-1"), &mut request["detail"]);
    let arn = |n| ExecutionArn::derive(&samples::state_machine(), &id, ClaimSequence(n));
    let mut state = rig.world.state();
    let goal = state.goals.get_mut(&id).unwrap();
    match reason {
        RejectionReason::UnknownGoal => detail["goalId"] = json!("goal-2"),
        RejectionReason::NotOwner => detail["userId"] = json!("somebody"),
        RejectionReason::AlreadyRunning => {
            state.running.insert(USER.parse().unwrap(), [arn(1)].into());
        }
        RejectionReason::NoActions => goal.actions.clear(),
        RejectionReason::UnknownAction => detail["actionIds"] = json!(["a-9-9"]),
        RejectionReason::NothingToDo => {
            let tasks = |a| samples::drafts(1).into_tasks(&id, a, &arn(1), Timestamp::from_millis(0));
            let tasks: Vec<_> = goal.actions.iter().flat_map(tasks).collect();
            state.tasks.extend(tasks.into_iter().map(|t| ((t.goal_id.clone(), t.position.clone()), t)));
        }
        RejectionReason::GoalClosed => goal.head.status = GoalStatus::Paused,
        RejectionReason::TooManyRunning => {
            let other = |n| ExecutionArn::derive(&samples::state_machine(), &goal_id("goal-2"), ClaimSequence(n));
            let running = (1..).map(other).take(MAX_RUNNING_PER_USER).collect();
            state.running.insert(USER.parse().unwrap(), running);
        }
        RejectionReason::DailyLimit => rig.daily_limit = DailyLimit::new(NonZeroU32::MIN),
        RejectionReason::RequestIdReused => {
            let source = request["source"].as_str().unwrap().to_owned();
            let key = RequestKey::Service { source, event_id: "request-1".parse().unwrap() };
            let accepted = Accepted { execution: arn(1), digest: Some("other".to_owned()) };
            let expires_at = Timestamp::from_millis(i64::MAX / 2);
            state.requests.insert(keys::request(&key), MemoryOfRequest { accepted, expires_at });
        }
        // The row is the adapter's: `rows.rs` has that one. The others are of other requests: `promises/by_event.rs`.
        RejectionReason::GoalUnreadable
        | RejectionReason::UnknownExecution
        | RejectionReason::NotRequester
        | RejectionReason::AlreadyEnded
        | RejectionReason::NotEnded
        | RejectionReason::NothingFailed => {}
        RejectionReason::Invalid | RejectionReason::Other => detail["version"] = json!("2"),
    }
    drop(state);
    (rig, request)
}

#[tokio::test]
async fn every_rejection_is_published_and_logged_once() {
    use RejectionReason as R;
    let logs = Logs::collect();
    // All reasons that are ever emitted.
    for reason in [
        R::UnknownGoal,
        R::NotOwner,
        R::AlreadyRunning,
        R::NoActions,
        R::UnknownAction,
        R::NothingToDo,
        R::GoalClosed,
        R::TooManyRunning,
        R::DailyLimit,
        R::Invalid,
        R::RequestIdReused,
    ] {
        let (rig, request) = refusal(reason);
        // Accepted: it is neither delivered again nor dead-lettered.
        let fate = deliver(&rig, &logs, &rig.launcher(), &json!(request.to_string())).await;
        let Fate::Taken(said) = fate else { panic!("{reason:?}: {fate:?}") };
        let [rejected] = rejections(&rig).try_into().unwrap();
        assert_eq!((rejected.reason, rejected.request_event_id.as_str()), (reason, "request-1"));
        let named = serde_json::to_string(&reason).unwrap();
        assert!(said.contains("request rejected") && said.contains(&named), "{reason:?}: {said}");
        assert!(rig.world.state().started.is_empty() && rig.world.state().executions.is_empty(), "{reason:?}");
    }
}

#[tokio::test]
async fn p9_a_request_cannot_launch_another_goals_execution() {
    let rig = Rig::with_goal(9);
    rig.add(samples::goal("goal-2", "user-2", 8));
    let arn = rig.start_as("user-2", "goal-2", "").await.arn();
    let mut wrong = document();
    wrong["detail"]["executionArn"] = json!(arn);
    // Also under the pipeline's own name.
    wrong["source"] = json!("goal-activity");
    deliver(&rig, &Logs::collect(), &rig.launcher(), &json!(wrong.to_string())).await;
    assert!(rig.world.state().started.is_empty());
    assert_eq!(rejections(&rig)[0].reason, RejectionReason::Invalid);
}

#[tokio::test]
async fn p2_requests_whose_source_and_id_run_together_alike_are_two() {
    let rig = Rig::with_goal(9);
    let logs = Logs::collect();
    for (source, id, action) in [("a#b", "c", "a-1-1"), ("a", "b#c", "a-1-2")] {
        let mut request = document();
        (request["source"], request["detail"]["eventId"]) = (json!(source), json!(id));
        request["detail"]["actionIds"] = json!([action]);
        deliver(&rig, &logs, &rig.launcher(), &json!(request.to_string())).await;
    }
    // The second finds the goal claimed by the first. As a repetition of the first it would have been dropped silently.
    assert_eq!(rejections(&rig)[0].reason, RejectionReason::AlreadyRunning);
    assert_eq!(rig.world.state().requests.len(), 1);
}

#[tokio::test]
async fn a_request_may_have_an_id_that_is_also_ours() {
    let rig = Rig::with_goal(9);
    let mut request = document();
    request["detail"]["eventId"] = json!("cancellation");
    deliver(&rig, &Logs::collect(), &rig.launcher(), &json!(request.to_string())).await;
    let arn = rig.world.state().started[0].execution_arn.clone();
    assert_eq!(rig.cancel(&arn, "").await.status, 200);
    assert_eq!(rig.execution(&arn).timeline.len(), 3, "accepted, cancelled, ended: {:?}", rig.execution(&arn).timeline);
}
