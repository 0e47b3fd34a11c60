//! Logs: one JSON line per meaningful step, on standard output, where Lambda takes it from.

use tracing_subscriber::EnvFilter;

use crate::config;

/// Starts logging. To be called once, first thing in `main`.
pub fn start() {
    let filter = EnvFilter::try_new(config::log_level()).unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_env_filter(filter)
        .with_writer(std::io::stdout)
        .init();
}
