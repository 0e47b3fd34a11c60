//! What the real handlers do on an in-memory world: `promises` holds P1 to P10 of ARCHITECTURE.md, `bad_input` what becomes
//! of input that nobody likes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation is how a test reports"
)]

mod bad_input;
mod promises;
mod rig;
