//! Every parser, with arbitrary texts and with valid documents changed at random: none panics, accepted values are
//! within the limits, and are equal after they are serialized and parsed again.
//!
//! These run with every `cargo xtask test unit`. For longer, such as over night:
//!
//! ```sh
//! PROPTEST_CASES=100000 cargo test --workspace --all-features --test handlers bad_input::random
//! ```

use std::fmt::{Debug, Display};
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use goal_activity_core::goal::{Action, Position};
use goal_activity_core::limits::{ACTIONS_PER_BATCH, MAX_BATCHES, MAX_TASKS_PER_ACTION};
use goal_activity_core::ports::{GenerateTasks, Generation, GenerationRequest, RequestKey};
use goal_activity_core::task::MAX_TITLE;
use goal_activity_core::{inbound, keys};
use goal_activity_events::{
    ActionId, ClaimSequence, Detail, Envelope, EventId, ExecutionArn, ExecutionStatusChanged, GoalActivityRejected,
    GoalActivityRequested, GoalId, StateMachineArn, TaskId, Timestamp, UserId, WorkflowCompleted,
};
use goal_activity_functions::adapters::generators::Offline;
use goal_activity_functions::adapters::memory::samples;
use goal_activity_functions::handlers::finalize::FinalizeRequest;
use goal_activity_functions::runtime::queue::HandleMessage;
use goal_activity_testkit::mutate::{mutated, text};
use goal_activity_testkit::{EventBridgeEvent, GatewayRequest};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::entry::{Fate, deliver, state};
use super::logs::Logs;
use crate::rig::{Rig, USER, raw_envelope};

/// Texts that are nearly a timestamp, a key, a directive.
const MOMENT: &str =
    "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{1,12})?(Z|[+-][0-2][0-9]:[0-5][0-9])";
const KEY: &str = "[0-9+ ]{1,2}#[0-9+]{1,2}(#[0-9+]{1,3})?";
const DIRECTIVE: &str = "(fail|fail-times|unavailable|retry-after-ms|latency-ms|max-size|tokens|answer|x)?\
    [ =]{0,3}(-?[0-9]{0,25}|.{0,5})[,\n]?( *offline: *)?";
const ARN: &str = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:goal-1-1";

fn block_on<T>(future: impl Future<Output = T>) -> T {
    // With paused time, so that no script of an action makes a test wait.
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(future)
}

/// An accepted id is the text itself, within its limits, in JSON as well.
fn check_id<I>(text: &str, longest: usize, allowed: impl Fn(char) -> bool) -> Result<(), TestCaseError>
where
    I: FromStr + Display + Debug + PartialEq + Serialize + DeserializeOwned,
{
    let json = json!(text);
    let Ok(id) = text.parse::<I>() else {
        prop_assert!(serde_json::from_value::<I>(json).is_err());
        return Ok(());
    };
    prop_assert_eq!(id.to_string(), text);
    prop_assert!((1..=longest).contains(&text.len()) && text.chars().all(allowed), "{:?} was accepted", id);
    prop_assert_eq!(serde_json::to_value(&id).unwrap(), json.clone());
    prop_assert_eq!(serde_json::from_value::<I>(json).unwrap(), id);
    Ok(())
}

fn plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

/// ARNs that are nearly valid.
fn arn() -> impl Strategy<Value = String> {
    let part = |right: &'static str| prop_oneof![9 => Just(right.to_owned()), 1 => "[ -~]{0,40}", 1 => text()];
    let parts =
        ["arn", "aws", "states", "us-east-1", "000000000000", "execution", "goal-activity", "goal-1-1"].map(part);
    (parts, prop_oneof![8 => Just(String::new()), 1 => ":[a-z]*"]).prop_map(|(parts, rest)| parts.join(":") + &rest)
}

fn failed_action() -> Value {
    json!({ "actionId": "a-1-1", "code": "AI_TIMEOUT", "message": "too slow", "attempts": 3 })
}

/// A detail that every event's type can read; unknown fields are ignored.
fn detail() -> Value {
    json!({
        "version": "1", "eventId": "e-1", "occurredAt": "2026-11-24T09:30:00.000Z", "executionArn": ARN, "goalId": "goal-1",
        "userId": USER, "batchIndex": 0, "sequence": 4, "totalActions": 8, "succeededActions": 3,
        "failedActions": [failed_action()], "actionIds": ["a-1-1", "a-1-2"], "regenerate": true,
        "requestEventId": "e-0", "reason": "INVALID", "message": "no", "status": "FAILED", "stopDate": "2026-11-24T09:30:01Z",
        "startDate": "2026-11-24T09:30:00Z", "durationMs": 1000,
    })
}

