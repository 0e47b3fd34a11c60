use goal_activity_core::ports::Event;
use goal_activity_events::SOURCE;
use serde_json::json;

use crate::rig::{Rig, envelope, raw_envelope, status_change};

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
