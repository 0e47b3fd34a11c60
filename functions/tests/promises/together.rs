//! Actions that are saved together, and batches that are worked on in one invocation.

use std::time::Duration;

use aws_lambda_events::sqs::SqsBatchResponse;
use goal_activity_core::keys;
use goal_activity_core::ledger::ActionOutcome;
use goal_activity_core::task::Task;
use goal_activity_events::BatchMessage;
use goal_activity_functions::adapters::memory::samples;
use goal_activity_functions::runtime::queue::handle_batch;
use goal_activity_testkit::{SqsRecord, sqs_event};
use tokio::time::{Instant, sleep};

use crate::rig::{Rig, USER, budget};

/// How often a call was made.
fn calls(rig: &Rig, name: &str) -> usize {
    rig.world.state().calls.iter().filter(|call| **call == name).count()
}

fn batch(rig: &Rig, arn: &goal_activity_events::ExecutionArn) -> BatchMessage {
    let [batch] = rig.batches(arn).try_into().unwrap();
    batch
}

/// The number of actions that have tasks, by the ledger and by the tasks.
fn saved(rig: &Rig, batch: &BatchMessage) -> (usize, usize) {
    let state = rig.world.state();
    let ledger = &state.ledgers[&(batch.execution_arn.clone(), batch.batch_index)];
    assert_eq!(ledger.sequence, ledger.outcomes.len() as u64);
    let succeeded = ledger.outcomes.values().filter(|o| matches!(o, ActionOutcome::Succeeded { .. })).count();
    let ours = state.tasks.values().filter(|task| task.execution_arn == batch.execution_arn);
    (succeeded, ours.map(|task| &task.action_id).collect::<std::collections::HashSet<_>>().len())
}

#[tokio::test]
async fn p3_what_is_ready_together_is_saved_in_one_transaction() {
    let rig = Rig::with_goal(8);
    rig.script("a-1-3", "fail");
    let arn = rig.launched().await;
    let batch = batch(&rig, &arn);
    rig.work(&batch).await.unwrap();
    assert_eq!((calls(&rig, "commit_group"), calls(&rig, "read_batch")), (1, 0));
    assert_eq!(saved(&rig, &batch), (7, 7));
    rig.run(&arn).await;
    assert_eq!(rig.execution(&arn).tally().map(|t| (t.succeeded, t.failed_count())), Some((7, 1)));
}

#[tokio::test(start_paused = true)]
async fn what_is_ready_later_is_not_waited_for() {
    let rig = Rig::with_goal(8);
    for n in 1..=8 {
        rig.script(&format!("a-1-{n}"), if n == 5 { "latency-ms=1000" } else { "latency-ms=2000" });
    }
    let arn = rig.launched().await;
    let batch = batch(&rig, &arn);
    let (work, first) = futures_util::future::join(rig.work(&batch), async {
        sleep(Duration::from_millis(1_500)).await;
        saved(&rig, &batch)
    })
    .await;
    work.unwrap();
    assert_eq!((first, saved(&rig, &batch), calls(&rig, "commit_group")), ((1, 1), (8, 8), 2));
}

#[tokio::test]
async fn p5_what_cannot_be_saved_together_is_saved_one_by_one() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    let batch = batch(&rig, &arn);
    rig.world.break_once("commit_group");
    rig.work(&batch).await.unwrap();
    assert_eq!((calls(&rig, "commit_group"), saved(&rig, &batch)), (9, (8, 8)));
}

#[tokio::test]
async fn p5_one_that_cannot_be_saved_costs_no_other() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    let batch = batch(&rig, &arn);
    // All together, then the first one by itself.
    rig.world.break_once("commit_group");
    rig.world.break_once("commit_group");
    rig.work(&batch).await.unwrap_err();
    assert_eq!(saved(&rig, &batch), (7, 7));
    assert_eq!(rig.world.state().answers.len(), 0, "it comes back for that one");
    rig.work(&batch).await.unwrap();
    assert_eq!((saved(&rig, &batch), rig.world.state().asked.len()), ((8, 8), 9));
}

