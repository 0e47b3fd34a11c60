//! Ten times the work that may be processed at once, and an AI that is down, on the deployed pipeline. Runs after the
//! end-to-end tests, when the stack has been changed to the smallest capacity that a whole mandala chart fits into: one test
//! after the other, because they share it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation is how a test reports"
)]

use goal_activity_client::api::Status;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{join, join_all};
use goal_activity_core::execution::Execution;
use goal_activity_core::keys;
use goal_activity_core::limits::{MAX_ACTIONS, MAX_BATCHES, PROBE_WAIT};
use goal_activity_events::ExecutionArn;
use goal_activity_tests::{Chart, Stack, eventually, within};
use serde_json::json;

/// How many goals of the first user precede those of the others.
const FLOOD: usize = 4;
/// How many others there are, with one goal each.
const OTHERS: usize = 6;
/// The interval between checks of the capacity.
const LOOK: Duration = Duration::from_millis(50);
/// The time limit for all: one workflow takes about 2 s.
const ALL: Duration = Duration::from_secs(180);

/// Returns the maximum number of batches in use until `done`.
async fn most_in_use(stack: &Stack, machine: &str, done: &AtomicBool) -> u64 {
    let most = AtomicU64::new(0);
    while !done.load(Ordering::Relaxed) {
        let row = stack.row_of(machine, keys::CAPACITY).await.unwrap_or_default();
        most.fetch_max(row[keys::IN_USE].as_u64().unwrap_or(0), Ordering::Relaxed);
        // The pause between two checks.
        tokio::time::sleep(LOOK).await;
    }
    most.into_inner()
}

async fn recorded(stack: &Stack, arn: &ExecutionArn) -> Execution {
    serde_json::from_value(stack.execution_row(arn).await).unwrap()
}

#[tokio::test]
async fn p7_at_ten_times_the_capacity_every_goal_gets_its_tasks_in_turn() {
    let stack = Stack::open().await;
    let flood = stack.user().await;
    let mut users = vec![flood.clone(); FLOOD];
    for _ in 0..OTHERS {
        users.push(stack.user().await);
    }
    let mut goals = Vec::new();
    for user in &users {
        let chart = Chart::of(u8::try_from(MAX_ACTIONS).unwrap()).script_all("latency-ms=200");
        goals.push(stack.goal(user, chart).await);
    }
    // With nothing in between: the first of the others has to ask before the first workflow has ended.
    let mut arns = Vec::new();
    for (user, goal) in users.iter().zip(&goals) {
        arns.push(user.started(goal).await);
    }
    let machine = arns[0].state_machine().to_string();
    let done = AtomicBool::new(false);
    let all_end = async {
        // The last of the many requests is cancelled while it waits: it never runs.
        let unwanted = FLOOD - 1;
        assert_eq!(flood.status(&arns[unwanted]).await.ok().status, Status::Pending);
        assert_eq!(flood.cancel(&arns[unwanted], None).await.status, 200);
        let ends = join_all(users.iter().zip(&arns).map(|(user, arn)| user.ended_within(ALL, arn))).await;
        for (i, end) in ends.iter().enumerate() {
            let expected = if i == unwanted { Status::Aborted } else { Status::Succeeded };
            assert_eq!(end.status, expected, "{i}: {end:?}");
            assert_eq!(end.admitted_at.is_some(), i != unwanted, "{i}: {end:?}");
        }
        done.store(true, Ordering::Relaxed);
    };
    let ((), most) = join(all_end, most_in_use(&stack, &machine, &done)).await;
    assert_eq!(most, u64::from(MAX_BATCHES), "as much as there is was used, and never more");

    let mut launched: Vec<_> = join_all(arns.iter().map(|arn| recorded(&stack, arn))).await;
    launched.retain(|e| e.admitted_at.is_some());
    launched.sort_by_key(|e| e.admitted_at);
    let turns: Vec<_> = launched.iter().map(|e| e.turn).collect();
    assert!(turns.is_sorted(), "launched in another order than that of the turns: {turns:?}");
    let of_others = launched.iter().skip(1).take(OTHERS).all(|e| e.user_id != launched[0].user_id);
    assert!(of_others, "somebody waited behind the second goal of one user");

    eventually("capacity that is all given back", || async {
        let row = stack.row_of(&machine, keys::CAPACITY).await?;
        let held = row.as_object()?.keys().any(|name| name.starts_with(keys::HELD_PREFIX));
        (!held && row[keys::IN_USE] == json!(0)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn p7_an_ai_that_is_down_pauses_launching_and_a_probe_ends_that() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let whole = || Chart::of(u8::try_from(MAX_ACTIONS).unwrap());
    // Each takes all of the capacity.
    let charts = [whole().script_all("unavailable, fail-times=9, latency-ms=500"), whole(), whole()];
    let mut arns = Vec::new();
    for chart in charts {
        let goal = stack.goal(&user, chart).await;
        arns.push(user.started(&goal).await);
    }
    assert_eq!(user.ended_within(ALL, &arns[0]).await.status, Status::Failed);
    let pause =
        eventually("a pause", || async { user.status(&arns[1]).await.ok().paused.map(|pause| pause.reason) }).await;
    assert_eq!(pause, "the AI is not available; launching goes on by itself when it is");

    let failed = recorded(&stack, &arns[0]).await.stop_date().unwrap();
    within(ALL, "a probe", || async {
        stack.reconcile().await;
        recorded(&stack, &arns[1]).await.admitted_at
    })
    .await;
    for arn in &arns[1..] {
        assert_eq!(user.ended_within(ALL, arn).await.status, Status::Succeeded);
        let launched = recorded(&stack, arn).await.admitted_at.unwrap();
        assert!(launched.since(failed) >= PROBE_WAIT, "{arn} was launched during the pause");
    }
    let ended = recorded(&stack, &arns[1]).await.stop_date().unwrap();
    assert!(recorded(&stack, &arns[2]).await.admitted_at > Some(ended), "the second waited for the probe");
    let row = stack.row_of(arns[0].state_machine().as_str(), keys::CAPACITY).await.unwrap();
    assert_eq!(row.get(keys::PAUSED), None);
}
