//! What every function needs around its handler.

pub mod budget;
pub mod clock;
pub mod config;
pub mod context;
pub mod metrics;
pub mod queue;
pub mod telemetry;
