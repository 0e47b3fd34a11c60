//! The pipeline pauses launching itself: while the AI is down, and when the day's amount is spent.

use std::num::NonZeroU32;
use std::time::Duration;

use goal_activity_core::admission::{Capacity, Held, Room, Shard, in_use};
use goal_activity_core::daily::Day;
use goal_activity_core::execution::Status;
use goal_activity_core::facts::Fact;
use goal_activity_core::pause::{Ends, Pause, Pausing};
use goal_activity_core::ports::{Acquired, HoldCapacity, PauseLaunches};
use goal_activity_events::{ExecutionArn, Timestamp};
use goal_activity_functions::adapters::memory::samples;
use serde_json::json;

use crate::rig::{PAUSING, Rig, USER, goal_id};

const DOWN: &str = "offline: unavailable, fail-times=9";

/// A pipeline for one workflow at a time, with that many goals of one batch. The AI is down for those of these numbers.
async fn rig(goals: usize, down: &[usize]) -> (Rig, Vec<ExecutionArn>) {
    let rig = Rig { capacity: Capacity::new(NonZeroU32::MIN), ..Rig::default() };
    let mut arns = Vec::new();
    for n in 1..=goals {
        let id = format!("goal-{n}");
        rig.add(samples::goal(&id, USER, 4));
        if down.contains(&n) {
            script(&rig, &id, DOWN);
        }
        arns.push(rig.start_as(USER, &id, "").await.arn());
        rig.launch(rig.requests().last().unwrap()).await.unwrap();
    }
    (rig, arns)
}

fn script(rig: &Rig, goal: &str, script: &str) {
    let mut state = rig.world.state();
    let goal = state.goals.get_mut(&goal_id(goal)).unwrap();
    goal.actions.iter_mut().for_each(|action| script.clone_into(&mut action.constraints));
}

fn paused(rig: &Rig) -> Option<Pause> {
    rig.world.state().paused()
}

#[tokio::test(start_paused = true)]
async fn p7_an_ai_that_is_down_costs_the_workflow_that_runs_and_a_probe_shows_when_it_works() {
    let (rig, arns) = rig(4, &[1, 2]).await;
    rig.ends(&arns[0]).await;
    assert_eq!(rig.execution(&arns[0]).status(), Status::Failed);
    assert_eq!(rig.all_launched(), arns[..1], "none is launched for what was released");
    assert_eq!(in_use(&rig.world.state().held), 0);
    let shown = rig.status(&arns[1]).await.body["paused"].clone();
    let reason = "the AI is not available; launching goes on by itself when it is";
    assert_eq!(shown, json!({ "since": "1970-01-01T00:00:00.000Z", "reason": reason }), "and nothing of the probe");
    rig.wait(29);
    rig.reconcile_and_launch().await;
    assert_eq!(rig.all_launched(), arns[..1]);

    rig.wait(1);
    rig.reconcile_and_launch().await;
    assert_eq!(rig.all_launched(), arns[..2], "one to see whether the AI works, and no other");
    rig.ends(&arns[1]).await;
    rig.wait(59);
    rig.reconcile_and_launch().await;
    assert_eq!(rig.all_launched(), arns[..2], "it does not");
    rig.wait(1);
    rig.reconcile_and_launch().await;
    assert_eq!(rig.all_launched(), arns[..3]);
    rig.ends(&arns[2]).await;
    assert_eq!((paused(&rig), rig.all_launched()), (None, arns.clone()), "it does, and the others are launched");

    let seen = rig.world.state().facts.clone().into_iter().filter_map(|fact| match fact {
        Fact::LoadSeen { paused, paused_itself, .. } => Some((paused, paused_itself)),
        _ => None,
    });
    assert!(seen.clone().all(|seen| seen == (true, true)) && seen.count() == 4);
}

#[tokio::test(start_paused = true)]
async fn p7_a_probe_that_says_nothing_makes_way_for_the_next() {
    let (rig, arns) = rig(3, &[1]).await;
    rig.ends(&arns[0]).await;
    rig.wait(30);
    rig.reconcile_and_launch().await;
    rig.cancel(&arns[1], "").await;
    rig.deliver_ends().await;
    assert_eq!(rig.all_launched(), arns, "at once");
    assert!(paused(&rig).is_some());
    rig.ends(&arns[2]).await;
    assert_eq!(paused(&rig), None);
}

