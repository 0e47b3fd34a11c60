use std::time::Duration;

use goal_activity_core::execution::Execution;
use goal_activity_events::Usage;
use serde_json::{json, to_value};

use crate::rig::Rig;

fn attempts(attempts: u32) -> Usage {
    Usage { attempts, cost_micro_usd: Some(0), ..Usage::default() }
}

fn without_time(usage: Usage) -> Usage {
    Usage { latency_ms: 0, ..usage }
}

fn told(execution: &Execution) -> Usage {
    without_time(execution.progress().usage)
}

#[tokio::test(start_paused = true)]
async fn every_attempt_is_counted_whatever_came_of_it() {
    let rig = Rig::with_goal(16);
    rig.script("a-1-1", "fail-times=2, latency-ms=100");
    rig.script("a-1-2", "fail");
    rig.script("a-2-1", "fail-times=3");
    let arn = rig.launched().await;
    rig.run(&arn).await;
    // Two more for the first, two more for the third, which has three failed attempts.
    let execution = rig.execution(&arn);
    assert_eq!(execution.tally().map(|t| t.usage).map(without_time), Some(attempts(16 + 2 + 2)));
    assert!(execution.tally().map(|t| t.usage).unwrap().latency_ms >= 300);
    let [completed] = rig.completed().try_into().unwrap();
    assert_eq!(completed.usage, execution.tally().map(|t| t.usage));
    assert_eq!(rig.status(&arn).await.body["usage"], to_value(execution.tally().map(|t| t.usage)).unwrap());
}

#[tokio::test(start_paused = true)]
async fn usage_is_shown_while_a_workflow_runs_and_does_not_change_with_its_end() {
    let rig = Rig::with_goal(16);
    let arn = rig.launched().await;
    assert_eq!(rig.status(&arn).await.body["usage"]["attempts"], json!(0));
    rig.work(&rig.batches(&arn)[0]).await.unwrap();
    rig.deliver_progress().await;
    assert_eq!(told(&rig.execution(&arn)), attempts(8));
    rig.run(&arn).await;
    assert_eq!(told(&rig.execution(&arn)), attempts(16));
}

#[tokio::test(start_paused = true)]
async fn p3_a_message_delivered_again_counts_no_usage_twice() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    let [batch] = rig.batches(&arn).try_into().unwrap();
    let (first, second) = tokio::join!(rig.work(&batch), rig.work(&batch));
    first.and(second).unwrap();
    rig.work(&batch).await.unwrap();
    rig.run(&arn).await;
    assert_eq!(told(&rig.execution(&arn)), attempts(8));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_workflow_tells_what_was_spent_on_it() {
    let rig = Rig::with_goal(16);
    let arn = rig.launched().await;
    rig.work(&rig.batches(&arn)[0]).await.unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(rig.cancel(&arn, "").await.status, 200);
    let execution = rig.execution(&arn);
    assert_eq!((told(&execution), execution.tally().map(|t| t.succeeded)), (attempts(8), Some(0)));
}
