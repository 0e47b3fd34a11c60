//! Shared by the end-to-end tests: the deployed stack, its users, its goals, and waiting.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a failed expectation is how a test reports"
)]

mod api;
mod functions;
mod goals;
mod issuer;
mod listener;
mod roles;
mod session;
mod signed;
mod stack;
mod wait;

pub use api::{Answer, User, read};
pub use goals::Chart;
pub use issuer::Issuer;
pub use listener::{Events, Listener};
pub use roles::{Permission, Role};
pub use session::Session;
pub use stack::Stack;
pub use wait::{eventually, within};
