//! `goalctl cells`, as an operator runs it.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use goal_activity_tests::within;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_goalctl-tested");

/// The standard output, standard error and exit code of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The tool, with the files that describe the front and the cells.
#[derive(Debug)]
pub(crate) struct Tool {
    folder: PathBuf,
}

#[allow(clippy::disallowed_methods, reason = "the tool is given the stacks as people give them")]
fn file(variable: &str) -> PathBuf {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run `cargo xtask test e2e`")).into()
}

impl Default for Tool {
    fn default() -> Self {
        let folder = std::env::temp_dir().join(format!("goal-activity-cells-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self { folder }
    }
}

impl Tool {
    /// Describes a cell that is no deployed stack.
    pub(crate) fn describe(&self, cell: &str, description: Value) {
        std::fs::write(self.folder.join(format!("{cell}.json")), description.to_string()).unwrap();
    }

    fn file_of(&self, cell: &str) -> PathBuf {
        match cell {
            "one" => file("GOAL_ACTIVITY_STACK"),
            "two" => file("GOAL_ACTIVITY_SECOND_STACK"),
            other => self.folder.join(format!("{other}.json")),
        }
    }

    fn command(&self, arguments: &[&str], more: &[(&str, &str)]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.env_clear().env("HOME", "/nowhere").current_dir("/").stdin(Stdio::null());
        command.arg("--stack-file").arg(file("GOAL_ACTIVITY_FRONT_STACK")).arg("cells");
        let silent = self.file_of("silent").exists().then_some(("silent", "silent"));
        for (cell, like) in [("one", "one"), ("two", "two")].iter().chain(more).copied().chain(silent) {
            command.arg("--cell-file").arg(format!("{cell}={}", self.file_of(like).display()));
        }
        command.args(arguments);
        command
    }

    /// Runs the tool. `more` are names of cells with the file of another one.
    pub(crate) async fn run(&self, arguments: &[&str], more: &[(&str, &str)]) -> Ran {
        let mut command = self.command(arguments, more);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// What a run prints that succeeds.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[&["--json"], arguments].concat(), &[]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"))
    }

    /// Starts a run.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(arguments, &[]);
        Running(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }
}

/// A run that goes on.
#[derive(Debug)]
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn signal(&mut self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), signal).unwrap();
        self.0.wait().unwrap();
    }

    /// How it has ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<Ran> {
        let status = self.0.try_wait().unwrap()?;
        let (mut out, mut err) = (String::new(), String::new());
        self.0.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.0.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        Some(Ran { code: status.code(), out, err })
    }

    pub(crate) async fn wait(mut self) -> Ran {
        within(Duration::from_secs(120), "the end of the move", || std::future::ready(self.ended())).await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
