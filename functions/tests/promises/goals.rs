//! Goals through the API: what a user writes is stored as a whole or not at all, and an action that has tasks stays as it is.

use futures_util::future::join;
use goal_activity_core::goal::{Goal, GoalStatus};
use goal_activity_core::limits::MAX_GOALS_PER_USER;
use goal_activity_core::pause::Pause;
use goal_activity_events::Timestamp;
use goal_activity_functions::adapters::memory::samples;
use goal_activity_functions::handlers::api::GoalsAccess;
use goal_activity_testkit::GatewayRequest;
use serde_json::{Value, json};

use crate::rig::{Answer, Rig, USER, goal_id};

fn chart() -> Value {
    json!({
        "title": "Run a marathon", "background": "10 km so far", "deadline": "in a year",
        "subGoals": [
            { "title": "Stamina", "actions": [
                { "title": "Run twice a week", "type": "habit" }, {}, { "title": "Buy shoes", "description": "Two pairs" },
            ] },
            { "position": 5, "title": "Rest", "description": "as well", "actions": [] },
        ],
    })
}

fn stored(rig: &Rig, goal: &str) -> Goal {
    rig.world.state().goals[&goal_id(goal)].clone()
}

async fn listed(rig: &Rig, query: Value) -> Answer {
    rig.call(USER, "GET /api/goals", json!({}), query, "").await
}

/// A goal of nine actions, of which the first eight have tasks and the ninth has failed.
async fn with_tasks() -> Rig {
    let rig = Rig::with_goal(9);
    rig.script("a-2-1", "fail");
    let arn = rig.launched().await;
    rig.run(&arn).await;
    rig
}

#[tokio::test]
async fn a_goal_is_created_shown_and_listed() {
    let rig = Rig::default();
    let created = rig.put_goal(USER, "marathon", &chart()).await;
    assert_eq!((created.status, created.location.as_deref()), (201, Some("/api/goals/marathon")), "{created:?}");
    let shown = rig.show_goal(USER, "marathon").await;
    assert_eq!((shown.status, &shown.body), (200, &created.body));
    let ids: Vec<_> = stored(&rig, "marathon").actions.iter().map(|action| action.action_id.to_string()).collect();
    assert_eq!(
        shown.body,
        json!({
            "goalId": "marathon", "revision": 1, "title": "Run a marathon", "background": "10 km so far", "deadline": "in a year",
            "status": "draft", "totalActions": 2, "actionsWithTasks": 0,
            "subGoals": [
                { "position": 1, "title": "Stamina", "actions": [
                    { "actionId": ids[0], "position": 1, "title": "Run twice a week", "type": "habit", "tasks": 0 },
                    { "actionId": ids[1], "position": 3, "title": "Buy shoes", "description": "Two pairs",
                      "type": "execution", "tasks": 0 },
                ] },
                { "position": 5, "title": "Rest", "description": "as well", "actions": [] },
            ],
        })
    );
    let item = json!({
        "goalId": "marathon", "title": "Run a marathon", "status": "draft", "totalActions": 2, "actionsWithTasks": 0,
    });
    assert_eq!(listed(&rig, json!({})).await.body, json!({ "items": [item] }));
    // It can be started like any other.
    assert_eq!(rig.start_as(USER, "marathon", "").await.status, 202);
}

#[tokio::test]
async fn the_answer_sent_back_changes_nothing() {
    let rig = with_tasks().await;
    let before = stored(&rig, "goal-1");
    let shown = rig.show_goal(USER, "goal-1").await.body;
    rig.world.state().calls.clear();
    let again = rig.put_goal(USER, "goal-1", &shown).await;
    assert_eq!((again.status, &again.body), (200, &shown));
    assert_eq!(stored(&rig, "goal-1"), before);
    assert!(!rig.world.state().calls.contains(&"write_chart"), "nothing was to be written");
}

#[tokio::test]
async fn a_goal_shows_where_its_newest_workflow_is() {
    let rig = Rig::with_goal(9);
    let arn = rig.launched().await;
    let running = rig.show_goal(USER, "goal-1").await.body;
    let cell = |body: &Value, sub_goal: usize, action: usize| body["subGoals"][sub_goal]["actions"][action].clone();
    assert_eq!((&running["executionArn"], &running["latestExecutionArn"]), (&json!(arn), &json!(arn)));
    assert_eq!(
        (running["status"].as_str(), cell(&running, 0, 0)["state"].as_str()),
        (Some("processing"), Some("waiting"))
    );

    let rig = with_tasks().await;
    let ended = rig.show_goal(USER, "goal-1").await.body;
    assert_eq!((ended.get("executionArn"), ended["actionsWithTasks"].as_u64()), (None, Some(8)));
    let (first, last) = (cell(&ended, 0, 0), cell(&ended, 1, 0));
    assert_eq!((first["state"].as_str(), first["attempts"].as_u64()), (Some("succeeded"), Some(1)));
    assert!(first["tasks"].as_u64().is_some_and(|tasks| tasks > 0));
    assert_eq!((last["state"].as_str(), last["tasks"].as_u64()), (Some("failed"), Some(0)));
    assert!(last["code"].is_string() && last["message"].is_string(), "{last}");
    // An action that the newest workflow does not contain is known by its tasks alone.
    let newest = rig.launched().await;
    let newer = rig.show_goal(USER, "goal-1").await.body;
    assert_eq!(newer["latestExecutionArn"], json!(newest));
    assert_eq!((cell(&newer, 0, 0)["state"].as_str(), cell(&newer, 0, 0).get("attempts")), (Some("succeeded"), None));
    assert_eq!(cell(&newer, 1, 0)["state"], "waiting");
}

