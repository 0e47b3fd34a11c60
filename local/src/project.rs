//! The folders of the project.

use std::fs::File;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::step::note;

/// The folders of this checkout.
#[derive(Debug, Deserialize)]
pub struct Project {
    /// The checkout itself.
    #[serde(rename = "workspace_root")]
    pub root: PathBuf,
    /// The target folder of cargo.
    #[serde(rename = "target_directory")]
    pub target: PathBuf,
}

impl Project {
    /// Queries cargo, so that every way of configuring a target folder applies.
    pub fn find() -> Result<Self> {
        let output = cargo().args(["metadata", "--no-deps", "--format-version", "1"]).output()?;
        ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).context("the answer of cargo metadata")
    }

    /// The data of these commands between runs and during runs.
    pub fn state(&self) -> PathBuf {
        self.target.join("goal-activity")
    }

    /// Locks the data shared with other commands until the returned file is dropped, or this command has ended.
    pub fn lock(&self) -> Result<File> {
        self.lock_for("", "another cargo xtask")
    }

    /// Locks what `cargo xtask up` and `down` change, in the same way.
    pub fn lock_up(&self) -> Result<File> {
        self.lock_for("up.", "another cargo xtask up or down")
    }

    /// Locks the functions for this machine, in the same way.
    pub fn lock_functions(&self) -> Result<File> {
        self.lock_for("functions.", "another cargo xtask")
    }

    fn lock_for(&self, what: &str, holder: &str) -> Result<File> {
        let path = self.state().join(format!("{what}lock"));
        std::fs::create_dir_all(self.state())?;
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        if file.try_lock().is_err() {
            note(&format!("  waiting for {holder}"));
            file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
        }
        Ok(file)
    }

    /// The CDK app.
    pub fn infra(&self) -> PathBuf {
        self.root.join("infra")
    }

    /// The events as a TypeScript package.
    pub fn events_package(&self) -> PathBuf {
        self.root.join("events").join("typescript")
    }

    /// The client for TypeScript.
    pub fn client_package(&self) -> PathBuf {
        self.root.join("clients").join("typescript")
    }

    /// The page.
    pub fn web(&self) -> PathBuf {
        self.root.join("web")
    }

    /// What tests the clients that others generate from the contract files.
    pub fn clients(&self) -> PathBuf {
        self.root.join("tests").join("clients")
    }

    /// This crate's folder.
    pub fn local(&self) -> PathBuf {
        self.root.join("local")
    }

    /// The measurements.
    pub fn bench(&self) -> PathBuf {
        self.root.join("bench")
    }

    /// Returns the command that builds and runs the program of a package, which is given what is added to it.
    pub fn program(&self, package: &str) -> Command {
        let mut run = cargo();
        run.args(["run", "--package", package, "--manifest-path"]).arg(self.root.join("Cargo.toml"));
        // Who watches sees that it is being built, or what it waits for.
        if !std::io::stderr().is_terminal() {
            run.arg("--quiet");
        }
        run.arg("--");
        run
    }

    /// One folder per function with its `bootstrap`, for this machine.
    pub fn local_functions(&self) -> PathBuf {
        self.target.join("lambda").join("local")
    }

    /// The same for an architecture of Lambda.
    pub fn lambda_functions(&self, arch: &str) -> PathBuf {
        self.target.join("lambda").join(arch)
    }
}

/// The cargo that runs this command.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    as_called_directly(&mut command);
    command
}

/// Removes the variables that cargo sets for this command's own package: they make build scripts run again (ring's reads
/// `CARGO_MANIFEST_DIR`), here and then in the developer's next build.
pub fn as_called_directly(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(&name);
        }
    }
}
