//! `cargo xtask demo`: a goal through the whole pipeline, from an empty stack to its tasks, with a complete clean-up.

mod progress;
mod report;
mod traces;

use std::io::IsTerminal;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args as ClapArgs;
use goal_activity_core::goal::Goal;
use goal_activity_core::limits::MAX_RUNNING_PER_USER;
use goal_activity_events::ExecutionArn;

use crate::api::Api;
use crate::billing;
use crate::demo::progress::Run;
use crate::functions::prebuilt::Prebuilt;
use crate::goal_file::{self, derived};
use crate::local::{Local, RunFolder};
use crate::output;
use crate::page;
use crate::project::Project;
use crate::sample::Experiment;
use crate::step::{note, step};
use crate::user::{self, SignedIn};

/// What to print.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    experiment: Experiment,
    /// Build nothing: a release's zip of functions or its URL, or the folder of `cargo xtask build`
    #[arg(long, value_name = "ZIP|URL|FOLDER")]
    functions: Option<Prebuilt>,
    /// Record spans, and print those of the first workflow as a tree
    #[arg(long)]
    trace: bool,
    /// Show the page in a browser meanwhile, and go on until Enter or Ctrl-C
    #[arg(long)]
    open: bool,
}

/// Runs the demo.
pub fn run(project: &Project, args: &Args) -> Result<()> {
    let begun = Instant::now();
    let charts = args.experiment.goals()?;
    let folder = RunFolder::new(project, "demo")?;
    let start_local = if args.trace { Local::start_tracing } else { Local::start };
    let local = start_local(project, &folder.path, args.functions.as_ref())?;

    let (users, goals) = step("goal stored, user signed in", || {
        let users = user::sign_in_several(&local.aws, &local.stack, charts.len().div_ceil(MAX_RUNNING_PER_USER))?;
        let owners = users.iter().flat_map(|user| std::iter::repeat_n(user, MAX_RUNNING_PER_USER));
        let goals = charts.into_iter().zip(owners).enumerate();
        let goals = goals.map(|(n, (chart, owner))| {
            goal_file::goal(chart, derived(&format!("goal {n}")).parse()?, owner.id.clone())
        });
        let goals = goals.collect::<Result<Vec<Goal>>>()?;
        local.seed(&goals)?;
        local.aws.record_calls(true)?;
        Ok((users, goals))
    })?;

    let page = args.open.then(|| show_page(project, &local, &folder.path, &goals)).transpose()?;
    let api = Api::at(local.stack.api_url()?);
    let started = Instant::now();
    let mut runs = start(&api, &goals, &users)?;
    let total = goals.iter().map(|goal| goal.actions.len()).sum();
    note(&format!("  activity started over HTTP for {} goal(s) with {total} actions", goals.len()));
    progress::watch(&api, &mut runs, total, &local.emulator)?;
    let time = started.elapsed();
    let ended: Vec<_> = goals.iter().zip(&runs).filter_map(|(goal, run)| Some((goal, run.status.as_ref()?))).collect();
    output::result(&format!("\n{}", report::outcome(&ended, time)));
    if let (Some(goal), Some(run)) = (goals.first(), runs.first()) {
        output::result(&report::tree(goal, &api.tasks(&run.user.token, &run.goal)?));
    }
    // Those of its tasks as well.
    let watched = api.requests() - runs.len() as u64;

    let settled = billing::settled(&local.aws, &local.stack)?;
    local.aws.record_calls(false)?;
    let executions: Vec<ExecutionArn> = runs.iter().map(|run| run.execution.clone()).collect();
    let usage = billing::usage(&local.aws, &local.stack, &executions, None)?;
    if let (true, Some(first)) = (args.trace, executions.first()) {
        output::result(&traces::tree_of(&local.aws, first)?);
    }
    output::result(report::billed(&usage, watched, settled).trim_end());

    if let Some(url) = page {
        stay(&url)?;
    }
    let expected = args.experiment.failures(total);
    let left = ended.iter().map(|(_, status)| status.total_actions.saturating_sub(status.succeeded_actions));
    let left: u64 = left.map(u64::from).sum();
    drop(local);
    drop(folder);
    note(&format!("\nEverything is cleaned up. {:.1} s in all.", begun.elapsed().as_secs_f64()));
    if left > expected {
        bail!("{left} of {total} actions got no tasks: the failures are listed above");
    }
    Ok(())
}

/// Serves the page, and opens it with the first goal.
fn show_page(project: &Project, local: &Local, folder: &Path, goals: &[Goal]) -> Result<String> {
    let stack_file = folder.join("stack.json");
    local.stack.write(&stack_file)?;
    let url = page::serve(project, &local.emulator, &stack_file)?;
    let goal = goals.first().map(|goal| format!("/#/goals/{}", goal.head.goal_id)).unwrap_or_default();
    let url = url + &goal;
    note(&format!("  page: {url}"));
    if let Err(error) = open::that_detached(&url) {
        note(&format!("  no browser can be opened ({error}): open that URL"));
    }
    Ok(url)
}

/// Keeps the stack until Enter is pressed. Without a terminal there is nobody to wait for.
fn stay(url: &str) -> Result<()> {
    if std::io::stdin().is_terminal() {
        note(&format!("\nThe page is at {url} until you press Enter."));
        std::io::stdin().read_line(&mut String::new()).context("cannot read standard input")?;
    }
    Ok(())
}

fn start<'a>(api: &Api, goals: &[Goal], users: &'a [SignedIn]) -> Result<Vec<Run<'a>>> {
    let owners = users.iter().flat_map(|user| std::iter::repeat_n(user, MAX_RUNNING_PER_USER));
    let start = |(goal, user): (&Goal, &'a SignedIn)| {
        let goal = goal.head.goal_id.clone();
        let execution = api.start(&user.token, &goal)?;
        Ok(Run { goal, user, execution, status: None })
    };
    goals.iter().zip(owners).map(start).collect()
}
