use goal_activity_core::execution::{Execution, TimelineEvent};
use goal_activity_core::ports::Event;
use goal_activity_events::{ExecutionArn, SOURCE};
use goal_activity_functions::adapters::memory::samples;
use serde_json::json;

use crate::rig::{Rig, USER, envelope, raw_envelope, status_change};

#[tokio::test]
async fn p6_lost_repeated_and_reordered_reports_never_make_progress_go_back() {
    let rig = Rig::with_goal(16);
    let arn = rig.launched().await;
    rig.script("a-1-2", "fail");
    for batch in rig.batches(&arn) {
        rig.work(&batch).await.unwrap();
    }
    let progressed = |e| if let Event::Progressed(p) = e { Some(p) } else { None };
    let mut reports: Vec<_> = rig.events().into_iter().filter_map(progressed).collect();
    let mut early = reports[0].clone();
    (early.sequence, early.succeeded_actions) = (3, 3);
    early.failed_actions.clear();
    reports.insert(1, early);
    let mut last = 0;
    for report in reports.iter().chain(reports.iter().rev()) {
        rig.project(&envelope(SOURCE, report)).await.unwrap();
        let progress = rig.execution(&arn).progress();
        assert!(progress.processed >= last && progress.processed <= 16);
        assert_eq!(progress.processed, progress.succeeded + u32::try_from(progress.failed.len()).unwrap());
        last = progress.processed;
    }
    assert_eq!(last, 16);
}

#[tokio::test]
async fn p6_there_are_100_percent_only_at_the_end() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    rig.work(&rig.batches(&arn)[0]).await.unwrap();
    rig.deliver_progress().await;
    let before = rig.status(&arn).await.body;
    assert_eq!((&before["status"], &before["progressPercentage"]), (&json!("RUNNING"), &json!(99)));
    rig.run(&arn).await;
    let after = rig.status(&arn).await.body;
    assert_eq!((&after["status"], &after["progressPercentage"]), (&json!("SUCCEEDED"), &json!(100)));
}

#[tokio::test]
async fn p6_the_final_counts_are_those_of_the_tasks() {
    let rig = Rig::with_goal(64);
    rig.script("a-8-8", "fail");
    let arn = rig.launched().await;
    rig.run(&arn).await;
    let with_tasks: std::collections::HashSet<_> = rig.tasks().into_iter().map(|t| t.action_id).collect();
    assert_eq!(rig.execution(&arn).tally().map(|t| t.succeeded), Some(u32::try_from(with_tasks.len()).unwrap()));
}

#[tokio::test]
async fn a_report_that_cannot_be_true_is_dead_lettered() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    let detail = json!({
        "version": "1", "eventId": "e", "occurredAt": "2026-11-24T00:00:00Z", "executionArn": arn, "goalId": "goal-1",
        "userId": "user-1", "batchIndex": 0, "sequence": 1, "totalActions": 8, "succeededActions": 9, "failedActions": [],
    });
    rig.project(&raw_envelope(SOURCE, "BatchProgressed", &detail)).await.unwrap_err();
    for body in ["", "{}", &raw_envelope(SOURCE, "SomethingElse", &json!({}))] {
        rig.project(body).await.unwrap_err();
    }
    rig.project(&status_change(&arn, "NO_SUCH_STATUS")).await.unwrap_err();
}

/// A workflow of 64 actions, all of them done, of which nothing was reported yet; and the reports of its eight batches.
async fn worked() -> (Rig, ExecutionArn, Vec<String>) {
    let rig = Rig::with_goal(64);
    let arn = rig.launched().await;
    for batch in rig.batches(&arn) {
        rig.work(&batch).await.unwrap();
    }
    let reports = rig.reports();
    assert_eq!(reports.len(), 8);
    rig.world.state().calls.clear();
    (rig, arn, reports)
}

