//! The deployed pipeline with a real server of a language model as its AI: llama.cpp's, whose model writes random words in the
//! form of the schema (`functions/tests/llm`). `cargo xtask test ai` starts the server, deploys the pipeline, sets the worker to
//! that server, and runs this.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation is how a test reports"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use goal_activity_core::limits::{BATCH_SECONDS, MAX_ACTIONS, MAX_TASKS_PER_ACTION};
use goal_activity_core::task::{MAX_DESCRIPTION, MAX_TITLE, MINUTES};
use goal_activity_tests::{Chart, Stack};
use serde_json::{Value, json};

/// The prices that the worker is deployed with, in millionths of a US dollar for a million tokens.
const PRICES: [u64; 2] = [150_000, 600_000];

/// Asserts that a task keeps to the limits of what an AI may write.
fn assert_within_limits(task: &Value) {
    let characters = |field: &str| task[field].as_str().expect(field).chars().count();
    assert!((1..=MAX_TITLE).contains(&characters("title")), "{task}");
    assert!(characters("description") <= MAX_DESCRIPTION, "{task}");
    let minutes = task["estimatedMinutes"].as_u64().expect("minutes");
    assert!(u16::try_from(minutes).is_ok_and(|minutes| MINUTES.contains(&minutes)), "{task}");
    assert!(["high", "medium", "low"].contains(&task["priority"].as_str().expect("a priority")), "{task}");
    assert_eq!(task["type"], "execution", "{task}");
}

#[tokio::test]
async fn p7_64_actions_become_tasks_by_a_language_model_within_the_limits_and_counted() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let actions = u8::try_from(MAX_ACTIONS).unwrap();
    let goal = stack.goal(&user, Chart::of(actions).describe("雨の日も続ける".to_owned())).await;
    let completions = stack.hear_events("WorkflowCompleted", &goal).await;

    let arn = user.started(&goal).await;
    // The server answers two actions at once. All of them take about 10 s.
    let end = user.ended_within(Duration::from_secs(BATCH_SECONDS.into()), &arn).await;
    assert_eq!(
        (&end["status"], &end["succeededActions"], &end["failedActions"]),
        (&json!("SUCCEEDED"), &json!(MAX_ACTIONS), &json!([])),
        "{end}"
    );

    let tasks = user.tasks(&goal).await;
    tasks.iter().for_each(assert_within_limits);
    let mut of_action: BTreeMap<&str, usize> = BTreeMap::new();
    for task in &tasks {
        *of_action.entry(task["actionId"].as_str().unwrap()).or_default() += 1;
    }
    assert_eq!(of_action.len(), MAX_ACTIONS, "{of_action:?}");
    assert!(of_action.values().all(|count| (1..=MAX_TASKS_PER_ACTION).contains(count)), "{of_action:?}");
    // One of the few words that the model knows, alone: no other generator writes that.
    let words =
        ["目標", "計画", "調べる", "書く", "毎日", "練習", "確認", "資料", "まとめる", "友人", "聞く", "本", "読む"];
    assert!(tasks.iter().any(|task| words.iter().any(|word| task["title"] == *word)), "{tasks:?}");
    assert!(tasks.iter().all(|task| task["generator"] == "openai/tiny"), "{tasks:?}");

    let usage = &end["usage"];
    let [attempts, input, output, cost] = ["attempts", "inputTokens", "outputTokens", "costMicroUsd"]
        .map(|count| usage[count].as_u64().unwrap_or_else(|| panic!("no {count}: {usage}")));
    let asked = u64::try_from(MAX_ACTIONS).unwrap();
    assert!(attempts >= asked, "{usage}");
    // The instructions alone have more than a thousand tokens, and the shortest answer in this form more than 50.
    assert!(input > asked * 1_000 && output > asked * 50, "{usage}");
    // Each answer's cost is rounded up.
    let exact = (input * PRICES[0] + output * PRICES[1]) / 1_000_000;
    assert!(cost.abs_diff(exact) <= attempts, "{usage}, exactly {exact}");
    let completed = completions.first("WorkflowCompleted").await;
    assert_eq!(completed["detail"]["usage"], *usage, "{completed}");
}
