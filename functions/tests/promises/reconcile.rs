use goal_activity_core::execution::Status;
use goal_activity_core::goal::GoalStatus;
use goal_activity_core::limits::DESCRIBED_AT_MOST;
use goal_activity_core::outcome::End;
use goal_activity_core::ports::ExecutionState;
use goal_activity_events::{ExecutionArn, FailureCode, Timestamp};
use goal_activity_functions::adapters::memory::samples;

use crate::rig::Rig;

fn machine_says(rig: &Rig, arn: &ExecutionArn, end: End) {
    let at = Timestamp::from_millis(rig.world.state().now);
    rig.world.state().machines.insert(arn.clone(), ExecutionState::Ended { end, at });
}

async fn worked(rig: &Rig) -> ExecutionArn {
    let arn = rig.launched().await;
    for batch in rig.batches(&arn) {
        rig.work(&batch).await.unwrap();
    }
    arn
}

#[tokio::test]
async fn p7_a_request_whose_event_was_lost_is_announced_again() {
    let rig = Rig::with_goal(8);
    let arn = rig.start().await.arn();
    rig.world.state().events.clear();
    rig.wait(30);
    assert_eq!(rig.reconcile().await.repaired, 1);
    rig.deliver_requests().await;
    rig.run(&arn).await;
    assert_eq!(rig.goal_status(), GoalStatus::Active);
}

#[tokio::test]
async fn p7_an_end_whose_event_was_lost_is_found() {
    for (end, status) in
        [(End::Finished, Status::Succeeded), (End::TimedOut, Status::TimedOut), (End::Aborted, Status::Aborted)]
    {
        let rig = Rig::with_goal(8);
        let arn = worked(&rig).await;
        machine_says(&rig, &arn, end);
        rig.wait(30);
        assert_eq!(rig.reconcile().await.repaired, 1, "{end:?}");
        assert_eq!(rig.execution(&arn).status(), status);
        assert_eq!(rig.completed().len(), 1, "{end:?}");
        assert_eq!(rig.notices(), usize::from(end == End::TimedOut), "{end:?}");
        assert_ne!(rig.goal_status(), GoalStatus::Processing, "{end:?}");
        // Nothing is left to do.
        rig.wait(60);
        assert_eq!(rig.reconcile().await.checked, 0, "{end:?}");
    }
}

#[tokio::test]
async fn p7_a_workflow_that_runs_over_its_time_is_ended_keeps_what_it_has_and_alerts() {
    let rig = Rig::with_goal(16);
    let arn = rig.launched().await;
    let [first, late] = rig.batches(&arn).try_into().unwrap();
    rig.work(&first).await.unwrap();
    rig.wait(900);
    rig.reconcile().await;
    assert_eq!(rig.execution(&arn).status(), Status::Running, "Step Functions has a minute to end it itself");
    rig.wait(61);
    assert_eq!(rig.reconcile().await.repaired, 1);
    rig.wait(15);
    assert_eq!(rig.reconcile().await.repaired, 2, "the archive, and the capacity");

    let execution = rig.execution(&arn);
    assert_eq!((execution.status(), execution.tally().map(|t| t.succeeded)), (Status::TimedOut, Some(8)));
    assert!(execution.failed_actions().iter().all(|f| f.code == FailureCode::NotProcessed));
    assert!(
        matches!(rig.world.state().machines[&arn], ExecutionState::Ended { end: End::Aborted, .. }),
        "it is stopped"
    );
    assert_eq!(rig.goal_status(), GoalStatus::Partial);
    assert_eq!(rig.world.state().notices[0].severity.as_str(), "HIGH");
    // The stop emits another event, which changes nothing any more.
    rig.project(&crate::rig::status_change(&arn, "ABORTED")).await.unwrap();
    rig.work(&late).await.unwrap();
    assert_eq!(rig.execution(&arn), execution);
    assert_eq!(rig.start().await.status, 202, "the goal is free");
}

#[tokio::test]
async fn p7_a_workflow_that_could_never_be_launched_ends_as_well() {
    let rig = Rig::with_goal(8);
    let arn = rig.start().await.arn();
    rig.world.break_once("start_execution");
    rig.launch(&rig.requests()[0]).await.expect_err("it cannot be started");
    rig.wait(960);
    rig.reconcile().await;
    assert_eq!(rig.execution(&arn).status(), Status::Pending);
    rig.wait(1);
    rig.reconcile().await;
    assert_eq!(rig.execution(&arn).status(), Status::TimedOut);
    assert_eq!((rig.goal_status(), rig.notices()), (GoalStatus::Failed, 1));
    // Its request finally arrives: nothing is started any more.
    rig.deliver_requests().await;
    assert!(rig.world.state().started.is_empty());
}