#[tokio::test]
async fn p3_an_action_with_tasks_cannot_be_changed_and_all_others_can() {
    let rig = with_tasks().await;
    let shown = rig.show_goal(USER, "goal-1").await.body;
    let (mut renamed, mut removed, mut free) = (shown.clone(), shown.clone(), shown.clone());
    renamed["subGoals"][0]["actions"][2]["title"] = "another".into();
    removed["subGoals"][0]["actions"].as_array_mut().unwrap().truncate(6);
    let before = stored(&rig, "goal-1");
    for (chart, places) in [(renamed, vec![3]), (removed, vec![7, 8])] {
        let refused = rig.put_goal(USER, "goal-1", &chart).await;
        assert_eq!((refused.status, refused.code()), (409, "TASKS_EXIST"), "{refused:?}");
        for place in places {
            let named = format!("action {place} of sub-goal 1");
            assert!(refused.body["detail"].as_str().unwrap().contains(&named), "{refused:?}");
        }
        assert_eq!(stored(&rig, "goal-1"), before);
    }
    free["title"] = "Run two".into();
    free["subGoals"][1]["title"] = "Shoes".into();
    free["subGoals"][1]["actions"] = json!([{ "title": "Try some" }, { "title": "Buy them" }]);
    let changed = rig.put_goal(USER, "goal-1", &free).await;
    assert_eq!((changed.status, changed.body["totalActions"].as_u64()), (200, Some(10)), "{changed:?}");
    assert_eq!(changed.body, rig.show_goal(USER, "goal-1").await.body);
    assert_eq!(changed.body["subGoals"][0], shown["subGoals"][0]);
    assert!(stored(&rig, "goal-1").actions.iter().all(|action| action.action_id.as_str() != "a-2-1"));
    // The new ones get their tasks, the others keep theirs.
    let arn = rig.launched().await;
    assert_eq!(rig.execution(&arn).total_actions, 2);
}

#[tokio::test]
async fn a_goal_that_may_not_be_written_stays_as_it_is() {
    let rig = Rig::with_goal(9);
    let arn = rig.start().await.arn();
    let running = rig.put_goal(USER, "goal-1", &chart()).await;
    assert_eq!((running.status, running.code(), running.arn()), (409, "ALREADY_RUNNING", arn.clone()));
    rig.cancel(&arn, "").await;
    assert_eq!(rig.put_goal(USER, "goal-1", &chart()).await.status, 200);

    rig.world.state().goals.get_mut(&goal_id("goal-1")).unwrap().head.status = GoalStatus::Completed;
    let before = stored(&rig, "goal-1");
    assert_eq!(rig.put_goal(USER, "goal-1", &chart()).await.code(), "GOAL_CLOSED");
    let stranger = rig.put_goal("user-2", "goal-1", &chart()).await;
    assert_eq!((stranger.status, stranger.code()), (403, "NOT_OWNER"));
    assert_eq!(rig.show_goal("user-2", "goal-1").await.status, 403);
    assert_eq!(stored(&rig, "goal-1"), before);
    assert_eq!(rig.show_goal(USER, "nowhere").await.code(), "UNKNOWN_GOAL");
}

#[tokio::test]
async fn p9_a_new_goal_gets_nothing_of_an_earlier_one_of_the_same_id() {
    let rig = with_tasks().await;
    rig.world.state().goals.remove(&goal_id("goal-1"));
    let refused = rig.put_goal("user-2", "goal-1", &chart()).await;
    assert_eq!((refused.status, refused.code()), (409, "TASKS_EXIST"), "{refused:?}");
    rig.world.state().tasks.clear();
    assert_eq!(rig.put_goal("user-2", "goal-1", &chart()).await.status, 201);
    let shown = rig.show_goal("user-2", "goal-1").await.body;
    assert_eq!(shown.get("latestExecutionArn"), None, "it is of another user");
    assert_eq!(rig.show_goal(USER, "goal-1").await.status, 403);
}

