//! Rows that other programs may have stored in the same tables, and positions that occur only in their rows.

use goal_activity_core::goal::{ActionKind, Goal, GoalHead, GoalStatus};
use goal_activity_core::keys;
use goal_activity_core::ports::{ActionsWithTasks, ListTasks, LoadGoal, LoadGoalHead, Stored, Unreadable};
use goal_activity_core::rows::{Row, goal_rows};
use goal_activity_core::task::{Priority, TaskStatus};
use goal_activity_events::{ClaimSequence, UserId};
use serde_json::{Value, json};

use crate::backend::Tables;
use crate::given::{execution, goal, stored, stored_goal, stored_tasks, tasks};

on_all_tables!(
    rows_of_other_services_beside_a_goal_are_left_out,
    a_goal_with_only_what_it_must_have_is_read,
    attributes_that_are_null_are_as_if_they_were_missing,
    names_are_read_in_any_letter_case,
    what_claims_a_goal_is_any_text_and_nothing_else,
    how_often_a_goal_was_claimed_is_a_number_or_nothing,
    actions_without_a_goal_are_none,
    a_goal_that_cannot_be_read_is_named_without_its_texts,
    actions_and_sub_goals_that_cannot_be_read_spoil_no_others,
    a_place_may_stand_only_in_the_key,
    empty_cells_of_the_chart_are_no_actions,
    of_two_actions_with_one_id_the_first_in_the_chart_counts,
    tasks_that_cannot_be_read_are_left_out_and_the_pages_go_on,
    tasks_are_read_in_any_letter_case,
    an_action_id_that_is_none_of_ours_has_no_tasks,
    a_cursor_that_was_never_given_breaks_nothing_else,
);

/// The goal's own row.
fn head_row(goal: &Goal) -> Row {
    goal_rows(goal).unwrap().remove(0)
}

/// The row of an action at that place of the goal's chart.
fn action_row(goal: &Goal, place: &str) -> Value {
    json!({
        keys::GOAL_ID: goal.head.goal_id, keys::ITEM: format!("ACTION#{place}"), "position": place,
        "actionId": format!("b-{}", place.replace('#', "-")), "title": "Another", "type": "habit",
    })
}

async fn stored_head(on: &impl Tables, goal: &Goal) -> Stored<GoalHead> {
    let whole = on.db().load_goal(&goal.head.goal_id).await.unwrap().map(|goal| goal.head);
    let head = on.db().load_goal_head(&goal.head.goal_id).await.unwrap();
    assert_eq!(head, whole, "the same, however it is read");
    head
}

/// The goal's own row as it is read when one attribute differs.
async fn with_attribute(on: &impl Tables, goal: &Goal, name: &str, value: Value) -> Stored<GoalHead> {
    let mut row = head_row(goal);
    row.insert(name.to_owned(), value);
    on.put_goal_row(row.into()).await;
    stored_head(on, goal).await
}

async fn rows_of_other_services_beside_a_goal_are_left_out(on: &impl Tables) {
    let goal = stored(on, 2).await;
    for item in ["ACTIVITY#1", "GOAL#1", "NOTE", "Z"] {
        on.put_goal_row(json!({ keys::GOAL_ID: goal.head.goal_id, keys::ITEM: item, "title": 7 })).await;
    }
    assert_eq!(stored_goal(on, &goal).await, Some(goal));
}

async fn a_goal_with_only_what_it_must_have_is_read(on: &impl Tables) {
    let mut goal = goal(1);
    goal.sub_goals.clear();
    for mut row in goal_rows(&goal).unwrap() {
        row.retain(|name, value| *value != json!("") && *value != json!(0) && name != "type");
        assert!(!row.contains_key(keys::CLAIMS));
        on.put_goal_row(row.into()).await;
    }
    assert_eq!(stored_goal(on, &goal).await, Some(goal));
}

async fn attributes_that_are_null_are_as_if_they_were_missing(on: &impl Tables) {
    let goal = goal(1);
    for mut row in goal_rows(&goal).unwrap() {
        for name in ["description", "background", "constraints", "deadline", "type", keys::CLAIM, keys::CLAIMS] {
            row.insert(name.to_owned(), Value::Null);
        }
        on.put_goal_row(row.into()).await;
    }
    assert_eq!(stored_goal(on, &goal).await, Some(goal.clone()));
    let Stored::Value(head) = with_attribute(on, &goal, "title", Value::Null).await else { panic!("it is read") };
    assert_eq!(head, GoalHead { title: String::new(), ..goal.head });
}

