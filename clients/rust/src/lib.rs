//! The pipeline from Rust: what its API is sent and answers, signing in at its user pool, and where a pipeline on this machine is.
//! `goalctl`, the commands and the tests use it.

pub mod api;
pub mod cognito;
pub mod http;
mod secret;
mod stack;

pub use secret::Secret;
pub use stack::{Credentials, StackError, StackFile};
