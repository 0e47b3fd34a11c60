use goal_activity_client::api::{Status, Task};
use std::time::Duration;

use goal_activity_events::Timestamp;
use goal_activity_tests::{Chart, Stack, eventually, within};

use crate::workers::{self, Worker};

/// The latency of the slow actions: long enough to kill their worker meanwhile.
const SLOW: Duration = Duration::from_secs(5);
/// The time within which another worker must have begun: the lease of 60 s, plus the emulator's delay.
const TAKEOVER: Duration = Duration::from_secs(75);

#[allow(clippy::disallowed_methods, reason = "compared with what the functions' clock says")]
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

fn is_slow(task: &Task) -> bool {
    matches!(task.action_id.as_str(), "a-1-5" | "a-1-6" | "a-1-7" | "a-1-8")
}

#[tokio::test]
async fn p3_another_worker_takes_over_within_75_s_and_does_only_what_has_no_outcome_yet() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let slow = format!("latency-ms={}", SLOW.as_millis());
    let chart = (5..=8).fold(Chart::of(8), |chart, n| chart.script(&format!("a-1-{n}"), &slow));
    let goal = stack.goal(&user, chart).await;
    let arn = user.started(&goal).await;
    let before = eventually("the tasks of the quick actions", || async {
        let tasks = user.tasks(&goal).await;
        assert!(!tasks.iter().any(is_slow), "the worker is done already");
        (tasks.len() == 16).then_some(tasks)
    })
    .await;

    let function = stack.function("WorkerFunction").await;
    let workers = workers::of(function["FunctionName"].as_str().unwrap(), stack.endpoint());
    assert!(!workers.is_empty(), "no process of the worker was found");
    let killed = now();
    workers.into_iter().for_each(Worker::crash);

    let after = within(TAKEOVER + SLOW, "the tasks of the slow actions", || async {
        let tasks = user.tasks(&goal).await;
        (tasks.len() == 32).then_some(tasks)
    })
    .await;
    let (of_second, of_first): (Vec<_>, Vec<_>) = after.iter().cloned().partition(is_slow);
    assert_eq!(of_first, before, "what was saved stays as it is");
    let began = of_second.iter().map(|task| task.created_at).min().unwrap().minus(SLOW);
    println!("killed at {killed}, taken over after {} ms", began.since(killed).as_millis());
    assert!(began > killed, "the first worker has done it all");
    assert!(began.since(killed) <= TAKEOVER, "taken over after {:?}", began.since(killed));
    assert_eq!(user.ended(&arn).await.status, Status::Succeeded);

    // The second worker saved nothing else.
    let generated = eventually("what the second worker has logged", || async {
        let lines = stack.logged("WorkerFunction", "action saved").await;
        let ours = lines.into_iter().filter(|line| line["executionArn"] == arn.as_str());
        let late = ours.filter(|line| line["timestamp"].as_str().unwrap().parse::<Timestamp>().unwrap() > killed);
        let mut actions: Vec<_> = late.map(|line| line["actionId"].as_str().unwrap().to_owned()).collect();
        actions.sort();
        (actions.len() >= 4).then_some(actions)
    })
    .await;
    assert_eq!(generated, ["a-1-5", "a-1-6", "a-1-7", "a-1-8"]);
}
