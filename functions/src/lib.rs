//! The Lambda functions of the goal activity pipeline.
//!
//! One module a function, each generic over the ports of the core; [`aws`] has the adapters for AWS, `memory` those for
//! tests. `src/bin` is the list of functions: a `main` there wires and does nothing else.

pub mod admission;
pub mod api;
pub mod aws;
pub mod budget;
pub mod cancel;
pub mod clock;
pub mod config;
pub mod finalize;
pub mod generator;
pub mod intake;
pub mod launch;
#[cfg(any(test, feature = "memory"))]
pub mod memory;
pub mod metrics;
pub mod projector;
pub mod queue;
mod reading;
pub mod reconcile;
pub mod settle;
pub mod telemetry;
pub mod worker;
