//! Goals through the API: no other program writes to the table here.

use goal_activity_events::GoalId;
use goal_activity_tests::{Chart, Stack, eventually};
use serde_json::{Value, json};
use uuid::Uuid;

fn chart(fails: bool) -> Value {
    let constraints = if fails { "offline: fail" } else { "" };
    json!({
        "title": "Run a marathon", "deadline": "in a year",
        "subGoals": [
            { "title": "Stamina", "actions": [{ "title": "Run twice a week", "type": "habit" }, { "title": "Buy shoes" }] },
            { "title": "Rest", "actions": [{ "title": "Sleep", "constraints": constraints }] },
        ],
    })
}

#[tokio::test]
async fn a_goal_is_written_listed_worked_on_and_shown() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal: GoalId = format!("written-{}", Uuid::new_v4()).parse().unwrap();
    let path = format!("/api/goals/{goal}");
    let created = user.put(&path, &chart(true)).await;
    assert_eq!((created.status, created.header("location")), (201, Some(path.as_str())), "{created:?}");
    let listed = eventually("the goal in the list", || async {
        let page = user.get("/api/goals").await;
        page.body["items"].as_array().filter(|items| !items.is_empty()).cloned()
    })
    .await;
    assert_eq!(
        listed,
        [json!({
            "goalId": goal, "title": "Run a marathon", "status": "draft", "totalActions": 3, "actionsWithTasks": 0,
        })]
    );

    let arn = user.started(&goal).await;
    let running = user.put(&path, &chart(false)).await;
    assert!(running.body["code"] == "ALREADY_RUNNING" || running.body["code"] == "TASKS_EXIST", "{running:?}");
    user.ended(&arn).await;
    let shown = eventually("the newest workflow of the goal", || async {
        let shown = user.get(&path).await;
        (shown.body["latestExecutionArn"] == json!(arn)).then_some(shown)
    })
    .await;
    let cell = |sub_goal: usize, action: usize| &shown.body["subGoals"][sub_goal]["actions"][action];
    assert_eq!((&shown.body["status"], &shown.body["actionsWithTasks"]), (&json!("partial"), &json!(2)), "{shown:?}");
    assert_eq!((&cell(0, 0)["state"], &cell(1, 0)["state"]), (&json!("succeeded"), &json!("failed")), "{shown:?}");
    let tasks = user.get(&format!("/api/goals/{goal}/tasks")).await.body["items"].as_array().map(Vec::len);
    let counted: u64 = [cell(0, 0), cell(0, 1), cell(1, 0)].iter().filter_map(|cell| cell["tasks"].as_u64()).sum();
    assert_eq!(tasks.map(|tasks| tasks as u64), Some(counted));

    // What it answers can be sent back; what has tasks must stay; what has none is replaced.
    assert_eq!(user.put(&path, &shown.body).await.body, shown.body);
    let mut renamed = shown.body.clone();
    renamed["subGoals"][0]["actions"][0]["title"] = json!("Run daily");
    let refused = user.put(&path, &renamed).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("TASKS_EXIST")), "{refused:?}");
    assert_eq!(user.get(&path).await.body, shown.body);
    let replaced = user.put(&path, &chart(false)).await;
    assert_eq!((replaced.status, &replaced.body["totalActions"]), (200, &json!(3)), "{replaced:?}");
    let again = user.started(&goal).await;
    assert_eq!(user.ended(&again).await["status"], "SUCCEEDED");
    assert_eq!(user.get(&path).await.body["status"], "active");
}

#[tokio::test]
async fn two_writes_at_once_never_mix() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(64)).await;
    let path = format!("/api/goals/{goal}");
    let texts = |word: String| {
        let cells = vec![json!({ "title": word }); 8];
        json!({ "title": word, "subGoals": vec![json!({ "title": word, "actions": cells }); 8] })
    };
    let writes = (0..6).map(|n| {
        let (user, path) = (user.patient(), path.clone());
        async move { user.put(&path, &texts(format!("writer {n}"))).await.status }
    });
    let statuses = futures_util::future::join_all(writes).await;
    assert_eq!(statuses, [200; 6]);
    let shown = user.get(&path).await.body;
    let title = &shown["title"];
    for sub_goal in shown["subGoals"].as_array().unwrap() {
        assert_eq!(&sub_goal["title"], title);
        assert!(sub_goal["actions"].as_array().unwrap().iter().all(|action| action["title"] == *title), "{shown}");
    }
    assert_eq!(shown["totalActions"], 64);
}

#[tokio::test]
async fn a_status_that_is_known_is_304() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(1)).await;
    let arn = user.started(&goal).await;
    user.ended(&arn).await;
    let path = format!("/api/workflows/{}/status", arn.as_str().replace(':', "%3A"));
    let ended = user.get(&path).await;
    let tag = ended.header("etag").expect("an entity tag").to_owned();
    assert_eq!(ended.header("retry-after"), None);
    let known = user.get_unless(&path, &tag).await;
    assert_eq!((known.status, known.header("etag"), &known.body), (304, Some(tag.as_str()), &json!("")));
    assert_eq!(user.get_unless(&path, "\"another\"").await.body, ended.body);
}
