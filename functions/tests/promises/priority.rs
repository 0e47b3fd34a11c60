//! What nobody waits for gives way to what somebody does, for an hour and no longer.

use std::num::NonZeroU32;

use goal_activity_core::admission::Capacity;
use goal_activity_core::limits::BULK_STEP;
use goal_activity_core::ports::Event;
use goal_activity_events::{
    ExecutionArn, GoalActivityRequested, GoalActivityRetryRequested, RejectionReason, Timestamp,
};
use goal_activity_functions::adapters::memory::samples;
use serde_json::{Value, json};

use crate::rig::{Rig, envelope, raw_envelope};

const BULK: &str = "{\"priorityClass\":\"BULK\"}";
const PLANNER: &str = "com.example.planner";

/// A pipeline for one batch at a time, with that many goals, each of another user.
fn rig(goals: usize) -> Rig {
    let rig = Rig { capacity: Capacity::new(NonZeroU32::new(1).unwrap()), ..Rig::default() };
    for n in 0..goals {
        rig.add(samples::goal(&goal(n), &user(n), 2));
    }
    rig
}

fn goal(n: usize) -> String {
    format!("goal-{n}")
}

fn user(n: usize) -> String {
    format!("user-{n}")
}

/// Requests a workflow for the goal of that number and delivers the request.
async fn ask(rig: &Rig, n: usize, body: &str) -> ExecutionArn {
    let answer = rig.start_as(&user(n), &goal(n), body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    rig.launch(rig.requests().last().unwrap()).await.unwrap();
    answer.arn()
}

fn now(rig: &Rig) -> Timestamp {
    Timestamp::from_millis(rig.world.state().now)
}

/// By how much a workflow stands behind one that is requested when it was.
fn behind(rig: &Rig, arn: &ExecutionArn) -> std::time::Duration {
    let execution = rig.execution(arn);
    execution.turn.since(execution.start_date)
}

#[tokio::test]
async fn p10_bulk_waits_for_who_waits_and_starves_for_nobody() {
    let rig = rig(5);
    let first = ask(&rig, 0, "").await;
    let bulk = ask(&rig, 1, BULK).await;
    rig.wait(60 * 60 - 1);
    let within = ask(&rig, 2, "{\"priorityClass\":\"INTERACTIVE\"}").await;
    rig.wait(2);
    let later = ask(&rig, 3, "{\"priorityClass\":null}").await;
    let bulk_too = ask(&rig, 4, BULK).await;
    let expected = [first, within, bulk, later, bulk_too];
    for arn in &expected {
        rig.run(arn).await;
        rig.deliver_ends().await;
    }
    assert_eq!(rig.all_launched(), expected);
}

#[tokio::test]
async fn every_way_to_ask_can_say_how_urgent_it_is() {
    let rig = rig(2);
    rig.script("a-1-1", "fail");
    let id = |text: &str| text.parse().unwrap();
    let mut request: GoalActivityRequested =
        GoalActivityRequested::new(id("request-1"), now(&rig), goal(1).parse().unwrap(), user(1).parse().unwrap());
    request.priority_class = serde_json::from_value(json!("BULK")).unwrap();
    rig.launch(&envelope(PLANNER, &request)).await.unwrap();
    let first = rig.all_launched()[0].clone();
    assert_eq!(behind(&rig, &first), BULK_STEP);
    rig.run(&first).await;
    rig.deliver_ends().await;

    let again = json!({
        "version": "1", "eventId": "again", "occurredAt": now(&rig), "executionArn": first, "userId": user(1),
        "priorityClass": "BULK",
    });
    let again: GoalActivityRetryRequested = serde_json::from_value(again).unwrap();
    rig.launch(&envelope(PLANNER, &again)).await.unwrap();
    let second = rig.all_launched()[1].clone();
    assert_eq!(behind(&rig, &second), BULK_STEP);
    rig.run(&second).await;
    rig.deliver_ends().await;

    let of_user = rig.post(&user(1), "retry", &second, BULK).await.arn();
    assert_eq!(behind(&rig, &of_user), BULK_STEP);
    rig.deliver_requests().await;
    rig.run(&of_user).await;
    let call = json!({
        "by": "arn:aws:iam::123456789012:user/ops", "route": "POST /api/workflows/{executionArn}/retry",
        "path": { "executionArn": of_user }, "reason": "the AI was down", "priorityClass": "BULK",
    });
    let of_operator = rig.answer(json!({ "operator": call })).await.arn();
    assert_eq!(behind(&rig, &of_operator), BULK_STEP);
}

#[tokio::test]
async fn another_class_is_refused_by_its_field_and_makes_no_other_request() {
    let rig = rig(2);
    for class in [json!("URGENT"), json!("bulk"), json!(1), json!({})] {
        let refused = rig.start_as(&user(0), &goal(0), &json!({ "priorityClass": class }).to_string()).await;
        assert_eq!((refused.status, refused.code()), (400, "INVALID_REQUEST"));
        assert!(refused.body["detail"].as_str().unwrap().contains("priorityClass"), "{refused:?}");
    }
    let detail: Value = json!({
        "version": "1", "eventId": "x", "occurredAt": now(&rig), "goalId": goal(0), "userId": user(0),
        "priorityClass": "URGENT",
    });
    rig.launch(&raw_envelope(PLANNER, "GoalActivityRequested", &detail)).await.unwrap();
    let [Event::Rejected(rejected)] = &rig.events()[..] else { panic!("one rejection") };
    assert_eq!(rejected.reason, RejectionReason::Invalid);
    assert!(rejected.message.contains("priorityClass"), "{}", rejected.message);

    // A request is for tasks: when it is repeated with another class, it is the same one.
    let one = rig.start_with_key(&user(1), &goal(1), "monday", BULK).await;
    let other = rig.start_with_key(&user(1), &goal(1), "monday", "{}").await;
    assert_eq!((one.status, other.status, one.arn()), (202, 202, other.arn()));
    assert_eq!(behind(&rig, &one.arn()), BULK_STEP);
}
