//! The deployed pipeline with a real server of a language model as its AI: llama.cpp's, whose model writes random words in the
//! form of the schema (`functions/tests/llm`). `cargo xtask test ai` starts the server, deploys the pipeline, and runs this twice: the
//! worker is set to that server, and then to the emulator's Bedrock, which passes calls on to another one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation is how a test reports"
)]

use goal_activity_client::api::{ActionKind, Status, Task};
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Duration;

use goal_activity_core::limits::{BATCH_SECONDS, MAX_ACTIONS, MAX_TASKS_PER_ACTION};
use goal_activity_core::task::{MAX_DESCRIPTION, MAX_TITLE, MINUTES};
use goal_activity_events::WorkflowCompleted;
use goal_activity_tests::{Chart, Stack};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

/// The prices that the worker is deployed with, in millionths of a US dollar for a million tokens.
const PRICES: [u64; 2] = [150_000, 600_000];

/// Asserts that a task keeps to the limits of what an AI may write.
fn assert_within_limits(task: &Task) {
    assert!((1..=MAX_TITLE).contains(&task.title.chars().count()), "{task:?}");
    assert!(task.description.chars().count() <= MAX_DESCRIPTION, "{task:?}");
    assert!(MINUTES.contains(&task.estimated_minutes), "{task:?}");
    assert!(task.priority.known().is_some(), "{task:?}");
    assert_eq!(task.kind, ActionKind::Execution, "{task:?}");
}

/// Starts a goal of as many actions as there can be, and asserts that a language model, which has that name, made tasks for
/// all of them, within the limits and counted.
async fn assert_all_become_tasks(generator: &str) {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let actions = u8::try_from(MAX_ACTIONS).unwrap();
    let goal = stack.goal(&user, Chart::of(actions).describe("雨の日も続ける".to_owned())).await;
    let completions = stack.hear_events::<WorkflowCompleted>(&goal).await;

    let arn = user.started(&goal).await;
    // The server answers two actions at once. All of them take about 10 s.
    let end = user.ended_within(Duration::from_secs(BATCH_SECONDS.into()), &arn).await;
    let (status, succeeded) = (end.status.known(), end.succeeded_actions as usize);
    assert_eq!((status, succeeded), (Some(Status::Succeeded), MAX_ACTIONS), "{end:?}");
    assert_eq!(end.failed_actions, [], "{end:?}");

    let tasks = user.tasks(&goal).await;
    tasks.iter().for_each(assert_within_limits);
    let mut of_action: BTreeMap<&str, usize> = BTreeMap::new();
    for task in &tasks {
        *of_action.entry(task.action_id.as_str()).or_default() += 1;
    }
    assert_eq!(of_action.len(), MAX_ACTIONS, "{of_action:?}");
    assert!(of_action.values().all(|count| (1..=MAX_TASKS_PER_ACTION).contains(count)), "{of_action:?}");
    // One of the few words that the model knows, alone: no other generator writes that.
    let words =
        ["目標", "計画", "調べる", "書く", "毎日", "練習", "確認", "資料", "まとめる", "友人", "聞く", "本", "読む"];
    assert!(tasks.iter().any(|task| words.iter().any(|word| task.title == *word)), "{tasks:?}");
    assert!(tasks.iter().all(|task| task.generator.as_deref() == Some(generator)), "{tasks:?}");

    let usage = end.usage;
    let (attempts, input, output) = (u64::from(usage.attempts), usage.input_tokens, usage.output_tokens);
    let cost = usage.cost_micro_usd.unwrap_or_else(|| panic!("no cost: {usage:?}"));
    let asked = u64::try_from(MAX_ACTIONS).unwrap();
    assert!(attempts >= asked, "{usage:?}");
    // The instructions alone have more than a thousand tokens, and the shortest answer in this form more than 50.
    assert!(input > asked * 1_000 && output > asked * 50, "{usage:?}");
    // Each answer's cost is rounded up.
    let exact = (input * PRICES[0] + output * PRICES[1]) / 1_000_000;
    assert!(cost.abs_diff(exact) <= attempts, "{usage:?}, exactly {exact}");
    assert_eq!(completions.first().await.usage, Some(usage));
}

#[tokio::test]
async fn p7_64_actions_become_tasks_by_an_openai_compatible_server_within_the_limits_and_counted() {
    assert_all_become_tasks("openai/tiny").await;
}

/// Proves the grant as well: the emulator enforces the worker's role.
#[tokio::test]
async fn p7_64_actions_become_tasks_by_a_model_on_bedrock_within_the_limits_and_counted() {
    assert_all_become_tasks("bedrock/amazon.nova-lite-v1:0").await;
}

/// Runs the tool for operators on this stack, and returns its exit code and its JSON.
async fn ai_check() -> (Option<i32>, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_goalctl-tested"));
    command.args(["ai", "check", "--json"]).env_clear().env("HOME", "/nowhere").stdin(Stdio::null());
    #[allow(clippy::disallowed_methods, reason = "the tool is given the stack as people give it")]
    command.env("GOAL_ACTIVITY_STACK", std::env::var("GOAL_ACTIVITY_STACK").unwrap());
    let output = spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"));
    (output.status.code(), json)
}

/// Asserts that the deployed worker shows what it does with its AI.
async fn assert_checked(generator: &str, request: &str) {
    let (code, trial) = ai_check().await;
    assert_eq!((code, &trial["attempts"][0]["generator"]), (Some(0), &json!(generator)), "{trial}");
    let shown = trial["request"].as_str().unwrap();
    assert!(shown.starts_with(request) && shown.contains("自分の仕事を英語で3分間説明できるようにする"), "{shown}");
    let tasks = trial["tasks"].as_array().unwrap();
    assert!((1..=MAX_TASKS_PER_ACTION).contains(&tasks.len()), "{trial}");
    let usage = &trial["usage"];
    assert!(usage["inputTokens"].as_u64() > Some(1_000) && usage["costMicroUsd"].as_u64() > Some(0), "{usage}");
}

#[tokio::test]
async fn goalctl_asks_the_deployed_worker_s_openai_compatible_server() {
    assert_checked("openai/tiny", "POST http://127.0.0.1:").await;
}

#[tokio::test]
async fn goalctl_asks_the_deployed_worker_s_model_on_bedrock() {
    assert_checked("bedrock/amazon.nova-lite-v1:0", "Converse").await;
}
