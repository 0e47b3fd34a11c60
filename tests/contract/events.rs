//! `PublishEvent`.

use futures_util::future::join_all;
use goal_activity_core::execution::Execution;
use goal_activity_core::ports::{Event, PublishEvent};
use goal_activity_events::{
    BatchProgressed, EventId, FinalStatus, GoalActivityAccepted, GoalActivityRejected, GoalActivityRequested,
    PriorityClass, RejectionReason, RequestRef, Version, WorkflowCompleted,
};

use crate::backend::{AwsServices, Services};
use crate::given::{TEXT, at, execution, failed_action, goal, usage};

on_all_services!(
    every_event_arrives_as_it_was_published,
    an_event_published_twice_arrives_twice_as_the_same,
    events_published_at_once_all_arrive,
);

/// The answers to a request of another service.
fn answers(requested: &GoalActivityRequested, execution: &Execution) -> (GoalActivityAccepted, GoalActivityRejected) {
    let request = RequestRef { source: "com.example.サービス".to_owned(), event_id: requested.event_id.clone() };
    let accepted = GoalActivityAccepted {
        version: Version::V1,
        event_id: GoalActivityAccepted::event_id_for(&execution.execution_arn, &request),
        occurred_at: at(1),
        request: request.clone(),
        correlation_id: requested.correlation_id.clone(),
        execution_arn: execution.execution_arn.clone(),
        goal_id: execution.goal_id.clone(),
        user_id: execution.user_id.clone(),
        total_actions: 64,
        waiting: true,
        waiting_before: 100,
        traceparent: requested.traceparent.clone(),
    };
    let rejected = GoalActivityRejected {
        version: Version::V1,
        event_id: requested.event_id.rejection("com.example.サービス", "ALREADY_RUNNING"),
        occurred_at: at(1),
        request_event_id: requested.event_id.clone(),
        request: Some(request.clone()),
        correlation_id: requested.correlation_id.clone(),
        execution_arn: Some(execution.execution_arn.clone()),
        goal_id: Some(execution.goal_id.clone()),
        user_id: Some(execution.user_id.clone()),
        reason: RejectionReason::AlreadyRunning,
        message: TEXT.to_owned(),
        retryable: Some(true),
        traceparent: requested.traceparent.clone(),
    };
    (accepted, rejected)
}

/// One event of each kind, with all optional fields and with none.
fn all() -> Vec<Event> {
    let goal = goal(64);
    let execution = execution(&goal, 1);
    let mut failed: Vec<_> = execution.action_ids.iter().map(|a| failed_action(a.as_str())).collect();
    for action in &mut failed {
        action.message = "あ".repeat(200);
    }
    let requested = GoalActivityRequested {
        version: Version::V1,
        event_id: EventId::random(),
        occurred_at: at(0),
        execution_arn: Some(execution.execution_arn.clone()),
        goal_id: execution.goal_id.clone(),
        user_id: execution.user_id.clone(),
        action_ids: Some(execution.action_ids.clone()),
        regenerate: true,
        priority_class: PriorityClass::default(),
        correlation_id: Some("plan-17".parse().unwrap()),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap()),
    };
    let (accepted, rejected) = answers(&requested, &execution);
    let request = accepted.request.clone();
    let progressed = BatchProgressed {
        version: Version::V1,
        event_id: BatchProgressed::event_id_for(&execution.execution_arn, 7, 3),
        occurred_at: at(2),
        execution_arn: execution.execution_arn.clone(),
        goal_id: execution.goal_id.clone(),
        user_id: execution.user_id.clone(),
        batch_index: 7,
        sequence: 3,
        total_actions: 8,
        succeeded_actions: 1,
        failed_actions: failed[..7].to_vec(),
        usage: Some(usage()),
        request: Some(request.clone()),
        correlation_id: requested.correlation_id.clone(),
        traceparent: requested.traceparent.clone(),
    };
    let completed = WorkflowCompleted {
        version: Version::V1,
        event_id: WorkflowCompleted::event_id_for(&execution.execution_arn),
        occurred_at: at(60),
        execution_arn: execution.execution_arn.clone(),
        goal_id: execution.goal_id.clone(),
        user_id: execution.user_id.clone(),
        status: FinalStatus::Failed,
        start_date: at(0),
        stop_date: at(60),
        duration_ms: 60_000,
        total_actions: 64,
        succeeded_actions: 0,
        failed_actions: failed,
        usage: Some(usage()),
        request: Some(request.clone()),
        correlation_id: requested.correlation_id.clone(),
        traceparent: requested.traceparent.clone(),
    };
    let least = GoalActivityRequested {
        execution_arn: None,
        action_ids: None,
        regenerate: false,
        priority_class: PriorityClass::default(),
        correlation_id: None,
        traceparent: None,
        ..requested.clone()
    };
    let unknown = GoalActivityRejected {
        request: None,
        correlation_id: None,
        execution_arn: None,
        goal_id: None,
        user_id: None,
        retryable: None,
        traceparent: None,
        ..rejected.clone()
    };
    vec![
        Event::Requested(requested),
        Event::Requested(least),
        Event::Accepted(accepted),
        Event::Rejected(rejected),
        Event::Rejected(unknown),
        Event::Progressed(progressed),
        Event::Completed(completed),
    ]
}

/// Checks that exactly these have arrived, in any order.
fn arrived(arrived: Vec<Event>, mut expected: Vec<Event>) {
    for event in arrived {
        let i = expected.iter().position(|e| *e == event).unwrap_or_else(|| panic!("not published: {event:?}"));
        expected.remove(i);
    }
    assert_eq!(expected, []);
}

async fn every_event_arrives_as_it_was_published(on: &impl Services) {
    let all = all();
    for event in &all {
        on.bus().publish(event.clone()).await.unwrap();
    }
    arrived(on.events(all.len()).await, all);
}

async fn an_event_published_twice_arrives_twice_as_the_same(on: &impl Services) {
    let event = all().remove(0);
    for _ in 0..2 {
        on.bus().publish(event.clone()).await.unwrap();
    }
    arrived(on.events(2).await, vec![event.clone(), event]);
}

async fn events_published_at_once_all_arrive(on: &impl Services) {
    let all: Vec<_> = (0..3).flat_map(|_| all()).collect();
    for published in join_all(all.iter().map(|event| on.bus().publish(event.clone()))).await {
        published.unwrap();
    }
    arrived(on.events(all.len()).await, all);
}

#[tokio::test]
async fn an_event_larger_than_the_bus_takes_is_unavailable_and_says_how_large() {
    let on = AwsServices::open().await;
    let rejected = |event| if let Event::Rejected(event) = event { Some(event) } else { None };
    let mut event = all().into_iter().find_map(rejected).expect("a rejection");
    event.message = "a secret".repeat(40_000);
    let error = on.bus().publish(Event::Rejected(event)).await.unwrap_err();
    assert!(error.to_string().contains("over EventBridge's limit"), "{error}");
    assert!(!format!("{error:?}").contains("secret"));
    assert_eq!(on.events(0).await, []);
}
