//! The state machine's behaviour, case by case, on two independent interpreters of the Amazon States Language.
//!
//! The test plays the two parties with which the machine interacts: the workers, who receive batches and answer with
//! task tokens, and the finalize function. `cargo xtask test statemachine` starts the interpreters and runs this.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation is how a test reports"
)]

#[macro_use]
mod bench;

mod batches;
mod bounds;
mod definition;
mod endings;
mod finalize;
mod lost_batches;
