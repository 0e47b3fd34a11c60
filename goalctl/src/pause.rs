//! `goalctl pause` and `goalctl resume`: nothing is launched for a while, and no request is refused.

use anyhow::{Context, Result};
use clap::Args;
use goal_activity_adapters::clock::SystemClock;
use goal_activity_core::admission::Shard;
use goal_activity_core::agreement::{self, agree};
use goal_activity_core::pause::Pause as Paused;
use goal_activity_core::ports::{Clock, FindPause, Unavailable};
use goal_activity_events::StateMachineArn;
use serde::Serialize;

use crate::failure::DONE;
use crate::program;
use crate::shell::Shell;
use crate::stack::Stack;
use crate::text::printable;

pub(crate) const PAUSE: &str = "\
Launch no further workflow until `goalctl resume`

Requests are still accepted, and their workflows wait; none times out because of that. Running workflows go on, as do those
that were about to be launched. Users see the reason in the status of a workflow that waits. A second pause replaces the reason.

Needs dynamodb:GetItem and dynamodb:UpdateItem on the WorkflowExecutions table; on AWS cloudformation:DescribeStacks.";
pub(crate) const RESUME: &str = "\
Launch workflows again after `goalctl pause`

Also ends a pause that the pipeline has made itself: the AI is down, or the amount that it may cost in a day is spent. The
first of those that wait is launched within a minute, and the others in their turn, as far as the capacity lasts.

Needs dynamodb:GetItem and dynamodb:UpdateItem on the WorkflowExecutions table; on AWS cloudformation:DescribeStacks.";

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  goalctl pause --reason 'the AI is being replaced, until 15:00 UTC'")]
pub(crate) struct Pause {
    /// The reason, which users can read; at most 2,000 characters are kept
    #[arg(long, value_name = "TEXT", value_parser = not_blank)]
    reason: String,
}

fn not_blank(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() { Err("say why: users see it") } else { Ok(text.to_owned()) }
}

/// What was done. Part of the JSON output: names are never changed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<Paused>,
    /// The pause before, which this one replaces or ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Paused>,
}

impl Done {
    fn text(&self, stack: &str) -> String {
        let since = |pause: &Paused| format!("{}: {}", pause.since, printable(&pause.reason));
        match (&self.paused, &self.before) {
            (Some(_), None) => format!("Launching is paused in {stack}. `{} resume` ends that.\n", program::name()),
            (Some(_), Some(before)) => {
                format!("Launching is still paused in {stack}; before, since {}\n", since(before))
            }
            (None, Some(before)) => format!("Launching goes on in {stack}. It was paused since {}\n", since(before)),
            // It may have been until now: an answer that was lost was to a request that is made again.
            (None, None) => format!("Launching is not paused in {stack}.\n"),
        }
    }
}

/// Pauses launching and returns the exit code.
pub(crate) async fn pause(args: Pause, stack: &Stack, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let paused = Paused::new(SystemClock.now(), &args.reason);
    let (tables, machine) = (stack.tables()?, machine(stack)?);
    let before = match agreement::pause_launches(&tables, &machine, &paused).await {
        // Its own, if the request was made twice.
        Ok(before) => before.filter(|before| *before != paused),
        Err(error) => {
            let is_paused = tables.find_pause(&machine).await.is_ok_and(|now| now.as_ref() == Some(&paused));
            let is_done = is_paused && agree(&tables, &machine, Shard::all(), paused.since).await.is_ok();
            unless_done(error, is_done)?
        }
    };
    shell.show(json, &Done { paused: Some(paused), before }, |done| done.text(&stack.label))?;
    Ok(DONE)
}

/// Resumes launching and returns the exit code.
pub(crate) async fn resume(stack: &Stack, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let (tables, machine) = (stack.tables()?, machine(stack)?);
    let now = SystemClock.now();
    let before = match agreement::resume_launches(&tables, &machine, now).await {
        Ok(before) => before,
        Err(error) => {
            let is_resumed = tables.find_pause(&machine).await.is_ok_and(|now| now.is_none());
            unless_done(error, is_resumed && agree(&tables, &machine, Shard::all(), now).await.is_ok())?
        }
    };
    shell.show(json, &Done { paused: None, before }, |done| done.text(&stack.label))?;
    Ok(DONE)
}

