//! What is logged while a test runs.

use goal_activity_functions::adapters::memory::Written;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;

/// Collects what this thread logs until it is dropped: all that this project has to say, and of the libraries what they say
/// at the level of a deployment.
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

    /// Nothing that was logged since the last time has this in it.
    pub(crate) fn tell_nothing_of(&self, text: &str) {
        let said = self.lines.take();
        assert!(!said.contains(text), "{text} was logged:\n{said}");
    }
}