#[tokio::test]
async fn two_writes_at_once_never_mix() {
    let texts = |word: &str| {
        let cells = json!([{ "title": word }, { "title": word }]);
        json!({ "title": word, "subGoals": [{ "title": word, "actions": cells }, { "title": word, "actions": cells }] })
    };
    for slow in 0..40 {
        let rig = Rig::with_goal(3);
        rig.world.state().slow.extend([("write_chart", slow % 7), ("actions_with_tasks", slow / 7)]);
        let (one, other) = (texts("one"), texts("other"));
        let answers = join(rig.put_goal(USER, "goal-1", &one), rig.put_goal(USER, "goal-1", &other)).await;
        assert_eq!((answers.0.status, answers.1.status), (200, 200), "{answers:?}");
        let now = rig.show_goal(USER, "goal-1").await.body;
        let all = [&answers.0.body, &answers.1.body];
        assert!(all.contains(&&now), "{now}");
        let goal = stored(&rig, "goal-1");
        let same = goal.actions.iter().all(|action| action.title == goal.head.title);
        assert!(same && goal.sub_goals.iter().all(|s| s.title == goal.head.title), "{goal:?}");
        assert_eq!(goal.head.revision.0, 2);
    }
}

#[tokio::test]
async fn p1_a_start_works_on_the_chart_before_a_write_or_after_it() {
    for slow in 0..12 {
        let rig = Rig::with_goal(3);
        rig.world.state().slow.extend([("claim_goal", slow % 4), ("write_chart", slow / 4)]);
        let chart = chart();
        let (started, written) = join(rig.start(), rig.put_goal(USER, "goal-1", &chart)).await;
        assert_eq!(started.status, 202, "{started:?}");
        assert!(matches!(written.status, 200 | 409), "{written:?}");
        let (goal, execution) = (stored(&rig, "goal-1"), rig.execution(&started.arn()));
        let ids: Vec<_> = goal.actions.iter().map(|action| action.action_id.clone()).collect();
        assert_eq!(execution.action_ids, ids, "a workflow for another chart");
    }
}

#[tokio::test]
async fn a_goal_that_keeps_changing_is_a_conflict_that_may_be_repeated() {
    let rig = Rig::with_goal(3);
    let chart = chart();
    let others = async {
        for _ in 0..300 {
            tokio::task::yield_now().await;
            let mut state = rig.world.state();
            let revision = &mut state.goals.get_mut(&goal_id("goal-1")).unwrap().head.revision;
            *revision = revision.next();
        }
    };
    let (refused, ()) = join(rig.put_goal(USER, "goal-1", &chart), others).await;
    assert_eq!((refused.status, refused.code()), (409, "CHANGED"), "{refused:?}");
    assert_eq!(refused.body["retryable"], json!(true));
    assert_eq!(rig.put_goal(USER, "goal-1", &chart).await.status, 200);
}

#[tokio::test]
async fn lists_have_pages_and_only_what_is_the_callers() {
    let rig = Rig::default();
    for n in 1..=5 {
        rig.add(samples::goal(&format!("goal-{n}"), if n == 3 { "user-2" } else { USER }, 2));
    }
    let (mut seen, mut query) = (Vec::new(), json!({ "limit": "3" }));
    loop {
        let page = listed(&rig, query).await.body;
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["goalId"].as_str().unwrap().to_owned()));
        let Some(cursor) = page.get("nextCursor") else { break };
        query = json!({ "limit": "3", "cursor": cursor });
    }
    assert_eq!(seen, ["goal-1", "goal-2", "goal-4", "goal-5"]);
    for limit in ["0", "51"] {
        assert_eq!(listed(&rig, json!({ "limit": limit })).await.code(), "INVALID_REQUEST");
    }
    let arn = rig.start().await.arn();
    assert_eq!(listed(&rig, json!({ "limit": "1" })).await.body["items"][0]["executionArn"], json!(arn));
    // A title that another program has written may be as long as a row.
    rig.world.state().goals.get_mut(&goal_id("goal-1")).unwrap().head.title = "x".repeat(100_000);
    let title = listed(&rig, json!({})).await.body["items"][0]["title"].clone();
    assert_eq!(title.as_str().map(|title| title.chars().count()), Some(1_000));
}