fn status_changed() -> Value {
    json!({ "executionArn": ARN, "status": "FAILED", "stopDate": 7, "name": "goal-1-1" })
}

fn batch() -> Value {
    json!({
        "version": "1", "executionArn": ARN, "goalId": "goal-1", "userId": USER, "batchIndex": 0,
        "actionIds": ["a-1-1", "a-1-2", "a-1-3"], "regenerate": false, "enqueuedAt": "1970-01-01T00:00:00.000Z",
        "taskToken": "token",
    })
}

fn event(detail_type: &str, detail: &Value) -> Value {
    EventBridgeEvent::new("test", detail_type, detail).into()
}

/// A parsed event can be serialized and parsed again.
fn reads_back<D: Detail + Debug + PartialEq>(text: &str) -> Result<(), TestCaseError> {
    let Ok(detail) = Envelope::parse(text).and_then(|e| e.detail::<D>()) else { return Ok(()) };
    let again = Envelope::parse(&raw_envelope("test", D::TYPE, &detail)).and_then(|e| e.detail::<D>());
    prop_assert_eq!(again.unwrap(), detail);
    Ok(())
}

/// Delivers a text to a function. Returns `true` if it was accepted; otherwise nothing has changed.
fn fate(rig: &Rig, function: &impl HandleMessage, text: &str) -> Result<bool, TestCaseError> {
    let before = state(rig);
    let taken = matches!(block_on(deliver(rig, &Logs::collect(), function, &json!(text))), Fate::Taken(_));
    prop_assert!(taken || state(rig) == before, "a dead letter left something behind");
    Ok(taken)
}

fn launched() -> Rig {
    let rig = Rig::with_goal(9);
    block_on(rig.launched());
    rig
}

fn request() -> Value {
    let request = GatewayRequest::new("POST /api/goals/{goalId}/start-activity", USER);
    let path = json!({ "goalId": "goal-1", "executionArn": ARN });
    request.path(path).query(json!({ "limit": "5" })).body("{\"actionIds\":[\"a-1-1\"]}").into()
}

async fn assert_answered(rig: &Rig, request: Value) -> Result<i64, TestCaseError> {
    let answer = rig.answer(request).await;
    let is_problem = answer.content_type == "application/problem+json" && !answer.code().is_empty();
    prop_assert!(
        matches!(answer.status, 200 | 202) || (400..500).contains(&answer.status) && is_problem,
        "{:?}",
        answer
    );
    Ok(answer.status)
}

