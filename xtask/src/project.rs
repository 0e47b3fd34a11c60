//! Where things are.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The folders of this checkout.
#[derive(Debug, Deserialize)]
pub(crate) struct Project {
    /// The checkout itself.
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    #[serde(rename = "target_directory")]
    pub(crate) target: PathBuf,
}

impl Project {
    /// Asks cargo, so that every way of choosing a target folder counts.
    pub(crate) fn find() -> Result<Self> {
        let output = cargo().args(["metadata", "--no-deps", "--format-version", "1"]).output()?;
        ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).context("the answer of cargo metadata")
    }

    /// What these commands keep between runs, and while they run.
    pub(crate) fn state(&self) -> PathBuf {
        self.target.join("goal-activity")
    }

    /// The CDK app.
    pub(crate) fn infra(&self) -> PathBuf {
        self.root.join("infra")
    }

    /// This crate's folder.
    pub(crate) fn xtask(&self) -> PathBuf {
        self.root.join("xtask")
    }

    /// One folder per function with its `bootstrap`, for this machine.
    pub(crate) fn local_functions(&self) -> PathBuf {
        self.target.join("lambda").join("local")
    }

    /// The same for AWS.
    pub(crate) fn arm64_functions(&self) -> PathBuf {
        self.target.join("lambda").join("arm64")
    }
}

/// The cargo that runs this command.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
