//! Load makes workflows wait, without any other effect.

use std::num::NonZeroU32;

use goal_activity_core::admission::{Capacity, in_use};
use goal_activity_core::execution::Status;
use goal_activity_core::facts::Fact;
use goal_activity_core::pause::Pause;
use goal_activity_core::ports::PauseLaunches;
use goal_activity_events::{Detail, ExecutionArn, SOURCE, Timestamp, WorkflowCompleted};
use goal_activity_functions::adapters::memory::samples;
use goal_activity_functions::runtime::queue::MessageError;
use serde_json::json;

use crate::rig::{Rig, USER, envelope, raw_envelope};

/// A pipeline with that capacity, and a goal with that many actions for each of these users.
fn rig(capacity: u32, actions: u8, users: &[&str]) -> Rig {
    let rig = Rig { capacity: Capacity::new(NonZeroU32::new(capacity).unwrap()), ..Rig::default() };
    for (n, user) in (1..).zip(users) {
        rig.add(samples::goal(&format!("goal-{n}"), user, actions));
    }
    rig
}

/// Requests a workflow for the goal of that number and delivers the request.
async fn ask(rig: &Rig, n: usize, user: &str) -> ExecutionArn {
    let answer = rig.start_as(user, &format!("goal-{n}"), "").await;
    assert_eq!(answer.status, 202, "{answer:?}");
    rig.launch(rig.requests().last().unwrap()).await.unwrap();
    answer.arn()
}

fn held(rig: &Rig) -> u32 {
    in_use(&rig.world.state().held)
}

#[tokio::test]
async fn p7_above_the_capacity_workflows_wait_and_are_launched_as_others_end() {
    let rig = rig(3, 16, &["a", "b", "c"]);
    let [first, second, third] = [ask(&rig, 1, "a").await, ask(&rig, 2, "b").await, ask(&rig, 3, "c").await];
    assert_eq!((rig.all_launched(), held(&rig)), (vec![first.clone()], 2), "two batches of three are taken");
    assert_eq!(rig.execution(&second).status(), Status::Pending);

    // A waiting workflow does not time out, however long it waits.
    rig.wait(20_000);
    assert_eq!(rig.reconcile().await.failed, 0);
    assert_eq!(rig.execution(&second).status(), Status::Pending);
    rig.wait(1);
    rig.run(&first).await;
    rig.deliver_ends().await;
    assert_eq!(rig.all_launched(), [first, second.clone()]);
    rig.run(&second).await;
    rig.deliver_ends().await;
    rig.run(&third).await;
    rig.deliver_ends().await;
    assert_eq!(rig.execution(&third).status(), Status::Succeeded);
    assert_eq!(held(&rig), 0);
}

#[tokio::test]
async fn p10_a_workflow_larger_than_the_capacity_runs_alone() {
    let rig = rig(3, 64, &["a", "b"]);
    let first = ask(&rig, 1, "a").await;
    ask(&rig, 2, "b").await;
    assert_eq!((rig.all_launched(), held(&rig)), (vec![first], 3));
}

#[tokio::test]
async fn no_user_waits_behind_all_that_another_has_requested() {
    let rig = rig(1, 8, &["flood", "flood", "flood", "late"]);
    let mut flood = Vec::new();
    for n in 1..=3 {
        flood.push(ask(&rig, n, "flood").await);
    }
    rig.wait(60);
    let late = ask(&rig, 4, "late").await;
    assert_eq!(rig.all_launched(), [flood[0].clone()]);
    for next in [&late, &flood[1], &flood[2]] {
        let running = rig.all_launched().pop().unwrap();
        rig.run(&running).await;
        rig.deliver_ends().await;
        assert_eq!(rig.all_launched().last(), Some(next));
    }
}

#[tokio::test]
async fn a_newcomer_does_not_overtake_who_waits_though_there_is_room_for_it_alone() {
    let rig = rig(3, 16, &["a", "b"]);
    rig.add(samples::goal("goal-3", "c", 1));
    let first = ask(&rig, 1, "a").await;
    ask(&rig, 2, "b").await;
    rig.wait(1);
    ask(&rig, 3, "c").await;
    assert_eq!(rig.all_launched(), [first]);
}

#[tokio::test]
async fn p2_who_waits_can_be_cancelled_and_the_next_takes_its_turn() {
    let rig = rig(2, 16, &["a", USER, "c"]);
    let [first, second, third] = [ask(&rig, 1, "a").await, ask(&rig, 2, USER).await, ask(&rig, 3, "c").await];
    assert_eq!(rig.cancel(&second, "").await.body["status"], "ABORTED");
    rig.run(&first).await;
    rig.deliver_ends().await;
    rig.deliver_requests().await;
    assert_eq!(rig.all_launched(), [first, third]);
    assert_eq!(held(&rig), 2);
}

