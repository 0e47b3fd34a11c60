//! The compiled adapters with servers that are not a part of this project: llama.cpp's own, each with a tiny model, and the
//! emulator's Converse in front of one of them. `README.md` in this folder describes the models.
//!
//! `cargo xtask test ai` starts the servers and runs this.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation is how a test reports"
)]

mod converse;
mod given;
mod keys;
mod openai;
