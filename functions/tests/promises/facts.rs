//! A fact is counted once, despite repeated and concurrent deliveries.

use goal_activity_core::execution::Status;
use goal_activity_core::facts::{Fact, Repaired};
use goal_activity_core::outcome::End;
use goal_activity_core::ports::{Event, ExecutionState};
use goal_activity_events::{FailureCode, FinalStatus, RejectionReason, SOURCE, Timestamp};
use tokio::task::yield_now;

use crate::rig::{Rig, envelope, status_change};

/// Returns the number of facts of a kind.
fn count(rig: &Rig, is: impl Fn(&Fact) -> bool) -> usize {
    rig.world.state().facts.iter().filter(|f| is(f)).count()
}

/// Returns the number of actions that are counted as ended, with such a failure or none.
fn actions(rig: &Rig, is: impl Fn(Option<FailureCode>) -> bool) -> u32 {
    let ended = |f: &Fact| match f {
        Fact::ActionsEnded { actions, failure, .. } if is(*failure) => *actions,
        _ => 0,
    };
    rig.world.state().facts.iter().map(ended).sum()
}

fn ends(rig: &Rig) -> Vec<FinalStatus> {
    let end = |f: &Fact| if let Fact::WorkflowEnded { status, .. } = f { Some(*status) } else { None };
    rig.world.state().facts.iter().filter_map(end).collect()
}

fn repairs(rig: &Rig) -> Vec<Repaired> {
    let repair = |f: &Fact| if let Fact::Repaired { what } = f { Some(*what) } else { None };
    rig.world.state().facts.iter().filter_map(repair).collect()
}

/// The same work twice, the second some steps behind the first.
async fn twice<T>(behind: usize, what: impl AsyncFn() -> T) -> (T, T) {
    let second = async {
        for _ in 0..behind {
            yield_now().await;
        }
        what().await
    };
    futures_util::future::join(what(), second).await
}

#[tokio::test(start_paused = true)]
async fn p2_every_fact_is_counted_once_although_everything_comes_twice_and_at_once() {
    for behind in 0..8 {
        let rig = Rig::with_goal(16);
        rig.script("a-1-2", "fail");
        let (one, two) = twice(behind, async || rig.start().await).await;
        let accepted = if one.status == 202 { one.arn() } else { two.arn() };
        let events = rig.events();
        let [Event::Requested(request)] = &events[..] else { panic!("one request") };
        let request = envelope(SOURCE, request);
        twice(behind, async || rig.launch(&request).await).await.0.unwrap();
        let arn = accepted;
        twice(behind, async || rig.project(&status_change(&arn, "RUNNING")).await).await.0.unwrap();
        for batch in rig.batches(&arn) {
            rig.wait(2);
            let (one, two) = twice(behind, async || rig.work(&batch).await).await;
            one.and(two).unwrap();
        }
        twice(behind, async || rig.deliver_progress().await).await;
        twice(behind, async || rig.finalize(&arn).await).await;
        let (one, two) = twice(behind, async || rig.project(&status_change(&arn, "SUCCEEDED")).await).await;
        one.and(two).unwrap();

        assert_eq!(count(&rig, |f| *f == Fact::WorkflowStarted), 1, "{behind} steps behind");
        let refused = Fact::RequestRejected { reason: RejectionReason::AlreadyRunning };
        assert_eq!(count(&rig, |f| *f == refused), 1, "{behind} steps behind");
        assert_eq!(actions(&rig, |_| true), 16, "{behind} steps behind");
        assert_eq!(actions(&rig, |failure| failure == Some(FailureCode::AiRejected)), 1, "{behind} steps behind");
        let saved = |f: &Fact| if let Fact::ActionsEnded { tasks, .. } = f { *tasks } else { 0 };
        let counted: usize = rig.world.state().facts.iter().map(saved).sum();
        assert_eq!(counted, rig.tasks().len(), "{behind} steps behind");
        let asked = rig.world.state().asked.len();
        assert_eq!(count(&rig, |f| matches!(f, Fact::AiAsked { .. })), asked, "what was asked twice has cost twice");
        assert_eq!(count(&rig, |f| matches!(f, Fact::BatchAnswered { .. })), 2, "{behind} steps behind");
        assert_eq!(count(&rig, |f| *f == Fact::TokenStale), 2, "each second answer, {behind} steps behind");
        assert_eq!(ends(&rig), [FinalStatus::PartiallySucceeded], "{behind} steps behind");
    }
}

#[tokio::test]
async fn a_cancellation_and_the_end_that_comes_with_it_are_one_end() {
    for behind in 0..8 {
        let rig = Rig::with_goal(8);
        let arn = rig.launched().await;
        twice(behind, async || rig.cancel(&arn, "").await).await;
        twice(behind, async || rig.project(&status_change(&arn, "ABORTED")).await).await.0.unwrap();
        assert_eq!(ends(&rig), [FinalStatus::Aborted], "{behind} steps behind");
    }
}

