//! The function in Node.js that does the same as one of ours.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use goal_activity_local::prerequisites;
use goal_activity_local::process;
use goal_activity_local::project::Project;
use goal_activity_local::tools;

/// Installs its dependencies, and builds it. Returns the path of its only file.
pub(crate) fn built(project: &Project) -> Result<PathBuf> {
    prerequisites::node()?;
    let folder = project.bench().join("node-handler");
    tools::npm_packages(project, "packages of the Node.js function", &folder)?;
    let bundle = project.state().join("node-handler").join("bootstrap.js");
    let mut esbuild = Command::new("npx");
    esbuild.args(["--no-install", "esbuild", "bootstrap.mjs", "--bundle", "--minify", "--format=cjs"]);
    esbuild.args(["--platform=node", "--target=node20", "--log-level=warning"]);
    process::quietly(esbuild.arg(format!("--outfile={}", bundle.display())).current_dir(&folder))?;
    Ok(bundle)
}
