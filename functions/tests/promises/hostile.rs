//! Cases from an adversarial review: goals read at the wrong moment, and calls that hang at a critical moment.
use std::time::Duration;

use goal_activity_core::goal::GoalStatus;
use goal_activity_events::ExecutionArn;
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::goal_app::{complete, edit, of};
use crate::rig::{Rig, USER, goal_id, raw_envelope, status_change};

async fn ran(rig: &Rig) -> ExecutionArn {
    let arn = rig.launched().await;
    rig.run(&arn).await;
    arn
}

#[tokio::test(start_paused = true)]
async fn p3_a_task_that_only_says_when_it_was_completed_is_finished_too() {
    let rig = Rig::with_goal(2);
    ran(&rig).await;
    rig.script("a-1-2", "latency-ms=10000");
    let again = rig.start_as(USER, "goal-1", r#"{ "regenerate": true }"#).await.arn();
    rig.deliver_requests().await;
    let [batch] = rig.batches(&again).try_into().unwrap();
    let finish = async {
        sleep(Duration::from_secs(5)).await;
        let mut state = rig.world.state();
        let task = state.tasks.values_mut().find(|t| t.action_id.as_str() == "a-1-2").unwrap();
        task.completed_at = Some(task.created_at);
        task.clone()
    };
    let (worked, finished) = futures_util::future::join(rig.work(&batch), finish).await;
    worked.unwrap();
    assert!(of(&rig, "a-1-2").contains(&finished), "finished work was replaced");
}

#[tokio::test]
async fn an_action_whose_row_cannot_be_read_keeps_its_tasks() {
    let rig = Rig::with_goal(2);
    let arn = rig.launched().await;
    rig.work(&rig.batches(&arn)[0]).await.unwrap();
    complete(&rig, "a-1-1");
    let row = json!({ "goalId": "goal-1", "item": "ACTION#1#1", "actionId": "a-1-1", "title": "t", "type": "weekly" });
    rig.world.state().put_goal_row(&goal_id("goal-1"), row.as_object().unwrap().clone());
    rig.finalize(&arn).await;
    rig.project(&status_change(&arn, "SUCCEEDED")).await.unwrap();
    assert!(!of(&rig, "a-1-1").is_empty(), "finished work of an action that is still there was deleted");
}

#[tokio::test(start_paused = true)]
async fn actions_that_are_swapped_while_the_workflow_ends_keep_their_tasks() {
    let rig = Rig::with_goal(2);
    let arn = rig.launched().await;
    rig.work(&rig.batches(&arn)[0]).await.unwrap();
    complete(&rig, "a-1-1");
    // First write of the swap: a-1-2 is put into the place of a-1-1.
    let row = json!({ "goalId": "goal-1", "item": "ACTION#1#1", "actionId": "a-1-2", "title": "t" });
    rig.world.state().put_goal_row(&goal_id("goal-1"), row.as_object().unwrap().clone());
    rig.finalize(&arn).await;
    let second_write = async {
        sleep(Duration::from_secs(1)).await;
        let row = json!({ "goalId": "goal-1", "item": "ACTION#1#2", "actionId": "a-1-1", "title": "t" });
        rig.world.state().put_goal_row(&goal_id("goal-1"), row.as_object().unwrap().clone());
    };
    let end = status_change(&arn, "SUCCEEDED");
    let (ended, ()) = futures_util::future::join(rig.project(&end), second_write).await;
    ended.unwrap();
    assert!(!of(&rig, "a-1-1").is_empty(), "{:?}", rig.execution(&arn).failed_actions());
}

#[tokio::test]
async fn a_workflow_that_runs_is_not_withdrawn_when_its_goal_is_closed() {
    let rig = Rig::with_goal(16);
    let _ = rig.start().await;
    let request = rig.requests().pop().unwrap();
    rig.world.break_once("mark_admitted");
    rig.launch(&request).await.unwrap_err();
    let arn = rig.world.state().started[0].execution_arn.clone();
    rig.project(&status_change(&arn, "RUNNING")).await.unwrap();
    rig.work(&rig.batches(&arn)[0]).await.unwrap();
    complete(&rig, "a-1-1");
    edit(&rig, |goal| goal.head.status = GoalStatus::Paused);
    rig.launch(&request).await.unwrap();
    rig.wait(31);
    rig.reconcile().await;
    assert!(!of(&rig, "a-1-1").is_empty(), "{:?}", rig.execution(&arn));
}

#[tokio::test(start_paused = true)]
async fn p5_a_goal_that_cannot_be_read_again_costs_no_answer_of_the_ai() {
    let rig = Rig::with_goal(8);
    for n in 1..=8 {
        rig.script(&format!("a-1-{n}"), "fail-times=1, latency-ms=118000");
    }
    let arn = rig.launched().await;
    let [batch] = rig.batches(&arn).try_into().unwrap();
    rig.wait(19);
    let outage = async {
        sleep(Duration::from_secs(1)).await;
        rig.world.hang("load_goal", Duration::from_secs(7));
    };
    // 300 s after it was enqueued its token is no longer valid.
    let work = timeout(Duration::from_secs(300 - 19), rig.work(&batch));
    let (worked, ()) = futures_util::future::join(work, outage).await;
    let saved = (1..=8).filter(|n| !of(&rig, &format!("a-1-{n}")).is_empty()).count();
    assert_eq!((saved, worked.is_ok()), (8, true));
}

#[tokio::test]
async fn p6_an_action_that_comes_back_while_the_workflow_ends_is_counted_once() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    rig.work(&rig.batches(&arn)[0]).await.unwrap();
    let mut removed = None;
    edit(&rig, |goal| removed = Some(goal.actions.remove(2)));
    rig.finalize(&arn).await;
    rig.world.break_once("end_execution");
    rig.project(&status_change(&arn, "SUCCEEDED")).await.unwrap_err();
    edit(&rig, |goal| goal.actions.insert(2, removed.unwrap()));
    rig.project(&status_change(&arn, "SUCCEEDED")).await.unwrap();
    let ended = rig.execution(&arn);
    let with_tasks = (1..=8).filter(|n| !of(&rig, &format!("a-1-{n}")).is_empty()).count();
    assert_eq!(
        ended.tally().map(|t| t.succeeded),
        Some(u32::try_from(with_tasks).unwrap()),
        "{:?} goal {:?}",
        ended.status(),
        rig.goal_status()
    );
}

