use std::time::Duration;

use goal_activity_core::goal::GoalStatus;
use goal_activity_core::ports::Event;
use goal_activity_events::{
    EventId, GoalActivityAccepted, GoalActivityRejected, GoalActivityRequested, PriorityClass, RejectionReason,
    RequestRef, Timestamp, Version,
};
use goal_activity_testkit::EventBridgeEvent;
use serde_json::json;

use crate::rig::{Rig, USER, envelope, goal_id, raw_envelope};

fn request(event_id: &str) -> GoalActivityRequested {
    GoalActivityRequested {
        version: Version::V1,
        event_id: event_id.parse().unwrap(),
        occurred_at: Timestamp::from_millis(0),
        execution_arn: None,
        goal_id: goal_id("goal-1"),
        user_id: USER.parse().unwrap(),
        action_ids: None,
        regenerate: false,
        priority_class: PriorityClass::default(),
        correlation_id: None,
        traceparent: None,
    }
}

fn rejections(rig: &Rig) -> Vec<GoalActivityRejected> {
    let rejected = |e| if let Event::Rejected(r) = e { Some(r) } else { None };
    rig.events().into_iter().filter_map(rejected).collect()
}

#[tokio::test]
async fn p2_the_same_request_delivered_again_makes_one_execution_even_after_its_end() {
    let rig = Rig::with_goal(8);
    let event = envelope("planner", &request("request-1"));
    rig.launch(&event).await.unwrap();
    rig.launch(&event).await.unwrap();
    let arn = rig.world.state().started[0].execution_arn.clone();
    rig.run(&arn).await;
    rig.world.state().tasks.clear();
    rig.launch(&event).await.unwrap();
    assert_eq!(rig.world.state().started.len(), 1);
    assert_eq!(rejections(&rig), []);
}

fn acceptances(rig: &Rig) -> Vec<GoalActivityAccepted> {
    let accepted = |e| if let Event::Accepted(a) = e { Some(a) } else { None };
    rig.events().into_iter().filter_map(accepted).collect()
}

#[tokio::test]
async fn p2_an_accepted_request_is_answered_the_same_to_every_delivery_and_its_events_name_it() {
    let rig = Rig::with_goal(9);
    let asked = GoalActivityRequested { correlation_id: Some("plan-17".parse().unwrap()), ..request("request-1") };
    rig.launch(&envelope("planner", &asked)).await.unwrap();
    rig.launch(&envelope("planner", &asked)).await.unwrap();
    let [first, second] = acceptances(&rig).try_into().unwrap();
    let arn = rig.world.state().started[0].execution_arn.clone();
    let request = RequestRef { source: "planner".to_owned(), event_id: "request-1".parse().unwrap() };
    assert_eq!((&first.event_id, &first.execution_arn, &first.request), (&second.event_id, &arn, &request));
    assert_eq!((first.total_actions, first.waiting, first.waiting_before), (9, false, 0));

    rig.run(&arn).await;
    let mut told = 0;
    for event in rig.events() {
        let (of, correlation) = match event {
            Event::Accepted(e) => (Some(e.request), e.correlation_id),
            Event::Progressed(e) => (e.request, e.correlation_id),
            Event::Completed(e) => (e.request, e.correlation_id),
            Event::Requested(_) | Event::Rejected(_) => panic!("no other event"),
        };
        told += 1;
        assert_eq!((of, correlation), (Some(request.clone()), asked.correlation_id.clone()));
    }
    // Two answers, at least one report of each batch, the end.
    assert!(told >= 5, "{told}");
}

#[tokio::test]
async fn p2_an_id_that_is_used_again_for_something_else_is_answered() {
    let rig = Rig::with_goal(9);
    rig.launch(&envelope("planner", &request("request-1"))).await.unwrap();
    let other = GoalActivityRequested {
        action_ids: Some(vec!["a-1-1".parse().unwrap()]),
        correlation_id: Some("plan-18".parse().unwrap()),
        ..request("request-1")
    };
    rig.launch(&envelope("planner", &other)).await.unwrap();
    let [rejected] = rejections(&rig).try_into().unwrap();
    assert_eq!((rejected.reason, rejected.retryable), (RejectionReason::RequestIdReused, Some(false)));
    assert_eq!(rejected.correlation_id, other.correlation_id);
    assert_eq!(rejected.request.unwrap().source, "planner");
    assert_eq!(rig.world.state().started.len(), 1);

    // What an earlier version has remembered without it is the same request.
    for request in rig.world.state().requests.values_mut() {
        request.accepted.digest = None;
    }
    rig.launch(&envelope("planner", &other)).await.unwrap();
    assert_eq!((rejections(&rig).len(), acceptances(&rig).len()), (1, 2));
}