#[tokio::test]
async fn an_end_that_comes_twice_gives_back_once() {
    let rig = rig(4, 16, &["a", "b", "c"]);
    let [first, second, _] = [ask(&rig, 1, "a").await, ask(&rig, 2, "b").await, ask(&rig, 3, "c").await];
    rig.run(&first).await;
    for _ in 0..2 {
        rig.deliver_ends().await;
        assert_eq!((rig.all_launched().len(), held(&rig)), (3, 4));
    }
    assert!(rig.world.state().held.iter().any(|h| h.execution == second));
}

#[tokio::test]
async fn an_end_that_cannot_be_read_frees_nothing_and_becomes_a_dead_letter() {
    let rig = rig(2, 16, &["a"]);
    ask(&rig, 1, "a").await;
    let end = raw_envelope(SOURCE, WorkflowCompleted::TYPE, &json!({ "version": "1", "executionArn": "nonsense" }));
    assert!(matches!(rig.launch(&end).await, Err(MessageError::Malformed(_))));
    assert_eq!(held(&rig), 2);
}

#[tokio::test]
async fn p7_whatever_fails_at_the_launch_the_redelivery_makes_good() {
    for call in ["list_waiting", "find_execution", "acquire_capacity", "start_execution", "mark_admitted"] {
        let rig = rig(2, 16, &[USER]);
        let arn = rig.start_as(USER, "goal-1", "").await.arn();
        let request = rig.requests().pop().unwrap();
        rig.world.break_once(call);
        rig.launch(&request).await.expect_err(call);
        rig.wait(5);
        rig.launch(&request).await.unwrap();
        let state = rig.world.state();
        assert!(state.machines.contains_key(&arn) && state.waiting.is_empty(), "{call}");
        assert_eq!((in_use(&state.held), state.held.len()), (2, 1), "{call}");
    }
}

#[tokio::test]
async fn p7_an_end_whose_event_was_lost_makes_room_all_the_same() {
    let rig = rig(2, 16, &["a", "b"]);
    let [first, second] = [ask(&rig, 1, "a").await, ask(&rig, 2, "b").await];
    rig.run(&first).await;
    rig.wait(31);
    assert_eq!(rig.reconcile().await.repaired, 2, "capacity is given back, and who waits is announced");
    rig.launch(rig.requests().last().unwrap()).await.unwrap();
    assert_eq!(rig.all_launched(), [first, second]);
}

#[tokio::test]
async fn p7_who_was_not_launched_though_it_was_its_turn_is_announced_again() {
    for call in ["start_execution", "mark_admitted"] {
        let rig = rig(2, 16, &["a", "b"]);
        let [first, second] = [ask(&rig, 1, "a").await, ask(&rig, 2, "b").await];
        rig.run(&first).await;
        // The function that releases capacity launches the next workflow, and dies while doing so; its message is lost.
        rig.world.break_once(call);
        let end = envelope(SOURCE, &rig.completed()[0]);
        rig.launch(&end).await.expect_err(call);
        rig.wait(31);
        rig.reconcile().await;
        rig.launch(rig.requests().last().unwrap()).await.unwrap();
        assert_eq!(rig.all_launched(), [first, second.clone()], "{call}");
        assert!(rig.execution(&second).admitted_at.is_some(), "{call}");
    }
}

#[tokio::test]
async fn one_look_of_the_reconciler_is_enough_however_many_wait() {
    let users: Vec<_> = (0..200).map(|n| format!("user-{n}")).collect();
    let rig = rig(8, 64, &users.iter().map(String::as_str).collect::<Vec<_>>());
    for (n, user) in (1..).zip(&users) {
        ask(&rig, n, user).await;
    }
    rig.run(&rig.all_launched()[0]).await;
    rig.deliver_ends().await;
    rig.wait(600);
    rig.world.state().calls.clear();
    rig.reconcile().await;
    let calls = rig.world.state().calls.clone();
    let asked = |name: &str| calls.iter().filter(|c| **c == name).count();
    assert!(asked("describe_execution") <= 2 && calls.len() <= 36, "{calls:?}");
}

