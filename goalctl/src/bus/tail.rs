use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use goal_activity_events::{EventId, GoalId};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::report;
use crate::failure::{DONE, NOT_DONE};
use crate::interrupt::Interrupt;
use crate::shell::Shell;
use crate::stack::Stack;
use crate::tap::Tap;
use crate::text::{printable, printable_json};

/// Where the permissions are listed.
pub(super) const HELP: &str =
    "`goalctl events tail --help` and `goalctl events emit --help` tell what has to be allowed";
/// The duration of a tail without `--for`.
const FOR_EVER: Duration = Duration::from_secs(365 * 86_400);

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  goalctl events tail
  goalctl events tail --type WorkflowCompleted --json | jq -r '.detail | [.goalId, .status] | @tsv'
  goalctl events tail --goal learn-piano --type WorkflowCompleted --count 1 --for 900

With --json every event is one line of JSON, as EventBridge delivers it.

Exit codes: 0 after --count events, after --for without --count, and on Ctrl-C; 1 if the time was over before --count.")]
pub(crate) struct Tail {
    /// Only events of this type [repeat it, or separate them by commas]
    #[arg(long = "type", value_name = "DETAIL_TYPE", value_delimiter = ',')]
    types: Vec<String>,
    /// Only events about this goal [repeat it, or separate them by commas]
    #[arg(long = "goal", value_name = "GOAL", value_delimiter = ',')]
    goals: Vec<GoalId>,
    /// End after that many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
    /// End after that many seconds
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<u32>,
}

pub(super) async fn tail(args: Tail, stack: &Stack, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let interrupt = Interrupt::listen()?;
    let mut tap = Tap::new(stack, format!("goalctl-tail-{}", EventId::random()), HELP)?;
    let pattern = report::pattern(&args.types, &args.goals);
    let listening = async {
        // Not interrupted: whether a cancelled call has created its queue cannot be known.
        tap.open(&pattern).await?;
        writeln!(shell.err, "Listening to {} as {}; Ctrl-C ends it.", printable(tap.bus), tap.name)?;
        tokio::select! {
            result = listen(&tap, &args, json, shell) => result,
            () = interrupt.wait() => Ok(DONE),
        }
    };
    let result = listening.await;
    tap.close_after(result).await
}

async fn listen(tap: &Tap<'_>, args: &Tail, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let time = args.seconds.map_or(FOR_EVER, |seconds| Duration::from_secs(seconds.into()));
    let deadline = Instant::now() + time;
    let mut seen = 0;
    loop {
        let Ok(messages) = timeout_at(deadline, tap.receive()).await else {
            return Ok(if args.count.is_some() { NOT_DONE } else { DONE });
        };
        for message in messages? {
            show(message.body().unwrap_or_default(), json, shell)?;
            seen += 1;
            if args.count == Some(seen) {
                return Ok(DONE);
            }
        }
    }
}

fn show(body: &str, json: bool, shell: &mut Shell<'_>) -> Result<()> {
    let event: Value = serde_json::from_str(body).context("a message that is no event")?;
    if json {
        writeln!(shell.out, "{}", printable_json(&event.to_string()))?;
    } else {
        write!(shell.out, "{}", report::line(&event))?;
    }
    // Flushed so that each event appears at once.
    Ok(shell.out.flush()?)
}
