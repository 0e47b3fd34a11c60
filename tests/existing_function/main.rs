//! The deployed pipeline with the goal app's own function as its generator. Runs after the end-to-end tests, when the
//! stack has been changed to it; `infra/examples/existing-function` is that function.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed expectation is how a test reports")]

use goal_activity_tests::{Chart, Stack};
use serde_json::{Value, json};

#[tokio::test]
async fn p5_a_goal_gets_the_tasks_of_an_existing_function_and_bears_its_failures() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(9).describe("until it shines".to_owned())).await;
    let arn = user.started(&goal).await;
    let end = user.ended(&arn).await;
    assert_eq!((&end["status"], &end["succeededActions"]), (&json!("PARTIALLY_SUCCEEDED"), &json!(6)), "{end}");

    let failed = |action: &str| {
        let all = end["failedActions"].as_array().unwrap();
        all.iter().find(|f| f["actionId"] == action).unwrap_or_else(|| panic!("{action} has failed: {end}"))
    };
    for (action, code, message) in [
        ("a-1-2", "AI_UNAVAILABLE", "function failed: "),
        ("a-1-3", "AI_INVALID_ANSWER", "task 1: a title has 0 characters"),
        ("a-1-4", "AI_UNAVAILABLE", "reports no success"),
    ] {
        let failed = failed(action);
        assert_eq!((&failed["code"], &failed["attempts"]), (&json!(code), &json!(3)), "{failed}");
        assert!(failed["message"].as_str().unwrap().contains(message), "{failed}");
    }
    let said = end.to_string();
    assert!(!said.contains("no idea") && !said.contains("too vague"), "the function's words are repeated: {said}");

    // Three that failed three times each, and six that did not. Their cost is known only to the function.
    let usage = &end["usage"];
    let counted = ["attempts", "inputTokens", "outputTokens"].map(|count| usage[count].as_u64());
    assert_eq!(counted, [Some(15), Some(0), Some(0)], "{usage}");
    assert_eq!(usage["costMicroUsd"], Value::Null, "{usage}");

    let tasks = user.tasks(&goal).await;
    assert_eq!(tasks.len(), 12);
    let first: Vec<&Value> = tasks.iter().filter(|t| t["actionId"] == "a-1-1").collect();
    let text = |task: &Value, field: &str| task[field].as_str().unwrap().to_owned();
    assert!(text(first[0], "title").starts_with("Plan: ") && text(first[1], "title").starts_with("Do: "), "{first:?}");
    // The function returned the goal and action that it received.
    let goal_title = stack.goal_row(&goal).await["title"].as_str().unwrap().to_owned();
    assert!(text(first[0], "description").contains(&goal_title), "{first:?}");
    assert!(text(first[1], "description").ends_with("until it shines"), "{first:?}");
    let minutes = first.iter().map(|t| t["estimatedMinutes"].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!(minutes, [30, 60]);
}