async fn names_are_read_in_any_letter_case(on: &impl Tables) {
    let mut goal = stored(on, 1).await;
    for status in ["active", "ACTIVE", "Active"] {
        goal.head.status = GoalStatus::Active;
        assert_eq!(with_attribute(on, &goal, "status", json!(status)).await, Stored::Value(goal.head.clone()));
    }
    for (name, kind) in [("EXECUTION", ActionKind::Execution), ("Habit", ActionKind::Habit)] {
        let mut row = action_row(&goal, "1#1");
        row["type"] = json!(name);
        on.put_goal_row(row).await;
        assert_eq!(stored_goal(on, &goal).await.unwrap().actions[0].kind, kind);
    }
}

async fn what_claims_a_goal_is_any_text_and_nothing_else(on: &impl Tables) {
    let goal = goal(0);
    let arn = execution(&goal, 3).execution_arn;
    let texts = [(json!(arn), Some(arn.clone())), (json!("old"), None), (json!("arn:aws:states:::x"), None)];
    for (value, claim) in texts {
        let Stored::Value(head) = with_attribute(on, &goal, keys::CLAIM, value.clone()).await else {
            panic!("{value}")
        };
        let claimed_by = head.claimed_by.unwrap();
        assert_eq!((json!(claimed_by), claimed_by.execution()), (value, claim));
    }
    for value in [json!(null), json!(7), json!(true), json!([arn]), json!({ "arn": arn })] {
        let read = with_attribute(on, &goal, keys::CLAIM, value.clone()).await;
        assert_eq!(read, Stored::Value(goal.head.clone()), "{value}");
    }
}

async fn how_often_a_goal_was_claimed_is_a_number_or_nothing(on: &impl Tables) {
    let goal = goal(0);
    for (value, claims) in
        [(json!(7), 7), (json!(null), 0), (json!(-1), 0), (json!("7"), 0), (json!(0.5), 0), (json!([7]), 0)]
    {
        let Stored::Value(head) = with_attribute(on, &goal, keys::CLAIMS, value.clone()).await else {
            panic!("{value}")
        };
        assert_eq!(head.claims, ClaimSequence(claims), "{value}");
    }
}

async fn actions_without_a_goal_are_none(on: &impl Tables) {
    let goal = stored(on, 2).await;
    on.remove_goal(&goal.head.goal_id).await;
    assert_eq!(stored_goal(on, &goal).await, None);
    assert_eq!(stored_head(on, &goal).await, Stored::Nothing);
}

async fn a_goal_that_cannot_be_read_is_named_without_its_texts(on: &impl Tables) {
    let goal = stored(on, 1).await;
    let owner = || Some(goal.head.user_id.clone());
    let no_user = "userId: not a valid user id: 1 to 255 printable ASCII characters, spaces only between others";
    let cases: [(&str, Value, &str, Option<UserId>); 4] = [
        ("userId", json!("a secret\ttext"), no_user, None),
        ("status", json!("a secret, expected or not"), "status: expected one of `draft`, `processing`, ", owner()),
        ("status", json!(null), "status: expected a string", owner()),
        ("title", json!(["a secret"]), "title: expected a string", owner()),
    ];
    for (name, value, said, owner) in cases {
        let read = with_attribute(on, &goal, name, value.clone()).await;
        let Stored::Unreadable(Unreadable { item, reason, owner: known }) = read else { panic!("{name} {value}") };
        assert_eq!((item.as_str(), known), (keys::GOAL, owner), "{name} {value}");
        assert!(reason.starts_with(said) && !reason.contains("secret"), "{name} {value}: {reason}");
    }
    // Of a user that is no text DynamoDB itself refuses the row, where the table has the index by user.
    for (name, owner) in [("status", owner()), ("userId", None)] {
        let mut row = head_row(&goal);
        row.remove(name);
        on.put_goal_row(row.into()).await;
        let reason = format!("missing field `{name}`");
        let missing = Unreadable { item: keys::GOAL.to_owned(), reason, owner };
        assert_eq!(stored_head(on, &goal).await, Stored::Unreadable(missing));
    }
}

async fn actions_and_sub_goals_that_cannot_be_read_spoil_no_others(on: &impl Tables) {
    let goal = stored(on, 2).await;
    for (place, name, value) in [
        ("9#1", "position", json!("9#1")),
        ("9#2", "position", json!(null)),
        ("5#1", "type", json!("weekly")),
        ("5#2", "actionId", json!("not an id")),
        ("5#3", "title", json!(7)),
        ("5#4", "actionId", json!(null)),
        ("5#5", "position", json!(5)),
        ("5#6", "constraints", json!({})),
    ] {
        let mut row = action_row(&goal, place);
        row[name] = value;
        on.put_goal_row(row).await;
    }
    for (item, position) in [("SUBGOAL#9", json!(9)), ("SUBGOAL#x", json!(null)), ("SUBGOAL#2", json!("2"))] {
        let row = json!({ keys::GOAL_ID: goal.head.goal_id, keys::ITEM: item, "position": position, "title": "t" });
        on.put_goal_row(row).await;
    }
    // As the goal app may store archived items.
    let kept =
        json!({ keys::GOAL_ID: goal.head.goal_id, keys::ITEM: "ACTION#9#3", "title": "Kept", "status": "archived" });
    on.put_goal_row(kept).await;
    // The result shows that some are missing, so that their tasks are not treated as those of deleted actions.
    let read = stored_goal(on, &goal).await;
    assert_eq!(read, Some(Goal { is_whole: false, ..goal }));
}