#[tokio::test]
async fn p2_a_request_from_the_future_is_refused() {
    let rig = Rig::with_goal(1);
    let request = raw_envelope(
        "com.example",
        "GoalActivityRequested",
        &json!({ "version": "1", "eventId": "e", "occurredAt": "2099-01-01T00:00:00Z", "goalId": "goal-1", "userId": USER, "regenerate": true }),
    );
    rig.launch(&request).await.unwrap();
    let rejected = format!("{:?}", rig.events());
    assert!(rejected.contains("occurredAt: the request is more than 24 hours ahead"), "{rejected}");
    assert!(rig.world.state().started.is_empty());
}

#[tokio::test]
async fn p3_a_cancelled_regenerate_keeps_the_tasks_of_an_unreadable_action() {
    let rig = Rig::with_goal(2);
    ran(&rig).await;
    let again = rig.start_as(USER, "goal-1", r#"{ "regenerate": true }"#).await.arn();
    rig.deliver_requests().await;
    rig.work(&rig.batches(&again)[0]).await.unwrap();
    let row = json!({ "goalId": "goal-1", "item": "ACTION#1#1", "actionId": "a-1-1", "title": "t", "type": "weekly" });
    rig.world.state().put_goal_row(&goal_id("goal-1"), row.as_object().unwrap().clone());
    assert_eq!(rig.cancel(&again, "").await.status, 200);
    assert!(!of(&rig, "a-1-1").is_empty(), "neither the old ones nor the new ones");
}

#[tokio::test(start_paused = true)]
async fn p4_a_cancelled_workflow_asks_nothing_more_though_step_functions_hangs() {
    let rig = Rig::with_goal(16);
    let arn = rig.launched().await;
    let [first, second] = rig.batches(&arn).try_into().unwrap();
    rig.work(&first).await.unwrap();
    rig.world.hang("stop_execution", Duration::from_secs(7));
    assert_eq!(rig.cancel(&arn, "").await.status, 503);
    rig.work(&second).await.unwrap();
    assert_eq!(rig.world.state().asked.len(), 8);
}

#[tokio::test]
async fn p5_a_goal_that_cannot_be_read_for_a_moment_costs_nothing() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    let row = json!({ "goalId": "goal-1", "item": "GOAL", "userId": USER, "title": ["x"], "status": "processing" });
    rig.world.state().put_goal_row(&goal_id("goal-1"), row.as_object().unwrap().clone());
    rig.work(&rig.batches(&arn)[0]).await.expect_err("it comes back");
    rig.world.state().goal_rows.clear();
    rig.run(&arn).await;
    assert_eq!(rig.execution(&arn).tally().map(|t| t.succeeded), Some(8));
}
