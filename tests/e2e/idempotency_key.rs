use goal_activity_core::limits::MAX_RUNNING_PER_USER;
use goal_activity_tests::{Chart, Stack};

#[tokio::test]
async fn p2_a_start_with_a_key_is_one_start_and_one_answer() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let (goal, other) = (stack.goal(&user, Chart::of(8)).await, stack.goal(&user, Chart::of(1)).await);
    let start = async |goal| user.post_with_key(&format!("/api/goals/{goal}/start-activity"), "key-1").await;
    let first = start(&goal).await;
    assert_eq!(first.status, 202, "{first:?}");
    user.ended(&first.arn()).await;
    let again = start(&goal).await;
    assert_eq!((again.status, &again.body), (202, &first.body));
    let reused = start(&other).await;
    assert_eq!((reused.status, &reused.body["code"]), (422, &"IDEMPOTENCY_KEY_REUSED".into()));
}

#[tokio::test]
async fn p10_the_eleventh_workflow_of_a_user_has_to_wait() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let slow = || Chart::of(1).script("a-1-1", "latency-ms=20000");
    let mut running = Vec::new();
    for _ in 0..MAX_RUNNING_PER_USER {
        running.push(user.started(&stack.goal(&user, slow()).await).await);
    }
    let goal = stack.goal(&user, Chart::of(1)).await;
    let refused = user.start(&goal).await;
    assert_eq!((refused.status, &refused.body["code"]), (429, &"TOO_MANY_RUNNING".into()));
    assert_eq!(user.cancel(&running[0], None).await.status, 200);
    let arn = user.started(&goal).await;
    user.ended(&arn).await;
    for arn in &running {
        user.cancel(arn, None).await;
    }
}
