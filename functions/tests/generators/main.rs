//! One suite for all generators: the contract of the port to the AI, case by case. Every adapter has a module that
//! configures its AI's behaviour, and lists none of the cases itself.
//!
//! Adapters for the network are tested against a server on this machine that implements the provider's protocol;
//! `wire.rs` has the cases of all of them.
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
mod dialects;
mod lambda;
mod logs;
mod offline;
mod openai;
