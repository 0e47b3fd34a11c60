//! Shared by all functions: what they need around their handlers.

pub mod budget;
pub mod clock;
pub mod config;
pub mod context;
pub mod metrics;
pub mod queue;
pub mod telemetry;
