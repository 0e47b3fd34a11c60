//! A lost batch does not affect the others.

use std::time::{Duration, Instant};

use aws_sdk_sfn::error::ProvideErrorMetadata;
use aws_sdk_sfn::types::ExecutionStatus;
use goal_activity_events::BatchAnswer;
use serde_json::{Value, json};

use crate::bench::{Batch, Interpreter, Machine, Patch, Run, actions, all_succeeded, finalize_answer, is_stale};

on_both!(
    a_batch_that_times_out_is_recorded_and_the_others_go_on,
    a_batch_without_a_sign_of_life_is_sent_again_and_its_time_counts_from_the_first_message,
    a_batch_that_stays_silent_is_lost_after_three_messages,
    a_failed_send_is_tried_again_whatever_its_error_is_called,
    a_send_that_fails_for_good_loses_the_batch_after_six_attempts,
    a_queue_that_takes_nothing_loses_every_batch_but_not_the_outcome,
    a_map_that_fails_as_a_whole_is_still_finalized,
    a_second_answer_is_refused_as_stale,
);
// MiniStack ignores HeartbeatSeconds.
on!(Moto as on_moto_only: a_beating_worker_keeps_its_batch_while_a_silent_one_loses_it);

async fn a_batch_that_times_out_is_recorded_and_the_others_go_on(interpreter: Interpreter) {
    let run = Machine::deploy(interpreter, &[Patch::FirstBatchSeconds(3)]).await.start(&actions(17)).await;

    let batches = run.batches(3).await;
    run.succeed(&batches[1]).await;
    run.succeed(&batches[2]).await;
    let call = run.finalize_call().await;
    assert_eq!(run.recorded_batches().await, json!([lost(0, "States.Timeout"), done(&batches[1]), done(&batches[2])]));

    // MiniStack refuses the late answer now, Moto when the execution has ended. It changes nothing on either.
    let _ = run.answer(&batches[0], &all_succeeded(&batches[0])).await;
    run.answer_finalize(&call, &finalize_answer(9, 17)).await;
    let ended = run.ended().await;
    assert_eq!(ended.status, ExecutionStatus::Succeeded);
    assert_eq!(ended.output, Some(finalize_answer(9, 17)));
    refused_as_stale(&run, &batches[0]).await;
}

/// The first batch is sent again after three seconds without a heartbeat, on each interpreter in its own way.
fn silence(interpreter: Interpreter) -> [Patch; 2] {
    let seconds = 3;
    let silent = match interpreter {
        Interpreter::MiniStack => Patch::FirstBatchSeconds(seconds),
        Interpreter::Moto => Patch::FirstBatchHeartbeat(seconds),
    };
    [silent, Patch::SilenceTimesOut]
}

async fn a_batch_without_a_sign_of_life_is_sent_again_and_its_time_counts_from_the_first_message(
    interpreter: Interpreter,
) {
    let run = Machine::deploy(interpreter, &silence(interpreter)).await.start(&actions(9)).await;

    let first = run.batches(2).await;
    run.succeed(&first[1]).await;
    let second = run.succeed_whichever_message().await;
    assert_eq!(second.message.batch_index, 0);
    assert_eq!(second.message.action_ids, first[0].message.action_ids);
    assert_eq!(second.message.enqueued_at, first[0].message.enqueued_at);
    run.finalize(9, 9).await;

    assert_eq!(run.ended().await.status, ExecutionStatus::Succeeded);
    assert_eq!(run.recorded_batches().await, json!([done(&second), done(&first[1])]));
}

async fn a_batch_that_stays_silent_is_lost_after_three_messages(interpreter: Interpreter) {
    let run = Machine::deploy(interpreter, &silence(interpreter)).await.start(&actions(9)).await;

    let first = run.batches(2).await;
    run.succeed(&first[1]).await;
    for again in [run.batch().await, run.batch().await] {
        assert_eq!((again.message.batch_index, again.message.enqueued_at), (0, first[0].message.enqueued_at));
    }
    run.finalize(1, 9).await;

    // `ended` finds a fourth message.
    assert_eq!(run.ended().await.status, ExecutionStatus::Succeeded);
    assert_eq!(run.recorded_batches().await, json!([lost(0, "States.Timeout"), done(&first[1])]));
}

