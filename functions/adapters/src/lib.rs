//! The ports of the core, for AWS and in memory, and a generator without an AI. The functions use these, and so do `goalctl` and
//! the tests.

pub mod aws;
pub mod clock;
#[cfg(any(test, feature = "memory"))]
pub mod memory;
pub mod offline;
mod reading;