async fn a_place_may_stand_only_in_the_key(on: &impl Tables) {
    let goal = goal(9);
    for mut row in goal_rows(&goal).unwrap() {
        row.remove("position");
        on.put_goal_row(row.into()).await;
    }
    assert_eq!(stored_goal(on, &goal).await, Some(goal));
}

async fn empty_cells_of_the_chart_are_no_actions(on: &impl Tables) {
    let goal = stored(on, 1).await;
    for (place, title) in [("1#2", json!("")), ("1#3", json!(" \n")), ("1#4", json!("\u{3000}")), ("1#5", json!(null))]
    {
        let mut row = action_row(&goal, place);
        row["title"] = title;
        on.put_goal_row(row).await;
    }
    assert_eq!(stored_goal(on, &goal).await, Some(goal));
}

async fn of_two_actions_with_one_id_the_first_in_the_chart_counts(on: &impl Tables) {
    let goal = stored(on, 2).await;
    let mut row = action_row(&goal, "7#7");
    row["actionId"] = json!("a-1-2");
    on.put_goal_row(row).await;
    assert_eq!(stored_goal(on, &goal).await, Some(goal));
}

async fn tasks_that_cannot_be_read_are_left_out_and_the_pages_go_on(on: &impl Tables) {
    let goal = goal(2);
    let all: Vec<_> = goal.actions.iter().flat_map(|action| tasks(&execution(&goal, 1), action, 2)).collect();
    for task in &all {
        on.put_task(task).await;
    }
    // As the goal app may have its own tasks: no execution has generated them.
    let foreign = ["0#note", "1#1#01+", "1#1#02+", "1#1#02++", "9"];
    for position in foreign {
        on.put_task_row(json!({
            keys::GOAL_ID: goal.head.goal_id, keys::POSITION: position, "taskId": "own-1", "title": "Call the landlord",
            "status": "todo", "createdBy": "goal-app",
        }))
        .await;
    }
    assert_eq!(stored_tasks(on, &goal).await, all);
    for limit in 1..=10 {
        let (mut seen, mut pages, mut after) = (Vec::new(), 0, None);
        loop {
            let page = on.db().list_tasks(&goal.head.goal_id, after.as_deref(), limit).await.unwrap();
            assert!(page.last.is_none() || page.last > after, "it does not go on after {after:?}");
            (after, pages) = (page.last, pages + 1);
            seen.extend(page.tasks);
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, all, "{limit} a page");
        assert_eq!(pages, (all.len() + foreign.len()).div_ceil(limit.into()), "{limit} a page");
    }
}

async fn tasks_are_read_in_any_letter_case(on: &impl Tables) {
    let goal = goal(1);
    let mut task = tasks(&execution(&goal, 1), &goal.actions[0], 1).remove(0);
    let mut row = json!(task);
    (row["status"], row["priority"], row["type"]) = (json!("COMPLETED"), json!("High"), json!("EXECUTION"));
    on.put_task_row(row).await;
    (task.status, task.priority) = (TaskStatus::Completed, Priority::High);
    assert_eq!(stored_tasks(on, &goal).await, [task]);
}

async fn an_action_id_that_is_none_of_ours_has_no_tasks(on: &impl Tables) {
    let goal = goal(1);
    for (n, action) in [json!("not an id, but a secret"), json!(7), json!(null)].into_iter().enumerate() {
        let position = format!("1#1#0{n}");
        on.put_task_row(json!({
            keys::GOAL_ID: goal.head.goal_id, keys::POSITION: position, "actionId": action, "title": "a secret",
        }))
        .await;
    }
    assert!(on.db().actions_with_tasks(&goal.head.goal_id).await.unwrap().is_empty());
    assert_eq!(stored_tasks(on, &goal).await, []);
}

async fn a_cursor_that_was_never_given_breaks_nothing_else(on: &impl Tables) {
    let goal = goal(1);
    let all = tasks(&execution(&goal, 1), &goal.actions[0], 2);
    for task in &all {
        on.put_task(task).await;
    }
    for (cursor, rest) in [("0", 2), ("1#1#01\u{0}", 1), ("目", 0)] {
        let page = on.db().list_tasks(&goal.head.goal_id, Some(cursor), 10).await.unwrap();
        assert_eq!((page.tasks.as_slice(), page.last), (&all[2 - rest..], None), "{cursor:?}");
    }
}
