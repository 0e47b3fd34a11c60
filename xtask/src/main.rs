//! The project's commands.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod ai;
mod api;
mod arrows;
mod aws;
mod bench;
mod billing;
mod calls;
mod clients;
mod compile;
mod cross;
mod demo;
mod deploy;
mod described;
mod docs;
mod elf;
mod emulator;
mod functions;
mod goal_file;
mod history;
mod interrupt;
mod llm;
mod local;
mod logs;
mod output;
mod page;
mod prebuilt;
mod prerequisites;
mod process;
mod progress;
mod project;
mod report;
mod rules;
mod sample;
mod schemas;
mod smoke;
mod stack;
mod stamp;
mod step;
mod test;
mod tools;
mod traces;
mod up;
mod user;
mod web;
mod zip;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::project::Project;

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
    Test {
        /// Only this part
        part: Option<test::Part>,
    },
    /// Measure what the pipeline costs in time, memory and size: all of it, or one part
    Bench(bench::BenchArgs),
    /// Try an AI with the settings of the CDK app
    #[command(subcommand)]
    Ai(ai::AiCommand),
    /// Write the files generated from the types: the schemas of the events
    Schemas(schemas::SchemasArgs),
    /// Run a goal through a deployed stack and check every step: goalctl smoke
    #[command(disable_help_flag = true)]
    Smoke(smoke::SmokeArgs),
    /// Build the functions for AWS
    Build(functions::BuildArgs),
}

fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            interrupt::leave_it_to_the_handler();
            output::aside(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<()> {
    interrupt::install()?;
    let project = Project::find()?;
    match command {
        Command::Demo(args) => demo::run(&project, args),
        Command::Up(args) => up::up(&project, args),
        Command::Down => up::down(&project),
        Command::Test { part } => test::run(&project, *part),
        Command::Bench(args) => bench::run(&project, args),
        Command::Ai(command) => ai::run(&project, command),
        Command::Schemas(args) => schemas::run(&project, args),
        Command::Smoke(args) => smoke::run(&project, args),
        Command::Build(args) => functions::build_for_aws(&project, args),
    }
}
