//! The steps of a workflow that several handlers take.

pub mod admission;
pub mod cancel;
pub mod ending;
pub mod intake;
pub mod release;
