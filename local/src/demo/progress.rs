//! Watches workflows until they end.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use goal_activity_client::api::WorkflowStatus;
use goal_activity_core::limits::WORKFLOW_SECONDS;
use goal_activity_events::{ExecutionArn, GoalId};
use indicatif::{ProgressBar, ProgressStyle};

use crate::api::Api;
use crate::emulator::Emulator;
use crate::output;
use crate::step::note;
use crate::user::SignedIn;

/// The interval between checks of all workflows.
const PAUSE: Duration = Duration::from_millis(250);
/// The minimum interval between lines without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(2);
/// How long after its time limit the end of a workflow may still be recorded.
const MARGIN: Duration = Duration::from_secs(60);

/// After how long without progress the emulator's errors are shown.
const STALLED: Duration = Duration::from_secs(15);

/// A workflow that was started.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) goal: GoalId,
    pub(crate) user: &'a SignedIn,
    pub(crate) execution: ExecutionArn,
    /// As last seen.
    pub(crate) status: Option<WorkflowStatus>,
}

/// Shows the progress of the workflows until all of them have ended.
pub(crate) fn watch(api: &Api, runs: &mut [Run], total_actions: usize, emulator: &Emulator) -> Result<()> {
    let mut display = Display::new(total_actions, runs.len())?;
    let deadline = Instant::now() + Duration::from_secs(WORKFLOW_SECONDS.into()) + MARGIN;
    let mut progress = (0, 0, Instant::now());
    let mut complained = false;
    loop {
        for run in runs.iter_mut().filter(|r| !is_over(r)) {
            run.status = Some(api.status(&run.user.token, &run.execution)?);
        }
        let processed = runs.iter().filter_map(|r| r.status.as_ref()).map(|s| u64::from(s.processed_actions)).sum();
        let ended = runs.iter().filter(|r| is_over(r)).count();
        display.show(processed, ended);
        if ended == runs.len() {
            display.finish();
            return Ok(());
        }
        if (processed, ended) != (progress.0, progress.1) {
            progress = (processed, ended, Instant::now());
        }
        let complaints = emulator.last_words();
        if !complained && !complaints.is_empty() && progress.2.elapsed() > STALLED {
            display.above(&format!("no progress for {} s; the emulator says:\n{complaints}", STALLED.as_secs()));
            complained = true;
        }
        if Instant::now() > deadline {
            bail!("{} of {} workflows have not ended in time\n{complaints}", runs.len() - ended, runs.len());
        }
        std::thread::sleep(PAUSE);
    }
}

fn is_over(run: &Run) -> bool {
    run.status.as_ref().is_some_and(WorkflowStatus::has_ended)
}

/// A bar on a terminal, plain lines elsewhere.
struct Display {
    bar: ProgressBar,
    workflows: usize,
    shown: u64,
    last_line: Option<Instant>,
}

impl Display {
    fn new(total: usize, workflows: usize) -> Result<Self> {
        let bar = ProgressBar::new(total as u64);
        let template = "  {wide_bar:.cyan/dim} {pos}/{len} actions {msg} {elapsed}";
        bar.set_style(ProgressStyle::with_template(template)?.progress_chars("━╸─"));
        bar.enable_steady_tick(Duration::from_millis(200));
        Ok(Self { bar, workflows, shown: 0, last_line: None })
    }

    fn show(&mut self, processed: u64, ended: usize) {
        let goals = if self.workflows > 1 { format!("({ended}/{} goals)", self.workflows) } else { String::new() };
        let total = self.bar.length().unwrap_or_default();
        self.bar.set_position(processed);
        self.bar.set_message(goals.clone());
        let due = processed == total || self.last_line.is_none_or(|last| last.elapsed() >= LINE_EVERY);
        if self.bar.is_hidden() && processed > self.shown && due {
            output::aside(&format!("  {processed}/{total} actions {goals}"));
            (self.shown, self.last_line) = (processed, Some(Instant::now()));
        }
    }

    fn above(&self, text: &str) {
        self.bar.suspend(|| note(text));
    }

    fn finish(self) {
        self.bar.finish_and_clear();
    }
}
