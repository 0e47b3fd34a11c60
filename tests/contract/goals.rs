//! `LoadGoal`, `LoadGoalHead`.

use goal_activity_core::goal::{ActionKind, Goal, GoalStatus};
use goal_activity_core::ports::{LoadGoal, LoadGoalHead, Stored};
use goal_activity_events::ClaimSequence;

use crate::backend::Tables;
use crate::given::{TEXT, execution, goal, stored, stored_goal};

on_all_tables!(
    a_goal_that_is_not_there_is_none,
    a_goal_is_read_as_it_was_stored_in_mandala_order,
    a_goal_larger_than_a_page_is_read_whole,
    a_goal_without_actions_is_read,
    p9_a_goal_whose_id_begins_like_another_is_another,
);
async fn a_goal_that_is_not_there_is_none(on: &impl Tables) {
    let goal = goal(1);
    assert_eq!(on.db().load_goal(&goal.head.goal_id).await.unwrap(), Stored::Nothing);
    assert_eq!(on.db().load_goal_head(&goal.head.goal_id).await.unwrap(), Stored::Nothing);
}

/// Every text and every optional attribute is there.
fn full(actions: u8, text: &str) -> Goal {
    let mut goal = goal(actions);
    let running = execution(&goal, 7).execution_arn;
    let head = &mut goal.head;
    for field in [&mut head.title, &mut head.description, &mut head.background, &mut head.constraints] {
        text.clone_into(field);
    }
    head.deadline = Some(text.to_owned());
    (head.status, head.claimed_by, head.claims) = (GoalStatus::Processing, Some(running.into()), ClaimSequence(7));
    for sub_goal in &mut goal.sub_goals {
        text.clone_into(&mut sub_goal.title);
        text.clone_into(&mut sub_goal.description);
    }
    for action in &mut goal.actions {
        for field in [&mut action.title, &mut action.description, &mut action.background, &mut action.constraints] {
            text.clone_into(field);
        }
        action.kind = ActionKind::Habit;
    }
    goal
}

async fn a_goal_is_read_as_it_was_stored_in_mandala_order(on: &impl Tables) {
    let goal = full(64, TEXT);
    on.put_goal(&goal).await;
    let read = stored_goal(on, &goal).await.unwrap();
    assert!(read.actions.iter().map(|a| a.position).is_sorted());
    assert_eq!(read, goal);
    assert_eq!(on.db().load_goal_head(&goal.head.goal_id).await.unwrap(), Stored::Value(goal.head));
}

async fn a_goal_larger_than_a_page_is_read_whole(on: &impl Tables) {
    // DynamoDB's pages are 1 MB; this is 64 times 30 KB and more.
    let goal = full(64, &"目標".repeat(1_300));
    on.put_goal(&goal).await;
    assert_eq!(stored_goal(on, &goal).await, Some(goal));
}

async fn a_goal_without_actions_is_read(on: &impl Tables) {
    let goal = stored(on, 0).await;
    assert_eq!(stored_goal(on, &goal).await, Some(goal));
}

async fn p9_a_goal_whose_id_begins_like_another_is_another(on: &impl Tables) {
    let short = stored(on, 2).await;
    let mut long = short.clone();
    long.head.goal_id = format!("{}-1", short.head.goal_id).parse().unwrap();
    long.actions.truncate(1);
    on.put_goal(&long).await;
    assert_eq!(stored_goal(on, &short).await, Some(short));
    assert_eq!(stored_goal(on, &long).await, Some(long));
}
