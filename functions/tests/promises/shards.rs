//! A capacity in shards: each is exact by itself, those that are idle give to the others, and a pause holds in all.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use goal_activity_core::admission::{Capacity, Held, Room, Shard, in_use};
use goal_activity_core::agreement;
use goal_activity_core::execution::Status;
use goal_activity_core::limits::{FORMER_SHARDS, MAX_SHARDS};
use goal_activity_core::pause::{Ends, Pause, Pausing};
use goal_activity_core::ports::{AdmitExecution, HoldCapacity};
use goal_activity_events::{ExecutionArn, Timestamp};
use goal_activity_functions::adapters::memory::samples;
use serde_json::json;

use crate::rig::{PAUSING, Rig, goal_id};

fn capacity(batches: u32, shards: u16) -> Capacity {
    Capacity::new(NonZeroU32::new(batches).unwrap()).in_shards(NonZeroU16::new(shards).unwrap())
}

fn sharded(batches: u32, shards: u16) -> Rig {
    Rig { capacity: capacity(batches, shards), ..Rig::default() }
}

/// The same pipeline after its capacity was changed.
fn changed(rig: Rig, capacity: Capacity) -> Rig {
    Rig { capacity, ..rig }
}

/// The numbers of goals whose first workflows belong to that shard.
fn goals_of(capacity: Capacity, shard: usize) -> impl Iterator<Item = usize> {
    let shard = nth(shard);
    let first = |n: &usize| ExecutionArn::named(&samples::state_machine(), &format!("goal-{n}-1"));
    (1..).filter(move |n| capacity.shard_of(&first(n)) == shard)
}

fn nth(shard: usize) -> Shard {
    Shard::all().nth(shard).unwrap()
}

/// Requests a workflow of one batch for the goal of that number, and delivers the request.
async fn ask(rig: &Rig, n: usize) -> ExecutionArn {
    let (goal, user) = (format!("goal-{n}"), format!("user-{n}"));
    rig.add(samples::goal(&goal, &user, 4));
    rig.wait(1);
    let answer = rig.start_as(&user, &goal, "").await;
    assert_eq!(answer.status, 202, "{answer:?}");
    rig.launch(rig.requests().last().unwrap()).await.unwrap();
    answer.arn()
}

/// Who holds capacity, and where.
fn held(rig: &Rig) -> Vec<(ExecutionArn, Shard)> {
    let mut held: Vec<_> = rig.world.state().held.iter().map(|held| (held.execution.clone(), held.shard)).collect();
    held.sort();
    held
}

#[tokio::test]
async fn an_idle_shard_gives_to_one_that_is_full_and_gets_back() {
    let rig = sharded(2, 2);
    let mut of_second = goals_of(rig.capacity, 1);
    let [first, second] = [ask(&rig, of_second.next().unwrap()).await, ask(&rig, of_second.next().unwrap()).await];
    assert_eq!(rig.all_launched(), [first.clone(), second.clone()]);
    assert_eq!([&first, &second].map(|arn| rig.execution(arn).shard), [nth(1), nth(0)]);
    let mut expected = [(first.clone(), nth(1)), (second.clone(), nth(0))];
    expected.sort();
    assert_eq!(held(&rig), expected, "its record says where it holds what it has");

    // All of it is in use. What comes waits for its own shard, and is taken by the one that has room first.
    let third = ask(&rig, of_second.next().unwrap()).await;
    assert_eq!((rig.all_launched().len(), rig.execution(&third).shard), (2, nth(1)));
    rig.ends(&second).await;
    assert_eq!(rig.all_launched().last(), Some(&third));
    let mut expected = [(first.clone(), nth(1)), (third.clone(), nth(0))];
    expected.sort();
    assert_eq!(held(&rig), expected);
    for arn in [&first, &third] {
        rig.ends(arn).await;
        assert_eq!(rig.execution(arn).status(), Status::Succeeded);
    }
    assert_eq!(held(&rig), []);
}

