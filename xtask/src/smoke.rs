//! `cargo xtask smoke`: `goalctl smoke`, built first.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;

use anyhow::{Context, Result};
use clap::Args;

use crate::project::{Project, cargo};

/// What goalctl is given.
#[derive(Debug, Args)]
pub(crate) struct SmokeArgs {
    /// The options of `goalctl smoke`, such as --stack NAME; --help shows them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<OsString>,
}

/// Replaces this command by goalctl, so that its exit code and its clean-up on Ctrl-C are goalctl's.
pub(crate) fn run(project: &Project, args: &SmokeArgs) -> Result<()> {
    let mut goalctl = cargo();
    goalctl.args(["run", "--quiet", "--package", "goalctl", "--manifest-path"]).arg(project.root.join("Cargo.toml"));
    let error = goalctl.args(["--", "smoke"]).args(&args.options).exec();
    Err(error).context("cannot run cargo")
}
