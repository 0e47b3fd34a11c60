//! One suite for all generators: what the port to the AI promises, case by case. Every adapter has a module that says how
//! its AI is made to behave, and lists none of the cases itself.
//!
//! Those that ask over the network do so here as well, of a server on this machine that speaks the provider's protocol;
//! `wire.rs` has what holds for all of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation is how a test reports"
)]

#[macro_use]
mod contract;
#[macro_use]
mod wire;

mod bedrock;
mod lambda;
mod logs;
mod offline;
mod openai;
