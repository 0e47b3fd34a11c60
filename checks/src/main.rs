//! `cargo xtask test` and `cargo xtask schemas`: checks a change, and writes what is generated from the code. `cargo xtask` runs this
//! program, so that it is compiled only for who changes something.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod ai;
mod arrows;
mod cargo;
mod clients;
mod deployed;
mod described;
mod docs;
mod lanes;
mod llm;
mod parts;
mod schemas;
mod tidy;
mod web;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use goal_activity_local::program;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a change: all of it, or one part
    Test {
        /// Only this part
        part: Option<parts::Part>,
    },
    /// Write the files generated from the types: the schemas of the events
    Schemas(schemas::SchemasArgs),
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    program::run(|project| match &command {
        Command::Test { part } => parts::run(project, *part),
        Command::Schemas(args) => schemas::run(project, args),
    })
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
        let (commands, refused) = docs::refused(root, &Cli::command(), |line| {
            let arguments = line.of(&["cargo", "xtask"])?;
            let is_ours = arguments.first().is_some_and(|command| ["test", "schemas"].contains(&command.as_str()));
            is_ours.then(|| arguments.to_vec())
        })
        .unwrap();
        assert!(refused.is_empty(), "{}", refused.join("\n"));
        assert!(commands > 20, "{commands} command lines were found");
    }
}