/// Returns the error of a change, unless it was made all the same: then nothing is known of the pause before, which may be
/// malformed.
fn unless_done(error: Unavailable, done: bool) -> Result<Option<Paused>> {
    if done { Ok(None) } else { Err(error.into()) }
}

fn machine(stack: &Stack) -> Result<StateMachineArn> {
    stack.output("StateMachineArn")?.parse().context("the output StateMachineArn")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use goal_activity_testkit::stub::{Reply, Response, Seen, Stub};
    use serde_json::{Value, json};

    use super::*;
    use crate::Environment;
    use crate::testing::ran_on;

    fn paused(reason: &str) -> Paused {
        Paused::new("2026-11-24T09:30:00Z".parse().unwrap(), reason)
    }

    #[test]
    fn what_was_before_is_told() {
        let text = |paused, before| Done { paused, before }.text("stack s");
        assert!(text(Some(paused("x")), None).starts_with("Launching is paused in stack s."));
        let replaced = text(Some(paused("x")), Some(paused("the AI\u{1b}[2J")));
        assert!(replaced.ends_with("before, since 2026-11-24T09:30:00.000Z: the AI\u{fffd}[2J\n"), "{replaced}");
        assert!(text(None, Some(paused("x"))).ends_with("since 2026-11-24T09:30:00.000Z: x\n"));
        assert_eq!(text(None, None), "Launching is not paused in stack s.\n");
        let done = serde_json::to_value(Done { paused: Some(paused(" x ")), before: None }).unwrap();
        assert_eq!(done, json!({ "paused": { "since": "2026-11-24T09:30:00.000Z", "reason": "x" } }));
    }

    #[test]
    fn a_pause_has_a_reason() {
        assert!(not_blank(" ").is_err() && not_blank("x").is_ok());
    }

    /// What is printed when the pause before, which is malformed, is returned, and this is stored afterwards.
    async fn ran(
        name: &str,
        arguments: &[&str],
        stored: impl Fn(&Value) -> Value + Send + Sync + 'static,
    ) -> (u8, String) {
        let written = Mutex::new(Value::Null);
        let tables = Stub::with(move |seen: &Seen| {
            let is_write = seen.header("x-amz-target").is_some_and(|target| target.ends_with(".UpdateItem"));
            let malformed = json!({ "paused": { "S": "since Monday" } });
            Reply::Whole(if is_write {
                *written.lock().unwrap() = seen.body["ExpressionAttributeValues"].clone();
                Response::new(200, json!({ "Attributes": malformed }))
            } else {
                Response::new(200, json!({ "Item": stored(&written.lock().unwrap()) }))
            })
        })
        .await;
        let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:goal-activity";
        let outputs = json!({ "StateMachineArn": machine, "GoalsTableName": "g", "TasksTableName": "t",
            "ExecutionsTableName": "e" });
        let on = (&*tables.url(), outputs);
        let (code, out, err) = ran_on(&format!("pause-{name}"), on, Environment::default(), arguments).await;
        (code, out + &err)
    }

    #[tokio::test]
    async fn what_was_done_is_no_error_even_if_the_pause_before_is_malformed() {
        let (code, text) = ran("ended", &["resume"], |_| json!({})).await;
        assert!(code == DONE && text.starts_with("Launching is not paused in"), "{code} {text}");
        let new = |written: &Value| json!({ "paused": written.as_object().unwrap().values().next().unwrap() });
        let (code, text) = ran("new", &["pause", "--reason", "x"], new).await;
        assert!(code == DONE && text.starts_with("Launching is paused in"), "{code} {text}");
        let still = |_: &Value| json!({ "paused": { "S": "since Monday" } });
        let (code, text) = ran("still", &["resume"], still).await;
        assert!(code != DONE && text.contains("reading the pause"), "{code} {text}");
        let (code, text) = ran("not", &["pause", "--reason", "x"], |_| json!({})).await;
        assert!(code != DONE && text.contains("reading the pause"), "{code} {text}");
    }
}
