//! The goal app keeps editing while workflows wait and run: actions are moved, changed and removed, goals are closed
//! and deleted, rows are written back from an older reading, and users finish their tasks.

use std::num::NonZeroU32;
use std::time::Duration;

use goal_activity_core::admission::Capacity;
use goal_activity_core::execution::Status;
use goal_activity_core::goal::{Goal, GoalHead, GoalStatus};
use goal_activity_events::{ActionId, ClaimSequence, ExecutionArn, FailureCode};
use goal_activity_functions::adapters::memory::samples;
use serde_json::json;

use super::goal_app::{complete, edit, of};
use crate::rig::{Answer, Rig, USER, goal_id, status_change};

/// Swaps two actions.
fn swap(rig: &Rig, one: usize, other: usize) {
    edit(rig, |goal| {
        let (a, b) = (goal.actions[one].position, goal.actions[other].position);
        (goal.actions[one].position, goal.actions[other].position) = (b, a);
        goal.actions.sort_by_key(|a| a.position);
    });
}

async fn regenerate(rig: &Rig, actions: &[&str]) -> Answer {
    rig.start_as(USER, "goal-1", &json!({ "actionIds": actions, "regenerate": true }).to_string()).await
}

async fn run_all(rig: &Rig, answer: &Answer) -> ExecutionArn {
    assert_eq!(answer.status, 202, "{answer:?}");
    rig.deliver_requests().await;
    rig.run(&answer.arn()).await;
    answer.arn()
}

fn codes(rig: &Rig, arn: &ExecutionArn) -> Vec<FailureCode> {
    rig.execution(arn).failed_actions().iter().map(|f| f.code).collect()
}

#[tokio::test]
async fn p3_actions_that_changed_places_keep_their_tasks() {
    let rig = Rig::with_goal(2);
    run_all(&rig, &rig.start().await).await;
    complete(&rig, "a-1-2");
    let other = of(&rig, "a-1-2");
    swap(&rig, 0, 1);
    let before = of(&rig, "a-1-1");
    run_all(&rig, &regenerate(&rig, &["a-1-1"]).await).await;
    assert_eq!(of(&rig, "a-1-2"), other, "the completed tasks of the other");
    let after = of(&rig, "a-1-1");
    assert!(!after.is_empty() && after.iter().all(|t| !before.contains(t) && t.position.starts_with("1#2#")));
}

#[tokio::test]
async fn p3_an_action_in_the_place_of_an_old_one_gets_its_own_tasks() {
    let rig = Rig::with_goal(1);
    run_all(&rig, &rig.start().await).await;
    let old = of(&rig, "a-1-1");
    edit(&rig, |goal| goal.actions[0].action_id = "new".parse().unwrap());
    let arn = run_all(&rig, &rig.start().await).await;
    assert_eq!(rig.execution(&arn).status(), Status::Succeeded);
    assert!(!of(&rig, "new").is_empty());
    assert_eq!(of(&rig, "a-1-1"), old, "they are the goal app's to remove");
}

#[tokio::test]
async fn p3_two_actions_at_one_place_both_get_their_tasks() {
    let rig = Rig::with_goal(3);
    edit(&rig, |goal| goal.actions[1].position = goal.actions[0].position);
    let arn = run_all(&rig, &rig.start().await).await;
    assert_eq!(rig.execution(&arn).tally().map(|t| t.succeeded), Some(3));
    for action in ["a-1-1", "a-1-2", "a-1-3"] {
        assert!(!of(&rig, action).is_empty(), "{action}");
    }
}

#[tokio::test]
async fn p3_finished_work_outlives_every_button() {
    let rig = Rig::with_goal(2);
    run_all(&rig, &rig.start().await).await;
    complete(&rig, "a-1-1");
    let finished = of(&rig, "a-1-1");
    let again = regenerate(&rig, &["a-1-1", "a-1-2"]).await;
    let again = run_all(&rig, &again).await;
    assert_eq!(rig.execution(&again).action_ids, ["a-1-2".parse::<ActionId>().unwrap()]);
    let nothing = regenerate(&rig, &["a-1-1"]).await;
    assert_eq!((nothing.status, nothing.code()), (409, "NOTHING_TO_DO"));
    assert_eq!(of(&rig, "a-1-1"), finished);
}

