use std::num::NonZeroU32;

use futures_util::future::join_all;
use goal_activity_core::daily::DailyLimit;
use goal_activity_core::limits::MAX_RUNNING_PER_USER;
use goal_activity_core::ports::Event;
use goal_activity_events::{GoalActivityRequested, PriorityClass, RejectionReason, Timestamp, UserId, Version};
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

/// A service's request for a goal of the user.
fn request(goal: &str) -> GoalActivityRequested {
    GoalActivityRequested {
        version: Version::V1,
        event_id: format!("request-{goal}").parse().unwrap(),
        occurred_at: Timestamp::from_millis(0),
        execution_arn: None,
        goal_id: goal_id(goal),
        user_id: USER.parse().unwrap(),
        action_ids: None,
        regenerate: false,
        priority_class: PriorityClass::default(),
        correlation_id: None,
        traceparent: None,
    }
}

#[tokio::test]
async fn p10_a_user_has_at_most_ten_workflows_running_however_many_starts_race() {
    let rig = busy_user();
    let goals: Vec<_> = (0..=MAX_RUNNING_PER_USER).map(|i| format!("goal-{i}")).collect();
    let starts = goals.iter().map(|goal| rig.start_as(USER, goal, ""));
    let answers = join_all(starts).await;
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
    rig.launch(&envelope("planner", &request(&format!("goal-{MAX_RUNNING_PER_USER}")))).await.unwrap();
    let reasons: Vec<_> = rig
        .events()
        .into_iter()
        .filter_map(|e| if let Event::Rejected(r) = e { Some(r.reason) } else { None })
        .collect();
    assert_eq!(reasons, [RejectionReason::TooManyRunning]);
}

/// A user with that many goals of 8 actions each, 20 of which may be asked for in a day.
fn limited_user(goals: u8) -> Rig {
    let rig = Rig { daily_limit: DailyLimit::new(NonZeroU32::new(20).unwrap()), ..Rig::default() };
    for n in 1..=goals {
        rig.add(samples::goal(&format!("goal-{n}"), USER, 8));
    }
    rig
}

#[tokio::test]
async fn p10_a_user_gets_so_many_actions_a_day_however_many_starts_race() {
    let rig = limited_user(5);
    let goals: Vec<_> = (1..=5).map(|n| format!("goal-{n}")).collect();
    let answers = join_all(goals.iter().map(|goal| rig.start_as(USER, goal, ""))).await;
    let refused: Vec<_> = answers.iter().filter(|a| a.status != 202).collect();
    assert_eq!(refused.len(), 3, "two goals of 8 actions fit into 20");
    for answer in refused {
        assert_eq!((answer.status, answer.code()), (429, "DAILY_LIMIT"));
        assert_eq!(answer.body["retryable"], true);
    }
    // What fits is accepted, and the limit is each user's own.
    let left = goals.iter().zip(&answers).find(|(_, a)| a.status != 202).unwrap().0;
    assert_eq!(rig.start_as(USER, left, r#"{ "actionIds": ["a-1-1", "a-1-2", "a-1-3", "a-1-4"] }"#).await.status, 202);
    rig.add(samples::goal("goal-x", "somebody-else", 8));
    assert_eq!(rig.start_as("somebody-else", "goal-x", "").await.status, 202);
}

#[tokio::test]
async fn p10_the_next_day_begins_at_midnight_of_utc_and_the_answer_says_when() {
    let rig = limited_user(3);
    // 1.5 s before the end of the day.
    rig.world.state().now = 24 * 60 * 60 * 1_000 - 1_500;
    for goal in ["goal-1", "goal-2"] {
        assert_eq!(rig.start_as(USER, goal, "").await.status, 202);
    }
    let refused = rig.start_as(USER, "goal-3", "").await;
    assert_eq!((refused.code(), refused.retry_after.as_deref()), ("DAILY_LIMIT", Some("2")));
    assert_eq!(
        refused.body["detail"],
        "with the 8 actions of this request the user asks for more than 20 on 1970-01-01 (UTC); wait for the next day, or \
         name fewer actions"
    );
    rig.wait(2);
    assert_eq!(rig.start_as(USER, "goal-3", "").await.status, 202);
    let days = |rig: &Rig| {
        rig.world.state().started_actions[&USER.parse::<UserId>().unwrap()].values().copied().collect::<Vec<_>>()
    };
    assert_eq!(days(&rig), [16, 8]);
    // Days that no clock can be on any more are dropped.
    rig.add(samples::goal("goal-4", USER, 1));
    rig.wait(2 * 24 * 60 * 60);
    assert_eq!(rig.start_as(USER, "goal-4", "").await.status, 202);
    assert_eq!(days(&rig), [1]);
}

#[tokio::test]
async fn p2_p10_the_same_request_again_counts_once_and_what_is_refused_does_not_count() {
    let rig = limited_user(3);
    for _ in 0..5 {
        assert_eq!(rig.start_with_key(USER, "goal-1", "key-1", "").await.status, 202);
        assert_eq!(rig.start_as(USER, "goal-1", "").await.code(), "ALREADY_RUNNING");
    }
    let event = envelope("planner", &request("goal-2"));
    for _ in 0..5 {
        rig.launch(&event).await.unwrap();
    }
    assert_eq!(rig.start_as(USER, "goal-3", "").await.code(), "DAILY_LIMIT");
    // After the limit is reached as well.
    assert_eq!(rig.start_with_key(USER, "goal-1", "key-1", "").await.status, 202);
    let some = r#"{ "actionIds": ["a-1-1", "a-1-2", "a-1-3", "a-1-4"] }"#;
    assert_eq!(rig.start_as(USER, "goal-3", some).await.status, 202);
}

#[tokio::test]
async fn p10_a_retry_counts_and_a_cancel_gives_nothing_back() {
    let rig = limited_user(1);
    let first = rig.start_as(USER, "goal-1", "").await.arn();
    rig.cancel(&first, "").await;
    let second = rig.retry(&first).await;
    assert_eq!(second.status, 202);
    rig.cancel(&second.arn(), "").await;
    assert_eq!(rig.retry(&second.arn()).await.code(), "DAILY_LIMIT");
}

#[tokio::test]
async fn p10_another_service_learns_that_its_user_has_asked_for_too_much_today() {
    let rig = limited_user(3);
    for goal in ["goal-1", "goal-2", "goal-3"] {
        rig.launch(&envelope("planner", &request(goal))).await.unwrap();
    }
    let rejected = |e| if let Event::Rejected(r) = e { Some((r.reason, r.retryable)) } else { None };
    let reasons: Vec<_> = rig.events().into_iter().filter_map(rejected).collect();
    assert_eq!(reasons, [(RejectionReason::DailyLimit, Some(true))]);
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
