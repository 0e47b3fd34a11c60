//! The project's commands: reads the command line, and calls what does it.
#![warn(clippy::print_stdout, clippy::print_stderr)]

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use goal_activity_local::project::Project;
use goal_activity_local::{ai, demo, functions, program, up};

/// The program of `bench`.
const BENCH: &str = "goal-activity-bench";
/// The program of `test` and `schemas`.
const CHECKS: &str = "goal-activity-checks";
/// The program of `smoke`.
const GOALCTL: &str = "goalctl";

/// The project's commands. The first one to try: cargo xtask demo
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a sample goal through the whole pipeline on this machine, and clean up
    Demo(demo::Args),
    /// Start the pipeline on this machine and leave it running
    Up(up::Args),
    /// End what `up` started
    Down,
    /// Check a change: all of it, or one part
    #[command(disable_help_flag = true)]
    Test(Rest),
    /// Measure what the pipeline costs in time, memory and size: all of it, or one part
    #[command(disable_help_flag = true)]
    Bench(Rest),
    /// Try an AI with the settings of the CDK app
    #[command(subcommand)]
    Ai(ai::AiCommand),
    /// Write the files generated from the types: the schemas of the events
    #[command(disable_help_flag = true)]
    Schemas(Rest),
    /// Run a goal through a deployed stack and check every step: goalctl smoke
    #[command(disable_help_flag = true)]
    Smoke(Rest),
    /// Build the functions for AWS
    Build(functions::BuildArgs),
}

/// What another program is given. What this one needs not, it does not compile.
#[derive(Debug, Args)]
struct Rest {
    /// The options of the command; --help shows them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<OsString>,
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    program::run(|project| match &command {
        Command::Demo(args) => demo::run(project, args),
        Command::Up(args) => up::up(project, args),
        Command::Down => up::down(project),
        Command::Test(rest) => become_program(project, CHECKS, Some("test"), rest).map(|never| match never {}),
        Command::Bench(rest) => become_program(project, BENCH, None, rest).map(|never| match never {}),
        Command::Ai(command) => ai::run(project, command),
        Command::Schemas(rest) => become_program(project, CHECKS, Some("schemas"), rest).map(|never| match never {}),
        Command::Smoke(rest) => become_program(project, GOALCTL, Some("smoke"), rest).map(|never| match never {}),
        Command::Build(args) => functions::build_for_aws(project, args),
    })
}

/// Replaces this command by the program of another package, built first, so that its exit code and its clean-up on Ctrl-C are those of
/// the program.
fn become_program(project: &Project, package: &str, command: Option<&str>, rest: &Rest) -> Result<Infallible> {
    let error = project.program(package).args(command).args(&rest.options).exec();
    Err(error).context("cannot run cargo")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::CommandFactory;
    use goal_activity_testkit::docs;

    use super::*;

    #[test]
    fn the_documentation_has_commands_that_exist() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let arguments = |line: &docs::CommandLine| line.of(&["cargo", "xtask"]).map(<[_]>::to_vec);
        let (commands, refused) = docs::refused(root, &Cli::command(), arguments).unwrap();
        assert!(refused.is_empty(), "{}", refused.join("\n"));
        assert!(commands > 50, "{commands} command lines were found");
    }
}
