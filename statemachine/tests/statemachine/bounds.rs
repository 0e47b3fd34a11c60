//! The size and the billed transitions of the largest workflow.

use aws_sdk_sfn::types::HistoryEvent;
use goal_activity_core::limits::MAX_ACTIONS;

use crate::bench::{Interpreter, Machine, Run, actions, deployed_definition};

/// Step Functions refuses a state's input or output of more than 256 KiB.
const STATE_LIMIT: usize = 256 * 1024;
/// The project's goal for one workflow of 64 actions.
const TRANSITIONS: usize = 13;

on_both!(the_largest_workflow_stays_far_below_the_state_limit, the_definition_as_deployed_is_accepted);
// MiniStack's history leaves out the states inside a Map.
on!(Moto as on_moto_only: the_largest_workflow_takes_13_billed_transitions);

async fn the_largest_workflow_stays_far_below_the_state_limit(interpreter: Interpreter) {
    let run = largest(interpreter).await;

    let history = run.history().await;
    let entered = history.iter().filter_map(HistoryEvent::state_entered_event_details);
    let largest = entered.map(|state| (state.input().map_or(0, str::len), state.name())).max().unwrap();
    println!("largest state input: {largest:?} bytes");
    assert!(largest.0 > 64 * MAX_ACTIONS, "the ids themselves should have been measured: {largest:?}");
    // The ids are included twice: as batches, and in the input, which has the trace of the messages.
    assert!(largest.0 < STATE_LIMIT / 16, "{largest:?}");
}

async fn the_largest_workflow_takes_13_billed_transitions(interpreter: Interpreter) {
    let run = largest(interpreter).await;

    // Step Functions bills every state that is entered, including those inside a Map, but not the iterations
    // themselves.
    let history = run.history().await;
    let entered = history.iter().filter_map(HistoryEvent::state_entered_event_details);
    let entered: Vec<&str> = entered.map(aws_sdk_sfn::types::StateEnteredEventDetails::name).collect();
    println!("{} billed transitions for {MAX_ACTIONS} actions", entered.len());
    assert!(entered.len() <= TRANSITIONS, "{} states entered: {entered:?}", entered.len());
    assert_eq!(entered.iter().filter(|name| **name == "EnqueueBatch").count(), 8, "not all states were counted");
}

/// Moto parses it with the grammar of the language. The other cases replace the only state that needs a function.
async fn the_definition_as_deployed_is_accepted(interpreter: Interpreter) {
    let definition = deployed_definition("https://sqs.us-east-1.amazonaws.com/123456789012/batches");
    let created = interpreter.clients().create_state_machine(&definition).await;
    assert!(created.is_ok(), "{created:?}");
}

async fn largest(interpreter: Interpreter) -> Run {
    let run = Machine::deploy(interpreter, &[]).await.start(&actions(MAX_ACTIONS)).await;
    for batch in run.batches(8).await {
        run.succeed(&batch).await;
    }
    run.finalize(MAX_ACTIONS, MAX_ACTIONS).await;
    run.ended().await;
    run
}
