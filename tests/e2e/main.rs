//! The deployed pipeline, driven through its HTTP API and its event bus. One module per scenario; the tests share one
//! stack and are separated by goal.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation is how a test reports"
)]

mod alerts;
mod all_good;
mod archive;
mod authorisation;
mod cancel;
mod dead_letters;
mod freshness;
mod goalctl;
mod goals;
mod guide;
mod history;
mod idempotency_key;
mod isolation;
mod large_texts;
mod least_privilege;
mod login;
mod lost_events;
mod malformed_messages;
mod observability;
mod openapi;
mod operator;
mod other_services;
mod partial_failure;
mod racing_starts;
mod retry;
mod schedule;
mod stopped;
mod subscriber;
mod traces;
