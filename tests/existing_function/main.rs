//! The deployed pipeline with the goal app's own function as its generator, in the form that `EXISTING_FUNCTION` names. Runs after
//! the end-to-end tests, when the stack has been changed to it; `infra/examples/existing-function` has both forms.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a failed expectation is how a test reports; the variable selects what is tested"
)]

use goal_activity_client::api::Status;
use goal_activity_events::{FailureCode, Repair};
use goal_activity_tests::{Chart, Stack};
use serde_json::json;

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
    assert_eq!((end.status.known(), end.succeeded_actions), (Some(Status::PartiallySucceeded), 6), "{end:?}");

    for (failed, (code, message)) in end.failed_actions.iter().zip([
        (FailureCode::AiUnavailable, "function failed: "),
        (FailureCode::AiInvalidAnswer, "task 1: a title has 0 characters"),
        (FailureCode::AiUnavailable, "reports no success"),
    ]) {
        assert_eq!((failed.code.known(), failed.attempts), (Some(code), Some(3)), "{failed:?}");
        assert!(failed.message.contains(message), "{failed:?}");
        // Where its operators look.
        let is_named = failed.message.contains("by the request id ");
        assert_eq!(is_named, code == FailureCode::AiUnavailable, "{failed:?}");
    }
    let said = json!(end).to_string();
    assert!(!said.contains("no idea") && !said.contains("too vague"), "the function's words are repeated: {said}");

    // Three that failed three times each, and six that did not. Their cost is known only to the function.
    let usage = &end.usage;
    assert_eq!((usage.attempts, usage.input_tokens, usage.output_tokens), (15, 0, 0), "{usage:?}");
    assert_eq!(usage.cost_micro_usd, None, "{usage:?}");
    // The answers behind a gateway were unwrapped.
    assert_eq!(usage.repairs.of(Repair::Wrapper), if nested { 6 } else { 0 }, "{usage:?}");

    let tasks = user.tasks(&goal).await;
    assert_eq!(tasks.len(), 12);
    let first = &tasks[..2];
    assert!(first[0].title.starts_with("Plan: ") && first[1].title.starts_with("Do: "), "{first:?}");
    // The function returned the goal and action that it received.
    let goal_title = stack.goal_row(&goal).await["title"].as_str().unwrap().to_owned();
    assert!(first[0].description.contains(&goal_title), "{first:?}");
    assert!(first[1].description.ends_with("until it shines"), "{first:?}");
    assert_eq!([first[0].estimated_minutes, first[1].estimated_minutes], [30, 60]);
}
