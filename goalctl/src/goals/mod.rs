//! `goalctl goals`: the charts of a user, in the forms that people keep them in.
//!
//! What is read and written is of the package `chart`; `report` has what is printed.

mod report;

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand};
use goal_activity_chart::{Form, Reading};
use goal_activity_events::GoalId;

use crate::client::Client;
use crate::failure::{DONE, Failure};
use crate::http::encode;
use crate::program;
use crate::settings::Settings;
use crate::shell::Shell;
use crate::text::{counted, printable};
use report::{Goal, Goals};

/// The largest page of the API.
const PAGE: usize = 50;
/// The largest chart that is read, in bytes. The API accepts less, and says how much.
const MOST: u64 = 4 * 1024 * 1024;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List your goals
    List(List),
    /// Show a goal's chart: its actions, and what each has
    #[command(after_help = "Example:\n  goalctl goals show learn-piano")]
    Show {
        /// The goal
        goal: GoalId,
    },
    /// Store a chart as a goal: a new one, or in place of what has no tasks yet
    Put(Put),
    /// Write a goal's chart as a file that other programs read
    Export(Export),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  goalctl goals list
  goalctl goals list --all --json | jq -r '.items[] | select(.actionsWithTasks == 0) | .goalId'")]
pub(crate) struct List {
    /// The maximum number shown
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Show all
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

#[derive(Debug, Args)]
#[command(
    long_about = "\
Store a chart as a goal: a new one, or in place of what has no tasks yet

Reads a table of nine by nine (CSV, or TSV as spreadsheets copy it), JSON, a Markdown outline or OPML, in UTF-8, UTF-16 or Shift JIS.
Empty cells are no actions, and the others keep their places. Actions that have tasks must be in the chart unchanged.",
    after_help = "\
Examples:
  goalctl goals put learn-piano chart.csv
  goalctl goals put learn-piano notes.md --dry-run
  pbpaste | goalctl goals put learn-piano - --form tsv"
)]
pub(crate) struct Put {
    /// The goal's id: 1 to 64 letters, digits, `-` and `_`
    goal: GoalId,
    /// The chart; `-` is standard input
    file: PathBuf,
    /// Its form: json, csv, tsv, md or opml [default: by the file's ending, or by its content]
    #[arg(long)]
    form: Option<Form>,
    /// Only show what is read, in place of storing it; needs no deployment
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
#[command(
    long_about = "\
Write a goal's chart as a file that other programs read

Only JSON holds all of it; the other forms hold the titles in their places.",
    after_help = "\
Examples:
  goalctl goals export learn-piano --form csv > chart.csv
  goalctl goals export learn-piano --output chart.md"
)]
pub(crate) struct Export {
    /// The goal
    goal: GoalId,
    /// json, csv, tsv, md or opml [default: by the ending of --output, or json]
    #[arg(long)]
    form: Option<Form>,
    /// The file to write, which must not exist [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs one of the commands.
pub(crate) async fn run(command: Command, settings: Settings, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    match command {
        Command::List(args) => list(args, &Client::open(settings).await?, json, shell).await,
        Command::Show { goal } => show(&goal, &Client::open(settings).await?, json, shell).await,
        Command::Put(args) => put(args, settings, json, shell).await,
        Command::Export(args) => export(args, &Client::open(settings).await?, json, shell).await,
    }
}

/// The path of a goal in a URL.
pub(crate) fn path(goal: &GoalId) -> String {
    format!("/api/goals/{}", encode(goal.as_str()))
}

async fn list(args: List, client: &Client, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let wanted = (!args.all).then_some(args.limit as usize);
    let items = client.items("/api/goals", &[], wanted, PAGE).await?;
    let text = Goals::read(&items.items)?;
    let width = shell.terminal.width;
    shell.show(json, &items, |_| text.text(width))?;
    items.say_if_more(json, shell)?;
    Ok(DONE)
}

async fn show(goal: &GoalId, client: &Client, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let answer = client.get(&path(goal)).await?;
    let goal = Goal::read(&answer)?;
    let width = shell.terminal.width;
    shell.show(json, &answer, |_| goal.text(width))?;
    Ok(DONE)
}

async fn put(args: Put, settings: Settings, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let Put { goal, file, form, dry_run } = args;
    let Reading { chart, left_out } = read(&file, form, shell)?;
    for sentence in &left_out {
        writeln!(shell.err, "left out: {}", printable(sentence))?;
    }
    let read = format!("{} in {}", counted(chart.action_count(), "action"), counted(chart.sub_goals.len(), "sub-goal"));
    if dry_run {
        shell.show(json, &chart, |chart| goal_activity_chart::write(chart, Form::Markdown))?;
        if !json {
            writeln!(shell.err, "Would be stored as {goal}: {read}.")?;
        }
        return Ok(DONE);
    }
    let client = Client::open(settings).await?;
    let answer = client.put(&path(&goal), serde_json::to_value(&chart)?).await?;
    let program = program::name();
    shell
        .show(json, &answer, |_| format!("Stored as {goal}: {read}. For tasks: `{program} start {goal} --wait`.\n"))?;
    Ok(DONE)
}

/// Reads a chart. A file's ending says its form, or else its content.
fn read(file: &Path, form: Option<Form>, shell: &mut Shell<'_>) -> Result<Reading> {
    let name = file.display();
    let content = match (shell.piped.as_mut(), shell.keyboard.as_mut()) {
        _ if file != Path::new("-") => File::open(file).and_then(content),
        (Some(piped), _) => content(piped),
        (None, Some(keyboard)) => content(keyboard),
        (None, None) => Ok(Vec::new()),
    };
    let unreadable = |error| Failure::usage(format!("cannot read {name}: {error}"), "give the path of a chart, or -");
    let content = content.map_err(unreadable)?;
    if content.len() as u64 > MOST {
        return Err(Failure::usage(format!("{name} has more than {MOST} bytes"), "that is no chart").into());
    }
    let form = form.or_else(|| ending(file));
    goal_activity_chart::read(&content, form).map_err(|error| {
        let (advice, said) =
            ("correct it; --form says what it is, if that was taken for something else", error.to_string());
        let Some((first, others)) = said.split_once('\n') else {
            return Failure::usage(format!("{name}: {said}"), advice).into();
        };
        let problems = counted(1 + error.others.len() + error.more, "problem");
        let detail = Some(format!("{first}\n  {}", others.replace('\n', "\n  ")));
        Failure { detail, ..Failure::usage(format!("{name} has {problems}"), advice) }.into()
    })
}

fn content(from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    from.take(MOST + 1).read_to_end(&mut content)?;
    Ok(content)
}

fn ending(file: &Path) -> Option<Form> {
    file.extension()?.to_str()?.parse().ok()
}

async fn export(args: Export, client: &Client, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let Export { goal, form, output } = args;
    let form = form.or_else(|| output.as_deref().and_then(ending)).unwrap_or(Form::Json);
    let chart = Goal::read(&client.get(&path(&goal)).await?)?.chart()?;
    let text = goal_activity_chart::write(&chart, form);
    let Some(file) = output else {
        shell.out.write_all(text.as_bytes())?;
        return Ok(DONE);
    };
    let write = || File::create_new(&file).and_then(|mut file| file.write_all(text.as_bytes()));
    write().map_err(|error| {
        Failure::usage(format!("cannot write {}: {error}", file.display()), "name a file that does not exist yet")
    })?;
    let written = serde_json::json!({ "file": file, "form": form.name(), "bytes": text.len() });
    shell.show(json, &written, |_| format!("{} is written.\n", file.display()))?;
    Ok(DONE)
}

#[cfg(test)]
mod tests;