#[tokio::test]
async fn the_lists_of_the_shards_advance_side_by_side_each_in_its_order() {
    let rig = sharded(2, 2);
    let (mut of_first, mut of_second) = (goals_of(rig.capacity, 0), goals_of(rig.capacity, 1));
    let running = [ask(&rig, of_first.next().unwrap()).await, ask(&rig, of_second.next().unwrap()).await];
    let mut early = Vec::new();
    for n in of_second.take(3) {
        early.push(ask(&rig, n).await);
    }
    rig.wait(60);
    let late = ask(&rig, of_first.next().unwrap()).await;
    // What the first shard releases goes to those of the other that have waited for much longer, in their order.
    rig.ends(&running[0]).await;
    for arn in [&early[0], &early[1]] {
        assert_eq!(rig.all_launched().last(), Some(arn));
        assert_eq!(rig.execution(arn).shard, nth(0));
        rig.ends(arn).await;
    }
    assert_eq!(rig.all_launched().last(), Some(&early[2]));
    rig.ends(&early[2]).await;
    assert_eq!(rig.all_launched().last(), Some(&late));
}

#[tokio::test]
async fn p10_no_shard_holds_more_than_its_part_and_the_largest_workflow_fits_into_one() {
    let rig = sharded(17, 2);
    for n in 1..=6 {
        let (goal, user) = (format!("goal-{n}"), format!("user-{n}"));
        rig.add(samples::goal(&goal, &user, 64));
        assert_eq!(rig.start_as(&user, &goal, "").await.status, 202);
        rig.deliver_requests().await;
    }
    assert_eq!(rig.all_launched().len(), 2);
    let state = rig.world.state();
    assert_eq!([0, 1].map(|shard| in_use(&state.held_in(nth(shard)))), [8, 8]);
}

#[tokio::test]
async fn a_launch_that_was_overtaken_by_one_in_another_shard_releases_what_it_holds() {
    let rig = sharded(2, 2);
    let n = goals_of(rig.capacity, 1).next().unwrap();
    let (goal, user) = (format!("goal-{n}"), format!("user-{n}"));
    rig.add(samples::goal(&goal, &user, 4));
    let arn = rig.start_as(&user, &goal, "").await.arn();
    // Another invocation has acquired capacity elsewhere, and this one comes first with its mark.
    let elsewhere = Held {
        execution: arn.clone(),
        batches: 1,
        since: Timestamp::from_millis(0),
        shard: nth(0),
        drawn: Duration::ZERO,
    };
    rig.world.acquire_capacity(&elsewhere, Room::of(1)).await.unwrap();
    rig.deliver_requests().await;
    assert_eq!(rig.execution(&arn).shard, nth(1));
    assert_eq!(held(&rig).len(), 2);
    assert!(!rig.world.mark_admitted(&arn, Timestamp::from_millis(1), nth(0)).await.unwrap());
    // Whoever dies there leaves it to the reconciler.
    rig.wait(31);
    rig.reconcile().await;
    assert_eq!(held(&rig), [(arn.clone(), nth(1))]);
    rig.ends(&arn).await;
    assert_eq!(held(&rig), []);
}

async fn pause(rig: &Rig) -> Result<Option<Pause>, goal_activity_core::ports::Unavailable> {
    let pause = Pause::new(Timestamp::from_millis(rig.world.state().now), "x");
    agreement::pause_launches(&rig.world, &samples::state_machine(), &pause).await
}

#[tokio::test]
async fn p7_a_pause_holds_in_all_shards_until_it_ends_in_all() {
    let rig = sharded(4, 2);
    pause(&rig).await.unwrap();
    let (mut of_first, mut of_second) = (goals_of(rig.capacity, 0), goals_of(rig.capacity, 1));
    let arns = [ask(&rig, of_first.next().unwrap()).await, ask(&rig, of_second.next().unwrap()).await];
    rig.wait(60);
    rig.reconcile_and_launch().await;
    assert!(rig.all_launched().is_empty());
    let now = Timestamp::from_millis(rig.world.state().now);
    agreement::resume_launches(&rig.world, &samples::state_machine(), now).await.unwrap();
    rig.reconcile_and_launch().await;
    let mut all = rig.all_launched();
    all.sort();
    let mut expected = arns.to_vec();
    expected.sort();
    assert_eq!(all, expected);
}

#[tokio::test]
async fn p7_a_pause_that_did_not_reach_all_shards_is_an_error_and_the_reconciler_completes_it() {
    let rig = sharded(4, 2);
    rig.world.break_once("change_pause");
    assert!(pause(&rig).await.is_err(), "whoever pauses repeats that");
    rig.reconcile_and_launch().await;
    let n = goals_of(rig.capacity, 1).next().unwrap();
    ask(&rig, n).await;
    assert!(rig.all_launched().is_empty());
    // And one whose end did not reach all.
    rig.world.break_once("change_pause");
    let now = Timestamp::from_millis(rig.world.state().now);
    assert!(agreement::resume_launches(&rig.world, &samples::state_machine(), now).await.is_err());
    rig.wait(31);
    rig.reconcile_and_launch().await;
    rig.reconcile_and_launch().await;
    assert_eq!(rig.all_launched().len(), 1);
}

