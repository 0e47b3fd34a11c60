//! `cargo xtask schemas`: writes the files generated from the code: from the types of the events, for TypeScript too,
//! from the API and from the catalogue of metrics.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;
use goal_activity_events::schema::{self, EventSchema};
use goal_activity_local::output;
use goal_activity_local::process;
use goal_activity_local::project::{Project, cargo};
use goal_activity_local::tools;

/// What to write.
#[derive(Debug, Args)]
pub(crate) struct SchemasArgs {
    /// Freeze the schemas as published: from now on they may not change incompatibly within their version
    #[arg(long)]
    freeze: bool,
}

/// Rewrites every file whose content has changed.
pub(crate) fn run(project: &Project, args: &SchemasArgs) -> Result<()> {
    let events = project.root.join("events");
    for (path, content) in schema::files() {
        write(&events.join(path), &content)?;
    }
    tools::events_package(project)?;
    process::quietly(Command::new("npm").args(["run", "generate"]).current_dir(project.events_package()))?;
    // The API and the metrics depend on the SDKs of AWS, with which this command would have to be built.
    let mut test = cargo();
    test.args(["test", "--quiet", "--workspace", "--all-features", "--lib", "--test", "handlers", "the_committed"]);
    process::run(test.current_dir(&project.root).env("UPDATE_SCHEMAS", "1"))?;
    tools::client_package(project)?;
    process::quietly(Command::new("npm").args(["run", "generate"]).current_dir(project.client_package()))?;
    if args.freeze {
        let folder = events.join("schemas").join("baseline");
        schema::events().iter().try_for_each(|event| freeze(&folder, event))?;
    }
    Ok(())
}

fn freeze(folder: &Path, event: &EventSchema) -> Result<()> {
    let file = folder.join(event.file_name());
    if file.exists() {
        let old = serde_json::from_str(&fs::read_to_string(&file)?)?;
        let broken = schema::breaking_changes(event.emitter, &old, &event.schema);
        ensure!(broken.is_empty(), "{} breaks its version:\n{}", event.name, broken.join("\n"));
    }
    write(&file, &event.text())
}

fn write(file: &Path, content: &str) -> Result<()> {
    if fs::read_to_string(file).is_ok_and(|found| found == content) {
        return Ok(());
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, content).with_context(|| format!("cannot write {}", file.display()))?;
    output::result(&file.display().to_string());
    Ok(())
}
