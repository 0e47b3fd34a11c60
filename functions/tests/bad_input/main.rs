//! What every entry of the system does with input that it does not like: nothing panics, nothing is lost, every refusal
//! says why, and neither an answer nor an event nor a log line repeats what the input says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation is how a test reports"
)]

mod api;
mod batches;
mod entry;
mod finalize;
mod logs;
mod random;
mod reports;
mod requests;
#[path = "../promises/rig.rs"]
#[allow(dead_code, reason = "the promises use the rest")]
mod rig;
mod rows;
mod story;
mod wrong;
