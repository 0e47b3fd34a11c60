//! `goalctl`: what an operator does with a deployed goal activity pipeline from a terminal or a script.
//!
//! [`run`] is the whole tool but for the process around it, so that tests use it as an operator would.

mod cli;
mod dlq;
mod stack;

use std::ffi::OsString;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

use crate::cli::{Cli, Command};
use crate::stack::Stack;

/// What surrounds the tool.
pub struct Shell<'a> {
    /// Results go here.
    pub out: &'a mut dyn Write,
    /// Errors and questions go here.
    pub err: &'a mut dyn Write,
    /// Where answers come from, when somebody is there to give them.
    pub keyboard: Option<&'a mut dyn BufRead>,
    /// The environment's `GOAL_ACTIVITY_STACK`: the file that describes a stack on this machine.
    pub stack_file: Option<PathBuf>,
}

/// Everything was done.
const ALL_DONE: u8 = 0;
/// Some of it was refused or failed; the output says what.
const NOT_ALL_DONE: u8 = 1;
/// Nothing was done: wrong arguments, no stack, no access.
const NOT_BEGUN: u8 = 2;

/// Runs a command line, the program's name included. Answers the exit code that `goalctl --help` documents.
pub async fn run<A>(args: impl IntoIterator<Item = A>, mut shell: Shell<'_>) -> u8
where
    A: Into<OsString> + Clone,
{
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        // Help is an answer, anything else a complaint.
        Err(answer) if !answer.use_stderr() => {
            let _ = write!(shell.out, "{answer}");
            return ALL_DONE;
        }
        Err(complaint) => {
            let _ = write!(shell.err, "{complaint}");
            return NOT_BEGUN;
        }
    };
    match command(cli, &mut shell).await {
        Ok(true) => ALL_DONE,
        Ok(false) => NOT_ALL_DONE,
        // The reader of a pipe has seen enough, as in `goalctl dlq list | head`.
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => {
            NOT_ALL_DONE
        }
        Err(error) => {
            let _ = writeln!(shell.err, "error: {error:#}");
            NOT_BEGUN
        }
    }
}

/// Answers whether everything was done.
async fn command(cli: Cli, shell: &mut Shell<'_>) -> Result<bool> {
    let stack = Stack::open(&cli.target, shell.stack_file.take()).await?;
    match cli.command {
        Command::Dlq(command) => dlq::run(command, &stack, cli.json, shell).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exit code and what was printed, on standard output and on standard error.
    async fn goalctl(line: &str, stack_file: Option<PathBuf>, typed: Option<&str>) -> (u8, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut typed = typed.map(str::as_bytes);
        let keyboard = typed.as_mut().map(|t| t as &mut dyn BufRead);
        let shell = Shell { out: &mut out, err: &mut err, keyboard, stack_file };
        let code = run(line.split(' '), shell).await;
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[tokio::test]
    async fn help_is_an_answer_and_a_wrong_command_line_is_not_begun() {
        let (code, out, err) = goalctl("goalctl dlq retry --help", None, None).await;
        assert!(code == ALL_DONE && out.contains("Exit codes:") && err.is_empty(), "{err}");
        let (code, out, err) = goalctl("goalctl dlq retry", None, None).await;
        assert!(code == NOT_BEGUN && out.is_empty() && err.contains("Usage:"), "{err}");
    }

    #[tokio::test]
    async fn a_stack_that_is_not_up_is_said_to_be_so() {
        let nowhere = std::env::temp_dir().join("goalctl-nowhere").join("stack.json");
        let (code, _, err) = goalctl("goalctl dlq list", Some(nowhere), None).await;
        assert!(code == NOT_BEGUN && err.contains("cargo xtask up"), "{err}");
    }

    #[tokio::test]
    async fn nothing_is_dropped_without_a_yes() {
        let file = std::env::temp_dir().join(format!("goalctl-stack-{}.json", std::process::id()));
        // Nothing answers there: a drop that was begun would fail otherwise.
        std::fs::write(&file, r#"{ "endpoint": "http://127.0.0.1:1", "outputs": {} }"#).unwrap();
        for typed in ["\n", "n\n", "no\n", "yesterday\n", ""] {
            let (code, _, err) = goalctl("goalctl dlq drop batch --all", Some(file.clone()), Some(typed)).await;
            assert!(code == NOT_ALL_DONE && err.ends_with("[y/N] Nothing was removed.\n"), "{typed:?}: {code} {err}");
        }
        let (code, _, err) = goalctl("goalctl dlq drop batch --all", Some(file.clone()), Some("y\n")).await;
        assert!(code == NOT_BEGUN && err.contains("has no output BatchDlqUrl"), "{err}");
        let (code, _, err) = goalctl("goalctl dlq drop batch --all", Some(file.clone()), None).await;
        assert!(code == NOT_BEGUN && err.contains("--yes"), "{err}");
        std::fs::remove_file(file).unwrap();
    }
}
