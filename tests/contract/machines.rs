//! `StartExecution`, `StopExecution`, `DescribeExecution`.

use futures_util::future::join_all;
use goal_activity_core::outcome::End;
use goal_activity_core::ports::{
    DescribeExecution, ExecutionInput, ExecutionState, StartExecution, StopExecution, StopReason,
};
use goal_activity_events::{ClaimSequence, ExecutionArn, Timestamp};
use serde_json::json;

use crate::backend::Services;
use crate::given::{USER, goal};

on_all_services!(
    an_execution_that_was_never_started_is_absent_and_as_good_as_stopped,
    an_execution_is_started_with_its_input_and_runs,
    p2_an_execution_is_started_once,
    p2_of_starts_at_once_one_counts,
    a_stopped_execution_is_aborted_for_good,
    an_execution_that_has_ended_is_left_alone,
    an_execution_that_has_failed_is_left_alone,
);

fn input(on: &impl Services) -> ExecutionInput {
    let mut goal = goal(64);
    for action in &mut goal.actions {
        action.action_id = format!("{:-<64}", action.action_id.as_str()).parse().unwrap();
    }
    ExecutionInput {
        version: goal_activity_events::Version::V1,
        execution_arn: ExecutionArn::derive(on.state_machine(), &goal.head.goal_id, ClaimSequence(1)),
        goal_id: goal.head.goal_id,
        user_id: USER.parse().unwrap(),
        action_ids: goal.actions.into_iter().map(|a| a.action_id).collect(),
        regenerate: true,
        request: None,
        correlation_id: String::new(),
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
    }
}

async fn started(on: &impl Services) -> ExecutionInput {
    let input = input(on);
    on.step_functions().start_execution(&input).await.unwrap();
    input
}

async fn state(on: &impl Services, input: &ExecutionInput) -> ExecutionState {
    on.step_functions().describe_execution(&input.execution_arn).await.unwrap()
}

/// Returns `true` if that was just now, in AWS's precision of one second.
fn is_now(on: &impl Services, moment: Timestamp) -> bool {
    (on.now().as_millis() - moment.as_millis()).abs() < 60_000
}

async fn an_execution_that_was_never_started_is_absent_and_as_good_as_stopped(on: &impl Services) {
    let input = input(on);
    assert_eq!(state(on, &input).await, ExecutionState::Absent);
    on.step_functions().stop_execution(&input.execution_arn, StopReason::Cancelled).await.unwrap();
    assert_eq!(state(on, &input).await, ExecutionState::Absent);
}

async fn an_execution_is_started_with_its_input_and_runs(on: &impl Services) {
    let input = started(on).await;
    let ExecutionState::Running { since } = state(on, &input).await else { panic!("it does not run") };
    assert!(is_now(on, since), "{since}");
    assert_eq!(on.inputs(1).await, [json!(input)]);
}

async fn p2_an_execution_is_started_once(on: &impl Services) {
    let first = started(on).await;
    on.step_functions().start_execution(&first).await.unwrap();
    // The execution is identified by its name only.
    let mut other = first.clone();
    other.action_ids.truncate(1);
    on.step_functions().start_execution(&other).await.unwrap();
    assert_eq!(on.inputs(1).await, [json!(first)]);
}

async fn p2_of_starts_at_once_one_counts(on: &impl Services) {
    let input = input(on);
    for started in join_all((0..8).map(|_| on.step_functions().start_execution(&input))).await {
        started.unwrap();
    }
    assert_eq!(on.inputs(1).await, [json!(input)]);
}

async fn a_stopped_execution_is_aborted_for_good(on: &impl Services) {
    let input = started(on).await;
    on.step_functions().stop_execution(&input.execution_arn, StopReason::Cancelled).await.unwrap();
    let stopped = state(on, &input).await;
    let ExecutionState::Ended { end: End::Aborted, at } = stopped else { panic!("{stopped:?}") };
    assert!(is_now(on, at), "{at}");
    on.step_functions().stop_execution(&input.execution_arn, StopReason::Ended).await.unwrap();
    on.step_functions().start_execution(&input).await.unwrap();
    assert_eq!(state(on, &input).await, stopped);
}

async fn an_execution_that_has_ended_is_left_alone(on: &impl Services) {
    left_alone(on, true).await;
}

async fn an_execution_that_has_failed_is_left_alone(on: &impl Services) {
    left_alone(on, false).await;
}

async fn left_alone(on: &impl Services, ended_well: bool) {
    let input = started(on).await;
    on.end(&input.execution_arn, ended_well).await;
    let ended = state(on, &input).await;
    // The outcome is in the ledger only.
    let ExecutionState::Ended { end: End::Finished, at } = ended else { panic!("{ended:?}") };
    assert!(is_now(on, at), "{at}");
    on.step_functions().stop_execution(&input.execution_arn, StopReason::Ended).await.unwrap();
    on.step_functions().start_execution(&input).await.unwrap();
    assert_eq!(state(on, &input).await, ended);
}
