//! The whole pipeline on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, anyhow};
use goal_activity_client::StackFile;
use goal_activity_core::goal::Goal;
use goal_activity_core::rows::goal_rows;
use serde_json::{Value, json};

use crate::aws::{Aws, Service};
use crate::deploy;
use crate::emulator::{Emulator, Kind};
use crate::functions;
use crate::functions::prebuilt::Prebuilt;
use crate::interrupt::{self, Guard, Leftover};
use crate::project::Project;
use crate::step::step;
use crate::tools::{self, Purpose};
use crate::user;

/// The maximum number of rows that `DynamoDB` accepts in one request.
const ROWS_PER_WRITE: usize = 25;

/// The pipeline deployed to an emulator.
#[derive(Debug)]
pub struct Local {
    /// The running emulator.
    pub emulator: Emulator,
    /// The deployed stack.
    pub stack: StackFile,
    /// The emulator as AWS.
    pub aws: Aws,
}

/// A folder for the duration of one run.
#[derive(Debug)]
pub struct RunFolder {
    /// Its path.
    pub path: PathBuf,
    _guard: Guard,
}

impl RunFolder {
    /// Creates a folder of that name, and removes those of killed runs.
    pub fn new(project: &Project, name: &str) -> Result<Self> {
        let runs = project.state().join("runs");
        fs::create_dir_all(&runs)?;
        remove_dead(&runs)?;
        let path = runs.join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        let guard = interrupt::guard(Leftover::Folder(path.clone()));
        Ok(Self { path, _guard: guard })
    }
}

impl Local {
    /// Installs the tools, and starts and deploys the pipeline. Files are written to `folder`. Functions that were built before
    /// are not built.
    pub fn start(project: &Project, folder: &Path, functions: Option<&Prebuilt>) -> Result<Self> {
        Self::with(project, folder, functions, |python| Emulator::start(Kind::MiniStack, python, folder))
    }

    /// The same, and the functions print their spans: they inherit the emulator's environment.
    pub fn start_tracing(project: &Project, folder: &Path, functions: Option<&Prebuilt>) -> Result<Self> {
        Self::with(project, folder, functions, |python| Emulator::start_tracing(python, folder))
    }

    /// The same with the batching windows of the event sources, which delay events: what is billed depends on them.
    pub fn start_with_windows(project: &Project, folder: &Path, functions: Option<&Prebuilt>) -> Result<Self> {
        Self::with(project, folder, functions, |python| Emulator::start_with_windows(python, folder))
    }

    /// The same, and its Bedrock is the language model at that address.
    pub fn start_before(project: &Project, model: &str, folder: &Path) -> Result<Self> {
        Self::with(project, folder, None, |python| Emulator::start_tracing_before(model, python, folder))
    }

    /// The same with an emulator that can continue after this command.
    pub fn start_detachable(project: &Project, folder: &Path, functions: Option<&Prebuilt>) -> Result<Self> {
        Self::with(project, folder, functions, |python| Emulator::start_detachable(python, folder))
    }

    fn with(
        project: &Project,
        folder: &Path,
        functions: Option<&Prebuilt>,
        start: impl FnOnce(&Path) -> Result<Emulator>,
    ) -> Result<Self> {
        tools::check(project, Purpose::Run)?;
        let begin = || {
            let python = install(project)?;
            if let Some(prebuilt) = functions {
                step("functions unpacked", || prebuilt.place(project, &python))?;
            }
            step("emulator started", || start(&python))
        };
        let emulator = if functions.is_some() { begin()? } else { while_building(project, begin)? };
        let stack = deploy::deploy(project, &emulator.endpoint(), folder)?;
        let aws = Aws::at(&emulator.endpoint());
        user::create(&aws, &stack, stack.user()?)?;
        Ok(Self { emulator, stack, aws })
    }

    /// Stores goals as the goal app does.
    pub fn seed(&self, goals: &[Goal]) -> Result<()> {
        let table = self.stack.output("GoalsTableName")?;
        let mut writes = Vec::new();
        for goal in goals {
            for row in goal_rows(goal)? {
                let item: serde_dynamo::Item = serde_dynamo::to_item(row)?;
                writes.push(json!({"PutRequest": {"Item": item}}));
            }
        }
        for some in writes.chunks(ROWS_PER_WRITE) {
            let body: Value = json!({"RequestItems": {table: some}});
            self.aws.call(Service::DynamoDb, "BatchWriteItem", &body)?;
        }
        Ok(())
    }
}

/// Installs what the deployment and the emulator need, and returns the emulator's Python.
fn install(project: &Project) -> Result<PathBuf> {
    tools::cdk_app(project)?;
    tools::python(project, Purpose::Run)
}

/// The rest of the preparation while the functions are compiled: most of it waits for the network.
fn while_building<T>(project: &Project, prepare: impl FnOnce() -> Result<T>) -> Result<T> {
    thread::scope(|scope| {
        let building = scope.spawn(|| functions::build_for_here(project));
        let prepared = prepare();
        if prepared.is_err() {
            interrupt::end_tools();
        }
        let built = building.join().unwrap_or_else(|_| Err(anyhow!("building the functions panicked")));
        let prepared = prepared?;
        built.map(|()| prepared)
    })
}

/// Removes the folders of runs whose command has ended. Their emulators have ended as well: each ends with its command.
fn remove_dead(runs: &Path) -> Result<()> {
    for entry in fs::read_dir(runs)? {
        let path = entry?.path();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let owner = name.rsplit('-').next().and_then(|pid| pid.parse().ok()).map(nix::unistd::Pid::from_raw);
        if owner.is_some_and(|pid| nix::sys::signal::kill(pid, None).is_err()) {
            match fs::remove_dir_all(&path) {
                // Another command has removed it at the same time.
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                other => other.with_context(|| format!("cannot remove {}", path.display()))?,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_dead_runs_are_removed_and_others_kept() {
        let runs = std::env::temp_dir().join(format!("local-runs-{}", std::process::id()));
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        let dead = runs.join(format!("demo-{}", ended.id()));
        ended.wait().unwrap();
        let alive = runs.join(format!("demo-{}", std::process::id()));
        for folder in [&dead, &alive] {
            fs::create_dir_all(folder.join("tmp")).unwrap();
        }
        remove_dead(&runs).unwrap();
        assert!(!dead.exists() && alive.exists());
        fs::remove_dir_all(&runs).unwrap();
    }
}
