use goal_activity_core::limits::MAX_RUNNING_PER_USER;
use goal_activity_core::ports::Event;
use goal_activity_events::{RejectionReason, Timestamp, Version};
use goal_activity_functions::adapters::memory::samples;

use crate::rig::{Rig, USER, envelope, goal_id};

/// A user with one more goal than the limit of running workflows.
fn busy_user() -> Rig {
    let rig = Rig::default();
    for i in 0..=MAX_RUNNING_PER_USER {
        rig.add(samples::goal(&format!("goal-{i}"), USER, 1));
    }
    rig
}

#[tokio::test]
async fn p10_a_user_has_at_most_ten_workflows_running_however_many_starts_race() {
    let rig = busy_user();
    let goals: Vec<_> = (0..=MAX_RUNNING_PER_USER).map(|i| format!("goal-{i}")).collect();
    let starts = goals.iter().map(|goal| rig.start_as(USER, goal, ""));
    let answers = futures_util::future::join_all(starts).await;
    let refused: Vec<_> = answers.iter().filter(|a| a.status != 202).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!((refused[0].status, refused[0].code()), (429, "TOO_MANY_RUNNING"));
    assert_eq!(refused[0].body["retryable"], true);

    // The limit applies per user, and an end frees a slot.
    rig.add(samples::goal("goal-x", "somebody-else", 1));
    assert_eq!(rig.start_as("somebody-else", "goal-x", "").await.status, 202);
    let left = goals.iter().zip(&answers).find(|(_, a)| a.status != 202).unwrap().0;
    let ended = answers.iter().find(|a| a.status == 202).unwrap().arn();
    rig.cancel(&ended, "").await;
    assert_eq!(rig.start_as(USER, left, "").await.status, 202);
}

#[tokio::test]
async fn p10_another_service_learns_that_its_user_has_too_many_running() {
    let rig = busy_user();
    for i in 0..MAX_RUNNING_PER_USER {
        assert_eq!(rig.start_as(USER, &format!("goal-{i}"), "").await.status, 202);
    }
    let request = goal_activity_events::GoalActivityRequested {
        version: Version::V1,
        event_id: "request-1".parse().unwrap(),
        occurred_at: Timestamp::from_millis(0),
        execution_arn: None,
        goal_id: goal_id(&format!("goal-{MAX_RUNNING_PER_USER}")),
        user_id: USER.parse().unwrap(),
        action_ids: None,
        regenerate: false,
        correlation_id: None,
        traceparent: None,
    };
    rig.launch(&envelope("planner", &request)).await.unwrap();
    let reasons: Vec<_> = rig
        .events()
        .into_iter()
        .filter_map(|e| if let Event::Rejected(r) = e { Some(r.reason) } else { None })
        .collect();
    assert_eq!(reasons, [RejectionReason::TooManyRunning]);
}

#[tokio::test]
async fn p10_a_body_over_10_kib_is_refused_but_not_a_cancel() {
    let rig = Rig::with_goal(1);
    let long = |name: &str| format!(r#"{{ "{name}": "{}" }}"#, "x".repeat(10 * 1024));
    let answer = rig.start_as(USER, "goal-1", &long("comment")).await;
    assert_eq!((answer.status, answer.code()), (413, "BODY_TOO_LARGE"));
    let arn = rig.launched().await;
    assert_eq!(rig.cancel(&arn, &long("reason")).await.status, 200);
}
