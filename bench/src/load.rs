//! `cargo xtask bench load`: many workflows at once. All must succeed; measures how fast, and in how much memory.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use goal_activity_core::execution::Execution;
use goal_activity_core::goal::Goal;
use goal_activity_core::limits::{MAX_ACTIONS, MAX_RUNNING_PER_USER};
use goal_activity_local::project::Project;
use goal_activity_local::step::{note, step};

use crate::memory::{self, Sample};
use crate::read_model::{self, has_all_tasks};
use crate::report::{Figure, Section};
use crate::stage::{Functions, Stage};
use crate::stats::{percentile, whole};

const COMMAND: &str = "cargo xtask bench load";
/// The number of concurrent start requests.
const STARTERS: usize = 4;
/// The interval between checks of all workflows. Checks are not free: they use the same emulator.
const PAUSE: Duration = Duration::from_secs(3);
/// How long nothing may happen before the run is stopped.
const STALLED: Duration = Duration::from_secs(120);
/// How much more memory the last third of the run may have than the first, as a ratio.
const FLAT: f64 = 1.25;

/// The size of the load.
#[derive(Debug, Args)]
pub(crate) struct Size {
    /// For `load`: how many goals of 64 actions to start at once
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=1000))]
    goals: u16,
    /// For `load`: how long the AI takes for one action, in milliseconds
    #[arg(long, value_name = "L", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=100_000))]
    latency_ms: u32,
}

/// Starts all of them as fast as the API accepts them, and waits for their ends.
pub(crate) fn measure(project: &Project, size: &Size, functions: &Functions) -> Result<Vec<Section>> {
    let users = usize::from(size.goals).div_ceil(MAX_RUNNING_PER_USER);
    let mut stage = Stage::new(project, "bench-load", users, functions)?;
    let latency = Duration::from_millis(size.latency_ms.into());
    let goals = step("goals stored", || stage.goals(size.goals, u8::try_from(MAX_ACTIONS)?, latency))?;
    let stop = AtomicBool::new(false);
    let (ran, samples) = thread::scope(|scope| {
        let watch = memory::watch(scope, stage.local.emulator.pid(), &stop);
        let ran = run(&stage, &goals);
        stop.store(true, Ordering::Relaxed);
        (ran, watch.join().unwrap_or_default())
    });
    Ok(vec![section(size, &ran?, &samples)?])
}

/// The results.
struct Ran {
    executions: Vec<Execution>,
    /// Until the last start was answered, and until the last end was seen.
    accepted: Duration,
    ended: Duration,
}

fn run(stage: &Stage, goals: &[Goal]) -> Result<Ran> {
    let begun = Instant::now();
    start_all(stage, goals)?;
    let accepted = begun.elapsed();
    let mut before = (0, Instant::now());
    loop {
        let executions = read_model::all(&stage.local.aws, &stage.local.stack)?;
        let done = executions.iter().filter(|execution| execution.is_complete()).count();
        if done == goals.len() {
            return Ok(Ran { executions, accepted, ended: begun.elapsed() });
        }
        if done > before.0 {
            before = (done, Instant::now());
            note(&format!("  {done}/{} workflows after {:.0} s", goals.len(), begun.elapsed().as_secs_f64()));
        }
        if before.1.elapsed() > STALLED {
            bail!(
                "{done} of {} workflows ended, and then nothing:\n{}",
                goals.len(),
                stage.local.emulator.last_words()
            );
        }
        thread::sleep(PAUSE);
    }
}

fn start_all(stage: &Stage, goals: &[Goal]) -> Result<()> {
    let next = AtomicUsize::new(0);
    let start_some = || {
        while let Some(goal) = goals.get(next.fetch_add(1, Ordering::Relaxed)) {
            stage.start(goal)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let starters: Vec<_> = (0..STARTERS).map(|_| scope.spawn(start_some)).collect();
        let answers = starters.into_iter().map(|starter| starter.join().ok().context("a starter panicked")?);
        answers.collect::<Result<()>>()
    })
}

fn section(size: &Size, ran: &Ran, samples: &[Sample]) -> Result<Section> {
    let command = format!("{COMMAND} --goals {} --latency-ms {}", size.goals, size.latency_ms);
    let mut section = Section::new(&format!("{} workflows of 64 actions at once", size.goals), &command, ["value"]);
    let mut row = |what: &str, figure: Figure| section.row(what, [Some(figure)]);
    let not_well = ran.executions.iter().filter(|execution| !has_all_tasks(execution)).count();
    ensure!(ran.executions.len() == usize::from(size.goals), "the table has {} executions", ran.executions.len());
    let actions: u32 = ran.executions.iter().map(|execution| execution.progress().succeeded).sum();
    let seconds = ran.ended.as_secs_f64();
    row("workflows that did not succeed as a whole", Figure::new(whole(not_well as u64), "").at_most(0.0));
    row("actions with tasks", Figure::new(actions.into(), ""));
    row("all accepted after", Figure::new(ran.accepted.as_secs_f64(), "s"));
    row("all ended after", Figure::new(seconds, "s"));
    row("goals a minute", Figure::new(f64::from(size.goals) / seconds * 60.0, ""));
    row("actions a second", Figure::new(f64::from(actions) / seconds, ""));
    let times: Vec<f64> = ran.executions.iter().filter_map(time_to_the_end).collect();
    for (what, share) in [("median", 0.5), ("95 %", 0.95), ("99 %", 0.99), ("longest", 1.0)] {
        let time = percentile(&times, share).context("no workflow tells when it ended")?;
        row(&format!("from accepted to the end published, {what}"), Figure::new(time, "s"));
    }
    let mut thirds = |what: &str, of: &dyn Fn(&Sample) -> f64, goal: Option<f64>| {
        let Some((first, last)) = memory::thirds(samples, of) else { return };
        let growth = Figure::new(last, "MB").times(Figure::new(first, "MB"));
        row(&format!("{what}, first third of the run"), Figure::new(first, "MB"));
        row(&format!("{what}, last third"), Figure::new(last, "MB"));
        row(&format!("{what}, last to first"), goal.map_or(growth, |goal| growth.at_most(goal)));
    };
    thirds("the largest function", &|sample| sample.largest_function, Some(FLAT));
    thirds("all functions", &|sample| sample.functions, Some(FLAT));
    thirds("the emulator", &|sample| sample.emulator, None);
    let cores = |of: &dyn Fn(&Sample) -> f64| Some((of(samples.last()?) - of(samples.first()?)) / seconds);
    for (what, used) in
        [("the emulator", cores(&|s| s.emulator_seconds)), ("functions", cores(&|s| s.function_seconds))]
    {
        section.row(format!("processors used by {what}"), [used.map(|used| Figure::new(used, ""))]);
    }
    let processes = samples.iter().map(|sample| sample.processes).fold(0.0, f64::max);
    section.row("function processes, at most", [Some(Figure::new(processes, ""))]);
    section.note("The emulator keeps rows, histories and logs in memory: it grows by what it stores, as tables do.");
    Ok(section)
}

fn time_to_the_end(execution: &Execution) -> Option<f64> {
    Some(execution.published_at?.since(execution.start_date).as_secs_f64())
}
