//! Logs: one JSON line per meaningful step, on standard output, where Lambda takes it from.

use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config;

/// Starts logging. To be called once, first thing in `main`.
pub fn start() {
    let filter = config::log_level().parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_writer(std::io::stdout);
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
}
