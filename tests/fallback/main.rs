//! The deployed pipeline with an AI that is not there and one that takes over for it. `cargo xtask test ai` changes the worker to
//! that, and runs this.
#![allow(clippy::unwrap_used, reason = "a failed expectation is how a test reports")]

use goal_activity_client::api::{Status, Task};
use goal_activity_tests::{Chart, Stack};

#[tokio::test]
async fn p7_an_ai_that_is_not_there_gives_way_to_the_second_one() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(16)).await;
    let arn = user.started(&goal).await;
    let end = user.ended(&arn).await;
    assert_eq!((end.status.known(), end.succeeded_actions), (Some(Status::Succeeded), 16), "{end:?}");
    assert_eq!((end.usage.attempts, end.usage.fallback_attempts), (32, 16), "{end:?}");
    let tasks = user.tasks(&goal).await;
    let is_offline = |task: &Task| task.generator.as_deref() == Some("offline/offline");
    assert!(!tasks.is_empty() && tasks.iter().all(is_offline), "{tasks:?}");
}