#[tokio::test]
async fn p2_the_order_of_actions_says_nothing_and_another_user_is_another_request() {
    let rig = Rig::with_goal(9);
    let of = |ids: &[&str]| Some(ids.iter().map(|id| id.parse().unwrap()).collect());
    let asked = GoalActivityRequested { action_ids: of(&["a-1-2", "a-1-1"]), ..request("request-1") };
    rig.launch(&envelope("planner", &asked)).await.unwrap();
    let same = GoalActivityRequested { action_ids: of(&["a-1-1", "a-1-2", "a-1-1"]), ..asked.clone() };
    rig.launch(&envelope("planner", &same)).await.unwrap();
    assert_eq!((acceptances(&rig).len(), rejections(&rig).len()), (2, 0));
    let stranger = GoalActivityRequested { user_id: "user-2".parse().unwrap(), ..asked };
    rig.launch(&envelope("planner", &stranger)).await.unwrap();
    assert_eq!(rejections(&rig)[0].reason, RejectionReason::RequestIdReused);
}

#[tokio::test]
async fn p2_a_request_that_is_emitted_again_gets_an_answer_of_its_own() {
    let rig = Rig::with_goal(8);
    rig.launch(&envelope("planner", &request("request-1"))).await.unwrap();
    for emission in ["e-1", "e-2"] {
        let event = EventBridgeEvent::of("planner", &request("request-2")).id(emission);
        rig.launch(&event.to_string()).await.unwrap();
    }
    let [first, second] = rejections(&rig).try_into().unwrap();
    assert_eq!((first.reason, second.reason), (RejectionReason::AlreadyRunning, RejectionReason::AlreadyRunning));
    assert_ne!(first.event_id, second.event_id);
}

#[tokio::test(start_paused = true)]
async fn a_request_is_answered_while_launching_hangs() {
    let rig = Rig::with_goal(8);
    rig.world.hang("start_execution", Duration::from_secs(60));
    rig.launch(&envelope("planner", &request("request-1"))).await.unwrap_err();
    let [accepted] = acceptances(&rig).try_into().unwrap();
    assert!(accepted.waiting, "{accepted:?}");
}

#[tokio::test]
async fn a_request_with_strange_fields_beside_is_answered_when_it_is_refused() {
    let rig = Rig::with_goal(8);
    rig.launch(&envelope("planner", &request("request-1"))).await.unwrap();
    let other = envelope("planner", &request("request-2"));
    let deep = "[".repeat(1_000) + &"]".repeat(1_000);
    for strange in [r#""\ud83d""#, "1e999", &deep] {
        let before = rejections(&rig).len();
        rig.launch(&other.replacen("\"detail\":{", &format!("\"detail\":{{\"note\":{strange},"), 1)).await.unwrap();
        let rejected = &rejections(&rig)[before];
        assert_eq!((rejected.reason, rejected.goal_id.is_some()), (RejectionReason::AlreadyRunning, true));
    }
}

#[tokio::test]
async fn p2_another_answer_to_the_same_request_has_another_id() {
    let rig = Rig::with_goal(8);
    rig.launch(&envelope("planner", &request("request-1"))).await.unwrap();
    let second = envelope("planner", &request("request-2"));
    rig.launch(&second).await.unwrap();
    rig.launch(&second).await.unwrap();
    rig.world.state().goals.get_mut(&goal_id("goal-1")).unwrap().head.status = GoalStatus::Paused;
    rig.launch(&second).await.unwrap();
    let [busy, again, closed] = rejections(&rig).try_into().unwrap();
    assert_eq!((busy.reason, busy.retryable), (RejectionReason::AlreadyRunning, Some(true)));
    assert_eq!((closed.reason, closed.retryable), (RejectionReason::GoalClosed, Some(false)));
    assert_eq!(busy.event_id, again.event_id);
    assert_ne!(busy.event_id, closed.event_id);
}

