//! What is logged while a test runs.

use std::io;
use std::sync::{Arc, Mutex};

use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

/// Collects what this thread logs until it is dropped: all that this project has to say, and of the libraries what they say
/// at the level of a deployment.
pub(crate) struct Logs {
    lines: Lines,
    _until_dropped: DefaultGuard,
}

impl Logs {
    pub(crate) fn collect() -> Self {
        let lines = Lines::default();
        let filter =
            Targets::new().with_default(LevelFilter::INFO).with_target("goal_activity_functions", LevelFilter::TRACE);
        let written = tracing_subscriber::fmt::layer().json().with_writer(lines.clone());
        let subscriber = tracing_subscriber::registry().with(filter).with(written);
        Self { lines, _until_dropped: tracing::subscriber::set_default(subscriber) }
    }

    pub(crate) fn tell_nothing_of(&self, text: &str) {
        let said = String::from_utf8(self.lines.0.lock().unwrap().clone()).unwrap();
        assert!(!said.contains(text), "{text} was logged:\n{said}");
    }
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
