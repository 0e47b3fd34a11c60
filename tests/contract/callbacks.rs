//! `AnswerBatch`.

use futures_util::future::join_all;
use goal_activity_core::ports::{AnswerBatch, Answered};
use goal_activity_events::BatchAnswer;

use crate::backend::Services;

on_all_services!(
    an_answer_is_taken_as_it_is,
    p2_a_second_answer_is_stale,
    an_answer_that_is_not_awaited_is_stale,
    a_heartbeat_is_taken_until_the_answer,
    p2_of_answers_at_once_one_counts,
);

fn answer(succeeded: u32) -> BatchAnswer {
    BatchAnswer { batch_index: 7, succeeded, failed: 8 - succeeded }
}

async fn an_answer_is_taken_as_it_is(on: &impl Services) {
    let token = on.token().await;
    assert_eq!(on.step_functions().answer(&token, &answer(5)).await.unwrap(), Answered::Accepted);
    assert_eq!(on.answer().await, answer(5));
}

async fn p2_a_second_answer_is_stale(on: &impl Services) {
    let token = on.token().await;
    assert_eq!(on.step_functions().answer(&token, &answer(5)).await.unwrap(), Answered::Accepted);
    // The emulator invalidates a token only when the execution has continued.
    assert_eq!(on.answer().await, answer(5));
    assert_eq!(on.step_functions().answer(&token, &answer(5)).await.unwrap(), Answered::Stale);
    assert_eq!(on.step_functions().answer(&token, &answer(8)).await.unwrap(), Answered::Stale);
    assert_eq!(on.answer().await, answer(5));
}

async fn an_answer_that_is_not_awaited_is_stale(on: &impl Services) {
    let token = on.unknown_token().await;
    assert_eq!(on.step_functions().answer(&token, &answer(5)).await.unwrap(), Answered::Stale);
    assert_eq!(on.step_functions().heartbeat(&token).await.unwrap(), Answered::Stale);
}

async fn a_heartbeat_is_taken_until_the_answer(on: &impl Services) {
    let token = on.token().await;
    for _ in 0..2 {
        assert_eq!(on.step_functions().heartbeat(&token).await.unwrap(), Answered::Accepted);
    }
    assert_eq!(on.step_functions().answer(&token, &answer(5)).await.unwrap(), Answered::Accepted);
    assert_eq!(on.answer().await, answer(5));
    assert_eq!(on.step_functions().heartbeat(&token).await.unwrap(), Answered::Stale);
}

async fn p2_of_answers_at_once_one_counts(on: &impl Services) {
    let token = on.token().await;
    let answers: Vec<_> = (0..8).map(answer).collect();
    let said = join_all(answers.iter().map(|answer| on.step_functions().answer(&token, answer))).await;
    let said: Vec<_> = said.into_iter().map(Result::unwrap).collect();
    // Both answers may be accepted: only the ledger counts.
    let accepted: Vec<_> = answers.iter().zip(&said).filter(|(_, a)| **a == Answered::Accepted).collect();
    let counted = on.answer().await;
    assert!(accepted.iter().any(|(answer, _)| **answer == counted), "{counted:?} of {accepted:?}");
    assert_eq!(on.step_functions().answer(&token, &answer(8)).await.unwrap(), Answered::Stale);
}
