use std::time::Duration;

use goal_activity_core::limits::{LEASE, LEASE_RENEWAL};
use tokio::time::Instant;

use crate::rig::{Rig, status_change};

#[tokio::test(start_paused = true)]
async fn p3_a_worker_keeps_its_message_hidden_and_its_token_alive_as_long_as_it_works() {
    let rig = Rig::with_goal(2);
    rig.script("a-1-1", "latency-ms=90000");
    let arn = rig.launched().await;
    let [batch] = rig.batches(&arn).try_into().unwrap();
    let begin = Instant::now();
    rig.work(&batch).await.unwrap();
    assert_eq!(begin.elapsed().as_secs(), 90);
    // One at the start, and one after each time the lease is due within 90 s.
    let renewals = 1 + 90 / LEASE_RENEWAL.as_secs();
    let state = rig.world.state();
    assert_eq!(state.hidden, vec![("receipt".to_owned(), LEASE); usize::try_from(renewals).unwrap()]);
    assert_eq!(state.heartbeats.len() as u64, renewals - 1, "a batch that comes fresh needs none");
    assert_eq!(state.answers.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn p3_a_lease_that_cannot_be_extended_costs_nothing() {
    let rig = Rig::with_goal(2);
    rig.script("a-1-1", "latency-ms=30000");
    let arn = rig.launched().await;
    let [batch] = rig.batches(&arn).try_into().unwrap();
    for call in ["hide", "hide", "heartbeat"] {
        rig.world.break_once(call);
    }
    rig.work(&batch).await.unwrap();
    rig.run(&arn).await;
    assert_eq!(rig.execution(&arn).tally().map(|t| t.succeeded), Some(2));
}

#[tokio::test(start_paused = true)]
async fn p4_a_worker_stops_when_its_work_is_not_wanted_any_more() {
    let rig = Rig::with_goal(8);
    rig.script("a-1-1", "latency-ms=100000");
    let arn = rig.launched().await;
    let [batch] = rig.batches(&arn).try_into().unwrap();
    let begin = Instant::now();
    let end = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        rig.world.state().stale_tokens.push(batch.task_token.clone());
        rig.project(&status_change(&arn, "TIMED_OUT")).await
    };
    let (worked, ended) = futures_util::future::join(rig.work(&batch), end).await;
    worked.and(ended).unwrap();
    assert_eq!(begin.elapsed(), LEASE_RENEWAL, "it notices at the next sign of life");
}

#[tokio::test(start_paused = true)]
async fn p5_a_stale_token_alone_does_not_stop_a_worker() {
    let rig = Rig::with_goal(2);
    rig.script("a-1-1", "latency-ms=50000");
    let arn = rig.launched().await;
    let [batch] = rig.batches(&arn).try_into().unwrap();
    rig.world.state().stale_tokens.push(batch.task_token.clone());
    rig.work(&batch).await.unwrap();
    assert_eq!(rig.world.state().answers.len(), 0);
    rig.finalize(&arn).await;
    rig.project(&status_change(&arn, "SUCCEEDED")).await.unwrap();
    assert_eq!(rig.execution(&arn).tally().map(|t| t.succeeded), Some(2), "what was saved before the seal counts");
}

#[tokio::test(start_paused = true)]
async fn p3_another_worker_goes_on_where_a_dead_one_stopped() {
    let rig = Rig::with_goal(8);
    rig.script("a-1-4", "latency-ms=60000");
    let arn = rig.launched().await;
    let [batch] = rig.batches(&arn).try_into().unwrap();
    // Killed after 10 s: the future is dropped.
    tokio::time::timeout(Duration::from_secs(10), rig.work(&batch)).await.unwrap_err();
    let saved = rig.tasks();
    assert!(!saved.is_empty());
    rig.work(&batch).await.unwrap();
    let asked = rig.world.state().asked.clone();
    assert_eq!(asked.len(), 9, "only the one without an outcome is asked for again");
    assert_eq!(asked[8].as_str(), "a-1-4");
    let kept: Vec<_> = rig.tasks().into_iter().filter(|t| t.action_id.as_str() != "a-1-4").collect();
    assert_eq!(kept, saved);
}