#[tokio::test]
async fn p3_what_is_finished_while_it_is_to_be_replaced_stays() {
    let rig = Rig::with_goal(1);
    run_all(&rig, &rig.start().await).await;
    let again = regenerate(&rig, &["a-1-1"]).await.arn();
    rig.deliver_requests().await;
    complete(&rig, "a-1-1");
    let finished = of(&rig, "a-1-1");
    rig.run(&again).await;
    assert_eq!((of(&rig, "a-1-1"), codes(&rig, &again)), (finished, vec![FailureCode::TasksExist]));
    assert_eq!(rig.notices(), 0, "nothing is broken");
    assert_eq!(
        rig.execution(&again).tally().map(|t| t.usage).map(|usage| usage.attempts),
        Some(0),
        "nothing is paid for"
    );
}

#[tokio::test]
async fn p3_the_same_retry_pressed_twice_replaces_nothing_the_second_time() {
    let rig = Rig::with_goal(1);
    run_all(&rig, &rig.start().await).await;
    rig.script("a-1-1", "fail");
    rig.wait(1);
    let failed = run_all(&rig, &regenerate(&rig, &["a-1-1"]).await).await;
    rig.script("a-1-1", "latency-ms=0");
    rig.wait(1);
    run_all(&rig, &rig.retry(&failed).await).await;
    let made = rig.tasks();
    rig.wait(1);
    let twice = rig.retry(&failed).await;
    assert_eq!((twice.status, twice.code()), (409, "NOTHING_TO_DO"), "{twice:?}");
    assert_eq!(rig.tasks(), made);
}

