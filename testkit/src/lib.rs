//! What the tests of all packages share, and the commands that stand in for AWS: the messages in which AWS wraps what the
//! pipeline reads, each spelled once; documents changed at random (feature `mutate`); an HTTP server that answers, or
//! fails to, as it is told (feature `stub`); and the pages of the documentation (feature `docs`).
//!
//! Nothing that is deployed depends on it: `cargo xtask test tidy` checks that. It knows the events and nothing else of the
//! pipeline, so that every package can use it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a failed expectation is how a test reports"
)]

#[cfg(feature = "docs")]
pub mod docs;
mod event;
mod gateway;
#[cfg(feature = "mutate")]
pub mod mutate;
mod queue;
#[cfg(feature = "stub")]
pub mod stub;

pub use event::EventBridgeEvent;
pub use gateway::GatewayRequest;
pub use queue::{SqsRecord, sqs_event};
