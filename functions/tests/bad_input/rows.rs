//! Invalid rows of Goals and Tasks as other programs may write them: they affect no other row, and the log names them.

use goal_activity_core::keys;
use goal_activity_core::limits::UNREADABLE_FOR;
use goal_activity_core::ports::Event;
use goal_activity_core::rows::{Row, goal_rows};
use goal_activity_core::task::Task;
use goal_activity_events::{FailureCode, RejectionReason, Timestamp};
use goal_activity_functions::adapters::memory::samples;
use serde_json::{Value, json};

use super::entry::state;
use super::logs::{Logs, assert_silent};
use super::wrong::{MARKER, Wrong, every_wrong};
use crate::rig::{Answer, Rig, USER, goal_id, raw_envelope};

const TASKS: &str = "GET /api/goals/{goalId}/tasks";
const START: &str = "POST /api/goals/{goalId}/start-activity";

/// The goal's row of that key.
fn row(item: &str) -> Row {
    let rows = goal_rows(&samples::goal("goal-1", USER, 2)).unwrap();
    rows.into_iter().find(|row| row[keys::ITEM] == item).unwrap()
}

/// A goal of two actions, one row of which another program has written.
fn with_row(row: Row) -> Rig {
    let rig = Rig::with_goal(2);
    rig.world.state().put_goal_row(&goal_id("goal-1"), row);
    rig
}

/// A goal whose own row cannot be read.
fn unreadable() -> Rig {
    let mut head = row(keys::GOAL);
    head["status"] = MARKER.into();
    with_row(head)
}

/// The row with each attribute except its key made invalid in turn.
fn every_wrong_row(row: &Row, key: &[&str]) -> Vec<(String, Row)> {
    let wrong = every_wrong(&Value::Object(row.clone())).into_iter();
    let rows = wrong.filter_map(|Wrong { place, kind, text }| {
        let mut wrong: Row = serde_json::from_str(&text).ok()?;
        wrong.extend(key.iter().map(|name| ((*name).to_owned(), row[*name].clone())));
        Some((format!("{place}: {kind}"), wrong))
    });
    rows.collect()
}

async fn start(rig: &Rig) -> Answer {
    rig.call(USER, START, json!({ "goalId": "goal-1" }), json!({}), "").await
}

#[tokio::test]
async fn a_goal_is_started_or_refused_for_good_whatever_its_row_says() {
    let logs = Logs::collect();
    for (what, head) in every_wrong_row(&row(keys::GOAL), &[keys::GOAL_ID, keys::ITEM]) {
        let rig = with_row(head);
        let before = state(&rig);
        let answer = start(&rig).await;
        let said = logs.take();
        assert_silent(&what, &said);
        assert_silent(&what, &answer.body.to_string());
        if answer.status == 202 {
            continue;
        }
        assert_eq!((answer.status, answer.code()), (422, "UNREADABLE_GOAL"), "{what}: {answer:?}");
        assert_eq!(answer.body["retryable"], json!(false));
        let attribute = what.trim_start_matches('/').split(':').next().unwrap();
        let detail = answer.body["detail"].as_str().unwrap();
        for part in ["goal-1", "row GOAL", attribute] {
            assert!(detail.contains(part), "{what}: {detail}");
        }
        assert!(said.contains("goal cannot be read") && said.contains("\"item\":\"GOAL\""), "{what}: {said}");
        assert_eq!(state(&rig), before, "{what} left something behind");
    }
}

#[tokio::test]
async fn rows_of_actions_and_sub_goals_spoil_no_others() {
    let logs = Logs::collect();
    for item in ["ACTION#1#1", "SUBGOAL#1"] {
        for (what, row) in every_wrong_row(&row(item), &[keys::GOAL_ID, keys::ITEM]) {
            let rig = with_row(row);
            let answer = start(&rig).await;
            let said = logs.take();
            assert_silent(&what, &said);
            assert_eq!(answer.status, 202, "{item} {what}: {answer:?}");
            let actions = rig.execution(&answer.arn()).action_ids;
            assert!(actions.contains(&"a-1-2".parse().unwrap()), "{item} {what}: {actions:?}");
            assert_eq!(actions.len() == 2, item != "ACTION#1#1" || actions[0].as_str() == "a-1-1", "{what}");
            let left_out = said.contains("row of a goal left out");
            assert_eq!(left_out, said.contains(&format!("\"item\":\"{item}\"")), "{item} {what}: {said}");
        }
    }
}

