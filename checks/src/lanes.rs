//! Parts of the tests side by side: most wait for emulators, browsers and timeouts for half of their time.
//!
//! Each part is a process of its own, whose output is shown as a whole when it has ended.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use goal_activity_local::local::RunFolder;
use goal_activity_local::output;
use goal_activity_local::process;
use goal_activity_local::project::Project;

use crate::parts::Part;

/// Parts that run one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lane {
    /// In their order.
    pub(crate) parts: &'static [Part],
    /// Whether they give way to those of other lanes: a test that waits has a deadline, and one that computes has none.
    pub(crate) gives_way: bool,
}

/// Runs the lanes side by side. After a failure no further part is begun, and those that run are waited for.
///
/// `program` is this one: a build may replace its file meanwhile.
pub(crate) fn run(project: &Project, program: &Path, lanes: &[Lane]) -> Result<()> {
    let folder = RunFolder::new(project, "test")?;
    let run = Run { program: program.to_owned(), folder: folder.path.clone(), failed: AtomicBool::new(false) };
    let ended: Vec<Result<()>> = thread::scope(|scope| {
        let running: Vec<_> = lanes.iter().map(|lane| scope.spawn(|| run.lane(*lane))).collect();
        let ended = running.into_iter().map(|lane| lane.join().unwrap_or_else(|_| Err(anyhow!("a lane panicked"))));
        ended.collect()
    });
    ended.into_iter().collect()
}

/// What all lanes share.
struct Run {
    program: PathBuf,
    folder: PathBuf,
    failed: AtomicBool,
}

impl Run {
    fn lane(&self, lane: Lane) -> Result<()> {
        for part in lane.parts {
            if self.failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            let passed = self.part(*part, lane.gives_way);
            self.failed.fetch_or(passed.is_err(), Ordering::Relaxed);
            passed?;
        }
        Ok(())
    }

    fn part(&self, part: Part, gives_way: bool) -> Result<()> {
        let name = part.name();
        output::aside(&format!("== {name} has begun"));
        let (said, started) = (self.folder.join(name), Instant::now());
        let file = File::create(&said).with_context(|| format!("cannot write {}", said.display()))?;
        let mut command = if gives_way { Command::new("nice") } else { Command::new(&self.program) };
        if gives_way {
            command.args(["-n", "10"]).arg(&self.program);
        }
        // Some programs colour what is not for a terminal.
        command.env("NO_COLOR", "1").env_remove("FORCE_COLOR");
        let passed = process::run(command.args(["test", name]).stdout(file.try_clone()?).stderr(file));
        let how = if passed.is_ok() { "passed in" } else { "FAILED after" };
        let said = fs::read(&said).with_context(|| format!("cannot read {}", said.display()))?;
        let said = String::from_utf8_lossy(&said);
        // At the end of all output are a test runner's own words.
        let words = format!("== {name} {how} {:.1} s:\n{}", started.elapsed().as_secs_f64(), said.trim_end());
        output::result(&words);
        ensure!(passed.is_ok(), "{name} failed; alone: cargo xtask test {name}");
        Ok(())
    }
}