#[tokio::test(start_paused = true)]
async fn p7_a_request_that_comes_when_nothing_else_waits_is_the_probe() {
    let (rig, arns) = rig(1, &[1]).await;
    rig.ends(&arns[0]).await;
    rig.wait(3_600);
    rig.reconcile_and_launch().await;
    rig.add(samples::goal("goal-2", USER, 1));
    let arn = rig.start_as(USER, "goal-2", "").await.arn();
    rig.launch(rig.requests().last().unwrap()).await.unwrap();
    assert_eq!(rig.all_launched().last(), Some(&arn));
    rig.ends(&arn).await;
    assert_eq!(paused(&rig), None);
}

#[tokio::test(start_paused = true)]
async fn p7_an_end_whose_event_was_lost_pauses_when_the_reconciler_releases_its_capacity() {
    let (rig, arns) = rig(2, &[1]).await;
    rig.run(&arns[0]).await;
    rig.wait(31);
    rig.reconcile_and_launch().await;
    assert_eq!((rig.all_launched(), in_use(&rig.world.state().held)), (arns[..1].to_vec(), 0));
    assert!(paused(&rig).is_some());
}

#[tokio::test(start_paused = true)]
async fn p9_what_a_user_can_cause_pauses_nothing() {
    for directive in ["fail", "answer=x"] {
        let (rig, arns) = rig(2, &[]).await;
        script(&rig, "goal-1", &format!("offline: {directive}"));
        rig.ends(&arns[0]).await;
        assert_eq!(rig.execution(&arns[0]).status(), Status::Failed, "{directive}");
        assert_eq!((paused(&rig), rig.all_launched()), (None, arns), "{directive}");
    }
}

/// A text can make an AI take too long, or fail.
#[tokio::test(start_paused = true)]
async fn p9_a_user_for_whom_alone_the_ai_fails_pauses_nothing() {
    let rig = Rig::default();
    let mut arns = Vec::new();
    for (id, user) in [("goal-1", "hostile"), ("goal-2", USER), ("goal-3", USER)] {
        rig.add(samples::goal(id, user, 4));
        if user == "hostile" {
            script(&rig, id, DOWN);
        }
        arns.push(rig.start_as(user, id, "").await.arn());
        rig.launch(rig.requests().last().unwrap()).await.unwrap();
        rig.wait(1);
    }
    assert_eq!(rig.all_launched(), arns);
    rig.ends(&arns[1]).await;
    rig.ends(&arns[0]).await;
    assert_eq!((rig.execution(&arns[0]).status(), paused(&rig)), (Status::Failed, None));
    // It is down for all.
    script(&rig, "goal-3", DOWN);
    rig.ends(&arns[2]).await;
    assert!(paused(&rig).is_some());
}

#[tokio::test(start_paused = true)]
async fn an_operator_has_the_last_word() {
    let (rig, arns) = rig(3, &[1]).await;
    let machine = samples::state_machine();
    rig.ends(&arns[0]).await;
    // In the place of the pipeline's own pause; no probe ends it.
    rig.world.pause_launches(&machine, &Pause::new(Timestamp::from_millis(1), "x")).await.unwrap();
    rig.wait(3_600);
    rig.reconcile_and_launch().await;
    assert_eq!(rig.all_launched(), arns[..1]);
    rig.world.resume_launches(&machine).await.unwrap();
    rig.reconcile_and_launch().await;
    assert_eq!(rig.all_launched(), arns[..2]);

    // Made while the probe runs: the probe's end is not its end.
    *rig.world.state().paused_mut() = Pause::while_the_ai_is_down(Timestamp::from_millis(0)).into();
    rig.world.pause_launches(&machine, &Pause::new(Timestamp::from_millis(2), "y")).await.unwrap();
    rig.ends(&arns[1]).await;
    assert_eq!(paused(&rig).unwrap().reason, "y");
}

