//! The ports of the core, for AWS, for AIs and in memory. They know nothing of handlers and steps.

pub mod aws;
pub mod generators;
#[cfg(any(test, feature = "memory"))]
pub mod memory;
mod reading;
