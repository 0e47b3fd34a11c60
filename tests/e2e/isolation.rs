use futures_util::future::join_all;
use goal_activity_client::api::Status;
use goal_activity_tests::{Chart, Stack};

#[tokio::test]
async fn p9_three_users_at_once_stay_apart() {
    let stack = Stack::open().await;
    let users = join_all((0..3).map(|_| stack.user())).await;
    let goals = join_all(users.iter().map(|u| stack.goal(u, Chart::of(24)))).await;
    let arns = join_all(users.iter().zip(&goals).map(|(u, g)| u.started(g))).await;
    let ends = join_all(users.iter().zip(&arns).map(|(u, a)| u.ended(a))).await;
    assert!(ends.iter().all(|e| e.status == Status::Succeeded), "{ends:?}");
    for (i, user) in users.iter().enumerate() {
        let tasks = user.tasks(&goals[i]).await;
        assert_eq!(tasks.len(), 96);
        assert!(tasks.iter().all(|t| t.goal_id == goals[i] && t.execution_arn == arns[i]));
        let (other_goal, other_run) = (&goals[(i + 1) % 3], &arns[(i + 1) % 3]);
        assert_eq!(user.start(other_goal).await.status, 403);
        assert_eq!(user.status(other_run).await.status, 403);
        assert_eq!(user.get(&format!("/api/goals/{other_goal}/tasks")).await.status, 403);
    }
}
