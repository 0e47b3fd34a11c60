use goal_activity_core::execution::Status;

use crate::rig::{Rig, status_change};

#[tokio::test]
async fn p4_a_worker_that_comes_after_the_end_changes_nothing() {
    for end in ["SUCCEEDED", "TIMED_OUT", "ABORTED"] {
        let rig = Rig::with_goal(16);
        let arn = rig.launched().await;
        let [first, late] = rig.batches(&arn).try_into().unwrap();
        rig.work(&first).await.unwrap();
        rig.project(&status_change(&arn, end)).await.unwrap();
        let (tasks, execution) = (rig.tasks(), rig.execution(&arn));
        rig.work(&late).await.unwrap();
        rig.deliver_progress().await;
        assert_eq!(rig.tasks(), tasks, "after {end}");
        assert_eq!(rig.execution(&arn), execution, "after {end}");
    }
}

#[tokio::test]
async fn p4_an_action_that_is_ready_after_the_seal_is_not_saved() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    let [batch] = rig.batches(&arn).try_into().unwrap();
    // The ledger is sealed while the worker is working.
    rig.script("a-1-8", "latency-ms=50");
    let (worked, answer) = futures_util::future::join(rig.work(&batch), rig.finalize(&arn)).await;
    worked.unwrap();
    assert!(answer.succeeded_actions < 8);
    let with_tasks: std::collections::HashSet<_> = rig.tasks().into_iter().map(|t| t.action_id).collect();
    assert_eq!(with_tasks.len(), usize::try_from(answer.succeeded_actions).unwrap());
}

#[tokio::test]
async fn p4_the_first_end_stays_whatever_is_reported_later() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    rig.project(&status_change(&arn, "ABORTED")).await.unwrap();
    for later in ["FAILED", "RUNNING", "SUCCEEDED", "TIMED_OUT"] {
        rig.project(&status_change(&arn, later)).await.unwrap();
    }
    assert_eq!(rig.execution(&arn).status(), Status::Aborted);
    assert_eq!(rig.completed().len(), 1);
}
