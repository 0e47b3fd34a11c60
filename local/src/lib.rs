//! The pipeline on this machine: the emulator, the tools that it needs, the functions as it runs them, its deployment, its users and
//! goals, and what `cargo xtask` does with it.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod ai;
pub mod api;
pub mod aws;
pub mod billing;
pub mod demo;
pub mod deploy;
pub mod emulator;
pub mod functions;
pub mod goal_file;
pub mod interrupt;
pub mod local;
pub mod output;
pub mod page;
pub mod prerequisites;
pub mod process;
pub mod program;
pub mod project;
pub mod sample;
mod stamp;
pub mod step;
pub mod tools;
pub mod up;
pub mod user;
