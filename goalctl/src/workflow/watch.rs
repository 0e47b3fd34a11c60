//! Follows a workflow until it has ended.

use std::time::Duration;

use anyhow::Result;
use goal_activity_core::limits::WORKFLOW_SECONDS;
use goal_activity_events::ExecutionArn;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use tokio::time::Instant;

use super::report::Followed;
use crate::api::{Api, Resource};
use crate::failure::{Failure, INTERRUPTED};
use crate::interrupt::Interrupt;
use crate::shell::Shell;

/// The first and the longest interval between two polls: small workflows end within a second, and longer ones are
/// polled every two seconds.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How often the clock of a bar is updated.
const TICK: Duration = Duration::from_millis(200);
/// How long after its time limit the end of a workflow may still be recorded.
const MARGIN: Duration = Duration::from_secs(180);

/// Shows the progress of a workflow until it has ended, and returns its last status, as it was answered and as it is read.
pub(super) async fn until_its_end(
    api: &Api,
    workflow: &ExecutionArn,
    json: bool,
    shell: &mut Shell<'_>,
) -> Result<(Value, Followed)> {
    let interrupt = Interrupt::listen()?;
    tokio::select! {
        end = follow(api, workflow, json, shell) => end,
        () = interrupt.wait() => Err(left_alone(workflow).into()),
    }
}

/// Returns what is said of a workflow that is no longer followed.
fn left_alone(workflow: &ExecutionArn) -> Failure {
    let title = "interrupted: the workflow goes on".to_owned();
    let failure = Failure { exit: INTERRUPTED, title, execution_arn: Some(workflow.to_string()), ..Failure::default() };
    failure.advising(format!(
        "follow it with `goalctl status {workflow} --watch`, or end it with `goalctl cancel {workflow}`"
    ))
}

async fn follow(api: &Api, workflow: &ExecutionArn, json: bool, shell: &mut Shell<'_>) -> Result<(Value, Followed)> {
    let resource = &Resource::Workflow(workflow, "status");
    let deadline = Instant::now() + Duration::from_secs(WORKFLOW_SECONDS.into()) + MARGIN;
    let mut display = Display::new(shell, json)?;
    let mut pause = FIRST_PAUSE;
    loop {
        let status = api.get(resource).await?;
        let progress = Followed::read(&status)?;
        display.show(&progress, shell)?;
        if progress.0.has_ended() {
            display.bar.finish_and_clear();
            return Ok((status, progress));
        }
        if Instant::now() > deadline {
            let title = "the workflow has not ended in its time";
            return Err(Failure::unavailable(title, format!("it is {}", progress.0.status)).into());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// A progress bar on a terminal. Elsewhere a line for each change, unless the output is JSON.
struct Display {
    bar: ProgressBar,
    lines: bool,
    last: String,
}

impl Display {
    fn new(shell: &Shell<'_>, json: bool) -> Result<Self> {
        let (terminal, colours) = (shell.terminal.progress, shell.terminal.colours);
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        let colour = if colours { ":.cyan/dim" } else { "" };
        let template = format!("{{wide_bar{colour}}} {{pos}}/{{len}} actions, {{msg}} [{{elapsed}}]");
        bar.set_style(ProgressStyle::with_template(&template)?.progress_chars("━╸─"));
        Ok(Self { bar, lines: !terminal && !json, last: String::new() })
    }

    fn show(&mut self, progress: &Followed, shell: &mut Shell<'_>) -> Result<()> {
        let Followed(workflow) = progress;
        self.bar.update(|bar| {
            bar.set_len(workflow.total_actions.into());
            bar.set_pos(workflow.processed_actions.into());
        });
        self.bar.set_message(progress.note());
        // Not earlier: a bar without a length looks full.
        self.bar.enable_steady_tick(TICK);
        // Without the time left, which changes even when nothing has happened.
        let line = format!("{}/{} actions, {}", workflow.processed_actions, workflow.total_actions, progress.counts());
        if self.lines && line != self.last {
            writeln!(shell.err, "  {line}")?;
            self.last = line;
        }
        Ok(())
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
