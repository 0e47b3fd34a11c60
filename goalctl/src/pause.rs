//! `goalctl pause` and `goalctl resume`: nothing is launched for a while, and no request is refused.

use anyhow::{Context, Result};
use clap::Args;
use goal_activity_adapters::clock::SystemClock;
use goal_activity_core::admission::Pause as Paused;
use goal_activity_core::ports::{Clock, PauseLaunches};
use goal_activity_events::StateMachineArn;
use serde::Serialize;

use crate::failure::DONE;
use crate::shell::Shell;
use crate::stack::Stack;
use crate::text::printable;

pub(crate) const PAUSE: &str = "\
Launch no further workflow until `goalctl resume`

Requests are still accepted, and their workflows wait; none times out because of that. Running workflows go on, as do those
that were about to be launched. Users see the reason in the status of a workflow that waits. A second pause replaces the reason.

Needs dynamodb:UpdateItem on the WorkflowExecutions table; on AWS cloudformation:DescribeStacks.";
pub(crate) const RESUME: &str = "\
Launch workflows again after `goalctl pause`

The first of those that wait is launched within a minute, and the others in their turn, as far as the capacity lasts.

Needs dynamodb:UpdateItem on the WorkflowExecutions table; on AWS cloudformation:DescribeStacks.";

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
            (Some(_), None) => format!("Launching is paused in {stack}. `goalctl resume` ends that.\n"),
            (Some(_), Some(before)) => {
                format!("Launching is still paused in {stack}; before, since {}\n", since(before))
            }
            (None, Some(before)) => format!("Launching goes on in {stack}. It was paused since {}\n", since(before)),
            (None, None) => format!("Launching was not paused in {stack}.\n"),
        }
    }
}

/// Pauses launching and returns the exit code.
pub(crate) async fn pause(args: Pause, stack: &Stack, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let paused = Paused::new(SystemClock.now(), &args.reason);
    let before = stack.tables()?.pause_launches(&machine(stack)?, &paused).await?;
    shell.show(json, &Done { paused: Some(paused), before }, |done| done.text(&stack.label))?;
    Ok(DONE)
}

/// Resumes launching and returns the exit code.
pub(crate) async fn resume(stack: &Stack, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let before = stack.tables()?.resume_launches(&machine(stack)?).await?;
    shell.show(json, &Done { paused: None, before }, |done| done.text(&stack.label))?;
    Ok(DONE)
}

fn machine(stack: &Stack) -> Result<StateMachineArn> {
    stack.output("StateMachineArn")?.parse().context("the output StateMachineArn")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
        assert_eq!(text(None, None), "Launching was not paused in stack s.\n");
        let done = serde_json::to_value(Done { paused: Some(paused(" x ")), before: None }).unwrap();
        assert_eq!(done, json!({ "paused": { "since": "2026-11-24T09:30:00.000Z", "reason": "x" } }));
    }

    #[test]
    fn a_pause_has_a_reason() {
        assert!(not_blank(" ").is_err() && not_blank("x").is_ok());
    }
}
