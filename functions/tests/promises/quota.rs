//! An AI with a quota: no more is launched than it allows in a minute, and what waits for it is launched in time.

use std::num::{NonZeroU16, NonZeroU32, NonZeroU64};
use std::time::Duration;

use futures_util::future::join;
use goal_activity_core::admission::{Capacity, Shard};
use goal_activity_core::execution::Status;
use goal_activity_core::goal::GoalStatus;
use goal_activity_core::limits::GOAL_IS_FRESH_FOR;
use goal_activity_core::quota::Quota;
use goal_activity_events::{BatchMessage, ExecutionArn, Timestamp};
use goal_activity_functions::adapters::memory::samples;
use tokio::time::{Instant, sleep};

use crate::rig::{Rig, USER, goal_id};

/// A pipeline with plenty of capacity in so many shards, and an AI that takes so many requests in a minute.
fn rig(requests: u32, shards: u16) -> Rig {
    let quota = Quota::new(NonZeroU32::new(requests), None, NonZeroU32::MIN);
    let capacity = Capacity::new(NonZeroU32::new(1_000).unwrap()).in_shards(NonZeroU16::new(shards).unwrap());
    Rig { capacity: capacity.with_quota(quota), ..Rig::default() }
}

/// Requests a workflow of so many actions, and delivers the request.
async fn ask(rig: &Rig, n: usize, actions: u8) -> ExecutionArn {
    let (goal, user) = (format!("goal-{n}"), format!("user-{n}"));
    rig.add(samples::goal(&goal, &user, actions));
    let answer = rig.start_as(&user, &goal, "").await;
    assert_eq!(answer.status, 202, "{answer:?}");
    rig.launch(rig.requests().last().unwrap()).await.unwrap();
    answer.arn()
}

fn calls(rig: &Rig, name: &str) -> usize {
    rig.world.state().calls.iter().filter(|call| **call == name).count()
}

fn used_until(rig: &Rig, shard: Shard) -> Option<Timestamp> {
    rig.world.state().control(shard).quota_used_until
}

#[tokio::test]
async fn p10_what_the_quota_does_not_allow_waits_and_is_launched_although_nothing_ends() {
    // Half a minute's quota is saved up: 64 of 128 requests.
    let rig = rig(128, 1);
    let first = ask(&rig, 1, 64).await;
    let second = ask(&rig, 2, 32).await;
    assert_eq!(rig.all_launched(), [first.clone(), second.clone()], "the first has left no debt");
    let third = ask(&rig, 3, 64).await;
    assert_eq!((rig.all_launched().len(), rig.execution(&third).status()), (2, Status::Pending));
    let writes = calls(&rig, "acquire_capacity");
    assert_eq!(
        writes, 2,
        "what is launched at once takes one write, and what the row shows to be used up is not asked for"
    );

    rig.wait(14);
    rig.reconcile_and_launch().await;
    assert_eq!(rig.all_launched().len(), 2, "used up for 15 s");
    rig.wait(2);
    rig.reconcile_and_launch().await;
    assert_eq!(rig.all_launched(), [first, second, third]);
}

#[tokio::test]
async fn p10_an_end_launches_what_the_quota_allows_by_then() {
    let rig = rig(128, 1);
    let first = ask(&rig, 1, 64).await;
    ask(&rig, 2, 64).await;
    let waiting = ask(&rig, 3, 64).await;
    rig.wait(29);
    rig.ends(&first).await;
    assert_eq!(rig.all_launched().len(), 2);
    rig.wait(2);
    rig.deliver_ends().await;
    assert_eq!(rig.all_launched().last(), Some(&waiting));
}

#[tokio::test]
async fn p10_what_was_asked_more_often_than_expected_is_settled_at_the_end() {
    let rig = rig(600, 1);
    let goal = samples::goal("goal-1", "user-1", 8);
    rig.add(goal);
    rig.script("a-1-1", "fail-times=2");
    let arn = rig.start_as("user-1", "goal-1", "").await.arn();
    rig.deliver_requests().await;
    let before = used_until(&rig, Shard::FIRST).unwrap();
    rig.ends(&arn).await;
    // Two more than eight, of ten in a second.
    let settled = used_until(&rig, Shard::FIRST).unwrap().as_millis() - before.as_millis();
    assert_eq!((rig.execution(&arn).status(), settled), (Status::Succeeded, 200));
    rig.deliver_ends().await;
    assert_eq!(used_until(&rig, Shard::FIRST).unwrap().as_millis() - before.as_millis(), 200, "once");
}

#[tokio::test]
async fn p10_an_ai_that_tells_a_wrong_number_of_tokens_stops_the_launches_for_a_minute_at_most() {
    let tokens = NonZeroU64::new(5_000_000);
    let rig = rig(600, 1);
    let rig = Rig { capacity: rig.capacity.with_quota(Quota::new(None, tokens, NonZeroU32::MIN)), ..rig };
    rig.add(samples::goal("goal-1", "user-1", 8));
    rig.script("a-1-1", "tokens=812/4294967295");
    let arn = rig.start_as("user-1", "goal-1", "").await.arn();
    rig.deliver_requests().await;
    rig.ends(&arn).await;
    let now = rig.world.state().now;
    assert!(used_until(&rig, Shard::FIRST).unwrap().as_millis() <= now + 60_000);
    let waiting = ask(&rig, 2, 8).await;
    assert_eq!(rig.execution(&waiting).status(), Status::Pending);
    rig.wait(61);
    rig.reconcile_and_launch().await;
    assert_eq!(rig.all_launched(), [arn, waiting]);
}

