use goal_activity_client::api::ProblemCode;
use goal_activity_core::limits::MAX_RUNNING_PER_USER;
use goal_activity_tests::{Chart, Stack};

#[tokio::test]
async fn p2_a_start_with_a_key_is_one_start_and_one_answer() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let (goal, other) = (stack.goal(&user, Chart::of(8)).await, stack.goal(&user, Chart::of(1)).await);
    let first = user.start_once(&goal, "key-1").await;
    assert_eq!(first.status, 202, "{first:?}");
    user.ended(&first.ok().execution_arn).await;
    let again = user.start_once(&goal, "key-1").await;
    assert_eq!((again.status, &again.body), (202, &first.body));
    user.start_once(&other, "key-1").await.refused(422, ProblemCode::IdempotencyKeyReused);
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
    user.start(&goal).await.refused(429, ProblemCode::TooManyRunning);
    assert_eq!(user.cancel(&running[0], None).await.status, 200);
    let arn = user.started(&goal).await;
    user.ended(&arn).await;
    for arn in &running {
        user.cancel(arn, None).await;
    }
}
