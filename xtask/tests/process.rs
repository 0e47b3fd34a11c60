//! `cargo xtask` as a process: what only its pipes can show.
#![allow(clippy::unwrap_used, reason = "a failed expectation is how a test reports")]

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// The command with a target folder of its own, where nothing is up.
fn xtask(name: &str, line: &str) -> (Command, PathBuf) {
    let target = std::env::temp_dir().join(format!("xtask-process-{name}-{}", std::process::id()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(line.split(' ')).env("CARGO_TARGET_DIR", &target).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    (command, target)
}

#[test]
fn a_reader_that_goes_away_changes_no_outcome_and_makes_no_panic() {
    let (mut command, target) = xtask("out", "down");
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    assert!(status.success() && stderr.is_empty(), "{status} {}", String::from_utf8_lossy(&stderr));
    std::fs::remove_dir_all(target).unwrap();

    let (mut command, _) = xtask("err", "demo --goal-file /nowhere/goal.json");
    let mut child = command.spawn().unwrap();
    drop(child.stderr.take());
    let Output { status, stdout, .. } = child.wait_with_output().unwrap();
    assert!(status.code() == Some(1) && stdout.is_empty(), "{status} {}", String::from_utf8_lossy(&stdout));
}
