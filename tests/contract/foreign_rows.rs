//! Rows as other services may have stored them in the same tables, and places that only they can come to ask for.

use goal_activity_core::keys;
use goal_activity_core::ports::{ActionsWithTasks, ListTasks, LoadGoal, LoadGoalHead, Stored, Unreadable};
use goal_activity_core::rows::goal_rows;
use serde_json::json;

use crate::backend::{AwsTables, Tables};
use crate::given::{execution, goal, stored, stored_goal, tasks};

on_dynamodb!(
    rows_of_other_services_beside_a_goal_are_left_out,
    a_goal_with_only_what_it_must_have_is_read,
    actions_without_a_goal_are_none,
    a_goal_that_cannot_be_read_is_named_without_its_texts,
    a_malformed_task_is_unavailable_without_its_texts,
    a_cursor_that_was_never_given_breaks_nothing_else,
);

async fn rows_of_other_services_beside_a_goal_are_left_out(on: &AwsTables) {
    let goal = stored(on, 2).await;
    for item in ["ACTIVITY#1", "GOAL#1", "NOTE", "Z"] {
        on.put_goal_row(json!({ keys::GOAL_ID: goal.head.goal_id, keys::ITEM: item, "title": 7 })).await;
    }
    assert_eq!(stored_goal(on, &goal).await, Some(goal));
}

async fn a_goal_with_only_what_it_must_have_is_read(on: &AwsTables) {
    let mut goal = goal(1);
    goal.sub_goals.clear();
    for mut row in goal_rows(&goal).unwrap() {
        row.retain(|_, value| *value != json!("") && *value != json!(0));
        on.put_goal_row(row.into()).await;
    }
    assert_eq!(on.goal_row(&goal.head.goal_id, keys::GOAL).await.unwrap().get(keys::CLAIMS), None);
    assert_eq!(stored_goal(on, &goal).await, Some(goal));
}

async fn actions_without_a_goal_are_none(on: &AwsTables) {
    let goal = stored(on, 2).await;
    on.remove_goal(&goal.head.goal_id).await;
    assert_eq!(stored_goal(on, &goal).await, None);
    assert_eq!(on.goals().load_goal_head(&goal.head.goal_id).await.unwrap(), Stored::Nothing);
}

async fn a_goal_that_cannot_be_read_is_named_without_its_texts(on: &AwsTables) {
    let goal = goal(0);
    let row = json!({ keys::GOAL_ID: goal.head.goal_id, keys::ITEM: keys::GOAL, "userId": "a secret text" });
    on.put_goal_row(row).await;
    let reason = "userId: not a valid user id: 1 to 128 printable ASCII characters without spaces".to_owned();
    let row = Unreadable { item: keys::GOAL.to_owned(), reason, owner: None };
    assert_eq!(on.goals().load_goal(&goal.head.goal_id).await.unwrap(), Stored::Unreadable(row.clone()));
    assert_eq!(on.goals().load_goal_head(&goal.head.goal_id).await.unwrap(), Stored::Unreadable(row));
}

async fn a_malformed_task_is_unavailable_without_its_texts(on: &AwsTables) {
    let goal = goal(1);
    let row = json!({
        keys::GOAL_ID: goal.head.goal_id, keys::POSITION: "1#1#01", "actionId": "not an id, but a secret",
        "title": "a secret", "status": "a secret",
    });
    on.put_task_row(row).await;
    let listed = on.tasks().list_tasks(&goal.head.goal_id, None, 10).await.unwrap_err();
    let with_tasks = on.tasks().actions_with_tasks(&goal.head.goal_id).await.unwrap_err();
    assert!(!format!("{listed:?} {with_tasks:?}").contains("secret"), "{listed:?} {with_tasks:?}");
}

async fn a_cursor_that_was_never_given_breaks_nothing_else(on: &AwsTables) {
    let goal = goal(1);
    let all = tasks(&execution(&goal, 1), &goal.actions[0], 2);
    for task in &all {
        on.put_task(task).await;
    }
    for (cursor, rest) in [("0", 2), ("1#1#01\u{0}", 1), ("目", 0)] {
        let page = on.tasks().list_tasks(&goal.head.goal_id, Some(cursor), 10).await.unwrap();
        assert_eq!((page.tasks.as_slice(), page.last), (&all[2 - rest..], None), "{cursor:?}");
    }
}