#[tokio::test]
async fn p2_the_same_id_from_another_service_is_another_request() {
    let rig = Rig::with_goal(8);
    rig.launch(&envelope("planner", &request("request-1"))).await.unwrap();
    rig.launch(&envelope("importer", &request("request-1"))).await.unwrap();
    let [rejected] = rejections(&rig).try_into().unwrap();
    assert_eq!(rejected.reason, RejectionReason::AlreadyRunning);
    assert_eq!(rejected.execution_arn, Some(rig.world.state().started[0].execution_arn.clone()));
}

#[tokio::test]
async fn p2_a_crash_between_claim_and_launch_is_repaired_by_the_redelivery() {
    let rig = Rig::with_goal(8);
    rig.world.break_once("start_execution");
    let event = envelope("planner", &request("request-1"));
    rig.launch(&event).await.unwrap_err();
    rig.launch(&event).await.unwrap();
    let state = rig.world.state();
    assert_eq!((state.started.len(), state.executions.len()), (1, 1));
}

#[tokio::test]
async fn a_request_that_cannot_be_accepted_is_answered_with_a_stable_rejection() {
    let rig = Rig::with_goal(8);
    let unknown = GoalActivityRequested { goal_id: goal_id("nowhere"), ..request("request-1") };
    rig.launch(&envelope("planner", &unknown)).await.unwrap();
    rig.launch(&envelope("planner", &unknown)).await.unwrap();
    let [first, second] = rejections(&rig).try_into().unwrap();
    assert_eq!((first.reason, first.request_event_id.as_str()), (RejectionReason::UnknownGoal, "request-1"));
    assert_eq!(first.event_id, second.event_id);

    let stranger = GoalActivityRequested { user_id: "user-2".parse().unwrap(), ..request("request-2") };
    rig.launch(&envelope("planner", &stranger)).await.unwrap();
    assert_eq!(rejections(&rig)[2].reason, RejectionReason::NotOwner);
}

#[tokio::test]
async fn a_broken_request_is_rejected_when_its_sender_can_be_answered_and_dead_lettered_otherwise() {
    let rig = Rig::with_goal(8);
    let detail = json!({ "version": "1", "eventId": "request-1", "goalId": 7, "userId": USER });
    rig.launch(&raw_envelope("planner", "GoalActivityRequested", &detail)).await.unwrap();
    let [rejected] = rejections(&rig).try_into().unwrap();
    assert_eq!((rejected.reason, rejected.goal_id), (RejectionReason::Invalid, None));

    for body in
        ["", "not json", "{}", &raw_envelope("planner", "GoalActivityRequested", &json!({ "goalId": "goal-1" }))]
    {
        rig.launch(body).await.unwrap_err();
    }
    assert_eq!(rejections(&rig).len(), 1);
}

#[tokio::test]
async fn a_foreign_execution_arn_in_a_request_is_rejected() {
    let rig = Rig::with_goal(8);
    let arn = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:goal-9-1";
    let forged = GoalActivityRequested { execution_arn: Some(arn.parse().unwrap()), ..request("request-1") };
    rig.launch(&envelope("planner", &forged)).await.unwrap();
    assert_eq!(rejections(&rig)[0].reason, RejectionReason::Invalid);
    assert!(rig.world.state().started.is_empty());
}

#[test]
fn random_event_ids_differ() {
    assert_ne!(EventId::random(), EventId::random());
}

#[tokio::test]
async fn p2_two_deliveries_of_a_request_at_once_are_one_request_and_reject_nothing() {
    for ahead in 0..6 {
        let rig = Rig::with_goal(8);
        let event = envelope("planner", &request("request-1"));
        let second = async {
            for _ in 0..ahead {
                tokio::task::yield_now().await;
            }
            rig.launch(&event).await
        };
        let (first, second) = futures_util::future::join(rig.launch(&event), second).await;
        first.and(second).unwrap();
        assert_eq!(rejections(&rig), [], "{ahead} steps later");
        assert_eq!(rig.world.state().started.len(), 1);
    }
}