#[tokio::test]
async fn a_copy_that_comes_late_undoes_no_pause_that_came_since() {
    let rig = sharded(4, 2);
    pause(&rig).await.unwrap();
    // The end of that one is on its way to the second shard, which reads it, when another begins.
    let machine = samples::state_machine();
    rig.world.state().slow.insert("change_pause", 20);
    let now = Timestamp::from_millis(rig.world.state().now);
    let (ended, begun) = tokio::join!(agreement::resume_launches(&rig.world, &machine, now), async {
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        rig.wait(1);
        pause(&rig).await
    });
    begun.unwrap();
    drop(ended);
    let state = rig.world.state();
    let since = |shard| state.control(nth(shard)).pause.map(|pause| pause.since);
    assert_eq!([0, 1].map(since), [Some(Timestamp::from_millis(state.now)); 2]);
}

#[tokio::test(start_paused = true)]
async fn p7_while_the_ai_is_down_there_is_one_probe_wherever_it_waits() {
    let rig = sharded(2, 2);
    let (mut of_first, mut of_second) = (goals_of(rig.capacity, 0), goals_of(rig.capacity, 1));
    let failing = ask(&rig, of_second.next().unwrap()).await;
    let runs = ask(&rig, of_first.next().unwrap()).await;
    let mut waiting = Vec::new();
    for n in of_second.take(3) {
        waiting.push(ask(&rig, n).await);
    }
    {
        let mut state = rig.world.state();
        for (goal, script) in [(&failing, "offline: unavailable, fail-times=9"), (&waiting[0], "")] {
            let goal = goal.name().rsplit_once('-').unwrap().0.to_owned();
            let goal = state.goals.get_mut(&goal_id(&goal)).unwrap();
            goal.actions.iter_mut().for_each(|action| script.clone_into(&mut action.constraints));
        }
    }
    rig.ends(&failing).await;
    rig.ends(&runs).await;
    let pauses = |rig: &Rig| [0, 1].map(|shard| rig.world.state().control(nth(shard)).pause);
    assert!(
        pauses(&rig).iter().all(Option::is_some),
        "both shards have the pause before what is released can be acquired"
    );
    assert_eq!(rig.all_launched().len(), 2);

    rig.wait(31);
    rig.reconcile_and_launch().await;
    assert_eq!(rig.all_launched()[2..], waiting[..1], "one, though it waited for the other shard");
    assert_eq!(rig.execution(&waiting[0]).shard, nth(0));
    rig.wait(31);
    rig.reconcile_and_launch().await;
    assert_eq!(rig.all_launched().len(), 3);
    rig.ends(&waiting[0]).await;
    assert_eq!(pauses(&rig), [None, None], "it works");
    rig.reconcile_and_launch().await;
    assert_eq!(rig.all_launched().len(), 5);
}

/// A workflow ends, and has cost that much.
async fn ends_for(rig: &Rig, arn: &ExecutionArn, micro_usd: u64) {
    rig.run(arn).await;
    rig.cost(arn, micro_usd);
    rig.deliver_ends().await;
}

#[tokio::test]
async fn p10_the_costs_of_a_day_are_those_of_all_shards() {
    let pausing = Pausing { daily_cost: "0.1".parse().unwrap(), ..PAUSING };
    let rig = Rig { pausing, ..sharded(2, 2) };
    let (mut of_first, mut of_second) = (goals_of(rig.capacity, 0), goals_of(rig.capacity, 1));
    let [first, second] = [ask(&rig, of_first.next().unwrap()).await, ask(&rig, of_second.next().unwrap()).await];
    let [third, last] = [ask(&rig, of_second.next().unwrap()).await, ask(&rig, of_second.next().unwrap()).await];
    let pauses = |rig: &Rig| {
        let is_for_the_day =
            |pause: Option<Pause>| pause.is_some_and(|pause| matches!(pause.ends, Some(Ends::Time { .. })));
        [0, 1].map(|shard| is_for_the_day(rig.world.state().control(nth(shard)).pause))
    };
    ends_for(&rig, &first, 60_000).await;
    assert_eq!((rig.all_launched().last(), pauses(&rig)), (Some(&third), [false; 2]));
    ends_for(&rig, &second, 40_000).await;
    assert_eq!(pauses(&rig), [true; 2], "neither shard has spent it alone");
    assert!(!rig.all_launched().contains(&last));
    let state = rig.world.state();
    assert_eq!([0, 1].map(|shard| state.control(nth(shard)).costs.values().sum::<u64>()), [60_000, 40_000]);
}