proptest! {
    #[test]
    fn ids_are_texts_within_their_limits(text in text()) {
        check_id::<GoalId>(&text, 64, plain)?;
        check_id::<ActionId>(&text, 64, plain)?;
        check_id::<TaskId>(&text, 64, plain)?;
        check_id::<UserId>(&text, 255, |c| c == ' ' || c.is_ascii_graphic())?;
        prop_assert!(text.trim_matches(' ') == text || text.parse::<UserId>().is_err());
        check_id::<EventId>(&text, 128, |c| c.is_ascii_graphic())?;
    }

    #[test]
    fn an_execution_arn_is_one_that_step_functions_could_have_made(text in prop_oneof![arn(), text()]) {
        check_id::<ExecutionArn>(&text, 256, |c| plain(c) || c == ':')?;
        check_id::<StateMachineArn>(&text.replacen(":execution:", ":stateMachine:", 1), 256, |c| plain(c) || c == ':')?;
        if let Ok(arn) = text.parse::<ExecutionArn>() {
            let again = format!("{}:{}", arn.state_machine(), arn.name());
            prop_assert_eq!(again.replacen(":stateMachine:", ":execution:", 1), text);
            prop_assert!(arn.state_machine().as_str().parse::<StateMachineArn>().is_ok());
        }
    }

    #[test]
    fn an_execution_belongs_to_one_goal(
        goal in "[A-Za-z0-9_-]{1,64}",
        other in "[A-Za-z0-9_-]{1,64}",
        claim in 1..1_000_000_u64,
    ) {
        let (goal, other): (GoalId, GoalId) = (goal.parse().unwrap(), other.parse().unwrap());
        let arn = ExecutionArn::derive(&samples::state_machine(), &goal, ClaimSequence(claim));
        prop_assert!(arn.belongs_to(&goal));
        prop_assert_eq!(arn.belongs_to(&other), goal == other);
    }

    #[test]
    fn moments_read_back_and_sort_as_texts(text in prop_oneof![text(), MOMENT], millis: i64) {
        let other = Timestamp::from_millis(millis);
        if let Ok(moment) = text.parse::<Timestamp>() {
            prop_assert_eq!(moment.to_string().parse::<Timestamp>().unwrap(), moment);
            prop_assert_eq!(moment.to_string().len(), 24);
            prop_assert_eq!(moment.to_string().cmp(&other.to_string()), moment.cmp(&other));
        }
        prop_assert_eq!(Timestamp::from_millis(other.as_millis()), other);
    }

    #[test]
    fn places_are_read_only_as_they_are_written(text in prop_oneof![text(), KEY]) {
        if let Ok(position) = text.parse::<Position>() {
            prop_assert_eq!(position.to_string(), text.clone());
        }
    }

    #[test]
    fn requests_have_keys_of_their_own(a in text(), b in text(), id in "[!-~]{1,128}", other in "[!-~]{1,128}") {
        let (id, other): (EventId, EventId) = (id.parse().unwrap(), other.parse().unwrap());
        let same = (&a, &id) == (&b, &other);
        let event = |source: &str, event_id: &EventId| {
            keys::request(&RequestKey::Service { source: source.to_owned(), event_id: event_id.clone() })
        };
        prop_assert_eq!(event(&a, &id) == event(&b, &other), same);
        prop_assert_eq!(id.rejection(&a, "x") == other.rejection(&b, "x"), same);
        prop_assert!(id.rejection(&a, "x") != id.rejection(&a, "y"));
    }

    #[test]
    fn arbitrary_texts_are_no_messages(text in text()) {
        prop_assert!(Envelope::parse(&text).is_err());
        prop_assert!(inbound::batch(&text).is_err());
        prop_assert!(serde_json::from_str::<FinalizeRequest>(&text).is_err());
        let source = inbound::source(&text);
        prop_assert!(source.is_err() || (1..=256).contains(&text.len()) && !text.chars().any(char::is_control));
    }

    #[test]
    fn events_read_back(
        requested in mutated(event(GoalActivityRequested::TYPE, &detail())),
        rejected in mutated(event(GoalActivityRejected::TYPE, &detail())),
        completed in mutated(event(WorkflowCompleted::TYPE, &detail())),
        changed in mutated(event(ExecutionStatusChanged::TYPE, &status_changed())),
    ) {
        reads_back::<GoalActivityRequested>(&requested)?;
        reads_back::<GoalActivityRejected>(&rejected)?;
        reads_back::<WorkflowCompleted>(&completed)?;
        let change = Envelope::parse(&changed).and_then(|e| ExecutionStatusChanged::read(&e));
        if let Ok(at) = change.map(|c| c.stopped_at()) {
            prop_assert!(at.is_none_or(|at| at.to_string().parse::<Timestamp>().unwrap() == at));
        }
    }

    #[test]
    fn a_batch_that_is_read_is_within_the_limits(text in mutated(batch())) {
        if let Ok(batch) = inbound::batch(&text) {
            prop_assert!((1..=ACTIONS_PER_BATCH).contains(&batch.action_ids.len()) && batch.batch_index < MAX_BATCHES);
            prop_assert!(batch.execution_arn.belongs_to(&batch.goal_id));
            prop_assert_eq!(inbound::batch(&serde_json::to_string(&batch).unwrap()).unwrap(), batch);
        }
    }

    #[test]
    fn p6_no_report_makes_progress_lie(
        texts in prop::collection::vec(mutated(event("BatchProgressed", &detail())), 1..4),
    ) {
        let rig = launched();
        for text in texts {
            fate(&rig, &rig.projector(), &text)?;
        }
        let answer = block_on(rig.status(&ARN.parse().unwrap()));
        let count = |name: &str| answer.body[name].as_u64().unwrap();
        prop_assert!(count("processedActions") <= 9 && count("progressPercentage") < 100, "{:?}", answer);
    }

    #[test]
    fn no_status_change_breaks_the_projector(text in mutated(event(ExecutionStatusChanged::TYPE, &status_changed()))) {
        let rig = launched();
        fate(&rig, &rig.projector(), &text)?;
        prop_assert!(rig.completed().len() <= 1);
    }

    #[test]
    fn no_batch_breaks_the_worker(text in mutated(batch())) {
        let rig = launched();
        let taken = fate(&rig, &rig.worker(), &text)?;
        prop_assert_eq!(rig.world.state().answers.len(), usize::from(taken));
        prop_assert!(rig.tasks().iter().all(|t| t.goal_id.as_str() == "goal-1"));
    }

    #[test]
    fn a_request_is_launched_or_rejected_or_dead_lettered(text in mutated(event(GoalActivityRequested::TYPE, &{
        let mut detail = detail();
        detail.as_object_mut().unwrap().remove("executionArn");
        detail
    }))) {
        let rig = Rig::with_goal(9);
        let taken = fate(&rig, &rig.launcher(), &text)?;
        let started = rig.world.state().started.len();
        let events = rig.events().len();
        prop_assert_eq!(started + events, usize::from(taken), "{} launched, {} rejected", started, events);
    }

    #[test]
    fn every_request_is_answered(text in mutated(request()), route in 0..6_usize) {
        let route = [
            "POST /api/goals/{goalId}/start-activity", "GET /api/goals/{goalId}/tasks",
            "GET /api/workflows/{executionArn}/status", "POST /api/workflows/{executionArn}/cancel",
            "POST /api/workflows/{executionArn}/retry", "GET /nowhere",
        ][route];
        let text = text.replace("POST /api/goals/{goalId}/start-activity", route);
        let Ok(request) = serde_json::from_str(&text) else { return Ok(()) };
        block_on(assert_answered(&launched(), request))?;
    }

    #[test]
    fn every_body_is_answered(
        start in mutated(json!({ "actionIds": ["a-1-1", "a-1-2"], "regenerate": true })),
        cancel in mutated(json!({ "reason": "no time" })),
        bytes: Vec<u8>,
    ) {
        for (route, body) in [("goals/{goalId}/start-activity", &start), ("workflows/{executionArn}/cancel", &cancel)] {
            let encoded = [body.as_bytes(), &bytes].map(|b| (STANDARD.encode(b), true));
            for (body, encoded) in encoded.into_iter().chain([(body.clone(), false)]) {
                let mut request = request();
                request["routeKey"] = json!(format!("POST /api/{route}"));
                (request["body"], request["isBase64Encoded"]) = (json!(body), json!(encoded));
                block_on(assert_answered(&launched(), request))?;
            }
        }
    }

    #[test]
    fn paths_and_queries_are_answered(
        goal in text(),
        arn in arn(),
        limit in text(),
        cursor in prop_oneof![text(), text().prop_map(|t| URL_SAFE_NO_PAD.encode(t))],
    ) {
        let rig = launched();
        for route in ["GET /api/goals/{goalId}/tasks", "GET /api/workflows/{executionArn}/status"] {
            let mut request = request();
            request["routeKey"] = json!(route);
            request["pathParameters"] = json!({ "goalId": goal, "executionArn": arn });
            let status = block_on(assert_answered(&rig, request.clone()))?;
            prop_assert!(status == 200 || goal != "goal-1" || arn != ARN);
            request["pathParameters"] = json!({ "goalId": "goal-1", "executionArn": ARN });
            request["queryStringParameters"] = json!({ "limit": limit, "cursor": cursor });
            block_on(assert_answered(&rig, request))?;
        }
    }

    #[test]
    fn no_constraints_break_the_offline_generator(
        title in text(),
        directives in prop::collection::vec(DIRECTIVE, 0..5),
    ) {
        let goal = samples::goal("g", "u", 1);
        let constraints = format!("offline:{}", directives.concat());
        let action = Action { title, constraints, ..goal.actions[0].clone() };
        let request = GenerationRequest { attempt: 3, ..GenerationRequest::first(&goal.head, None, &action) };
        if let Ok(Generation { drafts, .. }) = block_on(Offline.generate(request)) {
            let (arn, now) = (ARN.parse().unwrap(), Timestamp::from_millis(0));
            let tasks = drafts.into_tasks(&goal.head.goal_id, &action, &arn, now);
            prop_assert!((1..=MAX_TASKS_PER_ACTION).contains(&tasks.len()));
            prop_assert!(tasks.iter().all(|t| (1..=MAX_TITLE).contains(&t.title.chars().count())));
        }
    }
}
