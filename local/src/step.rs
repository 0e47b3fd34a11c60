//! Steps of a command: one line each, with the time it took.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use goal_activity_core::text::printable;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::output;

static QUIET: AtomicBool = AtomicBool::new(false);
/// The clocks of the steps that run side by side.
static CLOCKS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Runs a step. On a terminal a clock shows its progress; otherwise its line is printed when it is done.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    step_with(what, |_| work())
}

/// The same for work that says how far it is.
pub fn step_with<T>(what: &str, work: impl FnOnce(&Clock) -> Result<T>) -> Result<T> {
    let started = Instant::now();
    let clock = CLOCKS.add(ProgressBar::new_spinner().with_message(what.to_owned()));
    if let Ok(style) = ProgressStyle::with_template("  {spinner} ({elapsed}) {wide_msg}") {
        clock.set_style(style);
    }
    clock.enable_steady_tick(Duration::from_millis(100));
    let clock = Clock { bar: clock, what: what.to_owned() };
    let result = work(&clock);
    clock.bar.finish_and_clear();
    if result.is_ok() {
        note(&format!("  {what:<44} {:>6.1} s", started.elapsed().as_secs_f64()));
    }
    result
}

/// The line of a step that is under way.
pub struct Clock {
    bar: ProgressBar,
    what: String,
}

impl Clock {
    /// Shows how far the step is.
    pub fn say(&self, how_far: &str) {
        self.bar.set_message(printable(&format!("{}: {how_far}", self.what)));
    }

    /// Returns `true` where there is no terminal to show it on.
    pub fn is_hidden(&self) -> bool {
        self.bar.is_hidden()
    }

    #[cfg(test)]
    pub(crate) fn hidden() -> Self {
        Self { bar: ProgressBar::hidden(), what: String::new() }
    }
}

/// Prints a note in addition to the results.
pub fn note(text: &str) {
    if !QUIET.load(Ordering::Relaxed) {
        CLOCKS.suspend(|| output::aside(text));
    }
}

/// Disables the output of later steps.
pub fn quiet() {
    QUIET.store(true, Ordering::Relaxed);
}