#[tokio::test]
async fn p3_one_whose_place_is_taken_is_placed_anew_with_the_others() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    let batch = batch(&rig, &arn);
    let other = samples::goal("goal-1", USER, 8);
    let action = &other.actions[3];
    let theirs = Task {
        position: keys::task(action.position, 2),
        ..samples::drafts(1).into_tasks(&batch.goal_id, action, &batch.execution_arn, batch.enqueued_at).remove(0)
    };
    let theirs = Task {
        action_id: "gone".parse().unwrap(),
        execution_arn: format!("{}0", batch.execution_arn).parse().unwrap(),
        ..theirs
    };
    rig.world.state().tasks.insert((theirs.goal_id.clone(), theirs.position.clone()), theirs.clone());
    rig.work(&batch).await.unwrap();
    assert_eq!((calls(&rig, "commit_group"), calls(&rig, "task_rows"), saved(&rig, &batch)), (2, 1, (8, 8)));
    assert!(rig.tasks().contains(&theirs));
}

#[tokio::test]
async fn p3_one_that_has_an_outcome_costs_no_other() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    let batch = batch(&rig, &arn);
    // The other worker has opened the batch, and saves one action while this one asks the AI.
    let (first, second) = futures_util::future::join(rig.work(&batch), async {
        for _ in 0..2 {
            tokio::task::yield_now().await;
        }
        rig.work(&BatchMessage { action_ids: vec![batch.action_ids[2].clone()], ..batch.clone() }).await
    })
    .await;
    first.and(second).unwrap();
    assert_eq!(saved(&rig, &batch), (8, 8));
    let answers = rig.world.state().answers.clone();
    assert_eq!(answers.iter().map(|answer| answer.succeeded).max(), Some(8), "{answers:?}");
}

/// Two workflows of different users, the second with an AI that takes so long.
async fn two(rig: &Rig, latency: &str) -> [BatchMessage; 2] {
    let mut batches = Vec::new();
    for n in 1..=2 {
        let (goal, user) = (format!("goal-{n}"), format!("user-{n}"));
        let mut goal_of = samples::goal(&goal, &user, 2);
        if n == 2 {
            goal_of.actions[0].constraints = format!("offline: {latency}");
        }
        rig.add(goal_of);
        let arn = rig.start_as(&user, &goal, "").await.arn();
        rig.deliver_requests().await;
        batches.push(batch(rig, &arn));
    }
    batches.try_into().unwrap()
}

async fn invoke(rig: &Rig, bodies: &[String]) -> SqsBatchResponse {
    let record =
        |(n, body): (usize, &String)| SqsRecord::new(n.to_string(), body.as_str()).handle(format!("handle-{n}"));
    let event = serde_json::from_value(sqs_event(bodies.iter().enumerate().map(record))).unwrap();
    handle_batch(&rig.worker(), &rig.world, event, budget(300)).await
}

fn bodies(batches: &[BatchMessage]) -> Vec<String> {
    batches.iter().map(|batch| serde_json::to_string(batch).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn p10_a_batch_is_answered_and_deleted_while_another_one_of_its_invocation_goes_on() {
    let rig = Rig::default();
    let batches = two(&rig, "latency-ms=100000").await;
    let began = Instant::now();
    let (response, early) = futures_util::future::join(invoke(&rig, &bodies(&batches)), async {
        sleep(Duration::from_secs(1)).await;
        let state = rig.world.state();
        (state.answers.len(), state.deleted.clone())
    })
    .await;
    assert_eq!(early, (1, vec!["handle-0".to_owned()]));
    assert_eq!((response.batch_item_failures.len(), began.elapsed().as_secs()), (0, 100));
    let state = rig.world.state();
    assert_eq!((state.answers.len(), &state.deleted), (2, &early.1), "Lambda deletes the last one");
    let renewed = |handle: &str| state.hidden.iter().filter(|(h, _)| h == handle).count();
    assert_eq!([renewed("handle-0"), renewed("handle-1")], [1, 1 + 100 / 20], "each has a lease of its own");
}

#[tokio::test(start_paused = true)]
async fn p5_a_batch_that_fails_comes_back_alone() {
    let rig = Rig::default();
    let batches = two(&rig, "latency-ms=1000").await;
    let mut all = bodies(&batches);
    all.insert(1, "{}".to_owned());
    // That of the first one: it comes first.
    rig.world.break_once("open_batch");
    let failures = invoke(&rig, &all).await.batch_item_failures;
    assert_eq!(failures.iter().map(|f| f.item_identifier.as_str()).collect::<Vec<_>>(), ["0", "1"]);
    assert_eq!(saved(&rig, &batches[1]), (2, 2));
    let told = {
        let state = rig.world.state();
        (state.answers.len(), state.deleted.len())
    };
    assert_eq!(told, (1, 0));
    assert_eq!(invoke(&rig, &all[..1]).await.batch_item_failures.len(), 0);
    assert_eq!(saved(&rig, &batches[0]), (2, 2));
}
