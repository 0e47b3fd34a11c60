//! The real handlers with in-memory adapters: `promises` tests P1 to P10 of ARCHITECTURE.md, `bad_input` how invalid input
//! is handled, `recorded` the answers that generated clients are tested with.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation is how a test reports"
)]

mod bad_input;
mod promises;
mod recorded;
mod rig;
