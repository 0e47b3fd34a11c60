//! The log lines of a test.

use goal_activity_functions::adapters::memory::Written;
use goal_activity_functions::runtime::telemetry;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;

use super::wrong::NEEDLE;

/// Collects the log lines of this thread, at every level, until it is dropped.
pub(crate) struct Logs {
    lines: Written,
    _until_dropped: DefaultGuard,
}

impl Logs {
    pub(crate) fn collect() -> Self {
        let lines = Written::default();
        let all = telemetry::lines(lines.clone()).with_filter(LevelFilter::TRACE);
        let subscriber = tracing_subscriber::registry().with(all);
        Self { lines, _until_dropped: tracing::subscriber::set_default(subscriber) }
    }

    /// Returns the log lines since the last call.
    pub(crate) fn take(&self) -> String {
        self.lines.take()
    }
}

/// Asserts that no output of the system repeats the input.
pub(crate) fn assert_silent(what: &str, said: &str) {
    let at = said.find(NEEDLE).map(|at| said[at.saturating_sub(200)..].chars().take(300).collect::<String>());
    assert_eq!(at, None, "{what}: the input is repeated");
}
