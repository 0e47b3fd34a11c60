//! What is logged while a test runs.

use std::io;
use std::sync::{Arc, Mutex};

use goal_activity_functions::telemetry;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use crate::wrong::NEEDLE;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

/// Collects what this thread logs, at every level, until it is dropped.
pub(crate) struct Logs {
    lines: Lines,
    _until_dropped: DefaultGuard,
}

impl Logs {
    pub(crate) fn collect() -> Self {
        let lines = Lines::default();
        let all = telemetry::lines(lines.clone()).with_filter(LevelFilter::TRACE);
        let subscriber = tracing_subscriber::registry().with(all);
        Self { lines, _until_dropped: tracing::subscriber::set_default(subscriber) }
    }

    /// What was logged since the last time.
    pub(crate) fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.lines.0.lock().unwrap())).unwrap()
    }
}

/// Nothing of the input may be in what the system says.
pub(crate) fn assert_silent(what: &str, said: &str) {
    let at = said.find(NEEDLE).map(|at| said[at.saturating_sub(200)..].chars().take(300).collect::<String>());
    assert_eq!(at, None, "{what}: the input is repeated");
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
