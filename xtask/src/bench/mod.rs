//! `cargo xtask bench`: what the pipeline costs in time, memory and size. One file a part; docs/PERFORMANCE.md has the
//! results of a run.

mod cloud;
mod functions;
mod report;
mod runtime;
mod scene;
mod server;
mod spawned;
mod stats;
mod worker;

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
}

/// A part of the measurements, in the order in which they are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The functions: how fast they start, what they weigh
    Functions,
    /// The worker: what it adds to the time of the AI
    Worker,
}

impl Part {
    fn measure(self, project: &Project) -> Result<Vec<Section>> {
        match self {
            Self::Functions => functions::measure(project),
            Self::Worker => worker::measure(project),
        }
    }
}

/// Measures one part, or all of them. A goal that is missed is shown and is no failure: this machine may be a slow one.
pub(crate) fn run(project: &Project, args: &BenchArgs) -> Result<()> {
    let parts = args.part.map_or_else(|| Part::value_variants().to_vec(), |part| vec![part]);
    let mut report = Report::begin();
    for part in parts {
        for section in part.measure(project)? {
            println!("{}", section.table());
            report.sections.push(section);
        }
    }
    println!("{}", report.summary());
    let Some(file) = &args.json else { return Ok(()) };
    let written = serde_json::to_string_pretty(&report)? + "\n";
    std::fs::write(file, written).with_context(|| format!("cannot write {}", file.display()))
}
