//! Cancelling and retrying by events of other services.

use std::num::NonZeroU32;
use std::time::Duration;

use goal_activity_core::admission::Capacity;
use goal_activity_core::execution::Status;
use goal_activity_core::limits::{CLOCKS_DIFFER, HISTORY};
use goal_activity_core::outcome::End;
use goal_activity_core::ports::{Event, ExecutionState};
use goal_activity_events::{
    Detail, ExecutionArn, GoalActivityAccepted, GoalActivityCancelRequested, GoalActivityRejected,
    GoalActivityRequested, GoalActivityRetryRequested, PriorityClass, RejectionReason, RequestRef, Timestamp, Version,
};
use goal_activity_functions::adapters::memory::samples;
use serde_json::json;

use crate::rig::{Rig, USER, envelope, goal_id, raw_envelope, status_change};

const PLANNER: &str = "planner";

/// A goal with a workflow that the planner has requested.
async fn requested() -> (Rig, ExecutionArn) {
    let rig = Rig::with_goal(9);
    let now = Timestamp::from_millis(0);
    let request = GoalActivityRequested::new("plan".parse().unwrap(), now, goal_id("goal-1"), USER.parse().unwrap());
    rig.launch(&envelope(PLANNER, &request)).await.unwrap();
    let arn = rig.world.state().started[0].execution_arn.clone();
    (rig, arn)
}

fn cancel(arn: &ExecutionArn, id: &str) -> GoalActivityCancelRequested {
    GoalActivityCancelRequested {
        version: Version::V1,
        event_id: id.parse().unwrap(),
        occurred_at: Timestamp::from_millis(0),
        execution_arn: arn.clone(),
        user_id: USER.parse().unwrap(),
        correlation_id: Some("stop".parse().unwrap()),
        traceparent: None,
    }
}

fn retry(arn: &ExecutionArn, id: &str) -> GoalActivityRetryRequested {
    let GoalActivityCancelRequested { version, event_id, occurred_at, execution_arn, user_id, .. } = cancel(arn, id);
    let correlation_id = Some("again".parse().unwrap());
    GoalActivityRetryRequested {
        version,
        event_id,
        occurred_at,
        execution_arn,
        user_id,
        priority_class: PriorityClass::default(),
        correlation_id,
        traceparent: None,
    }
}

/// Sends the event, and returns the answers to it.
async fn answers<D: Detail>(
    rig: &Rig,
    source: &str,
    detail: &D,
) -> (Vec<GoalActivityAccepted>, Vec<GoalActivityRejected>) {
    let before = rig.events().len();
    rig.launch(&envelope(source, detail)).await.unwrap();
    let (mut accepted, mut rejected) = (Vec::new(), Vec::new());
    for event in rig.events().split_off(before) {
        match event {
            Event::Accepted(event) => accepted.push(event),
            Event::Rejected(event) => rejected.push(event),
            other => panic!("no answer: {other:?}"),
        }
    }
    (accepted, rejected)
}

#[tokio::test]
async fn p7_an_answer_says_how_many_workflows_wait_before_it() {
    let rig = Rig { capacity: Capacity::new(NonZeroU32::MIN), ..Rig::default() };
    let mut places = Vec::new();
    for (goal, user) in [("goal-1", "a"), ("goal-2", "b"), ("goal-3", "c"), ("goal-4", "d"), ("goal-5", "b")] {
        rig.add(samples::goal(goal, user, 8));
        let (id, user) = (format!("for-{goal}").parse().unwrap(), user.parse().unwrap());
        let request = GoalActivityRequested::new(id, Timestamp::from_millis(0), goal_id(goal), user);
        let (accepted, rejected) = answers(&rig, PLANNER, &request).await;
        assert_eq!(rejected, []);
        places.push((accepted[0].waiting, accepted[0].waiting_before));
    }
    // The first is launched; a user's second is behind the first of all others.
    assert_eq!(places, [(false, 0), (true, 0), (true, 1), (true, 2), (true, 3)]);
}