#[tokio::test]
async fn p10_what_is_cancelled_before_it_has_asked_counts_as_asked() {
    let rig = rig(128, 1);
    rig.add(samples::goal("goal-1", USER, 64));
    let arn = rig.start_as(USER, "goal-1", "").await.arn();
    rig.deliver_requests().await;
    let before = used_until(&rig, Shard::FIRST);
    assert_eq!(rig.cancel(&arn, "").await.body["status"], "ABORTED");
    rig.deliver_ends().await;
    assert!(rig.world.state().held.is_empty());
    assert_eq!(used_until(&rig, Shard::FIRST), before);
}

#[tokio::test]
async fn p10_the_quota_of_an_idle_shard_is_used_by_a_busy_one() {
    let rig = rig(390, 3);
    let home = |n: usize| {
        let arn = ExecutionArn::named(&samples::state_machine(), &format!("goal-{n}-1"));
        rig.capacity.shard_of(&arn)
    };
    let of_first = (1..).filter(|n| home(*n).is_first()).take(7);
    let mut all = Vec::new();
    for n in of_first {
        all.push(ask(&rig, n, 64).await);
    }
    // Each has saved up half a minute of 130 requests, and may get into debt once.
    assert_eq!(rig.all_launched(), all[..6]);
    let mut used: Vec<_> = rig.world.state().held.iter().map(|held| held.shard).collect();
    used.sort_unstable();
    used.dedup();
    assert_eq!(used.len(), 3);
    rig.wait(31);
    rig.reconcile_and_launch().await;
    assert_eq!(rig.all_launched(), all);
}

#[tokio::test]
async fn p10_another_quota_or_none_keeps_nobody_waiting() {
    for changed in [None, NonZeroU64::new(1_000_000_000)] {
        // Three actions an hour: as far as that is counted.
        let tiny = rig(1, 1);
        ask(&tiny, 1, 64).await;
        ask(&tiny, 2, 1).await;
        assert_eq!(tiny.all_launched().len(), 1);
        let quota = Quota::new(None, changed, NonZeroU32::MIN);
        let rig = Rig { capacity: tiny.capacity.with_quota(quota), ..tiny };
        if changed.is_some() {
            // What was drawn before is not forgotten, but it is bounded.
            rig.wait(901);
        } else {
            rig.wait(16);
        }
        rig.reconcile_and_launch().await;
        assert_eq!(rig.all_launched().len(), 2, "{changed:?}");
    }
}

/// When each action of a batch of 8 was asked for, in seconds since it was begun, of a workflow of 64 or what else its message says.
async fn asked_after(requests: u32, message: impl FnOnce(&mut BatchMessage)) -> Vec<u64> {
    let rig = rig(requests, 1);
    let arn = ask(&rig, 1, 64).await;
    let mut batch = rig.batches(&arn).remove(0);
    message(&mut batch);
    let (begun, mut times) = (Instant::now(), Vec::new());
    let watch = async {
        while times.len() < 8 {
            sleep(Duration::from_millis(100)).await;
            let asked = rig.world.state().asked.len();
            times.resize(asked, begun.elapsed().as_secs());
        }
    };
    let (worked, ()) = join(rig.work(&batch), watch).await;
    worked.unwrap();
    assert!(!rig.tasks().is_empty());
    times
}

#[tokio::test(start_paused = true)]
async fn p10_a_quota_smaller_than_a_workflow_is_kept_by_its_workers() {
    // Eight batches side by side ask eight times in eight seconds.
    assert_eq!(asked_after(60, |_| {}).await, [0, 8, 16, 24, 32, 40, 48, 56]);
    assert_eq!(asked_after(100, |_| {}).await, [0; 8], "of a larger one, what is launched keeps within it");
    assert_eq!(
        asked_after(60, |batch| batch.total_actions = Some(8)).await,
        [0; 8],
        "of a goal of 64, eight are retried"
    );
    assert_eq!(asked_after(60, |batch| batch.total_actions = None).await, [0; 8], "of an earlier version");
    // One that cannot be kept: each call has its time all the same.
    let slow = asked_after(1, |_| {}).await;
    assert!(slow.is_sorted() && (100..=165).contains(&slow[7]), "{slow:?}");
}

#[tokio::test(start_paused = true)]
async fn an_action_that_waits_for_its_turn_learns_that_nobody_wants_it_any_more() {
    let rig = rig(60, 1);
    let arn = ask(&rig, 1, 64).await;
    let batch = rig.batches(&arn).remove(0);
    let begun = Instant::now();
    let close = async {
        sleep(Duration::from_secs(10)).await;
        rig.world.state().goals.get_mut(&goal_id("goal-1")).unwrap().head.status = GoalStatus::Completed;
    };
    let (worked, ()) = join(rig.work(&batch), close).await;
    worked.unwrap();
    assert_eq!(rig.world.state().asked.len(), 2);
    assert!(begun.elapsed() <= Duration::from_secs(10) + 2 * GOAL_IS_FRESH_FOR, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn without_a_quota_nothing_more_is_stored() {
    let rig = Rig::default();
    let arn = ask(&rig, 1, 64).await;
    assert!(rig.world.state().held.iter().all(|held| held.drawn.is_zero()));
    rig.ends(&arn).await;
    assert_eq!(used_until(&rig, Shard::FIRST), None);
}
