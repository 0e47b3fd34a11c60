//! What the workers receive.

use std::collections::BTreeSet;
use std::time::Duration;

use goal_activity_core::limits::{ACTIONS_PER_BATCH, batch_count};
use goal_activity_events::Timestamp;
use serde_json::json;

use crate::bench::{Interpreter, Machine, Patch, actions, finalize_answer, input};

on_both!(
    every_number_of_actions_makes_full_batches_in_mandala_order,
    a_message_holds_ids_and_nothing_else,
    what_asked_for_it_reaches_the_workers,
    regenerate_reaches_the_workers,
    a_trace_reaches_the_workers,
    a_workflow_without_a_trace_runs_like_any_other,
    a_batch_waits_for_a_free_place,
);

async fn every_number_of_actions_makes_full_batches_in_mandala_order(interpreter: Interpreter) {
    for count in [1, 5, 8, 9, 16, 17, 63, 64] {
        let action_ids = actions(count);
        let run = Machine::deploy(interpreter, &[]).await.start(&action_ids).await;

        let batches = run.batches(batch_count(count) as usize).await;
        for (batch, (index, expected)) in batches.iter().zip(action_ids.chunks(ACTIONS_PER_BATCH).enumerate()) {
            assert_eq!(batch.message.batch_index as usize, index, "of {count} actions");
            assert_eq!(batch.action_ids(), expected, "batch {index} of {count} actions");
            run.succeed(batch).await;
        }
        run.finalize(count, count).await;

        assert_eq!(run.ended().await.output, Some(finalize_answer(count, count)), "of {count} actions");
    }
}

async fn a_message_holds_ids_and_nothing_else(interpreter: Interpreter) {
    let before = now();
    let run = Machine::deploy(interpreter, &[]).await.start(&actions(9)).await;

    for batch in run.batches(2).await {
        let fields: BTreeSet<&str> = batch.raw.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = [
            "actionIds",
            "batchIndex",
            "correlationId",
            "enqueuedAt",
            "executionArn",
            "goalId",
            "regenerate",
            "request",
            "taskToken",
            "totalActions",
            "traceparent",
            "userId",
            "version",
        ];
        assert_eq!(fields, BTreeSet::from(expected));
        assert_eq!(batch.raw["version"], "1");
        assert_eq!(batch.raw["totalActions"], 9);
        assert_eq!(batch.raw["executionArn"], json!(run.arn), "the execution itself, whatever its input says");
        assert_eq!(batch.raw["goalId"], "goal-7");
        assert_eq!(batch.raw["userId"], "user-3");
        assert_eq!(batch.raw["regenerate"], false);
        let enqueued_at = batch.message.enqueued_at;
        assert!(enqueued_at.plus(Duration::from_secs(1)) > before && enqueued_at <= now(), "{enqueued_at} is not now");
        run.succeed(&batch).await;
    }
    run.finalize(9, 9).await;
    run.ended().await;
}

async fn what_asked_for_it_reaches_the_workers(interpreter: Interpreter) {
    let machine = Machine::deploy(interpreter, &[]).await;
    let run = machine.start(&actions(1)).await;
    // Started by an earlier version, which does not say it.
    let message = run.batch().await.message;
    assert_eq!((message.request, message.correlation_id), (None, None));

    let mut input = input(&actions(1));
    let request = json!({ "source": "com.example.planner", "eventId": "plan-17" });
    (input["request"], input["correlationId"]) = (request.clone(), json!("november"));
    let run = Machine::deploy(interpreter, &[]).await.start_with(&input).await;
    let message = run.batch().await.message;
    assert_eq!(json!(message.request), request);
    assert_eq!(message.correlation_id.map(String::from).as_deref(), Some("november"));
}

async fn regenerate_reaches_the_workers(interpreter: Interpreter) {
    let mut input = input(&actions(1));
    input["regenerate"] = json!(true);
    let run = Machine::deploy(interpreter, &[]).await.start_with(&input).await;

    let batch = run.batch().await;
    assert!(batch.message.regenerate);
    run.succeed(&batch).await;
    run.finalize(1, 1).await;
    run.ended().await;
}

async fn a_trace_reaches_the_workers(interpreter: Interpreter) {
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut input = input(&actions(9));
    input["traceparent"] = json!(traceparent);
    let run = Machine::deploy(interpreter, &[]).await.start_with(&input).await;

    for batch in run.batches(2).await {
        assert_eq!(batch.message.traceparent, traceparent.parse().ok());
        run.succeed(&batch).await;
    }
    run.finalize(9, 9).await;
    run.ended().await;
}

/// The input of a `launch` that does not support traces yet does not have the field.
async fn a_workflow_without_a_trace_runs_like_any_other(interpreter: Interpreter) {
    for traceparent in [None, Some("")] {
        let mut input = input(&actions(1));
        input.as_object_mut().unwrap().extend(traceparent.map(|t| ("traceparent".to_owned(), json!(t))));
        let run = Machine::deploy(interpreter, &[]).await.start_with(&input).await;

        let batch = run.batch().await;
        assert_eq!((&batch.raw["traceparent"], &batch.message.traceparent), (&json!(""), &None));
        run.succeed(&batch).await;
        run.finalize(1, 1).await;
        run.ended().await;
    }
}

async fn a_batch_waits_for_a_free_place(interpreter: Interpreter) {
    let run = Machine::deploy(interpreter, &[Patch::BatchesAtOnce(2)]).await.start(&actions(40)).await;

    let mut waiting = run.batches(2).await;
    for next in [2, 3, 4] {
        run.no_batch_comes().await;
        run.succeed(&waiting.remove(0)).await;
        let came = run.batch().await;
        assert_eq!(came.message.batch_index, next);
        waiting.push(came);
    }
    for batch in &waiting {
        run.succeed(batch).await;
    }
    run.finalize(40, 40).await;
    run.ended().await;
}

#[allow(clippy::disallowed_methods, reason = "the interpreters are other processes and live by the real clock")]
fn now() -> Timestamp {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since_1970.as_millis()).unwrap())
}
