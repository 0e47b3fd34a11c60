use std::collections::HashSet;

use goal_activity_core::task::TaskStatus;

use crate::rig::{Rig, USER};

#[tokio::test]
async fn p3_a_batch_delivered_again_changes_no_task() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    let [batch] = rig.batches(&arn).try_into().unwrap();
    rig.work(&batch).await.unwrap();
    let tasks = rig.tasks();
    rig.world.state().now += 60_000;
    rig.work(&batch).await.unwrap();
    assert_eq!(rig.tasks(), tasks);
    assert_eq!(rig.world.state().answers.len(), 1, "the second answer finds the token used");
}

#[tokio::test]
async fn p3_after_a_failure_in_mid_batch_only_the_rest_is_generated() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    let [batch] = rig.batches(&arn).try_into().unwrap();
    for call in ["open_batch", "load_goal", "answer"] {
        rig.world.break_once(call);
        rig.work(&batch).await.expect_err(call);
    }
    rig.work(&batch).await.unwrap();
    assert_eq!(rig.world.state().asked.len(), 8, "nothing that has an outcome is generated again");
    rig.run(&arn).await;
    let tasks = rig.tasks();
    assert_eq!(tasks.iter().map(|t| &t.action_id).collect::<HashSet<_>>().len(), 8);
    assert_eq!(tasks.iter().map(|t| &t.task_id).collect::<HashSet<_>>().len(), tasks.len());
    assert_eq!(rig.execution(&arn).tally().map(|t| t.succeeded), Some(8));
}

#[tokio::test]
async fn p3_an_action_that_could_not_be_saved_is_generated_anew() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    let [batch] = rig.batches(&arn).try_into().unwrap();
    // Together with the others, and by itself.
    for _ in 0..2 {
        rig.world.break_once("commit_group");
    }
    rig.work(&batch).await.unwrap_err();
    rig.work(&batch).await.unwrap();
    rig.run(&arn).await;
    assert_eq!(rig.execution(&arn).tally().map(|t| t.succeeded), Some(8));
}

#[tokio::test]
async fn p3_two_workers_with_the_same_batch_save_each_action_once() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    let [batch] = rig.batches(&arn).try_into().unwrap();
    let (first, second) = futures_util::future::join(rig.work(&batch), rig.work(&batch)).await;
    first.and(second).unwrap();
    rig.run(&arn).await;
    assert_eq!(rig.execution(&arn).tally().map(|t| t.succeeded), Some(8));
    assert_eq!(rig.tasks().iter().map(|t| &t.position).collect::<HashSet<_>>().len(), rig.tasks().len());
}

#[tokio::test]
async fn p3_tasks_of_others_are_never_overwritten() {
    let rig = Rig::with_goal(2);
    let arn = rig.launched().await;
    let [batch] = rig.batches(&arn).try_into().unwrap();
    rig.work(&batch).await.unwrap();
    // A later workflow was started for the action, and meanwhile the user has made progress with a task of it.
    let mut theirs = rig.tasks()[0].clone();
    theirs.status = TaskStatus::Completed;
    rig.run(&arn).await;
    rig.world.state().tasks.retain(|_, t| t.action_id.as_str() != "a-1-1");
    let second = rig.launched().await;
    rig.world.state().tasks.insert((theirs.goal_id.clone(), theirs.position.clone()), theirs.clone());
    rig.run(&second).await;
    assert!(rig.tasks().contains(&theirs));
    assert_eq!(rig.execution(&second).failed_actions()[0].code, goal_activity_events::FailureCode::TasksExist);
}

#[tokio::test]
async fn regenerate_replaces_all_tasks_of_an_action_and_of_no_other() {
    let rig = Rig::with_goal(2);
    rig.script("a-1-1", "max-size");
    let first = rig.launched().await;
    rig.run(&first).await;
    let before = rig.tasks();
    rig.script("a-1-1", "");
    let answer = rig.start_as(USER, "goal-1", r#"{"actionIds":["a-1-1"],"regenerate":true}"#).await;
    assert_eq!(answer.status, 202);
    rig.deliver_requests().await;
    rig.run(&answer.arn()).await;
    let of = |tasks: &[goal_activity_core::task::Task], action: &str| {
        tasks.iter().filter(|t| t.action_id.as_str() == action).cloned().collect::<Vec<_>>()
    };
    let after = rig.tasks();
    assert_eq!((of(&before, "a-1-1").len(), of(&after, "a-1-1").len()), (10, 4));
    assert!(of(&after, "a-1-1").iter().all(|t| t.execution_arn == answer.arn()));
    assert_eq!(of(&after, "a-1-2"), of(&before, "a-1-2"));
}
