use goal_activity_events::{ExecutionArn, Timestamp};
use goal_activity_functions::adapters::memory::samples;
use serde_json::{Value, json};

use crate::rig::{Rig, USER};

const HISTORY: &str = "/api/goals/{goalId}/workflows";
const OWN: &str = "GET /api/workflows";
const ACTIONS: &str = "/api/workflows/{executionArn}/actions";
const TIMELINE: &str = "/api/workflows/{executionArn}/timeline";

/// Runs that many workflows of the goal, one minute apart. Returns the newest first.
async fn workflows(rig: &Rig, count: usize) -> Vec<ExecutionArn> {
    let mut arns = Vec::new();
    for _ in 0..count {
        rig.wait(60);
        let arn = rig.start_as(USER, "goal-1", r#"{ "regenerate": true }"#).await.arn();
        rig.deliver_requests().await;
        rig.run(&arn).await;
        arns.insert(0, arn);
    }
    arns
}

async fn page(rig: &Rig, query: Value) -> (Vec<String>, Option<String>) {
    let answer = rig.get(USER, HISTORY, "goal-1", query).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let items = answer.body["items"].as_array().unwrap().iter();
    let arns = items.map(|w| w["executionArn"].as_str().unwrap().to_owned()).collect();
    (arns, answer.body["nextCursor"].as_str().map(ToOwned::to_owned))
}

#[tokio::test]
async fn history_is_read_page_by_page_and_new_workflows_shift_nothing() {
    let rig = Rig::with_goal(2);
    let all = workflows(&rig, 5).await;
    let (first, cursor) = page(&rig, json!({ "limit": "2" })).await;
    workflows(&rig, 1).await;
    let (second, cursor) = page(&rig, json!({ "limit": "2", "cursor": cursor.unwrap() })).await;
    let (third, end) = page(&rig, json!({ "limit": "2", "cursor": cursor.unwrap() })).await;
    assert_eq!([first, second, third].concat(), all.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(end, None);
}

#[tokio::test]
async fn history_can_be_narrowed_by_status_and_time() {
    let rig = Rig::with_goal(2);
    let all = workflows(&rig, 3).await;
    rig.wait(60);
    let cancelled = rig.start_as(USER, "goal-1", r#"{ "regenerate": true }"#).await.arn();
    rig.cancel(&cancelled, "").await;
    assert_eq!(page(&rig, json!({ "status": "ABORTED" })).await.0, [cancelled.as_str()]);
    assert_eq!(page(&rig, json!({ "status": "SUCCEEDED" })).await.0.len(), 3);
    let at = |arn| rig.execution(arn).start_date.to_string();
    let (from, to) = (at(&all[1]), at(&all[0]));
    assert_eq!(page(&rig, json!({ "from": from, "to": to })).await.0, [all[1].as_str()], "from is included, to is not");
    let day = &from[..10];
    let from_day = page(&rig, json!({ "from": day })).await.0;
    assert_eq!(from_day, page(&rig, json!({ "from": format!("{day}T00:00:00Z") })).await.0, "a day is its begin");
    assert_eq!(from_day.len(), all.len() + 1);
    assert!(page(&rig, json!({ "to": day })).await.0.is_empty());
}

#[tokio::test]
async fn a_workflow_in_history_tells_how_it_went() {
    let rig = Rig::with_goal(2);
    rig.script("a-1-2", "fail");
    let arn = rig.launched().await;
    rig.run(&arn).await;
    let answer = rig.get(USER, HISTORY, "goal-1", json!({})).await;
    let execution = rig.execution(&arn);
    assert_eq!(
        answer.body["items"],
        json!([{
            "executionArn": arn, "goalId": "goal-1", "status": "PARTIALLY_SUCCEEDED", "startDate": execution.start_date,
            "stopDate": execution.stop_date(), "totalActions": 2, "succeededActions": 1, "failedCount": 1,
        }])
    );
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_a_400() {
    let rig = Rig::with_goal(1);
    let moment = "neither a day, 2026-11-24, nor a time with an offset, 2026-11-24T09:30:00Z";
    for (query, form) in [
        (json!({ "limit": "0" }), "limit is not a number from 1 to 100"),
        (json!({ "limit": "101" }), "limit is not a number from 1 to 100"),
        (json!({ "limit": "many" }), "limit is not a number from 1 to 100"),
        (json!({ "status": "DONE" }), "PENDING, RUNNING, SUCCEEDED"),
        (json!({ "status": "succeeded" }), "PENDING, RUNNING, SUCCEEDED"),
        (json!({ "from": "yesterday" }), moment),
        (json!({ "to": "2026-11-24T09:30:00" }), moment),
        (json!({ "to": "2026-11-31" }), moment),
        (json!({ "from": "2026-11-24T18:30:00 09:00" }), "a + is written as %2B"),
        (json!({ "from": "2026-11-24", "to": "2026-11-24T00:00:00Z" }), "from must be before to"),
        (json!({ "cursor": "" }), "leave it out to begin at the start"),
        (json!({ "cursor": "bm90aGluZw" }), "leave it out to begin at the start"),
    ] {
        let answer = rig.get(USER, HISTORY, "goal-1", query.clone()).await;
        assert_eq!((answer.status, answer.code()), (400, "INVALID_REQUEST"), "{query}");
        assert!(answer.body["detail"].as_str().unwrap().contains(form), "{query}: {answer:?}");
    }
}

#[tokio::test]
async fn the_timeline_tells_the_story_in_its_order() {
    let rig = Rig::with_goal(9);
    // The rig's events of Step Functions have that second as their time: in EventBridge's precision, before the
    // request.
    rig.world.state().now = "2026-11-24T00:00:00.908Z".parse::<Timestamp>().unwrap().as_millis();
    let arn = rig.launched().await;
    rig.run(&arn).await;
    let answer = rig.get(USER, TIMELINE, arn.as_str(), json!({})).await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("SUCCEEDED")), "{answer:?}");
    let items = answer.body["items"].as_array().unwrap();
    let story: Vec<_> = items.iter().map(|e| e["what"].as_str().unwrap()).collect();
    assert_eq!(story, ["ACCEPTED", "STARTED", "BATCH_FINISHED", "BATCH_FINISHED", "ENDED"]);
    let times: Vec<_> = items.iter().map(|e| e["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[tokio::test]
async fn p9_history_actions_and_timeline_are_for_their_owner_only() {
    let rig = Rig::with_goal(1);
    rig.add(samples::goal("goal-2", "somebody-else", 1));
    let arn = rig.launched().await;
    for (route, id) in [(HISTORY, "goal-1"), (ACTIONS, arn.as_str()), (TIMELINE, arn.as_str())] {
        let answer = rig.get("somebody-else", route, id, json!({})).await;
        assert_eq!((answer.status, answer.code()), (403, "NOT_OWNER"), "{route}");
    }
    let unknown = rig.get(USER, HISTORY, "no-goal", json!({})).await;
    assert_eq!((unknown.status, unknown.code()), (404, "UNKNOWN_GOAL"));
}

#[tokio::test]
async fn p6_actions_are_shown_as_they_are_processed() {
    let rig = Rig::with_goal(9);
    rig.script("a-1-1", "fail");
    let arn = rig.start().await.arn();
    let states = async |state: &str| {
        let answer = rig.get(USER, ACTIONS, arn.as_str(), json!({})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let items = answer.body["items"].as_array().unwrap();
        assert_eq!(items.len(), 9);
        items.iter().filter(|item| item["state"] == state).count()
    };
    assert_eq!(states("waiting").await, 9);
    rig.deliver_requests().await;
    let batches = rig.batches(&arn);
    rig.work(&batches[0]).await.unwrap();
    // Nothing was reported yet: what the ledger says counts.
    assert_eq!((states("succeeded").await, states("failed").await, states("waiting").await), (7, 1, 1));
    rig.run(&arn).await;
    assert_eq!((states("succeeded").await, states("failed").await), (8, 1));
    let answer = rig.get(USER, ACTIONS, arn.as_str(), json!({})).await.body;
    assert_eq!(answer["status"], "PARTIALLY_SUCCEEDED");
    let (first, second) = (&answer["items"][0], &answer["items"][1]);
    assert_eq!(
        (&first["actionId"], &first["batchIndex"], &first["state"]),
        (&json!("a-1-1"), &json!(0), &json!("failed"))
    );
    assert_eq!((&first["attempts"], &first["tasks"]), (&json!(1), &Value::Null));
    assert!(first["code"].as_str().unwrap().starts_with("AI_") && first["message"].is_string(), "{first}");
    assert_eq!((&second["state"], &second["tasks"], &second["code"]), (&json!("succeeded"), &json!(4), &Value::Null));
}

#[tokio::test]
async fn a_user_sees_the_workflows_of_all_goals_and_of_nobody_else() {
    let rig = Rig::with_goal(1);
    rig.add(samples::goal("goal-2", USER, 1));
    rig.add(samples::goal("goal-3", "somebody-else", 1));
    let mut arns = Vec::new();
    for (user, goal) in [(USER, "goal-1"), ("somebody-else", "goal-3"), (USER, "goal-2")] {
        rig.wait(60);
        arns.push(rig.start_as(user, goal, "").await.arn());
    }
    let page = async |user: &str, query: Value| rig.call(user, OWN, json!({}), query, "").await.body;
    let own = page(USER, json!({})).await;
    let listed: Vec<_> = own["items"].as_array().unwrap().iter().map(|w| (&w["executionArn"], &w["goalId"])).collect();
    assert_eq!(listed, [(&json!(arns[2]), &json!("goal-2")), (&json!(arns[0]), &json!("goal-1"))]);
    assert_eq!(own["items"][0].get("userId"), None);
    let first = page(USER, json!({ "limit": "1" })).await;
    let rest = page(USER, json!({ "limit": "1", "cursor": first["nextCursor"] })).await;
    assert_eq!((&rest["items"][0], &rest["nextCursor"]), (&own["items"][1], &Value::Null));
    let ended = page(USER, json!({ "status": "SUCCEEDED" })).await;
    assert_eq!(ended["items"], json!([]));
    assert_eq!(page("nobody", json!({})).await["items"], json!([]));
}
