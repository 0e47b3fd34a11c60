//! cargo, as the parts of the tests call it.

use std::process::Command;

use anyhow::{Result, ensure};
use goal_activity_local::process;
use goal_activity_local::project::{Project, cargo};

/// Always the whole workspace: another selection of packages has other features, and would build the AWS SDK again.
pub(crate) fn tests(project: &Project) -> Command {
    let mut command = in_root(project);
    command.args(["test", "--workspace", "--all-features"]);
    command
}

pub(crate) fn in_root(project: &Project) -> Command {
    let mut command = cargo();
    command.current_dir(&project.root);
    command
}

/// A package of the workspace needs no crate whose name begins like that when none of its features is on. What only its
/// tests need does not count.
pub(crate) fn without(project: &Project, package: &str, crates: &str) -> Result<()> {
    let tree = ["tree", "--package", package, "--edges", "normal", "--prefix", "none"];
    let tree = process::quietly(in_root(project).args(tree))?;
    let found: Vec<&str> = tree.lines().filter(|line| line.starts_with(crates)).collect();
    ensure!(found.is_empty(), "{package} needs {} without any feature", found.join(", "));
    Ok(())
}