#[tokio::test]
async fn p2_a_request_is_remembered_for_as_long_as_it_can_be_accepted() {
    let rig = Rig::with_goal(9);
    let ahead = Timestamp::from_millis(rig.world.state().now).plus(CLOCKS_DIFFER);
    let request = GoalActivityRequested::new("plan".parse().unwrap(), ahead, goal_id("goal-1"), USER.parse().unwrap());
    let (first, _) = answers(&rig, PLANNER, &request).await;
    rig.run(&first[0].execution_arn).await;
    rig.deliver_ends().await;
    rig.world.state().tasks.clear();
    let day = CLOCKS_DIFFER;
    assert_eq!(HISTORY, day * 90);
    let minute = Duration::from_secs(60);
    // Before its own time by a minute, it is 90 days old. From then on its age is what refuses it.
    for (later, accepted) in [(day * 90, true), (day.saturating_sub(minute), true), (minute, false)] {
        rig.wait(i64::try_from(later.as_secs()).unwrap());
        let (again, rejected) = answers(&rig, PLANNER, &request).await;
        assert_eq!((again.len(), rejected.len()), if accepted { (1, 0) } else { (0, 1) }, "{later:?}");
    }
    assert_eq!(rig.world.state().started.len(), 1);
}

async fn rejected<D: Detail>(rig: &Rig, source: &str, detail: &D) -> RejectionReason {
    let (accepted, rejected) = answers(rig, source, detail).await;
    assert_eq!((accepted.len(), rejected.len()), (0, 1));
    assert_eq!(rejected[0].request.as_ref().map(|r| r.source.as_str()), Some(source));
    rejected[0].reason
}

#[tokio::test]
async fn p4_a_service_stops_its_workflow_and_is_answered_the_same_however_often_it_asks() {
    let (rig, arn) = requested().await;
    let (first, none) = answers(&rig, PLANNER, &cancel(&arn, "stop-1")).await;
    assert_eq!((first.len(), none.len()), (1, 0));
    assert_eq!((&first[0].execution_arn, first[0].correlation_id.as_ref().unwrap().as_str()), (&arn, "stop"));
    let execution = rig.execution(&arn);
    assert_eq!(execution.cancellation.unwrap().reason.as_deref(), Some("requested by planner"));
    let machine = rig.world.state().machines[&arn];
    assert!(matches!(machine, ExecutionState::Ended { end: End::Aborted, .. }), "{machine:?}");

    // Once more before its end, and after it.
    let (again, _) = answers(&rig, PLANNER, &cancel(&arn, "stop-1")).await;
    assert_eq!(again[0].event_id, first[0].event_id);
    rig.project(&status_change(&arn, "ABORTED")).await.unwrap();
    assert_eq!(rig.execution(&arn).status(), Status::Aborted);
    let (after, _) = answers(&rig, PLANNER, &cancel(&arn, "stop-1")).await;
    assert_eq!(after[0].event_id, first[0].event_id);
    let (other, _) = answers(&rig, PLANNER, &cancel(&arn, "stop-2")).await;
    assert_ne!(other[0].event_id, first[0].event_id);
}

#[tokio::test]
async fn p9_only_the_service_that_has_asked_may_stop_or_retry_and_only_for_its_user() {
    let (rig, arn) = requested().await;
    for source in ["importer", "goal-activity", "Planner"] {
        assert_eq!(rejected(&rig, source, &cancel(&arn, "x")).await, RejectionReason::NotRequester);
        assert_eq!(rejected(&rig, source, &retry(&arn, "y")).await, RejectionReason::NotRequester);
    }
    let stranger = GoalActivityCancelRequested { user_id: "user-2".parse().unwrap(), ..cancel(&arn, "x") };
    assert_eq!(rejected(&rig, PLANNER, &stranger).await, RejectionReason::NotOwner);
    let nowhere = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:goal-1-77".parse().unwrap();
    assert_eq!(rejected(&rig, PLANNER, &cancel(&nowhere, "x")).await, RejectionReason::UnknownExecution);
    assert_eq!(rig.execution(&arn).cancellation, None);

    // What a user has started belongs to nobody's source.
    let rig = Rig::with_goal(1);
    let arn = rig.launched().await;
    for source in [PLANNER, "goal-activity"] {
        assert_eq!(rejected(&rig, source, &cancel(&arn, "x")).await, RejectionReason::NotRequester);
    }
}