#[tokio::test]
async fn tasks_of_another_shape_are_left_out_of_a_list_that_goes_on() {
    let logs = Logs::collect();
    let goal = samples::goal("goal-1", USER, 2);
    let arn = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:goal-1-1".parse().unwrap();
    let now = Timestamp::from_millis(0);
    let tasks = |i: usize| samples::drafts(1).into_tasks(&goal.head.goal_id, &goal.actions[i], &arn, now).remove(0);
    let (first, second): (Task, Task) = (tasks(0), tasks(1));
    let Value::Object(row) = json!(first) else { panic!("a row") };
    for (what, row) in every_wrong_row(&row, &[keys::GOAL_ID, keys::POSITION]) {
        let rig = Rig::with_goal(2);
        let key = |task: &Task| (task.goal_id.clone(), task.position.clone());
        rig.world.state().tasks.insert(key(&second), second.clone());
        rig.world.state().task_rows.insert(key(&first), row);
        let page = |query| rig.call(USER, TASKS, json!({ "goalId": "goal-1" }), query, "");
        let answer = page(json!({ "limit": "1" })).await;
        let said = logs.take();
        assert_silent(&what, &said);
        assert_eq!(answer.status, 200, "{what}: {answer:?}");
        let seen = answer.body["items"].as_array().unwrap().len();
        assert_eq!(seen == 0, said.contains("rows of tasks left out"), "{what}: {said}");
        let next = page(json!({ "limit": "1", "cursor": answer.body["nextCursor"] })).await;
        assert_eq!(next.body["items"], json!([second]), "{what}: {next:?}");
    }
}

#[tokio::test]
async fn the_owner_of_a_goal_that_cannot_be_read_still_sees_its_tasks_and_a_stranger_nothing() {
    let rig = unreadable();
    let path = json!({ "goalId": "goal-1" });
    assert_eq!(rig.call(USER, TASKS, path.clone(), json!({}), "").await.status, 200);
    for route in [TASKS, START] {
        assert_eq!(rig.call("stranger", route, path.clone(), json!({}), "").await.code(), "NOT_OWNER", "{route}");
    }
    // The owner has to be known first.
    let mut head = row(keys::GOAL);
    head.remove("userId");
    let answer = with_row(head).call(USER, TASKS, path, json!({}), "").await;
    assert_eq!((answer.status, answer.code()), (422, "UNREADABLE_GOAL"));
}

#[tokio::test]
async fn a_service_that_requests_an_unreadable_goal_is_rejected_once() {
    let rig = unreadable();
    let request = json!({
        "version": "1", "eventId": "request-1", "occurredAt": "1970-01-01T00:00:00.000Z", "goalId": "goal-1", "userId": USER,
    });
    rig.launch(&raw_envelope("test", "GoalActivityRequested", &request)).await.unwrap();
    let [Event::Rejected(rejected)] = &rig.events()[..] else { panic!("one rejection") };
    assert_eq!(rejected.reason, RejectionReason::GoalUnreadable);
    assert!(rejected.message.starts_with("goal goal-1 cannot be read: row GOAL: status: "), "{rejected:?}");
    assert_silent("the rejection", &rejected.message);
}

#[tokio::test]
async fn actions_of_a_goal_that_cannot_be_read_any_more_fail_and_say_why() {
    let rig = Rig::with_goal(2);
    let arn = rig.launched().await;
    let mut head = row(keys::GOAL);
    head["status"] = MARKER.into();
    rig.world.state().put_goal_row(&goal_id("goal-1"), head);
    let batches = rig.batches(&arn);
    // Only once it is known that the row is not just being written.
    rig.wait(i64::try_from(UNREADABLE_FOR.as_secs()).unwrap());
    for batch in batches {
        rig.work(&batch).await.unwrap();
    }
    rig.finalize(&arn).await;
    rig.project(&crate::rig::status_change(&arn, "SUCCEEDED")).await.unwrap();
    let execution = rig.execution(&arn);
    let failed = execution.failed_actions();
    assert_eq!(failed.len(), 2);
    for action in failed {
        assert_eq!(action.code, FailureCode::ActionGone);
        assert!(action.message.starts_with("the goal cannot be read: row GOAL: status: "), "{action:?}");
        assert_silent("the failure", &action.message);
    }
}
