//! The operator's guide, docs/OPERATIONS.md, on a stack of its own: its commands as they are written there, with the
//! permissions that it documents and no others.
//!
//! `follow` runs all of it, and leaves the stack with other settings; `permissions` and `consumer`, which does what docs/EVENTS.md
//! says to a consumer on a developer's machine, run before.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation is how a test reports"
)]

mod consumer;
mod follow;
mod page;
mod permissions;
mod terminal;
mod traces_of;
