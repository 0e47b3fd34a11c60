//! A batch that is lost costs only itself.

use aws_sdk_sfn::types::ExecutionStatus;
use goal_activity_events::BatchAnswer;
use serde_json::{Value, json};

use crate::bench::{Batch, Interpreter, Machine, Patch, Run, actions, all_succeeded, finalize_answer, is_stale};

on_both!(
    a_batch_that_times_out_is_recorded_and_the_others_go_on,
    a_batch_that_a_worker_gives_up_is_recorded_and_not_sent_again,
    a_failed_send_is_tried_again,
    a_queue_that_takes_nothing_loses_every_batch_but_not_the_outcome,
    a_map_that_fails_as_a_whole_is_still_finalized,
    a_second_answer_is_refused_as_stale,
);
// MiniStack ignores HeartbeatSeconds.
on!(Moto as on_moto_only: a_silent_worker_loses_its_batch_and_a_beating_one_does_not);

async fn a_batch_that_times_out_is_recorded_and_the_others_go_on(interpreter: Interpreter) {
    let run = Machine::deploy(interpreter, &[Patch::BatchSeconds(6)]).await.start(&actions(17)).await;

    let batches = run.batches(3).await;
    run.succeed(&batches[0]).await;
    run.succeed(&batches[2]).await;
    let call = run.finalize_call().await;
    assert_eq!(run.recorded_batches().await, json!([done(&batches[0]), lost(1, "States.Timeout"), done(&batches[2])]));

    // MiniStack refuses the late answer now, Moto when the execution has ended. It changes nothing on either.
    let _ = run.answer(&batches[1], &all_succeeded(&batches[1])).await;
    run.answer_finalize(&call, &finalize_answer(9, 17)).await;
    let ended = run.ended().await;
    assert_eq!(ended.status, ExecutionStatus::Succeeded);
    assert_eq!(ended.output, Some(finalize_answer(9, 17)));
    refused_as_stale(&run, &batches[1]).await;
}

async fn a_batch_that_a_worker_gives_up_is_recorded_and_not_sent_again(interpreter: Interpreter) {
    let run = Machine::deploy(interpreter, &[]).await.start(&actions(9)).await;

    let batches = run.batches(2).await;
    run.fail(&batches[0], "GoalGone").await;
    run.succeed(&batches[1]).await;
    run.finalize(1, 9).await;

    // `ended` finds a batch that was sent again.
    assert_eq!(run.ended().await.status, ExecutionStatus::Succeeded);
    assert_eq!(run.recorded_batches().await, json!([lost(0, "GoalGone"), done(&batches[1])]));
}

async fn a_failed_send_is_tried_again(interpreter: Interpreter) {
    for error in [
        "SQS.RequestThrottledException",
        "SQS.KmsThrottledException",
        "SQS.AmazonSQSException",
        "SQS.SdkClientException",
    ] {
        let run = Machine::deploy(interpreter, &[Patch::ImpatientRetries]).await.start(&actions(3)).await;

        let first = run.batch().await;
        // The interpreter takes the name as the integration's own error, and that is all its retriers look at.
        run.fail(&first, error).await;
        let second = run.batch().await;
        assert_eq!(second.message.action_ids, first.message.action_ids);
        run.succeed(&second).await;
        run.finalize(3, 3).await;

        assert_eq!(run.ended().await.status, ExecutionStatus::Succeeded, "after {error}");
        assert_eq!(run.recorded_batches().await, json!([done(&second)]), "after {error}");
    }
}

async fn a_queue_that_takes_nothing_loses_every_batch_but_not_the_outcome(interpreter: Interpreter) {
    let machine = Machine::deploy_without_batch_queue(interpreter, &[Patch::ImpatientRetries]).await;
    let run = machine.start(&actions(9)).await;

    let call = run.finalize_call().await;
    let recorded = run.recorded_batches().await;
    for (index, batch) in recorded.as_array().unwrap().iter().enumerate() {
        assert_eq!((&batch["batchIndex"], &batch["lost"]), (&json!(index), &json!(true)));
        assert!(batch["error"].as_str().unwrap().starts_with("SQS."), "{batch}");
    }
    run.answer_finalize(&call, &finalize_answer(0, 9)).await;
    assert_eq!(run.ended().await.status, ExecutionStatus::Failed);
}

async fn a_map_that_fails_as_a_whole_is_still_finalized(interpreter: Interpreter) {
    let run = Machine::deploy(interpreter, &[Patch::LostBatchesUncaught]).await.start(&actions(9)).await;

    let batches = run.batches(2).await;
    run.succeed(&batches[0]).await;
    run.fail(&batches[1], "Unforeseen").await;
    let call = run.finalize_call().await;
    assert_eq!(call.payload, json!({ "executionArn": run.arn, "goalId": "goal-7" }));
    run.answer_finalize(&call, &finalize_answer(8, 9)).await;

    let ended = run.ended().await;
    assert_eq!((ended.status, ended.output), (ExecutionStatus::Succeeded, Some(finalize_answer(8, 9))));
}

async fn a_second_answer_is_refused_as_stale(interpreter: Interpreter) {
    let run = Machine::deploy(interpreter, &[]).await.start(&actions(1)).await;

    let batch = run.batch().await;
    run.succeed(&batch).await;
    run.finalize(1, 1).await;

    run.ended().await;
    refused_as_stale(&run, &batch).await;
}

async fn a_silent_worker_loses_its_batch_and_a_beating_one_does_not(interpreter: Interpreter) {
    let run = Machine::deploy(interpreter, &[Patch::BatchHeartbeat(4)]).await.start(&actions(16)).await;

    let batches = run.batches(2).await;
    run.eventually("the loss of the silent worker's batch", async || {
        run.heartbeat(&batches[1]).await;
        run.entered("BatchLost").await.ok_or_else(|| "both batches are waited for".to_owned())
    })
    .await;
    run.succeed(&batches[1]).await;
    run.finalize(8, 16).await;

    assert_eq!(run.ended().await.status, ExecutionStatus::Succeeded);
    // AWS documents `States.HeartbeatTimeout`; Moto names a missed heartbeat like any other timeout.
    assert_eq!(run.recorded_batches().await, json!([lost(0, "States.Timeout"), done(&batches[1])]));
}

async fn refused_as_stale(run: &Run, batch: &Batch) {
    let refused = run.answer(batch, &all_succeeded(batch)).await.expect_err("a stale answer is refused");
    assert!(is_stale(&refused), "{refused:?}");
}

fn done(batch: &Batch) -> BatchAnswer {
    all_succeeded(batch)
}

/// All that a lost batch leaves in the state: a failure's cause can be 32 KiB long and must not stay.
fn lost(index: u32, error: &str) -> Value {
    json!({ "batchIndex": index, "lost": true, "error": error })
}
