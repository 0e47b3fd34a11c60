//! How every entry point of the system handles invalid input: nothing panics, nothing is lost, every refusal states its
//! reason, and no response, event or log line repeats the input.
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
mod mutate;
mod random;
mod reports;
mod requests;
#[path = "../promises/rig.rs"]
#[allow(dead_code, reason = "the promises use the rest")]
mod rig;
mod rows;
mod story;
mod wrong;