#[tokio::test]
async fn p10_goals_are_limited_and_so_is_a_chart() {
    let rig = Rig::default();
    for n in 0..MAX_GOALS_PER_USER - 1 {
        rig.add(samples::goal(&format!("goal-{n}"), USER, 1));
    }
    assert_eq!(rig.put_goal(USER, "one-more", &chart()).await.status, 201);
    let refused = rig.put_goal(USER, "too-many", &chart()).await;
    assert_eq!((refused.status, refused.code()), (409, "TOO_MANY_GOALS"));
    assert_eq!(rig.put_goal(USER, "one-more", &json!({ "title": "t" })).await.status, 200, "it is there already");
    let mut large = chart();
    large["description"] = "x".repeat(256 * 1024).into();
    let refused = rig.put_goal(USER, "one-more", &large).await;
    assert_eq!((refused.status, refused.code()), (413, "BODY_TOO_LARGE"));
    large["description"] = "x".repeat(255 * 1024).into();
    assert_eq!(rig.put_goal(USER, "one-more", &large).await.status, 200);
}

#[tokio::test]
async fn goals_of_another_program_are_not_written_and_only_listed_where_there_is_an_index() {
    let mut rig = Rig::with_goal(2);
    rig.goals = GoalsAccess { is_listed: false, is_own: false };
    for answer in [rig.put_goal(USER, "goal-1", &chart()).await, listed(&rig, json!({})).await] {
        assert_eq!((answer.status, answer.code()), (409, "GOALS_ELSEWHERE"), "{answer:?}");
    }
    assert_eq!(rig.show_goal(USER, "goal-1").await.status, 200);
    rig.goals.is_listed = true;
    assert_eq!(listed(&rig, json!({})).await.body["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_chart_replaces_only_the_one_that_it_was_made_of() {
    let rig = Rig::with_goal(2);
    let read = rig.show_goal(USER, "goal-1").await.body;
    let changed = |title: &str| {
        let mut chart = read.clone();
        chart["title"] = title.into();
        chart
    };
    let (one, other) = (changed("of a phone"), changed("of a desktop"));
    assert_eq!(rig.put_goal(USER, "goal-1", &one).await.status, 200);
    let refused = rig.put_goal(USER, "goal-1", &other).await;
    assert_eq!((refused.status, refused.code()), (409, "OUTDATED"), "{refused:?}");
    assert_eq!(refused.body["retryable"], false);
    assert_eq!(rig.show_goal(USER, "goal-1").await.body["title"], "of a phone");
    // The first one again, whose answer was lost.
    let again = rig.put_goal(USER, "goal-1", &one).await;
    assert_eq!((again.status, &again.body["revision"]), (200, &json!(1)), "{again:?}");
    let mut anyway = other;
    anyway.as_object_mut().unwrap().remove("revision");
    assert_eq!(rig.put_goal(USER, "goal-1", &anyway).await.body["revision"], 2);
}

#[tokio::test]
async fn a_goal_with_rows_that_cannot_be_read_is_not_replaced() {
    let rig = Rig::with_goal(2);
    let row = json!({ "goalId": "goal-1", "item": "ACTION#8#8", "actionId": "x", "title": "t", "type": "weekly" });
    rig.world.state().put_goal_row(&goal_id("goal-1"), row.as_object().unwrap().clone());
    let refused = rig.put_goal(USER, "goal-1", &chart()).await;
    assert_eq!((refused.status, refused.code()), (422, "UNREADABLE_GOAL"), "{refused:?}");
    assert_eq!(rig.show_goal(USER, "goal-1").await.body["totalActions"], 2);
}

#[tokio::test]
async fn a_status_that_is_known_is_not_sent_again() {
    let rig = Rig::with_goal(9);
    let arn = rig.start().await.arn();
    let ask = async |tag: &str| {
        let request = GatewayRequest::new("GET /api/workflows/{executionArn}/status", USER);
        rig.answer(request.path(json!({ "executionArn": arn })).header("if-none-match", tag).into()).await
    };
    let waiting = rig.status(&arn).await;
    let tag = waiting.etag.clone().unwrap();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    assert_eq!(waiting.retry_after.as_deref(), Some("5"));
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let same = ask(&known).await;
        assert_eq!((same.status, &same.body, same.content_type.as_str()), (304, &Value::Null, ""), "{known}");
        assert_eq!((same.etag.as_ref(), same.retry_after.as_deref()), (Some(&tag), Some("5")));
    }
    rig.deliver_requests().await;
    let running = ask(&tag).await;
    assert_eq!((running.status, running.retry_after.as_deref()), (200, Some("2")));
    assert_ne!(running.etag, Some(tag));
    rig.run(&arn).await;
    let ended = rig.status(&arn).await;
    assert_eq!((ended.status, ended.retry_after), (200, None));
    assert_eq!(ask(&ended.etag.unwrap()).await.status, 304);
}

#[tokio::test]
async fn a_status_is_asked_for_seldom_while_launching_is_paused() {
    let rig = Rig::with_goal(9);
    let arn = rig.start().await.arn();
    let since = Timestamp::from_millis(rig.world.state().now);
    *rig.world.state().paused_mut() = Some(Pause::while_the_ai_is_down(since));
    assert_eq!(rig.status(&arn).await.retry_after.as_deref(), Some("30"));
}
