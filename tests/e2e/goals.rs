//! Goals through the API: no other program writes to the table here.

use goal_activity_client::api::{ActionState, GoalStatus, GoalSummary, ProblemCode, Status};
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
    let created = user.put_goal(&goal, &chart(true)).await;
    assert_eq!((created.status, created.header("location")), (201, Some(path.as_str())), "{created:?}");
    let listed = eventually("the goal in the list", || async {
        Some(user.goals().await.ok().items).filter(|items| !items.is_empty())
    })
    .await;
    let (title, status) = ("Run a marathon".to_owned(), GoalStatus::Draft.into());
    assert_eq!(
        listed,
        [GoalSummary {
            goal_id: goal.clone(),
            title,
            status,
            total_actions: 3,
            actions_with_tasks: 0,
            execution_arn: None,
        }]
    );

    let arn = user.started(&goal).await;
    let running = user.put_goal(&goal, &chart(false)).await.problem().and_then(|problem| problem.code.known());
    assert!(matches!(running, Some(ProblemCode::AlreadyRunning | ProblemCode::TasksExist)), "{running:?}");
    user.ended(&arn).await;
    let shown = eventually("the newest workflow of the goal", || async {
        let shown = user.goal(&goal).await.ok();
        (shown.latest_execution_arn.as_ref() == Some(&arn)).then_some(shown)
    })
    .await;
    let cell = |sub_goal: usize, action: usize| &shown.sub_goals[sub_goal].actions[action];
    assert_eq!((shown.status.known(), shown.actions_with_tasks), (Some(GoalStatus::Partial), 2), "{shown:?}");
    let of_two = (cell(0, 0).state.clone(), cell(1, 0).state.clone());
    assert_eq!(of_two, (Some(ActionState::Succeeded.into()), Some(ActionState::Failed.into())), "{shown:?}");
    let counted: u32 = [cell(0, 0), cell(0, 1), cell(1, 0)].iter().map(|cell| cell.tasks).sum();
    assert_eq!(user.tasks(&goal).await.len(), counted as usize);

    // What it answers can be sent back; what has tasks must stay; what has none is replaced.
    assert_eq!(user.put_goal(&goal, &json!(shown)).await.ok(), shown);
    let mut renamed = shown.clone();
    renamed.sub_goals[0].actions[0].title = "Run daily".to_owned();
    user.put_goal(&goal, &json!(renamed)).await.refused(409, ProblemCode::TasksExist);
    assert_eq!(user.goal(&goal).await.ok(), shown);
    let replaced = user.put_goal(&goal, &chart(false)).await;
    assert_eq!((replaced.status, replaced.ok().total_actions), (200, 3), "{replaced:?}");
    let again = user.started(&goal).await;
    assert_eq!(user.ended(&again).await.status, Status::Succeeded);
    assert_eq!(user.goal(&goal).await.ok().status, GoalStatus::Active);
}

#[tokio::test]
async fn two_writes_at_once_never_mix() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(64)).await;
    let texts = |word: String| {
        let cells = vec![json!({ "title": word }); 8];
        json!({ "title": word, "subGoals": vec![json!({ "title": word, "actions": cells }); 8] })
    };
    let writes = (0..6).map(|n| {
        let (user, goal) = (user.patient(), goal.clone());
        async move { user.put_goal(&goal, &texts(format!("writer {n}"))).await.status }
    });
    let statuses = futures_util::future::join_all(writes).await;
    assert_eq!(statuses, [200; 6]);
    let shown = user.goal(&goal).await.ok();
    for sub_goal in &shown.sub_goals {
        assert_eq!(sub_goal.title, shown.title);
        assert!(sub_goal.actions.iter().all(|action| action.title == shown.title), "{shown:?}");
    }
    assert_eq!(shown.total_actions, 64);
}

#[tokio::test]
async fn a_status_that_is_known_is_304() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(1)).await;
    let arn = user.started(&goal).await;
    user.ended(&arn).await;
    let ended = user.status(&arn).await;
    let tag = ended.header("etag").expect("an entity tag").to_owned();
    assert_eq!(ended.header("retry-after"), None);
    let known = user.status_unless(&arn, &tag).await;
    assert_eq!((known.status, known.header("etag"), &known.body), (304, Some(tag.as_str()), &json!("")));
    assert_eq!(user.status_unless(&arn, "\"another\"").await.ok(), ended.ok());
}