#[tokio::test]
async fn p7_an_end_that_was_not_reported_is_reported() {
    for call in
        ["publish", "claim_notice", "notify", "mark_reported", "archive_execution", "expire_ledger", "mark_archived"]
    {
        let rig = Rig::with_goal(8);
        rig.script("a-1-1", "fail");
        let arn = worked(&rig).await;
        machine_says(&rig, &arn, End::Finished);
        rig.world.break_once(call);
        let projected = rig.project(&crate::rig::status_change(&arn, "SUCCEEDED")).await;
        assert_eq!(
            projected.is_ok(),
            ["archive_execution", "expire_ledger", "mark_archived"].contains(&call),
            "after {call}"
        );
        // Another invocation may still hold the claim on the notice.
        rig.wait(90);
        // The end, and the capacity, because the end was not published here.
        assert_eq!(rig.reconcile().await.repaired, 2, "after {call}");
        assert!(rig.execution(&arn).is_complete(), "after {call}");
        assert!(!rig.completed().is_empty() && rig.notices() >= 1, "after {call}");
    }
}

/// That many workflows that run, of which no event has said so.
async fn unseen(rig: &Rig, count: usize) {
    for i in 1..=count {
        // Of many users: one user may not have so many running workflows.
        let user = format!("user-{}", i / 5);
        rig.add(samples::goal(&format!("goal-{i}"), &user, 1));
        assert_eq!(rig.start_as(&user, &format!("goal-{i}"), "").await.status, 202);
    }
    rig.deliver_requests().await;
    rig.wait(30);
}

#[tokio::test]
async fn p7_one_that_cannot_be_repaired_keeps_no_other_waiting() {
    let rig = Rig::default();
    unseen(&rig, 150).await;
    rig.world.break_once("describe_execution");
    let done = rig.reconcile().await;
    assert_eq!((done.checked, done.repaired, done.failed, done.incomplete), (150, 149, 1, false));
}

#[tokio::test]
async fn p10_a_run_asks_step_functions_only_so_often_and_the_next_ones_about_the_others() {
    let rig = Rig::default();
    unseen(&rig, DESCRIBED_AT_MOST + 100).await;
    // One that has reported all its batches comes before those that may still be at work.
    let last = rig.world.state().started.last().unwrap().execution_arn.clone();
    rig.work(&rig.batches(&last)[0]).await.unwrap();
    rig.deliver_progress().await;
    machine_says(&rig, &last, End::Finished);
    rig.wait(30);
    let asked = || rig.world.state().calls.iter().filter(|call| **call == "describe_execution").count();
    let done = rig.reconcile().await;
    assert_eq!((done.checked, asked(), done.incomplete), (DESCRIBED_AT_MOST + 100, DESCRIBED_AT_MOST, true));
    assert!(rig.execution(&last).has_ended());
    let seen = || rig.world.state().executions.values().filter(|e| e.status() != Status::Pending).count();
    for _ in 0..10 {
        rig.wait(30);
        rig.reconcile().await;
    }
    assert_eq!(seen(), DESCRIBED_AT_MOST + 100);
}

#[tokio::test]
async fn p2_two_reconcilers_at_once_do_it_once_by_effect() {
    let rig = Rig::with_goal(8);
    rig.script("a-1-1", "fail");
    let arn = worked(&rig).await;
    machine_says(&rig, &arn, End::Finished);
    rig.wait(30);
    let (_, _) = futures_util::future::join(rig.reconcile(), rig.reconcile()).await;
    assert_eq!(rig.execution(&arn).status(), Status::PartiallySucceeded);
    assert_eq!(rig.notices(), 1);
    let ids: std::collections::HashSet<_> = rig.completed().into_iter().map(|c| c.event_id).collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn a_workflow_at_work_is_left_alone() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    rig.wait(30);
    assert_eq!(rig.reconcile().await.repaired, 1, "it is seen running, though its event was lost");
    let before = rig.execution(&arn);
    rig.wait(60);
    assert_eq!(rig.reconcile().await.repaired, 0);
    assert_eq!(rig.execution(&arn), before);
}
