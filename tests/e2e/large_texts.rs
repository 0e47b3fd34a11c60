use goal_activity_client::api::Status;
use goal_activity_tests::{Chart, Stack};

#[tokio::test]
async fn p10_long_texts_and_many_large_tasks_are_saved_in_full() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let chart = Chart::of(64).describe("毎日の積み重ねで目標へ近づくための説明。".repeat(25)).script_all("max-size");
    let goal = stack.goal(&user, chart).await;
    let arn = user.started(&goal).await;
    let end = user.ended(&arn).await;
    assert_eq!(end.status, Status::Succeeded, "{end:?}");
    let tasks = user.tasks(&goal).await;
    assert_eq!(tasks.len(), 640);
    for task in &tasks {
        assert_eq!((task.title.chars().count(), task.description.chars().count()), (50, 200));
    }
}
