//! `goalctl ai`: tries the AI of a deployment.

use std::time::Duration;

use anyhow::{Context, Result};
use clap::Subcommand;
use goal_activity_core::limits::BATCH_SECONDS;
use goal_activity_core::trial::{Subject, Trial};
use serde::Serialize;
use serde_json::json;

use crate::failure::{DONE, Failure, NOT_DONE};
use crate::function::{Answer, Function};
use crate::shell::Shell;
use crate::stack::Stack;
use crate::text::printable;

const CHECK: &str = "\
Ask the AI of the deployed worker for the tasks of a sample action

Invokes the worker function with an action of goalctl's own: the worker asks its AI with its own settings, key and permissions,
and answers what it sent, what each attempt came to, the tasks, the repairs, time, tokens and cost, and what to change if it
failed. Nothing is stored, and no user's text is used. It takes as long as the AI, at most 5 minutes, and costs what one action
costs.

Needs lambda:InvokeFunction on the worker function; on AWS cloudformation:DescribeStacks.";
const CHECK_AFTER: &str = "\
Examples:
  goalctl ai check
  goalctl ai check --json | jq .usage

Exit codes:
  0  there are tasks
  1  there are none: the output says why and what to change";

/// The action that the AI is asked about.
const ACTION: &str = include_str!("action.json");

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask the AI of the deployed worker for the tasks of a sample action
    #[command(long_about = CHECK, after_help = CHECK_AFTER)]
    Check,
}

/// What the worker answered. Part of the JSON output: names are never changed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Checked<'a> {
    function: &'a str,
    /// Of the invocation: the worker's log has it in every line.
    request_id: Option<String>,
    #[serde(flatten)]
    pub(crate) trial: Trial,
}

impl Checked<'_> {
    fn text(&self) -> String {
        let id = self.request_id.as_deref().map(|id| format!(", request {}", printable(id))).unwrap_or_default();
        let log = format!("The worker's log has more: function {}{id}.\n", printable(self.function));
        format!("{}{}", self.trial, if self.trial.failure.is_some() { log } else { String::new() })
    }
}

/// Runs the command and returns the exit code.
pub(crate) async fn run(command: Command, stack: &Stack, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let Command::Check = command;
    let subject = sample()?;
    let function = stack.output("WorkerFunctionName")?;
    if !json {
        writeln!(shell.err, "Asking the AI of {} in {}", printable(function), stack.label)?;
    }
    let checked = check(stack, function, &subject).await?;
    shell.show(json, &checked, Checked::text)?;
    Ok(if checked.trial.failure.is_none() { DONE } else { NOT_DONE })
}

/// The action that the AI is asked about.
pub(crate) fn sample() -> Result<Subject> {
    serde_json::from_str(ACTION).context("goalctl's sample action")
}

/// Asks the worker for its tasks.
pub(crate) async fn check<'a>(stack: &Stack, function: &'a str, subject: &Subject) -> Result<Checked<'a>> {
    let whole = Duration::from_secs((BATCH_SECONDS + 10).into());
    // Once only: a second call of the AI would be paid for as well.
    let worker = Function::new(stack, "worker", function, whole);
    let advice = "see its log; a worker of another version than goalctl's does not know this check";
    let Answer { request_id, body } = worker.invoke(&json!({ "aiCheck": subject }), advice).await?;
    let trial = serde_json::from_value(body).map_err(|error| {
        let title = format!("the worker function {function} has not answered with a check: {error}");
        Failure::usage(title, "deploy a version that knows it: this goalctl's own")
    })?;
    Ok(Checked { function, request_id, trial })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;
    use crate::failure::NO_ACCESS;
    use crate::testing::ran_on;
    use goal_activity_testkit::stub::{Response, Stub};
    use serde_json::Value;

    #[test]
    fn the_sample_action_is_one() {
        let subject: Subject = serde_json::from_str(ACTION).unwrap();
        assert!(!subject.action.title.is_empty() && subject.sub_goal.is_some());
    }

    /// The exit code and what is printed when Lambda answers that.
    async fn checked(name: &str, json: bool, response: Response) -> (u8, String, String, Value) {
        let lambda = Stub::answering(response).await;
        let outputs = json!({ "WorkerFunctionName": "worker-1" });
        let line: &[&str] = if json { &["ai", "check", "--json"] } else { &["ai", "check"] };
        let on = (&*lambda.url(), outputs);
        let (code, out, err) = ran_on(&format!("ai-{name}"), on, Environment::default(), line).await;
        let seen = lambda.one();
        assert!(seen.line.contains("/functions/worker-1/invocations"), "{}", seen.line);
        (code, out, err, seen.body)
    }

    fn trial() -> Value {
        let usage = json!({ "attempts": 1, "inputTokens": 7, "outputTokens": 3, "latencyMs": 1200 });
        let task = json!({ "title": "Read", "description": "A page.", "estimatedMinutes": 30, "priority": "low" });
        json!({
            "request": "POST https://ai.example/v1",
            "attempts": [{ "number": 1, "generator": "openai/m", "fallback": false, "usage": usage }],
            "tasks": [task], "warnings": [], "usage": usage,
        })
    }

    #[tokio::test]
    async fn what_the_worker_answers_is_shown() {
        let answer = Response::new(200, trial()).header("x-amzn-requestid", "r-1");
        let (code, out, err, sent) = checked("text", false, answer.clone()).await;
        assert_eq!((code, sent["aiCheck"]["action"]["position"].as_str()), (DONE, Some("1#1")));
        assert!(out.contains("1. openai/m: accepted") && out.contains("- Read (30 min, low)"), "{out}");
        assert!(err.starts_with("Asking the AI of worker-1"), "{err}");
        let (code, out, err, _) = checked("json", true, answer).await;
        let shown: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, err.as_str(), &shown["requestId"]), (DONE, "", &json!("r-1")));
        assert_eq!(shown["tasks"][0]["title"], "Read");
    }

    #[tokio::test]
    async fn a_failure_says_what_to_change_and_where_the_log_is() {
        let mut failed = trial();
        failed["tasks"] = json!([]);
        failed["failure"] = json!({ "code": "AI_REJECTED", "message": "refused: 401", "toDo": "check the key" });
        let answer = Response::new(200, failed).header("x-amzn-requestid", "r-2");
        let (code, out, _, _) = checked("failed", false, answer).await;
        assert!(code == NOT_DONE && out.contains("To do: check the key"), "{out}");
        assert!(out.ends_with("The worker's log has more: function worker-1, request r-2.\n"), "{out}");
    }

    #[tokio::test]
    async fn a_worker_that_cannot_answer_is_an_error_with_advice() {
        let error = json!({ "errorType": "Runtime", "errorMessage": "missing field `Records`" });
        let other = Response::new(200, error).header("x-amz-function-error", "Unhandled");
        let (code, out, err, _) = checked("error", false, other).await;
        assert!(code == NOT_DONE && out.is_empty() && err.contains("missing field `Records`"), "{err}");
        assert!(err.contains("another version"), "{err}");
        let none = Response::new(200, json!({ "batchItemFailures": [] }));
        let (code, _, err, _) = checked("older", false, none).await;
        assert!(code == crate::failure::USAGE && err.contains("has not answered with a check"), "{err}");
        let denied = Response::new(403, json!({ "Message": "not authorized" }));
        let denied = denied.header("x-amzn-errortype", "AccessDeniedException");
        let (code, _, err, _) = checked("denied", false, denied).await;
        assert!(code == NO_ACCESS && err.contains("lambda:InvokeFunction"), "{err}");
    }
}
