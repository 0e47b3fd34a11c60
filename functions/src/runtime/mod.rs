//! Shared by all functions: what they need around their handlers.

pub mod budget;
pub mod config;
pub mod context;
pub mod metrics;
pub mod queue;
pub mod telemetry;

use goal_activity_adapters::aws::{self, Connection};

/// The connection to AWS that all adapters of a function share. Made once, in `main`.
pub async fn connect() -> Connection {
    aws::connect(config::endpoint_url(), config::endpoint_url_of).await
}
