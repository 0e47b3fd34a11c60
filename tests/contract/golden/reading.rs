//! Data that an earlier release has stored can be read, row by row and by the API.

use goal_activity_core::archive::Record;
use goal_activity_core::keys;
use goal_activity_core::ports::{ListTasks, LoadGoal};
use goal_activity_core::rows::goal_rows;
use goal_activity_events::ExecutionArn;
use serde_json::json;

use super::files::Release;
use super::workflows::{ENDED, arn, found, over, still_says};
use crate::backend::{Emulator, Tables};

on_every_release!(
    every_row_is_read_whole,
    p7_what_is_archived_is_shown_when_its_rows_are_gone,
    p2_the_key_of_a_call_is_the_same_key,
    a_page_goes_on_where_the_last_one_ended,
);

async fn every_row_is_read_whole(release: &Release, on: Emulator) {
    for state in ["waiting", "running", "cancelled", "archived"] {
        let stored = release.stored(state);
        let pipeline = over(on, stored.clone()).await;
        for row in stored.rows.executions.iter().filter(|row| row[keys::ITEM] == keys::EXECUTION) {
            let mut row = row.clone();
            let arn: ExecutionArn = serde_json::from_value(row[keys::EXECUTION_ARN].clone()).unwrap();
            for of_tables in [keys::ITEM, keys::WAITING, keys::OPEN_SHARD, keys::EXPIRES_AT, "noticeClaimedAt"] {
                row.as_object_mut().unwrap().remove(of_tables);
            }
            still_says(&json!(pipeline.find(&arn).await), &row);
        }
        for goal in stored.rows.goals.iter().filter(|row| row[keys::ITEM] == keys::GOAL) {
            let id = serde_json::from_value(goal[keys::GOAL_ID].clone()).unwrap();
            let tasks = pipeline.tables.db().list_tasks(&id, None, 1000).await.unwrap().tasks;
            let of_goal: Vec<_> = stored.rows.tasks.iter().filter(|row| row[keys::GOAL_ID] == json!(id)).collect();
            assert_eq!(json!(tasks), json!(of_goal));
            let read = goal_rows(&pipeline.tables.db().load_goal(&id).await.unwrap().value().unwrap()).unwrap();
            for row in stored.rows.goals.iter().filter(|row| row[keys::GOAL_ID] == json!(id)) {
                let mut row = row.clone();
                row.as_object_mut().unwrap().remove("updatedAt");
                still_says(&json!(read.iter().find(|r| r[keys::ITEM] == row[keys::ITEM])), &row);
            }
        }
    }
}

async fn p7_what_is_archived_is_shown_when_its_rows_are_gone(release: &Release, on: Emulator) {
    let mut stored = release.stored("archived");
    let rows = over(on, stored.clone()).await;
    stored.rows.executions.retain(|row| row.get(keys::EXPIRES_AT).is_none());
    let archive = over(on, stored).await;
    for (goal, _) in ENDED {
        let arn = arn(goal, 1);
        for what in ["status", "actions", "timeline"] {
            let route = format!("GET /api/workflows/{{executionArn}}/{what}");
            let shown = archive.call("5d1f7c1e-ended", &route, arn.as_str(), json!({})).await;
            assert_eq!(shown.0, 200, "{shown:?}");
            assert_eq!(shown, rows.call("5d1f7c1e-ended", &route, arn.as_str(), json!({})).await);
        }
    }
    for line in archive.world.state().archive.values() {
        Record::from_line(line.as_bytes()).unwrap();
    }
}

async fn p2_the_key_of_a_call_is_the_same_key(release: &Release, on: Emulator) {
    let pipeline = found(release, on, "archived").await;
    let (user, start) = ("5d1f7c1e-ended", "POST /api/goals/{goalId}/start-activity");
    let call = async |body: &str| {
        let rest = json!({ "headers": { "Idempotency-Key": "key-swim" }, "body": body });
        pipeline.call(user, start, "swim", rest).await
    };
    let (code, body) = call("{}").await;
    let accepted = (&body["executionArn"], &body["status"], &body["totalActions"]);
    assert_eq!((code, accepted), (202, (&json!(arn("swim", 1)), &json!("PENDING"), &json!(4))));
    let (code, body) = call(r#"{"regenerate":true}"#).await;
    assert_eq!((code, &body["code"]), (422, &json!("IDEMPOTENCY_KEY_REUSED")));
}

async fn a_page_goes_on_where_the_last_one_ended(release: &Release, on: Emulator) {
    let pipeline = found(release, on, "archived").await;
    let cursors = release.message("cursors");
    let page = async |what: &str| {
        let route = format!("GET /api/goals/{{goalId}}/{what}");
        let query = json!({ "queryStringParameters": { "cursor": cursors[what] } });
        pipeline.call("5d1f7c1e-ended", &route, "cycle", query).await.1
    };
    let workflows = page("workflows").await;
    assert_eq!(workflows["items"].as_array().unwrap().len(), 1);
    assert_eq!(workflows["items"][0]["executionArn"], json!(arn("cycle", 1)));
    let (tasks, all) = (page("tasks").await, pipeline.tasks().await);
    let of_goal: Vec<_> = all.into_iter().filter(|task| task.goal_id.as_str() == "cycle").collect();
    assert_eq!(tasks["items"], json!(of_goal[1..]));
}