#[tokio::test]
async fn p2_a_retry_by_event_is_one_new_workflow_for_what_failed() {
    let (rig, arn) = requested().await;
    assert_eq!(rejected(&rig, PLANNER, &retry(&arn, "again-1")).await, RejectionReason::NotEnded);
    rig.script("a-1-1", "fail");
    rig.run(&arn).await;
    assert_eq!(rig.execution(&arn).status(), Status::PartiallySucceeded);
    assert_eq!(rejected(&rig, PLANNER, &cancel(&arn, "late")).await, RejectionReason::AlreadyEnded);

    let (first, none) = answers(&rig, PLANNER, &retry(&arn, "again-1")).await;
    let (second, _) = answers(&rig, PLANNER, &retry(&arn, "again-1")).await;
    assert_eq!((first.len(), none.len(), second.len()), (1, 0, 1));
    assert_eq!(first[0].event_id, second[0].event_id);
    let again = &first[0].execution_arn;
    assert!(again != &arn && second[0].execution_arn == *again);
    assert_eq!((first[0].total_actions, first[0].request.event_id.as_str()), (1, "again-1"));
    let execution = rig.execution(again);
    assert_eq!(execution.action_ids, ["a-1-1".parse().unwrap()]);
    assert_eq!(execution.correlation_id.unwrap().as_str(), "again");
    assert_eq!(rig.world.state().started.len(), 2);
}

#[tokio::test]
async fn a_follow_up_that_cannot_be_read_is_answered_by_its_field() {
    let (rig, _) = requested().await;
    for name in [GoalActivityCancelRequested::TYPE, GoalActivityRetryRequested::TYPE] {
        let before = rig.events().len();
        let detail =
            json!({ "version": "1", "eventId": "x", "occurredAt": "1970-01-01T00:00:00.000Z", "userId": USER });
        rig.launch(&raw_envelope(PLANNER, name, &detail)).await.unwrap();
        let [Event::Rejected(rejected)] = &rig.events()[before..] else { panic!("one rejection") };
        assert_eq!(rejected.reason, RejectionReason::Invalid);
        assert!(rejected.message.contains("executionArn"), "{}", rejected.message);
    }
}

#[tokio::test]
async fn p2_an_id_that_has_started_a_workflow_cancels_none_and_each_cancellation_has_an_answer_of_its_own() {
    let (rig, arn) = requested().await;
    let (accepted, rejected) = answers(&rig, PLANNER, &cancel(&arn, "plan")).await;
    assert_eq!((accepted, rejected[0].reason), (vec![], RejectionReason::RequestIdReused));
    assert_eq!(rig.execution(&arn).cancellation, None);

    let mut ids = vec![GoalActivityAccepted::event_id_for(
        &arn,
        &RequestRef { source: PLANNER.to_owned(), event_id: "stop".parse().unwrap() },
    )];
    for id in ["stop", "stop", "stop-again"] {
        let (accepted, _) = answers(&rig, PLANNER, &cancel(&arn, id)).await;
        ids.push(accepted[0].event_id.clone());
    }
    assert_eq!(ids[1], ids[2], "the same cancellation, delivered again");
    assert!(ids[0] != ids[1] && ids[1] != ids[3], "{ids:?}");
}
