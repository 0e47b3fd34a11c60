//! How soon saved actions are visible.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use goal_activity_adapters::clock::SystemClock;
use goal_activity_core::ports::Clock;
use goal_activity_events::{ExecutionArn, GoalId, Timestamp};
use goal_activity_tests::{Chart, Stack, User, within};

const USERS: usize = 8;
const GOALS_OF_EACH: usize = 5;
const ACTIONS: u8 = 16;
/// The maximum age of the status route's data (the service's promise).
const FRESH: Duration = Duration::from_secs(30);
/// The polling interval of each user.
const LOOK: Duration = Duration::from_secs(2);

/// A goal whose batches take the AI a second each, and save actions continuously. As many workers as the deployment
/// allows (64) run at once, and the last batches wait for one.
fn slow() -> Chart {
    (0..ACTIONS).fold(Chart::of(ACTIONS), |chart, i| {
        let (row, place) = (i / 8 + 1, u32::from(i % 8) + 1);
        chart.script(&format!("a-{row}-{place}"), &format!("latency-ms={}", 125 * place))
    })
}

/// When that many actions had their tasks according to the status route: the first time for each number.
async fn watch(user: &User, arn: &ExecutionArn) -> BTreeMap<u32, Timestamp> {
    let seen = std::sync::Mutex::new(BTreeMap::new());
    within(Duration::from_secs(150), &format!("the end of {arn}"), || async {
        let status = user.status(arn).await.ok();
        let now = SystemClock.now();
        seen.lock().unwrap().entry(status.succeeded_actions).or_insert(now);
        if !status.has_ended() {
            // A user's interval. At the interval of tests, the polling would be the load.
            tokio::time::sleep(LOOK).await;
        }
        status.has_ended().then_some(())
    })
    .await;
    seen.into_inner().unwrap()
}

/// When each action's tasks were saved, in the order of time.
async fn saved(user: &User, goal: &GoalId) -> Vec<Timestamp> {
    let mut actions = BTreeMap::new();
    for task in user.tasks(goal).await {
        actions.insert(task.action_id, task.created_at);
    }
    let mut times: Vec<_> = actions.into_values().collect();
    times.sort_unstable();
    times
}

/// How long after its commit each action of a workflow was counted in a response.
async fn ages(user: &User, goal: &GoalId) -> Vec<Duration> {
    let arn = user.started(goal).await;
    let seen = watch(user, &arn).await;
    let saved = saved(user, goal).await;
    assert_eq!(saved.len(), usize::from(ACTIONS));
    (1..).zip(saved).map(|(count, at)| seen.range(count..).map(|(_, seen)| seen.since(at)).min().unwrap()).collect()
}

#[tokio::test]
async fn p6_what_is_saved_is_seen_within_30_seconds_while_40_workflows_run_at_once() {
    let stack = Stack::open().await;
    let users = join_all((0..USERS).map(|_| stack.user())).await;
    let mut goals = Vec::new();
    for user in &users {
        for _ in 0..GOALS_OF_EACH {
            goals.push((user, stack.goal(user, slow()).await));
        }
    }
    let ages = join_all(goals.iter().map(|(user, goal)| ages(user, goal))).await.concat();
    let (all, longest) = (ages.len(), ages.iter().max().unwrap());
    let average = ages.iter().sum::<Duration>() / u32::try_from(all).unwrap();
    let [average, longest_s] = [average, *longest].map(|age| age.as_secs_f64());
    println!(
        "{all} actions seen after {average:.1} s on average, {longest_s:.1} s at most, by users who look every 2 s"
    );
    assert_eq!(all, USERS * GOALS_OF_EACH * usize::from(ACTIONS));
    assert!(*longest < FRESH, "{longest_s:.1} s");
}