#[tokio::test]
async fn p10_the_costs_of_a_day_outlive_a_change_of_the_shards() {
    let pausing = Pausing { daily_cost: "0.1".parse().unwrap(), ..PAUSING };
    let rig = Rig { pausing, ..sharded(2, 2) };
    let (mut of_first, mut of_second) = (goals_of(rig.capacity, 0), goals_of(rig.capacity, 1));
    let [first, second] = [ask(&rig, of_first.next().unwrap()).await, ask(&rig, of_second.next().unwrap()).await];
    ends_for(&rig, &first, 30_000).await;
    ends_for(&rig, &second, 60_000).await;
    // In the same day all is in one shard.
    let rig = changed(rig, capacity(1, 1));
    let [third, last] = [ask(&rig, of_first.next().unwrap()).await, ask(&rig, of_second.next().unwrap()).await];
    assert!(rig.all_launched().contains(&third));
    ends_for(&rig, &third, 10_000).await;
    let is_paused = |rig: &Rig| rig.world.state().control(nth(0)).pause.is_some();
    assert!(is_paused(&rig) && !rig.all_launched().contains(&last), "90 of 100 were spent before the change");
    rig.wait(60);
    rig.reconcile_and_launch().await;
    assert!(is_paused(&rig) && !rig.all_launched().contains(&last));
}

#[tokio::test]
async fn p7_what_holds_capacity_and_what_waits_outlive_a_change_of_the_shards() {
    let rig = sharded(3, 3);
    let mut of_last = goals_of(rig.capacity, 2);
    let mut arns = Vec::new();
    for n in of_last.by_ref().take(5) {
        arns.push(ask(&rig, n).await);
    }
    assert_eq!((rig.all_launched().len(), rig.execution(&arns[4]).shard), (3, nth(2)));
    let rig = changed(rig, capacity(3, 1));
    // Each run of the reconciler looks at some of the shards that there may have been.
    for _ in 0..40 * usize::from(MAX_SHARDS) / FORMER_SHARDS {
        rig.wait(30);
        rig.reconcile_and_launch().await;
    }
    assert!(arns.iter().all(|arn| rig.execution(arn).has_ended()
        || rig.execution(arn).shard == nth(0)
        || rig.all_launched().contains(arn)));
    for arn in &arns {
        rig.ends(arn).await;
        rig.deliver_requests().await;
    }
    assert_eq!((rig.all_launched().len(), held(&rig)), (5, vec![]));
    // The other way round: what holds and waits in the one shard goes on beside the new ones.
    let first = ask(&rig, of_last.next().unwrap()).await;
    let rig = changed(rig, capacity(3, 3));
    let second = ask(&rig, of_last.next().unwrap()).await;
    for arn in [&first, &second] {
        rig.ends(arn).await;
        assert_eq!(rig.execution(arn).status(), Status::Succeeded);
    }
    assert_eq!(held(&rig), []);
}

#[tokio::test]
async fn the_place_in_the_line_and_the_load_are_those_of_all_shards() {
    let rig = sharded(2, 2);
    let (mut of_first, of_second) = (goals_of(rig.capacity, 0), goals_of(rig.capacity, 1));
    for n in [of_first.next().unwrap(), of_first.next().unwrap(), of_first.next().unwrap()] {
        ask(&rig, n).await;
    }
    let mut last = None;
    for n in of_second.take(3) {
        last = Some((n, ask(&rig, n).await));
    }
    let (n, last) = last.unwrap();
    let (route, path) = ("GET /api/workflows/{executionArn}/status", json!({ "executionArn": last.as_str() }));
    let status = rig.call(&format!("user-{n}"), route, path, json!({}), "").await;
    assert_eq!(status.body["waitingBefore"], json!(4), "two of its own shard, times two");
}