async fn a_failed_send_is_tried_again_whatever_its_error_is_called(interpreter: Interpreter) {
    for error in [
        "SQS.RequestThrottledException",
        "SQS.SdkClientException",
        "SQS.InternalErrorException",
        "SQS.QueueDoesNotExistException",
        "WhatNobodyHasHeardOf",
    ] {
        let run = Machine::deploy(interpreter, &[Patch::ImpatientRetries]).await.start(&actions(3)).await;

        let first = run.batch().await;
        // The interpreter treats the name as the integration's own error, and its retriers check only that.
        run.fail(&first, error).await;
        let second = run.batch().await;
        assert_eq!(second.message.action_ids, first.message.action_ids);
        run.succeed(&second).await;
        run.finalize(3, 3).await;

        assert_eq!(run.ended().await.status, ExecutionStatus::Succeeded, "after {error}");
        assert_eq!(run.recorded_batches().await, json!([done(&second)]), "after {error}");
    }
}

async fn a_send_that_fails_for_good_loses_the_batch_after_six_attempts(interpreter: Interpreter) {
    let run = Machine::deploy(interpreter, &[Patch::ImpatientRetries]).await.start(&actions(3)).await;

    let messages = run.fail_batch_for_good("SQS.InternalErrorException").await;
    run.finalize(0, 3).await;

    assert_eq!(run.ended().await.status, ExecutionStatus::Failed);
    assert_eq!(run.recorded_batches().await, json!([lost(0, "SQS.InternalErrorException")]));
    assert_eq!(messages, 6, "one send and five retries");
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

async fn a_beating_worker_keeps_its_batch_while_a_silent_one_loses_it(interpreter: Interpreter) {
    let heartbeat = 10;
    let patches = [silence(interpreter).as_slice(), &[Patch::OtherBatchesHeartbeat(heartbeat)]].concat();
    let run = Machine::deploy(interpreter, &patches).await.start(&actions(16)).await;

    let batches = run.batches(2).await;
    let (mut messages, begun) = (2, Instant::now());
    run.eventually("the loss of the silent batch, and more time than the other would have", async || {
        run.heartbeat(&batches[1]).await;
        messages += run.batches_now().await.len();
        let lost = run.entered("BatchLost").await;
        let lost = lost.ok_or_else(|| format!("both batches are waited for, after {messages} messages"))?;
        let beaten = begun.elapsed() > Duration::from_secs(u64::from(heartbeat) + 2);
        if beaten { Ok(lost) } else { Err("the other batch could still be silent".to_owned()) }
    })
    .await;
    run.succeed(&batches[1]).await;
    run.finalize(8, 16).await;

    assert_eq!(run.ended().await.status, ExecutionStatus::Succeeded);
    // AWS documents `States.HeartbeatTimeout`; Moto names a missed heartbeat like any other timeout.
    assert_eq!(run.recorded_batches().await, json!([lost(0, "States.Timeout"), done(&batches[1])]));
    assert_eq!(messages, 4, "three of the silent one, one of the other");
}

/// Moto looks through the executions of all tests for the token, and answers without a code where one is added meanwhile: then it
/// is asked again.
async fn refused_as_stale(run: &Run, batch: &Batch) {
    run.eventually("a reason for the refusal of a stale answer", async || {
        let refused = run.answer(batch, &all_succeeded(batch)).await.expect_err("a stale answer is refused");
        refused.code().ok_or_else(|| format!("{refused:?}"))?;
        assert!(is_stale(&refused), "{refused:?}");
        Ok(())
    })
    .await;
}

fn done(batch: &Batch) -> BatchAnswer {
    all_succeeded(batch)
}

/// Everything that a lost batch leaves in the state: a failure's cause can be 32 KiB long and must not stay.
fn lost(index: u32, error: &str) -> Value {
    json!({ "batchIndex": index, "lost": true, "error": error })
}