#[tokio::test]
async fn what_could_not_be_written_is_not_counted() {
    let rig = Rig::with_goal(8);
    rig.world.break_once("claim_goal");
    assert_eq!(rig.start().await.status, 503);
    let arn = rig.launched().await;
    let [batch] = rig.batches(&arn).try_into().unwrap();
    for call in ["commit_group", "answer"] {
        // Of the first one together with the others, and by itself.
        (0..if call == "answer" { 1 } else { 2 }).for_each(|_| rig.world.break_once(call));
        rig.work(&batch).await.unwrap_err();
    }
    rig.work(&batch).await.unwrap();
    rig.world.break_once("end_execution");
    rig.project(&status_change(&arn, "SUCCEEDED")).await.unwrap_err();
    rig.project(&status_change(&arn, "SUCCEEDED")).await.unwrap();
    assert_eq!(count(&rig, |f| *f == Fact::WorkflowStarted), 1);
    assert_eq!(actions(&rig, |_| true), 8);
    assert_eq!(count(&rig, |f| matches!(f, Fact::BatchAnswered { .. })), 1);
    assert_eq!(ends(&rig), [FinalStatus::Succeeded]);
}

#[tokio::test]
async fn a_batch_tells_how_long_it_waited_and_how_long_it_took() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    let [batch] = rig.batches(&arn).try_into().unwrap();
    rig.wait(7);
    let (worked, ()) = futures_util::future::join(rig.work(&batch), async { rig.wait(2) }).await;
    worked.unwrap();
    rig.wait(1);
    rig.finalize(&arn).await;
    rig.wait(2);
    let at = Timestamp::from_millis(rig.world.state().now);
    rig.world.state().machines.insert(arn.clone(), ExecutionState::Ended { end: End::Finished, at });
    rig.wait(30);
    rig.reconcile().await;
    let facts = rig.world.state().facts.clone();
    let seconds = |f: &Fact| match f {
        Fact::BatchAnswered { wait, duration } => Some((wait.as_secs(), duration.as_secs())),
        Fact::WorkflowEnded { duration, .. } => Some((0, duration.as_secs())),
        _ => None,
    };
    assert_eq!(facts.iter().filter_map(seconds).collect::<Vec<_>>(), [(7, 9), (0, 12)]);
}

#[tokio::test]
async fn a_run_of_the_reconciler_and_each_repair_are_counted_once() {
    for behind in 0..8 {
        let rig = Rig::with_goal(8);
        rig.script("a-1-1", "fail");
        let arn = rig.launched().await;
        rig.wait(30);
        twice(behind, async || rig.reconcile().await).await;
        assert_eq!(rig.execution(&arn).status(), Status::Running);
        assert_eq!(repairs(&rig), [Repaired::StartRecorded], "{behind} steps behind");
        for batch in rig.batches(&arn) {
            rig.work(&batch).await.unwrap();
        }
        let at = Timestamp::from_millis(rig.world.state().now);
        rig.world.state().machines.insert(arn.clone(), ExecutionState::Ended { end: End::Finished, at });
        rig.wait(30);
        twice(behind, async || rig.reconcile().await).await;
        assert_eq!(ends(&rig), [FinalStatus::PartiallySucceeded], "{behind} steps behind");
        assert_eq!(repairs(&rig).iter().filter(|r| **r == Repaired::Ended).count(), 1, "{behind} steps behind");
        assert_eq!(count(&rig, |f| matches!(f, Fact::Reconciled { failed: 0, .. })), 4, "{behind} steps behind");
    }
}

#[tokio::test]
async fn a_run_that_can_see_nothing_says_so() {
    let rig = Rig::with_goal(8);
    rig.start().await;
    rig.wait(30);
    rig.world.break_once("list_open");
    rig.reconcile().await;
    assert_eq!(count(&rig, |f| matches!(f, Fact::Reconciled { failed: 1, .. })), 1);
}

#[tokio::test]
async fn actions_without_a_worker_are_counted_at_the_end() {
    let rig = Rig::with_goal(16);
    let arn = rig.launched().await;
    let [first, _lost] = rig.batches(&arn).try_into().unwrap();
    rig.work(&first).await.unwrap();
    rig.project(&status_change(&arn, "SUCCEEDED")).await.unwrap();
    let end =
        |f: &Fact| matches!(f, Fact::WorkflowEnded { status: FinalStatus::PartiallySucceeded, not_processed: 8, .. });
    assert_eq!(count(&rig, end), 1, "{:?}", rig.world.state().facts);
}
