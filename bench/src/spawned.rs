//! A function as a separate process, and its system statistics.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use goal_activity_local::interrupt::{self, Guard, Leftover};
use goal_activity_local::process;
use nix::unistd::Pid;

use crate::cloud::{Cloud, EXECUTIONS, GOALS, TASKS};
use crate::runtime::Runtime;
use crate::scene::MACHINE;

/// A program that can be spawned.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// The executable.
    pub(crate) executable: PathBuf,
    /// The script that it runs, if it is an interpreter.
    pub(crate) script: Option<PathBuf>,
}

/// A running function. It is killed when this is dropped, because it waits for work forever.
#[derive(Debug)]
pub(crate) struct Spawned {
    child: Child,
    _guard: Guard,
    log: PathBuf,
    /// When it was spawned.
    pub(crate) since: Instant,
}

impl Program {
    /// Its deployment package.
    pub(crate) fn deployed(&self) -> Result<Vec<u8>> {
        let file = self.script.as_ref().unwrap_or(&self.executable);
        fs::read(file).with_context(|| format!("cannot read {}", file.display()))
    }
}

impl Spawned {
    /// Spawns it with only the environment variables that Lambda and the deployment set. Its log is written to a file.
    pub(crate) fn new(program: &Program, runtime: &Runtime, cloud: &Cloud, log: &Path) -> Result<Self> {
        let mut command = Command::new(&program.executable);
        command.args(&program.script).env_clear().envs(lambda(runtime)).envs(deployment(cloud));
        let output = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let since = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot run {}", program.executable.display()))?;
        let guard = interrupt::guard(Leftover::Tool(process::pid(&child)));
        Ok(Self { child, _guard: guard, log: log.to_owned(), since })
    }

    /// The CPU time of all its threads, including those that have ended.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        cpu(process::pid(&self.child))
    }

    /// Its current memory in bytes.
    pub(crate) fn resident(&self) -> Result<usize> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        resident(&status).context("the system does not tell how much memory a process has")
    }

    /// The end of its log.
    pub(crate) fn last_words(&self) -> String {
        process::last_lines(&fs::read_to_string(&self.log).unwrap_or_default())
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In nanoseconds: `/proc` has only hundredths of a second.
#[cfg(target_os = "linux")]
fn cpu(pid: Pid) -> Result<Duration> {
    Ok(nix::time::ClockId::pid_cpu_clock_id(pid)?.now()?.into())
}

#[cfg(not(target_os = "linux"))]
fn cpu(_: Pid) -> Result<Duration> {
    anyhow::bail!("this is measured on Linux only, which is what Lambda runs on")
}

fn resident(status: &str) -> Option<usize> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: usize = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

/// The environment variables that Lambda sets.
fn lambda(runtime: &Runtime) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_LAMBDA_RUNTIME_API", runtime.address().to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", "measured".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("AWS_SESSION_TOKEN", "test".to_owned()),
    ]
}

/// The environment variables that the deployment sets, for all functions: each reads what it needs.
fn deployment(cloud: &Cloud) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL", cloud.url()),
        ("GOALS_TABLE", GOALS.to_owned()),
        ("TASKS_TABLE", TASKS.to_owned()),
        ("EXECUTIONS_TABLE", EXECUTIONS.to_owned()),
        ("EVENT_BUS", "goal-activity".to_owned()),
        ("METRICS_NAMESPACE", "goal-activity".to_owned()),
        ("STATE_MACHINE_ARN", MACHINE.to_owned()),
        ("CONCURRENT_BATCHES", "64".to_owned()),
        ("ACTIONS_PER_USER_AND_DAY", "1000".to_owned()),
        ("PAUSE_ON_AI_FAILURE", "true".to_owned()),
        ("GOALS_ARE_OWN", "true".to_owned()),
        ("QUEUE_URL", format!("{}/123456789012/queue", cloud.url())),
        ("ALERT_TOPIC_ARN", "arn:aws:sns:us-east-1:123456789012:alerts".to_owned()),
        ("OPERATIONS_GUIDE", "docs/OPERATIONS.md".to_owned()),
        ("ARCHIVE_BUCKET", "archive".to_owned()),
        ("GENERATOR", "openai".to_owned()),
        ("OPENAI_BASE_URL", format!("{}/v1", cloud.url())),
        ("OPENAI_MODEL", "measured".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_process_is_read_as_linux_tells_it() {
        let status = "Name:\tapi\nVmHWM:\t   14000 kB\nVmRSS:\t   12345 kB\nThreads:\t1\n";
        assert_eq!(resident(status), Some(12345 * 1024));
        assert_eq!(resident("Name:\tapi\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_has_used_more_of_the_processor_the_more_it_has_done() {
        let before = cpu(Pid::this()).unwrap();
        let begun = Instant::now();
        while cpu(Pid::this()).unwrap() < before + Duration::from_millis(2) {
            assert!(begun.elapsed() < Duration::from_secs(10), "its clock stands still");
        }
    }
}
