use goal_activity_core::execution::Status;
use goal_activity_core::goal::GoalStatus;
use goal_activity_core::task::TaskStatus;
use goal_activity_events::{ActionId, Timestamp};
use serde_json::json;

use crate::rig::{Rig, USER, goal_id};

fn ids(texts: &[&str]) -> Vec<ActionId> {
    texts.iter().map(|t| t.parse().unwrap()).collect()
}

#[tokio::test]
async fn p5_a_retry_is_for_the_failed_actions_and_leaves_everything_else_as_it_is() {
    let rig = Rig::with_goal(20);
    rig.script("a-1-3", "fail");
    rig.script("a-3-1", "fail");
    let first = rig.launched().await;
    rig.run(&first).await;
    // The user is already working on the tasks.
    {
        let mut state = rig.world.state();
        let done = state.tasks.values_mut().next().unwrap();
        (done.status, done.completed_at) = (TaskStatus::Completed, Some(Timestamp::from_millis(7)));
    }
    let (before, ended) = (rig.tasks(), rig.execution(&first));

    rig.script("a-1-3", "latency-ms=0");
    rig.script("a-3-1", "latency-ms=0");
    let answer = rig.retry(&first).await;
    assert_eq!((answer.status, &answer.body["totalActions"]), (202, &json!(2)), "{answer:?}");
    assert!(answer.location.is_some());
    rig.deliver_requests().await;
    rig.run(&answer.arn()).await;

    assert_eq!(rig.execution(&answer.arn()).action_ids, ids(&["a-1-3", "a-3-1"]));
    assert_eq!(rig.execution(&answer.arn()).status(), Status::Succeeded);
    assert_eq!(rig.goal_status(), GoalStatus::Active);
    let others: Vec<_> = rig.tasks().into_iter().filter(|t| before.iter().any(|b| b.position == t.position)).collect();
    assert_eq!(others, before);
    assert_eq!(rig.execution(&first), ended);
}

#[tokio::test]
async fn a_retry_of_replaced_tasks_replaces_what_the_failed_one_could_not() {
    let rig = Rig::with_goal(8);
    let first = rig.launched().await;
    rig.run(&first).await;
    let old = rig.tasks();
    rig.script("a-1-2", "fail");
    let again = rig.start_as(USER, "goal-1", r#"{ "regenerate": true }"#).await;
    rig.deliver_requests().await;
    rig.run(&again.arn()).await;
    let of = |tasks: &[goal_activity_core::task::Task], action: &str| -> Vec<_> {
        tasks.iter().filter(|t| t.action_id.as_str() == action).map(|t| t.task_id.clone()).collect()
    };
    assert_eq!(of(&rig.tasks(), "a-1-2"), of(&old, "a-1-2"), "a failed action keeps its tasks");
    assert_ne!(of(&rig.tasks(), "a-1-1"), of(&old, "a-1-1"));

    rig.script("a-1-2", "latency-ms=0");
    let retry = rig.retry(&again.arn()).await;
    rig.deliver_requests().await;
    rig.run(&retry.arn()).await;
    assert_eq!(rig.execution(&retry.arn()).action_ids, ids(&["a-1-2"]));
    assert_ne!(of(&rig.tasks(), "a-1-2"), of(&old, "a-1-2"));
}

#[tokio::test]
async fn an_action_that_is_gone_or_has_tasks_by_now_is_not_retried() {
    let rig = Rig::with_goal(3);
    for action in ["a-1-1", "a-1-2", "a-1-3"] {
        rig.script(action, "fail");
    }
    let first = rig.launched().await;
    rig.run(&first).await;
    rig.script("a-1-1", "latency-ms=0");
    let only_one = rig.start_as(USER, "goal-1", r#"{ "actionIds": ["a-1-1"] }"#).await;
    rig.deliver_requests().await;
    rig.run(&only_one.arn()).await;
    rig.world.state().goals.get_mut(&goal_id("goal-1")).unwrap().actions.remove(1);

    let retry = rig.retry(&first).await;
    assert_eq!(rig.execution(&retry.arn()).action_ids, ids(&["a-1-3"]));
}

#[tokio::test]
async fn what_cannot_be_retried_says_why() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    let early = rig.retry(&arn).await;
    assert_eq!((early.status, early.code()), (409, "NOT_ENDED"));
    rig.run(&arn).await;
    let nothing = rig.retry(&arn).await;
    assert_eq!((nothing.status, nothing.code()), (409, "NOTHING_FAILED"));
}

#[tokio::test]
async fn p1_of_two_retries_one_is_accepted() {
    let rig = Rig::with_goal(8);
    rig.script("a-1-1", "fail");
    let arn = rig.launched().await;
    rig.run(&arn).await;
    let (one, other) = futures_util::future::join(rig.retry(&arn), rig.retry(&arn)).await;
    let mut answers = [one.status, other.status];
    answers.sort_unstable();
    assert_eq!(answers, [202, 409]);
}

#[tokio::test]
async fn a_cancelled_workflow_can_be_retried_as_a_whole() {
    let rig = Rig::with_goal(9);
    let arn = rig.launched().await;
    rig.cancel(&arn, "").await;
    let retry = rig.retry(&arn).await;
    assert_eq!(retry.body["totalActions"], 9);
    rig.deliver_requests().await;
    rig.run(&retry.arn()).await;
    assert_eq!(rig.goal_status(), GoalStatus::Active);
}
