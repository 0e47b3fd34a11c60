//! `cargo xtask bench`: what the pipeline costs in time, memory and size. One file a part; docs/PERFORMANCE.md has the
//! results of a run.

mod cloud;
mod fixed;
mod functions;
mod load;
mod memory;
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

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::project::Project;
use report::{Report, Section};

/// What to measure, and where to put it.
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
    /// The functions: how fast they start, what they weigh
    Functions,
    /// The worker: what it adds to the time of the AI
    Worker,
    /// A workflow: how long it takes beside its AI
    Workflow,
    /// A workflow: what AWS bills for it
    Units,
    /// Many workflows at once: whether all end, how fast, in how much memory
    Load,
}

impl Part {
    fn measure(self, project: &Project, args: &BenchArgs) -> Result<Vec<Section>> {
        match self {
            Self::Functions => functions::measure(project),
            Self::Worker => worker::measure(project),
            Self::Workflow => workflow::measure(project),
            Self::Units => units::measure(project),
            Self::Load => load::measure(project, &args.load),
        }
    }
}

/// Measures one part, or all of them. A goal that is missed is shown and is no failure: this machine may be a slow one.
pub(crate) fn run(project: &Project, args: &BenchArgs) -> Result<()> {
    let parts = args.part.map_or_else(|| Part::value_variants().to_vec(), |part| vec![part]);
    let mut report = Report::begin();
    for part in parts {
        for section in part.measure(project, args)? {
            println!("{}", section.table());
            report.sections.push(section);
        }
    }
    println!("{}", report.summary());
    let Some(file) = &args.json else { return Ok(()) };
    let written = serde_json::to_string_pretty(&report)? + "\n";
    std::fs::write(file, written).with_context(|| format!("cannot write {}", file.display()))
}