/// How many batches have their end recorded, in the state and in the timeline.
fn finished(execution: &Execution) -> (usize, usize) {
    let ends = execution.timeline.values().filter(|entry| matches!(entry.what, TimelineEvent::BatchFinished { .. }));
    (execution.batches.values().filter(|batch| batch.processed() == batch.total).count(), ends.count())
}

/// How often the row of a workflow was written for reports, and read.
fn calls(rig: &Rig) -> (usize, usize) {
    let state = rig.world.state();
    let times = |name: &str| state.calls.iter().filter(|call| **call == name).count();
    (times("record_batches"), times("find_execution"))
}

#[tokio::test]
async fn p6_reports_of_one_invocation_are_recorded_in_one_write() {
    let (rig, arn, reports) = worked().await;
    let twice = [&reports[3..], &reports[..], &reports[..5]].concat();
    rig.deliver_all(&rig.projector(), &twice).await;
    assert_eq!((finished(&rig.execution(&arn)), calls(&rig)), ((8, 8), (1, 0)));
}

#[tokio::test]
async fn p6_what_is_known_already_keeps_no_other_report_from_being_recorded() {
    let (rig, arn, reports) = worked().await;
    rig.project(&reports[2]).await.unwrap();
    rig.deliver_all(&rig.projector(), &reports).await;
    assert_eq!((finished(&rig.execution(&arn)), calls(&rig)), ((8, 8), (3, 1)));
    // All of them are known: one look says so.
    rig.deliver_all(&rig.projector(), &reports).await;
    assert_eq!((finished(&rig.execution(&arn)), calls(&rig)), ((8, 8), (4, 2)));
}

#[tokio::test]
async fn p4_reports_that_come_together_after_the_end_change_nothing() {
    let (rig, arn, reports) = worked().await;
    rig.project(&status_change(&arn, "SUCCEEDED")).await.unwrap();
    let ended = rig.execution(&arn);
    rig.world.state().calls.clear();
    rig.deliver_all(&rig.projector(), &reports).await;
    assert_eq!((rig.execution(&arn), calls(&rig)), (ended, (1, 1)));
}

#[tokio::test]
async fn a_report_that_cannot_be_recorded_costs_no_other() {
    let (rig, arn, mut reports) = worked().await;
    // One that cannot be read, and one of a foreign source.
    reports.insert(1, reports[0].replace("\"totalActions\":8", "\"totalActions\":99"));
    reports.insert(3, reports[0].replace(SOURCE, "com.example"));
    // All together, and then the first one by itself.
    rig.world.break_once("record_batches");
    rig.world.break_once("record_batches");
    assert_eq!(rig.returned(&rig.projector(), &reports).await, ["0", "1"]);
    assert_eq!(finished(&rig.execution(&arn)), (7, 7));
    // With them one of a workflow that is not recorded.
    let unknown = ExecutionArn::named(&samples::state_machine(), "goal-1-9");
    reports[2] = reports[0].replace(arn.as_str(), unknown.as_str());
    assert_eq!(rig.returned(&rig.projector(), &reports[..3]).await, ["1"]);
    assert_eq!(finished(&rig.execution(&arn)), (8, 8));
}

#[tokio::test]
async fn p9_reports_of_several_workflows_are_recorded_each_in_its_own() {
    let rig = Rig::default();
    let mut arns = Vec::new();
    for n in 1..=3 {
        let (goal, user) = (format!("goal-{n}"), format!("{USER}-{n}"));
        rig.add(samples::goal(&goal, &user, 16));
        arns.push(rig.start_as(&user, &goal, "").await.arn());
    }
    rig.deliver_requests().await;
    for batch in arns.iter().flat_map(|arn| rig.batches(arn)) {
        rig.work(&batch).await.unwrap();
    }
    rig.world.state().calls.clear();
    rig.deliver_all(&rig.projector(), &rig.reports()).await;
    assert_eq!(calls(&rig), (3, 0));
    for arn in &arns {
        assert_eq!(finished(&rig.execution(arn)), (2, 2));
    }
}