/// The reads and writes of a release may fail, and its message come twice.
#[tokio::test(start_paused = true)]
async fn p7_whatever_fails_at_the_release_the_redelivery_makes_good() {
    for call in ["find_load", "release_capacity"] {
        let (rig, arns) = rig(2, &[1]).await;
        rig.run(&arns[0]).await;
        rig.world.break_once(call);
        let end = crate::rig::envelope(goal_activity_events::SOURCE, &rig.completed()[0]);
        rig.launch(&end).await.expect_err(call);
        for _ in 0..2 {
            rig.launch(&end).await.unwrap();
            assert_eq!((rig.all_launched(), in_use(&rig.world.state().held)), (arns[..1].to_vec(), 0), "{call}");
            assert!(paused(&rig).is_some(), "{call}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_days_amount_is_spent_nothing_is_launched_until_the_next_day() {
    let (mut rig, arns) = rig(4, &[]).await;
    rig.pausing = Pausing { daily_cost: "0.1".parse().unwrap(), ..PAUSING };
    let today = Day::of(Timestamp::from_millis(rig.world.state().now));
    for (n, cost, next) in [(0, 60_000, 2), (1, 40_000, 2)] {
        rig.run(&arns[n]).await;
        rig.cost(&arns[n], cost);
        let end = crate::rig::envelope(goal_activity_events::SOURCE, &rig.completed()[n]);
        for _ in 0..2 {
            rig.launch(&end).await.unwrap();
            assert_eq!(rig.all_launched(), arns[..next]);
        }
    }
    assert_eq!(rig.world.state().costs()[&today], 100_000, "each once, however often its end is delivered");
    let reason = rig.status(&arns[2]).await.body["paused"]["reason"].as_str().unwrap().to_owned();
    assert_eq!(
        reason,
        "the amount for the AI is spent for today; launching goes on by itself at 1970-01-02T00:00:00.000Z"
    );
    assert!(matches!(paused(&rig).unwrap().ends, Some(Ends::Time { .. })));

    rig.wait(24 * 60 * 60 - 1);
    rig.reconcile_and_launch().await;
    assert_eq!(rig.all_launched(), arns[..2]);
    rig.wait(1);
    assert_eq!(rig.status(&arns[2]).await.body.get("paused"), None);
    rig.reconcile_and_launch().await;
    assert_eq!((rig.all_launched(), paused(&rig)), (arns[..3].to_vec(), None));
}

#[tokio::test(start_paused = true)]
async fn p10_what_is_acquired_for_a_workflow_after_its_end_is_released_and_counted_no_second_time() {
    let (mut rig, arns) = rig(1, &[]).await;
    rig.pausing = Pausing { daily_cost: "0.1".parse().unwrap(), ..PAUSING };
    let arn = &arns[0];
    rig.run(arn).await;
    rig.cost(arn, 60_000);
    rig.deliver_ends().await;
    let end = crate::rig::envelope(goal_activity_events::SOURCE, &rig.completed()[0]);
    for is_redelivered in [true, false] {
        // A function that read the workflow while it waited comes so late with its write, and dies after it.
        rig.wait(1);
        let since = Timestamp::from_millis(rig.world.state().now);
        let late = Held { execution: arn.clone(), batches: 1, since, shard: Shard::FIRST, drawn: Duration::ZERO };
        assert_eq!(rig.world.acquire_capacity(&late, Room::of(100)).await.unwrap(), Acquired::Yes);
        if is_redelivered {
            rig.launch(&end).await.unwrap();
        } else {
            rig.wait(31);
            rig.reconcile().await;
        }
        let state = rig.world.state();
        assert_eq!(
            (in_use(&state.held_in(Shard::FIRST)), state.costs().values().sum::<u64>()),
            (0, 60_000),
            "{is_redelivered}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_can_go_on_although_the_days_amount_is_spent() {
    let (mut rig, arns) = rig(3, &[]).await;
    rig.pausing = Pausing { daily_cost: "0.1".parse().unwrap(), ..PAUSING };
    rig.run(&arns[0]).await;
    rig.cost(&arns[0], 200_000);
    rig.deliver_ends().await;
    assert_eq!(rig.all_launched(), arns[..1]);
    rig.world.resume_launches(&samples::state_machine()).await.unwrap();
    rig.wait(31);
    rig.reconcile_and_launch().await;
    rig.ends(&arns[1]).await;
    assert_eq!(rig.all_launched(), arns, "for the rest of the day");
}
