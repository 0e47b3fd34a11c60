//! The deployed pipeline under faults: killed workers, lost and repeated messages, calls that fail and calls that hang,
//! cancels and edits at any moment. The tests disturb the stack that they share, so they run one after the other, on a
//! separate stack.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation is how a test reports")]

mod crash;
mod disturbances;
mod edited;
mod faults;
mod given;
mod goal_app;
mod leases;
mod proxy;
mod stories;
mod storm;
mod tap;
mod truth;
mod truth_edited;
mod workers;
