//! What neither the compiler nor a test checks.

use std::process::Command;

use anyhow::Result;
use goal_activity_local::process;
use goal_activity_local::project::Project;
use goal_activity_local::tools::{self, Purpose};

use crate::cargo::without;
use crate::{arrows, docs};

/// How the names of all crates of AWS begin.
pub(crate) const AWS: &str = "aws";
/// What tests share.
const TESTKIT: &str = "goal-activity-testkit";

/// Runs all of these checks.
pub(crate) fn check(project: &Project) -> Result<()> {
    arrows::check(&project.root)?;
    arrows::no_borrowed_files(&project.root)?;
    docs::check(&project.root)?;
    without(project, "goal-activity-core", AWS)?;
    packages_stand_apart(project)?;
    spelling(project)?;
    workflows(project)?;
    dependencies(project)
}

/// Everything in the repository, with the exceptions of `typos.toml`.
fn spelling(project: &Project) -> Result<()> {
    let python = tools::python(project, Purpose::Test)?;
    process::run(Command::new(python.with_file_name("typos")).current_dir(&project.root))
}

/// GitHub's workflows: their syntax, their scripts, and what an attacker could use. Nothing is looked up in the network.
fn workflows(project: &Project) -> Result<()> {
    let python = tools::python(project, Purpose::Test)?;
    let mut actionlint = Command::new(python.with_file_name("actionlint"));
    // Only the pinned one, and none where there is no package of it.
    let shellcheck = Some(python.with_file_name("shellcheck")).filter(|program| program.exists());
    actionlint.arg("-shellcheck").arg(shellcheck.unwrap_or_default());
    process::run(actionlint.current_dir(&project.root))?;
    let mut zizmor = Command::new(python.with_file_name("zizmor"));
    zizmor.args(["--offline", "--pedantic", "--strict-collection", "--quiet", ".github"]);
    process::run(zizmor.current_dir(&project.root))
}

/// Licences, sources and duplicates, by `deny.toml`.
fn dependencies(project: &Project) -> Result<()> {
    let mut deny = Command::new(tools::cargo_deny(project)?);
    deny.args(["--locked", "check", "--deny", "warnings", "bans", "licenses", "sources"]);
    process::run(deny.current_dir(&project.root))
}

/// Nothing that is deployed or given to people depends on the testkit, which in turn depends on none of it; `goalctl` reaches
/// tables without the functions; and what a demo needs before it begins has neither them nor what takes long to build.
fn packages_stand_apart(project: &Project) -> Result<()> {
    let shipped = ["goal-activity-core", "goal-activity-adapters", "goal-activity-functions", "goalctl"];
    for package in shipped.into_iter().chain(["goal-activity-events"]) {
        without(project, package, TESTKIT)?;
    }
    for package in shipped {
        without(project, TESTKIT, package)?;
    }
    without(project, "goalctl", "goal-activity-functions")?;
    let not_local = [AWS, "tokio", "goalctl", "goal-activity-functions", "goal-activity-adapters"];
    // Also for the client, which `goalctl` and tests use too.
    let not_below = ["goal-activity-local", "goal-activity-client"].into_iter();
    not_below
        .flat_map(|package| not_local.map(|other| (package, other)))
        .try_for_each(|(package, other)| without(project, package, other))?;
    without(project, "goal-activity-client", "goal-activity-local")?;
    ["goal-activity-bench", "goal-activity-checks"]
        .into_iter()
        .try_for_each(|package| without(project, "xtask", package))
}
