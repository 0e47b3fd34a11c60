//! One suite for all adapters: the contract of the core's ports, case by case, in memory and on AWS's interfaces.
//!
//! The tables are tested on two emulators of DynamoDB that share no code; so differences between them are detected.
//! `cargo xtask test contract` starts the emulators and runs this.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation is how a test reports"
)]

#[macro_use]
mod backend;

mod admissions;
mod any_history;
mod archive;
mod archived;
mod callbacks;
mod cancellations;
mod charts;
mod claims;
mod commits;
mod errors;
mod events;
mod foreign_rows;
mod given;
mod goals;
mod golden;
mod groups;
mod history;
mod ledgers;
mod machines;
mod messages;
mod notices;
mod open_executions;
mod operators;
mod progress;
mod settlements;
mod stored_rows;
mod tasks;
