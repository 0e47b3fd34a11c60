//! Forged events.

use std::num::NonZeroU32;

use goal_activity_core::admission::{Capacity, in_use};
use goal_activity_core::execution::Status;
use goal_activity_core::ports::Event;
use goal_activity_events::{Detail, ExecutionArn, SOURCE, WorkflowCompleted};

use crate::rig::{Rig, envelope, raw_envelope, status_change};

/// Capacity for one workflow, which holds it, and its end as it will be published.
async fn busy() -> (Rig, ExecutionArn, WorkflowCompleted) {
    let rig = Rig { capacity: Capacity::new(NonZeroU32::MIN), ..Rig::with_goal(8) };
    let arn = rig.launched().await;
    // A subscriber of the bus can model a forgery on an event of another workflow.
    let other = Rig::with_goal(8);
    let ended = other.launched().await;
    other.run(&ended).await;
    let mut end = other.completed().remove(0);
    end.execution_arn = arn.clone();
    (rig, arn, end)
}

fn held(rig: &Rig) -> u32 {
    in_use(&rig.world.state().held)
}

#[tokio::test]
async fn capacity_is_not_given_back_for_an_end_that_another_service_tells() {
    let (rig, arn, end) = busy().await;
    rig.launch(&envelope("planner", &end)).await.expect("it is dropped");
    assert_eq!(held(&rig), 1);
    rig.run(&arn).await;
    rig.launch(&envelope("planner", &end)).await.expect("it is dropped");
    assert_eq!(held(&rig), 1, "though it has ended");
    rig.launch(&envelope(SOURCE, &end)).await.unwrap();
    assert_eq!(held(&rig), 0);
}

#[tokio::test]
async fn capacity_is_not_given_back_while_the_workflow_is_recorded_as_open() {
    let (rig, arn, end) = busy().await;
    rig.launch(&envelope(SOURCE, &end)).await.expect("it is dropped");
    assert_eq!((held(&rig), rig.execution(&arn).status()), (1, Status::Pending));
    rig.world.break_once("find_execution");
    rig.launch(&envelope(SOURCE, &end)).await.expect_err("it comes back");
    assert_eq!(held(&rig), 1);
    rig.world.state().executions.clear();
    rig.launch(&envelope(SOURCE, &end)).await.unwrap();
    assert_eq!(held(&rig), 0, "nobody works for a workflow that is not recorded");
}

#[tokio::test]
async fn progress_that_another_service_tells_is_dropped() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    for batch in rig.batches(&arn) {
        rig.work(&batch).await.unwrap();
    }
    let before = rig.execution(&arn);
    let reports = rig.events().into_iter().filter_map(|e| if let Event::Progressed(p) = e { Some(p) } else { None });
    for report in reports {
        rig.project(&envelope("planner", &report)).await.expect("it is dropped");
    }
    assert_eq!(rig.execution(&arn), before);
    rig.deliver_progress().await;
    assert_ne!(rig.execution(&arn), before);
}

#[tokio::test]
async fn a_status_that_not_aws_tells_is_dropped() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    let before = rig.execution(&arn);
    for status in ["RUNNING", "SUCCEEDED", "ABORTED"] {
        for source in ["planner", SOURCE] {
            let forged = status_change(&arn, status).replace("aws.states", source);
            rig.project(&forged).await.expect("it is dropped");
        }
    }
    assert_eq!(rig.execution(&arn), before);
    // Nothing of a forgery is read, so it cannot be malformed either.
    let nonsense = raw_envelope("planner", WorkflowCompleted::TYPE, &serde_json::json!({ "no": "such thing" }));
    rig.launch(&nonsense).await.expect("it is dropped");
}