#[tokio::test]
async fn p3_a_cancelled_regenerate_leaves_no_action_without_tasks() {
    let rig = Rig::with_goal(10);
    run_all(&rig, &rig.start().await).await;
    let again = rig.start_as(USER, "goal-1", r#"{ "regenerate": true }"#).await.arn();
    rig.deliver_requests().await;
    let [first, _] = rig.batches(&again).try_into().unwrap();
    rig.work(&first).await.unwrap();
    assert_eq!(rig.cancel(&again, "").await.status, 200);
    for action in &rig.execution(&again).action_ids {
        let tasks = of(&rig, action.as_str());
        let made: Vec<_> = tasks.iter().map(|t| t.execution_arn == again).collect();
        let replaced = first.action_ids.contains(action);
        assert!(!made.is_empty() && made.iter().all(|by_this| *by_this == replaced), "{action}: {made:?}");
    }
    let ended = rig.execution(&again);
    assert_eq!(
        (ended.status(), ended.tally().map(|t| t.succeeded), ended.tally().map(|t| t.failed_count())),
        (Status::Aborted, Some(8), Some(2))
    );
}

#[tokio::test]
async fn a_goal_that_was_closed_costs_no_further_call_and_stays_as_its_user_left_it() {
    for status in GoalStatus::CLOSED {
        let rig = Rig::with_goal(16);
        let arn = rig.launched().await;
        let [first, second] = rig.batches(&arn).try_into().unwrap();
        rig.work(&first).await.unwrap();
        edit(&rig, |goal| goal.head.status = status);
        rig.work(&second).await.unwrap();
        assert_eq!(rig.world.state().asked.len(), 8, "{status:?}");
        rig.finalize(&arn).await;
        rig.project(&status_change(&arn, "SUCCEEDED")).await.unwrap();
        assert_eq!((rig.goal_status(), codes(&rig, &arn)), (status, vec![FailureCode::GoalClosed; 8]));
        let head = rig.world.state().goals[&goal_id("goal-1")].head.clone();
        assert_eq!((head.claimed_by, rig.notices()), (None, 0), "{status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_goal_that_is_closed_while_the_ai_fails_is_not_asked_for_again() {
    let rig = Rig::with_goal(1);
    rig.script("a-1-1", "fail-times=3, latency-ms=5000");
    let arn = rig.launched().await;
    let [batch] = rig.batches(&arn).try_into().unwrap();
    let close = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        edit(&rig, |goal| goal.head.status = GoalStatus::Paused);
    };
    let (worked, ()) = futures_util::future::join(rig.work(&batch), close).await;
    worked.unwrap();
    assert_eq!(rig.world.state().asked.len(), 1);
}

#[tokio::test]
async fn a_goal_that_is_closed_gone_or_given_away_before_its_turn_is_not_launched() {
    let changes: [fn(&mut Goal); 3] = [
        |goal| goal.head.status = GoalStatus::Cancelled,
        |goal| goal.head.user_id = "another".parse().unwrap(),
        |goal| goal.head.goal_id = "nowhere".parse().unwrap(),
    ];
    for change in changes {
        let rig = Rig::with_goal(8);
        let arn = rig.start().await.arn();
        edit(&rig, change);
        let gone = rig.world.state().goals[&goal_id("goal-1")].head.goal_id != goal_id("goal-1");
        if gone {
            rig.world.state().goals.clear();
        }
        rig.deliver_requests().await;
        assert!(rig.world.state().started.is_empty() && rig.world.state().held.is_empty());
        rig.wait(30);
        rig.reconcile().await;
        let execution = rig.execution(&arn);
        assert!(execution.status() == Status::Aborted && execution.is_reported(), "{execution:?}");
        assert!(execution.cancellation.unwrap().by.is_none());
    }
}

#[tokio::test]
async fn p6_tasks_of_what_was_deleted_during_the_run_do_not_stay() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    rig.work(&rig.batches(&arn)[0]).await.unwrap();
    edit(&rig, |goal| drop(goal.actions.remove(2)));
    rig.finalize(&arn).await;
    rig.project(&status_change(&arn, "SUCCEEDED")).await.unwrap();
    assert_eq!((of(&rig, "a-1-3"), codes(&rig, &arn)), (vec![], vec![FailureCode::ActionGone]));
    assert_eq!((rig.execution(&arn).tally().map(|t| t.succeeded), rig.notices()), (Some(7), 0));

    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    rig.work(&rig.batches(&arn)[0]).await.unwrap();
    rig.world.state().goals.clear();
    rig.finalize(&arn).await;
    rig.project(&status_change(&arn, "SUCCEEDED")).await.unwrap();
    assert_eq!((rig.tasks(), rig.execution(&arn).status()), (vec![], Status::Failed));
    assert_eq!(rig.notices(), 0, "deleting a goal wakes no operator");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_saved_for_an_action_that_was_deleted_while_the_ai_was_at_it() {
    let rig = Rig::with_goal(2);
    rig.script("a-1-1", "latency-ms=10000");
    let arn = rig.launched().await;
    let [batch] = rig.batches(&arn).try_into().unwrap();
    let delete = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        edit(&rig, |goal| drop(goal.actions.remove(0)));
    };
    let (worked, ()) = futures_util::future::join(rig.work(&batch), delete).await;
    worked.unwrap();
    assert_eq!(of(&rig, "a-1-1"), []);
}

/// The goal app writes the goal's own row back whole, from an older reading.
fn write_back(rig: &Rig, head: &GoalHead) {
    edit(rig, |goal| goal.head = head.clone());
}

fn head(rig: &Rig) -> GoalHead {
    rig.world.state().goals[&goal_id("goal-1")].head.clone()
}

#[tokio::test]
async fn p1_a_goal_that_was_written_back_can_be_started_again() {
    let rig = Rig::with_goal(1);
    let fresh = head(&rig);
    let first = rig.launched().await;
    let claimed = head(&rig);
    rig.run(&first).await;
    let mut malformed = claimed.clone();
    malformed.claimed_by = Some("not an ARN".to_owned().into());
    // From before the claim, from during it, and from it with a claim that is not an execution.
    for before in [fresh, claimed, malformed] {
        write_back(&rig, &before);
        rig.world.state().tasks.clear();
        let arn = run_all(&rig, &rig.start().await).await;
        assert_eq!(rig.execution(&arn).status(), Status::Succeeded, "{before:?}");
        assert_eq!((head(&rig).claimed_by, rig.goal_status()), (None, GoalStatus::Active), "{before:?}");
    }
}

#[tokio::test]
async fn p1_a_claim_that_was_written_away_lets_no_second_workflow_start() {
    let rig = Rig::with_goal(1);
    let fresh = head(&rig);
    let arn = rig.launched().await;
    write_back(&rig, &fresh);
    let second = rig.start().await;
    assert_eq!((second.status, second.code()), (409, "ALREADY_RUNNING"), "{second:?}");
    assert_eq!(second.body["executionArn"], arn.as_str());
    rig.run(&arn).await;
    assert_eq!(rig.execution(&arn).status(), Status::Succeeded);
    // Its tasks exist.
    assert_eq!(rig.start().await.code(), "NOTHING_TO_DO");
}

#[tokio::test]
async fn p2_names_are_never_used_twice_however_far_the_count_was_set_back() {
    let rig = Rig::with_goal(1);
    let fresh = head(&rig);
    for _ in 0..40 {
        let arn = run_all(&rig, &rig.start().await).await;
        assert_eq!(rig.execution(&arn).tally().map(|t| t.succeeded), Some(1), "{arn}");
        rig.world.state().tasks.clear();
    }
    // All rows have expired except the one that points to the archive.
    rig.wait(100 * 24 * 60 * 60);
    rig.world.state().ledgers.retain(|(arn, _), _| arn.name() == "goal-1-1");
    rig.world.expire();
    edit(&rig, |goal| goal.head.claims = ClaimSequence(0));
    write_back(&rig, &fresh);
    let arn = run_all(&rig, &rig.start().await).await;
    assert_eq!(rig.execution(&arn).tally().map(|t| t.succeeded), Some(1), "{arn} met a sealed ledger");
    assert!(rig.world.state().archived_as.len() == 41);
}

#[tokio::test]
async fn p2_a_key_is_forgotten_after_90_days_and_is_never_an_error() {
    let rig = Rig::with_goal(1);
    let first = rig.start_with_key(USER, "goal-1", "key", "").await;
    run_all(&rig, &first).await;
    rig.world.state().tasks.clear();
    rig.wait(89 * 24 * 60 * 60);
    assert_eq!(rig.start_with_key(USER, "goal-1", "key", "").await.arn(), first.arn());
    // DynamoDB deletes expired rows in any order, within days.
    rig.wait(2 * 24 * 60 * 60);
    rig.world.state().executions.clear();
    let later = rig.start_with_key(USER, "goal-1", "key", "").await;
    assert_eq!(later.status, 202, "{later:?}");
    assert_ne!(later.arn(), first.arn());
}

#[tokio::test]
async fn p2_a_replay_of_old_requests_begins_nothing() {
    let rig = Rig::with_goal(1);
    let arn = run_all(&rig, &rig.start().await).await;
    let (own, tasks) = (rig.requests(), rig.tasks());
    let service = crate::rig::raw_envelope(
        "com.example",
        "GoalActivityRequested",
        &json!({
            "version": "1", "eventId": "e", "occurredAt": "1970-01-01T00:00:00Z", "goalId": "goal-1", "userId": USER,
            "regenerate": true,
        }),
    );
    rig.wait(91 * 24 * 60 * 60);
    rig.world.expire();
    assert!(!rig.world.state().executions.contains_key(&arn));
    let events = rig.events().len();
    rig.launch(&own[0]).await.unwrap();
    assert_eq!(rig.events().len(), events, "ended long ago: neither begun again nor rejected");
    rig.launch(&service).await.unwrap();
    let rejected = format!("{:?}", rig.events().last());
    assert!(rejected.contains("90 days old or older"), "{rejected}");
    assert_eq!((rig.tasks(), rig.world.state().started.len()), (tasks, 1));
}

#[tokio::test]
async fn p7_who_holds_capacity_is_launched_whatever_has_an_earlier_turn() {
    let rig = Rig { capacity: Capacity::new(NonZeroU32::new(2).unwrap()), ..Rig::default() };
    rig.add(samples::goal("goal-1", "a", 1));
    rig.add(samples::goal("goal-2", "b", 16));
    rig.wait(10);
    let holder = rig.start_as("a", "goal-1", "").await.arn();
    let request = rig.requests().pop().unwrap();
    rig.world.break_once("start_execution");
    rig.launch(&request).await.unwrap_err();
    // A workflow with an earlier turn, which does not fit beside it.
    let earlier = rig.start_as("b", "goal-2", "").await.arn();
    rig.world.state().executions.get_mut(&earlier).unwrap().turn = goal_activity_events::Timestamp::from_millis(0);
    rig.launch(rig.requests().last().unwrap()).await.unwrap();
    rig.launch(&request).await.unwrap();
    let started: Vec<_> = rig.world.state().started.iter().map(|s| s.execution_arn.clone()).collect();
    assert_eq!(started, [holder]);
}

#[tokio::test]
async fn p6_a_cancelled_workflow_shows_what_was_done_and_what_is_there() {
    let rig = Rig::with_goal(16);
    let arn = rig.launched().await;
    rig.work(&rig.batches(&arn)[0]).await.unwrap();
    rig.deliver_progress().await;
    let before = rig.status(&arn).await.body;
    rig.cancel(&arn, "").await;
    let after = rig.status(&arn).await.body;
    assert_eq!((&after["processedActions"], &after["progressPercentage"]), (&json!(8), &json!(50)));
    assert_eq!(before["processedActions"], after["processedActions"]);
    assert_eq!((&after["succeededActions"], &after["batches"][0]["succeededActions"]), (&json!(0), &json!(0)));
}

#[tokio::test(start_paused = true)]
async fn p6_an_action_that_hangs_holds_up_no_report() {
    let rig = Rig::with_goal(8);
    rig.script("a-1-8", "latency-ms=100000");
    let arn = rig.launched().await;
    let [batch] = rig.batches(&arn).try_into().unwrap();
    let seen = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        rig.deliver_progress().await;
        rig.wait(5);
        rig.status(&arn).await.body
    };
    let (worked, seen) = futures_util::future::join(rig.work(&batch), seen).await;
    worked.unwrap();
    assert_eq!(seen["processedActions"], 7, "{seen}");
    assert!(seen["estimatedSecondsRemaining"].as_u64().unwrap() <= 300);
}
