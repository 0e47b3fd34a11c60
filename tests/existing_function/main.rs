//! The deployed pipeline with the goal app's own function as its generator, in the form that `EXISTING_FUNCTION` names. Runs after
//! the end-to-end tests, when the stack has been changed to it; `infra/examples/existing-function` has both forms.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a failed expectation is how a test reports; the variable selects what is tested"
)]

use goal_activity_tests::{Chart, Stack};
use serde_json::{Value, json};

#[tokio::test]
async fn p5_a_goal_gets_the_tasks_of_an_existing_function_and_bears_its_failures() {
    let nested = std::env::var("EXISTING_FUNCTION").unwrap() == "nested";
    let stack = Stack::open().await;
    let user = stack.user().await;
    let chart = Chart::of(9)
        .with_uuids()
        .describe("until it shines".to_owned())
        .constrain("1#2", "Only in the evening\ngenerate-tasks: throw")
        .constrain("1#3", "generate-tasks: invalid")
        .constrain("1#4", "generate-tasks: refuse");
    let goal = stack.goal(&user, chart).await;
    let arn = user.started(&goal).await;
    let end = user.ended(&arn).await;
    assert_eq!((&end["status"], &end["succeededActions"]), (&json!("PARTIALLY_SUCCEEDED"), &json!(6)), "{end}");

    let failures = end["failedActions"].as_array().unwrap();
    for (failed, (code, message)) in failures.iter().zip([
        ("AI_UNAVAILABLE", "function failed: "),
        ("AI_INVALID_ANSWER", "task 1: a title has 0 characters"),
        ("AI_UNAVAILABLE", "reports no success"),
    ]) {
        assert_eq!((&failed["code"], &failed["attempts"]), (&json!(code), &json!(3)), "{failed}");
        let said = failed["message"].as_str().unwrap();
        assert!(said.contains(message), "{failed}");
        // Where its operators look.
        assert_eq!(said.contains("by the request id "), code == "AI_UNAVAILABLE", "{failed}");
    }
    let said = end.to_string();
    assert!(!said.contains("no idea") && !said.contains("too vague"), "the function's words are repeated: {said}");

    // Three that failed three times each, and six that did not. Their cost is known only to the function.
    let usage = &end["usage"];
    let counted = ["attempts", "inputTokens", "outputTokens"].map(|count| usage[count].as_u64());
    assert_eq!(counted, [Some(15), Some(0), Some(0)], "{usage}");
    assert_eq!(usage["costMicroUsd"], Value::Null, "{usage}");
    // The answers behind a gateway were unwrapped.
    assert_eq!(usage["repairs"]["wrapper"].as_u64(), nested.then_some(6), "{usage}");

    let tasks = user.tasks(&goal).await;
    assert_eq!(tasks.len(), 12);
    let first = &tasks[..2];
    let text = |task: &Value, field: &str| task[field].as_str().unwrap().to_owned();
    assert!(
        text(&first[0], "title").starts_with("Plan: ") && text(&first[1], "title").starts_with("Do: "),
        "{first:?}"
    );
    // The function returned the goal and action that it received.
    let goal_title = stack.goal_row(&goal).await["title"].as_str().unwrap().to_owned();
    assert!(text(&first[0], "description").contains(&goal_title), "{first:?}");
    assert!(text(&first[1], "description").ends_with("until it shines"), "{first:?}");
    let minutes = first.iter().map(|t| t["estimatedMinutes"].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!(minutes, [30, 60]);
}
