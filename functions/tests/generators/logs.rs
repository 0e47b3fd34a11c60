//! The log lines of a test.

use goal_activity_functions::adapters::memory::Written;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;

/// Collects the log lines of this thread until it is dropped: all lines of this project, and those of the libraries at
/// the level of a deployment.
pub(crate) struct Logs {
    lines: Written,
    _until_dropped: DefaultGuard,
}

impl Logs {
    pub(crate) fn collect() -> Self {
        let lines = Written::default();
        let filter =
            Targets::new().with_default(LevelFilter::INFO).with_target("goal_activity_functions", LevelFilter::TRACE);
        let written = tracing_subscriber::fmt::layer().json().with_writer(lines.clone());
        let subscriber = tracing_subscriber::registry().with(filter).with(written);
        Self { lines, _until_dropped: tracing::subscriber::set_default(subscriber) }
    }

    /// The log lines since the last call.
    pub(crate) fn lines(&self) -> String {
        self.lines.take()
    }

    /// Asserts that no log line since the last call contains this.
    pub(crate) fn tell_nothing_of(&self, text: &str) {
        let said = self.lines.take();
        assert!(!said.contains(text), "{text} was logged:\n{said}");
    }
}
