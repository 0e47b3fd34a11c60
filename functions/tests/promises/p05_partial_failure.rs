use goal_activity_core::execution::Status;
use goal_activity_core::goal::GoalStatus;
use goal_activity_events::FailureCode;

use crate::rig::Rig;

#[tokio::test]
async fn p5_one_failing_action_costs_only_itself() {
    let rig = Rig::with_goal(64);
    rig.script("a-3-4", "fail");
    let arn = rig.launched().await;
    rig.run(&arn).await;
    let execution = rig.execution(&arn);
    assert_eq!(execution.status(), Status::PartiallySucceeded);
    assert_eq!(execution.tally().map(|t| t.succeeded), Some(63));
    let [failed] = execution.failed_actions() else { panic!("{execution:?}") };
    assert_eq!((failed.action_id.as_str(), failed.code, failed.attempts), ("a-3-4", FailureCode::AiRejected, 1));
    assert_eq!(rig.goal_status(), GoalStatus::Partial);
    assert_eq!(rig.notices(), 1);
}

#[tokio::test]
async fn p5_a_lost_batch_costs_only_its_unfinished_actions() {
    let rig = Rig::with_goal(16);
    let arn = rig.launched().await;
    let batches = rig.batches(&arn);
    rig.work(&batches[1]).await.unwrap();
    let answer = rig.finalize(&arn).await;
    assert_eq!((answer.succeeded_actions, answer.failed_actions), (8, 8));
    rig.project(&crate::rig::status_change(&arn, "SUCCEEDED")).await.unwrap();
    let execution = rig.execution(&arn);
    assert_eq!(execution.status(), Status::PartiallySucceeded);
    assert!(execution.failed_actions().iter().all(|f| f.code == FailureCode::NotProcessed));
}

#[tokio::test(start_paused = true)]
async fn p5_a_passing_failure_of_the_ai_costs_nothing() {
    let rig = Rig::with_goal(8);
    rig.script("a-1-1", "fail-times=2");
    let arn = rig.launched().await;
    rig.run(&arn).await;
    assert_eq!(rig.execution(&arn).status(), Status::Succeeded);
}

#[tokio::test]
async fn p5_an_action_that_was_deleted_meanwhile_fails_alone() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    let goal = crate::rig::goal_id("goal-1");
    rig.world.state().goals.get_mut(&goal).unwrap().actions.remove(0);
    rig.run(&arn).await;
    let execution = rig.execution(&arn);
    assert_eq!((execution.status(), execution.tally().map(|t| t.succeeded)), (Status::PartiallySucceeded, Some(7)));
    assert_eq!(execution.failed_actions()[0].code, FailureCode::ActionGone);
}

#[tokio::test]
async fn a_workflow_of_nothing_but_failures_has_failed() {
    let rig = Rig::with_goal(2);
    rig.script("a-1-1", "fail");
    rig.script("a-1-2", "fail");
    let arn = rig.launched().await;
    rig.run(&arn).await;
    assert_eq!((rig.execution(&arn).status(), rig.goal_status()), (Status::Failed, GoalStatus::Failed));
    assert_eq!(rig.notices(), 1);
}
