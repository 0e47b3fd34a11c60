//! The ports of the core: [`aws`] and [`memory`] are in a crate of their own, which tools use too, and the generators are here.

pub mod generators;

pub use goal_activity_adapters::aws;
#[cfg(feature = "memory")]
pub use goal_activity_adapters::memory;
