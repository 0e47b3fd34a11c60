//! Sealing and counting, regardless of earlier failures.

use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::json;

use crate::bench::{Interpreter, Machine, Patch, Run, actions, finalize_answer};

on_both!(
    finalize_gets_the_workflow_whose_results_to_save,
    a_failed_call_is_tried_again,
    a_call_that_fails_for_good_ends_the_workflow_with_its_own_error,
);
// Moto leaves a timed-out task's answer set, so every further attempt times out at once.
on!(MiniStack as on_ministack_only: a_call_that_times_out_is_tried_again);

async fn finalize_gets_the_workflow_whose_results_to_save(interpreter: Interpreter) {
    let run = with_one_batch_done(interpreter, &[]).await;

    let call = run.finalize_call().await;
    assert_eq!(call.payload, json!({ "executionArn": run.arn, "goalId": "goal-7" }));
    run.answer_finalize(&call, &finalize_answer(1, 1)).await;
    run.ended().await;
}

async fn a_failed_call_is_tried_again(interpreter: Interpreter) {
    for error in [
        "Lambda.TooManyRequestsException",
        "Lambda.ClientExecutionTimeoutException",
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        // The function's own errors: saving twice changes nothing, so any failure can be retried.
        "Lambda.Unknown",
    ] {
        let run = with_one_batch_done(interpreter, &[Patch::ImpatientRetries]).await;

        run.fail_finalize(&run.finalize_call().await, error).await;
        run.finalize(1, 1).await;

        assert_eq!(run.ended().await.status, ExecutionStatus::Succeeded, "after {error}");
    }
}

async fn a_call_that_times_out_is_tried_again(interpreter: Interpreter) {
    let run = with_one_batch_done(interpreter, &[Patch::FinalizeSeconds(3), Patch::ImpatientRetries]).await;

    run.finalize_call().await;
    run.finalize(1, 1).await;

    assert_eq!(run.ended().await.status, ExecutionStatus::Succeeded);
}

async fn a_call_that_fails_for_good_ends_the_workflow_with_its_own_error(interpreter: Interpreter) {
    let run = with_one_batch_done(interpreter, &[Patch::ImpatientRetries]).await;

    let calls = run.fail_finalize_for_good("LedgerUnavailable").await;

    let ended = run.ended().await;
    assert_eq!((ended.status, ended.error.as_deref()), (ExecutionStatus::Failed, Some("LedgerUnavailable")));
    assert_eq!(calls, 3, "one call and two retries");
}

async fn with_one_batch_done(interpreter: Interpreter, patches: &[Patch]) -> Run {
    let run = Machine::deploy(interpreter, patches).await.start(&actions(1)).await;
    run.succeed(&run.batch().await).await;
    run
}
