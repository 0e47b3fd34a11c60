//! How a workflow ends.

use aws_sdk_sfn::types::ExecutionStatus;

use crate::bench::{Interpreter, Machine, Patch, Run, actions, finalize_answer, input};

on_both!(
    all_actions_saved_is_a_success,
    one_action_saved_is_a_success,
    nothing_saved_is_a_failure,
    the_same_start_twice_is_one_execution,
    a_stopped_workflow_is_aborted_whatever_is_still_answered,
);
// MiniStack ignores the state machine's TimeoutSeconds, and keeps sending for a while after StopExecution.
on!(Moto as on_moto_only: a_workflow_that_takes_too_long_times_out, a_stopped_workflow_sends_nothing_more);

async fn all_actions_saved_is_a_success(interpreter: Interpreter) {
    let run = finalized(interpreter, 9, 9).await;

    let ended = run.ended().await;
    assert_eq!((ended.status, ended.output), (ExecutionStatus::Succeeded, Some(finalize_answer(9, 9))));
}

async fn one_action_saved_is_a_success(interpreter: Interpreter) {
    let run = finalized(interpreter, 1, 9).await;

    let ended = run.ended().await;
    assert_eq!((ended.status, ended.output), (ExecutionStatus::Succeeded, Some(finalize_answer(1, 9))));
}

async fn nothing_saved_is_a_failure(interpreter: Interpreter) {
    let run = finalized(interpreter, 0, 9).await;

    let ended = run.ended().await;
    assert_eq!((ended.status, ended.error.as_deref()), (ExecutionStatus::Failed, Some("NothingSucceeded")));
}

async fn the_same_start_twice_is_one_execution(interpreter: Interpreter) {
    let run = Machine::deploy(interpreter, &[]).await.start(&actions(1)).await;
    let batch = run.batch().await;

    let again = run.states().start_execution().state_machine_arn(run.state_machine_arn()).name("goal-7-1");
    match again
        .input(input(&actions(1)).to_string())
        .send()
        .await
        .map_err(aws_sdk_sfn::error::SdkError::into_service_error)
    {
        // As AWS does while the first one runs.
        Ok(started) => assert_eq!(started.execution_arn, run.arn),
        // MiniStack; and AWS once the first one has ended. `launch` handles it as "already started".
        Err(refused) => assert!(refused.is_execution_already_exists(), "{refused:?}"),
    }

    run.no_batch_comes().await;
    run.succeed(&batch).await;
    run.finalize(1, 1).await;
    run.ended().await;
    let executions = run.states().list_executions().state_machine_arn(run.state_machine_arn()).send().await.unwrap();
    assert_eq!(executions.executions.len(), 1);
}

async fn a_workflow_that_takes_too_long_times_out(interpreter: Interpreter) {
    let run = Machine::deploy(interpreter, &[Patch::WorkflowSeconds(4)]).await.start(&actions(1)).await;

    run.batch().await;
    assert_eq!(run.ended().await.status, ExecutionStatus::TimedOut);
}

async fn a_stopped_workflow_is_aborted_whatever_is_still_answered(interpreter: Interpreter) {
    let run = Machine::deploy(interpreter, &[]).await.start(&actions(1)).await;

    run.succeed(&run.batch().await).await;
    let call = run.finalize_call().await;
    run.stop().await;
    // MiniStack is aborted by now; Moto will be when the running task ends.
    run.answer_finalize(&call, &finalize_answer(1, 1)).await;
    let ended = run.ended().await;
    assert_eq!((ended.status, ended.output), (ExecutionStatus::Aborted, None));
}

async fn a_stopped_workflow_sends_nothing_more(interpreter: Interpreter) {
    // Without the stop, the second batch would follow when the first one times out.
    let patches = [Patch::BatchesAtOnce(1), Patch::FirstBatchSeconds(6)];
    let run = Machine::deploy(interpreter, &patches).await.start(&actions(24)).await;

    run.batch().await;
    run.stop().await;
    // Stopped inside a Map, Moto ends the execution as failed; AWS aborts it.
    assert_ne!(run.ended().await.status, ExecutionStatus::Succeeded);
    run.no_batch_comes().await;
}

/// A workflow whose batches were all answered and whose ledger has that many successes.
async fn finalized(interpreter: Interpreter, succeeded: usize, total: usize) -> Run {
    let run = Machine::deploy(interpreter, &[]).await.start(&actions(total)).await;
    for batch in run.batches(total.div_ceil(8)).await {
        run.succeed(&batch).await;
    }
    run.finalize(succeeded, total).await;
    run
}
