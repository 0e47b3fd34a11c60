//! `cargo xtask bench`: the pipeline's time, memory, size and price. One file per part; docs/PERFORMANCE.md has the
//! results of a run. `cargo xtask` runs this program, so that it is compiled only for who measures.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod cloud;
mod fixed;
mod functions;
mod load;
mod memory;
mod node_handler;
mod page;
mod price;
mod read_model;
mod report;
mod runtime;
mod scene;
mod server;
mod spawned;
mod stage;
mod stats;
mod units;
mod worker;
mod workflow;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use goal_activity_local::output;
use goal_activity_local::program;
use goal_activity_local::project::Project;

use crate::report::{Report, Section};

/// Measure what the pipeline costs in time, memory and size: all of it, or one part
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Cli {
    /// Only this part
    part: Option<Part>,
    /// Also write the results to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    functions: stage::Functions,
    #[command(flatten)]
    load: load::Size,
    /// Measure nothing: start each of the functions in this folder, and have it handle an event
    #[arg(long, value_name = "FOLDER", hide = true, exclusive = true)]
    start: Option<PathBuf>,
}

/// A part of the measurements, in the order in which they are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The functions: their start time and size
    Functions,
    /// The worker: the time that it adds to the AI's
    Worker,
    /// A workflow: its duration without the AI
    Workflow,
    /// A workflow: what AWS bills for it
    Units,
    /// The page: the size of its scripts, and how fast a browser shows a chart
    Page,
    /// Many workflows at once: whether all succeed, how fast, in how much memory
    Load,
}

impl Part {
    fn measure(self, project: &Project, args: &Cli) -> Result<Vec<Section>> {
        match self {
            Self::Functions => functions::measure(project),
            Self::Worker => worker::measure(project),
            Self::Workflow => workflow::measure(project, &args.functions),
            Self::Units => units::measure(project, &args.functions),
            Self::Page => page::measure(project, &args.functions),
            Self::Load => load::measure(project, &args.load, &args.functions),
        }
    }
}

fn main() -> ExitCode {
    let args = Cli::parse();
    program::run(|project| match &args.start {
        Some(folder) => functions::try_each(project, folder),
        None => measure(project, &args),
    })
}

/// Measures one part, or all of them. A missed goal is shown and is not a failure: this machine may be slow.
fn measure(project: &Project, args: &Cli) -> Result<()> {
    let parts = args.part.map_or_else(|| Part::value_variants().to_vec(), |part| vec![part]);
    let mut report = Report::begin();
    for part in parts {
        for section in part.measure(project, args)? {
            output::result(&section.table());
            report.sections.push(section);
        }
    }
    output::result(&report.summary());
    let Some(file) = &args.json else { return Ok(()) };
    let written = serde_json::to_string_pretty(&report)? + "\n";
    std::fs::write(file, written).with_context(|| format!("cannot write {}", file.display()))
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
        let arguments = |line: &docs::CommandLine| line.of(&["cargo", "xtask", "bench"]).map(<[_]>::to_vec);
        let (commands, refused) = docs::refused(root, &Cli::command(), arguments).unwrap();
        assert!(refused.is_empty(), "{}", refused.join("\n"));
        assert!(commands > 10, "{commands} command lines were found");
    }
}
