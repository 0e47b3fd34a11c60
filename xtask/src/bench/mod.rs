//! `cargo xtask bench`: the pipeline's time, memory, size and price. One file per part; docs/PERFORMANCE.md has the
//! results of a run.

mod cloud;
mod fixed;
mod functions;
mod load;
mod memory;
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

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::output;
use crate::project::Project;
use report::{Report, Section};

/// What to measure, and where to write the results.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Only this part
    part: Option<Part>,
    /// Also write the results to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    load: load::Size,
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
    fn measure(self, project: &Project, args: &BenchArgs) -> Result<Vec<Section>> {
        match self {
            Self::Functions => functions::measure(project),
            Self::Worker => worker::measure(project),
            Self::Workflow => workflow::measure(project),
            Self::Units => units::measure(project),
            Self::Page => page::measure(project),
            Self::Load => load::measure(project, &args.load),
        }
    }
}

/// Measures one part, or all of them. A missed goal is shown and is not a failure: this machine may be slow.
pub(crate) fn run(project: &Project, args: &BenchArgs) -> Result<()> {
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

/// Starts each of the functions in a folder and has it handle an event. Nothing is measured.
pub(crate) fn try_functions(project: &Project, folder: &Path) -> Result<()> {
    functions::try_each(project, folder)
}
