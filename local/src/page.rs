//! The page of the pipeline on this machine, and its API, at one address. Vite serves both: `web/local/localStack.ts`.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::aws;
use crate::emulator::{Emulator, free_port};
use crate::process;
use crate::project::Project;
use crate::step::step;
use crate::tools;

/// How long the server may take until it responds.
const START: Duration = Duration::from_secs(30);
/// The polling interval.
const PROBE: Duration = Duration::from_millis(25);
const LOG: &str = "page.log";

/// Builds the page, and serves it with the API of the stack that `stack_file` describes. Returns its URL. The server belongs to the
/// emulator's process group, and ends with it.
pub fn serve(project: &Project, emulator: &Emulator, stack_file: &Path) -> Result<String> {
    tools::page(project)?;
    step("page served", || start(free_port()?, project, emulator, stack_file, &[]))
}

/// The same on that port, with another way to sign in than as the sample user: what `/config.json` says of it.
pub fn serve_at(
    port: u16,
    project: &Project,
    emulator: &Emulator,
    stack_file: &Path,
    sign_in: &Value,
) -> Result<String> {
    tools::page(project)?;
    step("page served", || start(port, project, emulator, stack_file, &[("PAGE_SIGN_IN", &sign_in.to_string())]))
}

fn start(
    port: u16,
    project: &Project,
    emulator: &Emulator,
    stack_file: &Path,
    variables: &[(&str, &str)],
) -> Result<String> {
    let folder = project.web();
    let log = stack_file.with_file_name(LOG);
    let said = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut vite = Command::new("node");
    vite.arg(folder.join("node_modules/vite/bin/vite.js"));
    vite.args(["preview", "--host", "127.0.0.1", "--strictPort", "--port", &port.to_string()]);
    vite.current_dir(&folder)
        .env("GOAL_ACTIVITY_STACK", stack_file)
        .envs(variables.iter().copied())
        .process_group(emulator.pid().as_raw());
    vite.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
    let mut child = process::spawn(&mut vite)?;
    let url = format!("http://127.0.0.1:{port}");
    let deadline = Instant::now() + START;
    while !aws::agent().get(format!("{url}/config.json")).call().is_ok_and(|answer| answer.status() == 200) {
        let words = || process::last_lines(&std::fs::read_to_string(&log).unwrap_or_default());
        if let Some(status) = child.try_wait()? {
            bail!("the page's server ended at once ({status}):\n{}", words());
        }
        if Instant::now() > deadline {
            bail!("the page's server did not answer within {} s:\n{}", START.as_secs(), words());
        }
        std::thread::sleep(PROBE);
    }
    Ok(url)
}