#[tokio::test]
async fn how_long_who_was_launched_had_waited_is_counted_and_shown() {
    let rig = rig(2, 16, &[USER, USER]);
    let [first, second] = [ask(&rig, 1, USER).await, ask(&rig, 2, USER).await];
    assert_eq!(rig.status(&second).await.body.get("admittedAt"), None);
    rig.run(&first).await;
    rig.wait(600);
    rig.deliver_ends().await;
    let waits: Vec<_> = rig
        .world
        .state()
        .facts
        .iter()
        .filter_map(|f| match f {
            Fact::WorkflowAdmitted { waited } => Some(waited.as_secs()),
            _ => None,
        })
        .collect();
    assert_eq!(waits, [0, 600]);
    let now = rig.execution(&second).admitted_at;
    assert_eq!(rig.status(&second).await.body["admittedAt"], json!(now));
}

/// Pauses launching, or resumes it, as `goalctl` does.
async fn pause(rig: &Rig, reason: &str) {
    let pause = Pause::new(Timestamp::from_millis(rig.world.state().now), reason);
    rig.world.pause_launches(&samples::state_machine(), &pause).await.unwrap();
}

async fn resume(rig: &Rig) {
    rig.world.resume_launches(&samples::state_machine()).await.unwrap();
}

#[tokio::test]
async fn p7_while_launching_is_paused_requests_are_accepted_and_wait_and_what_runs_goes_on() {
    let rig = rig(8, 16, &["a", "b", "c"]);
    let first = ask(&rig, 1, "a").await;
    pause(&rig, "the AI is being replaced").await;
    let [second, third] = [ask(&rig, 2, "b").await, ask(&rig, 3, "c").await];
    rig.run(&first).await;
    rig.deliver_ends().await;
    // Longer than a workflow may run.
    rig.wait(2_000);
    for _ in 0..3 {
        rig.reconcile().await;
        rig.deliver_requests().await;
        rig.wait(31);
    }
    assert_eq!(rig.all_launched(), std::slice::from_ref(&first));
    assert_eq!(rig.completed().len(), 1, "what waits has not timed out");

    resume(&rig).await;
    assert_eq!(rig.reconcile().await.repaired, 1, "who is next is announced");
    rig.launch(rig.requests().last().unwrap()).await.unwrap();
    assert_eq!(rig.all_launched(), [first, second, third]);
}

#[tokio::test]
async fn p7_what_has_acquired_capacity_before_a_pause_is_launched_all_the_same() {
    let rig = rig(8, 16, &[USER]);
    let arn = rig.start_as(USER, "goal-1", "").await.arn();
    rig.world.break_once("start_execution");
    rig.launch(&rig.requests()[0]).await.unwrap_err();
    pause(&rig, "x").await;
    rig.wait(31);
    rig.reconcile().await;
    rig.launch(rig.requests().last().unwrap()).await.unwrap();
    assert_eq!(rig.all_launched(), std::slice::from_ref(&arn), "its time runs since it acquired capacity");
    assert!(rig.execution(&arn).admitted_at.is_some());
}

#[tokio::test]
async fn a_pause_and_its_reason_are_shown_to_whoever_waits_for_it_and_counted() {
    let rig = rig(8, 16, &[USER, USER]);
    let first = ask(&rig, 1, USER).await;
    pause(&rig, " the AI is being replaced ").await;
    let second = ask(&rig, 2, USER).await;
    let shown = rig.status(&second).await.body["paused"].clone();
    assert_eq!(shown, json!({ "since": "1970-01-01T00:00:00.000Z", "reason": "the AI is being replaced" }));
    assert_eq!(rig.status(&first).await.body.get("paused"), None, "it does not wait");
    let paused = |rig: &Rig| {
        let state = rig.world.state();
        let seen =
            state.facts.iter().filter_map(|f| if let Fact::LoadSeen { paused, .. } = f { Some(*paused) } else { None });
        seen.collect::<Vec<_>>()
    };
    rig.reconcile().await;
    resume(&rig).await;
    rig.reconcile().await;
    assert_eq!(paused(&rig), [true, false]);
    assert_eq!(rig.status(&second).await.body.get("paused"), None);
}

#[tokio::test]
async fn p7_a_workflow_that_waits_for_the_end_of_a_pause_can_be_cancelled() {
    let rig = rig(8, 16, &[USER]);
    pause(&rig, "x").await;
    let arn = ask(&rig, 1, USER).await;
    assert_eq!(rig.cancel(&arn, "").await.status, 200);
    resume(&rig).await;
    rig.deliver_requests().await;
    assert!(rig.all_launched().is_empty());
}
