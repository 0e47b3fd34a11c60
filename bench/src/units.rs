//! `cargo xtask bench units`: what AWS would bill for one workflow, counted from real runs of three sizes.

use std::time::Duration;

use anyhow::{Result, ensure};
use goal_activity_core::limits::batch_count;
use goal_activity_local::billing::{self, Usage};
use goal_activity_local::project::Project;

use crate::fixed;
use crate::price::{self, Known, Price};
use crate::read_model::has_all_tasks;
use crate::report::{Figure, Section};
use crate::stage::{Functions, Stage, now};
use crate::stats::whole;

const COMMAND: &str = "cargo xtask bench units";
/// The sizes, in actions. The third shows whether the growth is linear.
const SIZES: [u8; 3] = [8, 32, 64];
const SMALLEST: usize = 0;
const MIDDLE: usize = 1;
const LARGEST: usize = 2;
/// How long a run may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The AI's latency in the run that measures the cost of its time: as long as one takes for an action.
const SLOW_AI: Duration = Duration::from_secs(20);

/// The goals for the largest workflow.
const TRANSITIONS: f64 = 13.0;
const INVOCATIONS: f64 = 24.0;
const USD: f64 = 0.002;
/// The maximum deviation of the middle from the line between the others, as a ratio.
const STRAIGHT: f64 = 1.05;

/// A billed unit.
struct Item {
    what: &'static str,
    price: Price,
    units: fn(&Usage) -> f64,
    /// Whether it is an estimate: the emulator does not show it.
    estimated: bool,
    /// Its maximum for the largest workflow.
    at_most: Option<f64>,
}

const fn counted(what: &'static str, price: Price, units: fn(&Usage) -> f64) -> Item {
    Item { what, price, units, estimated: false, at_most: None }
}

impl Item {
    const fn estimated(self) -> Self {
        Self { estimated: true, ..self }
    }

    const fn at_most(self, goal: f64) -> Self {
        Self { at_most: Some(goal), ..self }
    }
}

/// All billed units. Free are Step Functions' events on the default bus, delivery by rules, and calls of Step
/// Functions' API.
const ITEMS: [Item; 16] = [
    counted("HTTP requests", price::HTTP_REQUEST, |used| whole(used.functions.get("api").map_or(0, |f| f.invocations))),
    counted("state transitions", price::TRANSITION, |used| whole(used.machine.transitions)).at_most(TRANSITIONS),
    counted("invocations", price::INVOCATION, |used| whole(used.invocations())).at_most(INVOCATIONS),
    counted("GB-seconds", price::GB_SECOND, gb_seconds),
    counted("messages sent by rules and states", price::QUEUE_REQUEST, |used| {
        whole(used.machine.messages + used.delivered)
    }),
    counted("receives that brought messages", price::QUEUE_REQUEST, |used| queue(used, "ReceiveMessage")),
    counted("deletes, a batch each", price::QUEUE_REQUEST, |used| queue(used, "DeleteMessageBatch")),
    counted("leases and delays of messages", price::QUEUE_REQUEST, |used| queue(used, "ChangeMessageVisibility")),
    counted("custom events", price::EVENT, |used| whole(used.event_chunks)),
    counted("read units", price::READ_UNIT, |used| used.units().read),
    counted("write units", price::WRITE_UNIT, |used| used.units().write),
    counted("archive writes", price::S3_PUT, |used| other(used, "PutObject")),
    counted("notices to the operators", price::NOTICE, |used| other(used, "Publish")),
    counted("log bytes of functions", price::LOG_BYTE, |used| {
        whole(used.functions.values().map(|f| f.log_bytes).sum())
    }),
    counted("log bytes of AWS itself", price::LOG_BYTE, aws_log_bytes).estimated(),
    counted("traces", price::TRACE, |used| whole(used.invocations())).estimated(),
];

/// Runs a workflow of each size, and the scheduled work.
pub(crate) fn measure(project: &Project, functions: &Functions) -> Result<Vec<Section>> {
    let mut stage = Stage::with_windows(project, "bench-units", 1, functions)?;
    stage.local.aws.record_calls(true)?;
    // The first workflow includes the starts of all functions, on AWS as here: it is not representative.
    run(&mut stage, SIZES[LARGEST], Duration::ZERO)?;
    let usages =
        SIZES.into_iter().map(|actions| run(&mut stage, actions, Duration::ZERO)).collect::<Result<Vec<_>>>()?;
    let slow = run(&mut stage, SIZES[LARGEST], SLOW_AI)?;
    Ok(vec![of_a_workflow(&usages, &slow), by_function(&usages[LARGEST]), prices(), fixed::measure(project, &stage)?])
}

fn run(stage: &mut Stage, actions: u8, latency: Duration) -> Result<Usage> {
    let goals = stage.goals(1, actions, latency)?;
    let (aws, stack) = (&stage.local.aws, &stage.local.stack);
    let since = now();
    let executions = goals.iter().map(|goal| stage.start(goal)).collect::<Result<Vec<_>>>()?;
    for execution in &executions {
        let ended = stage.ended(execution, PATIENCE)?;
        ensure!(has_all_tasks(&ended), "{execution} ended as {}", ended.status());
    }
    ensure!(billing::settled(aws, stack)?, "something is still on its way");
    let usage = billing::usage(aws, stack, &executions, Some(since))?;
    // The emulator's counts depend on its internals: missing counts must not be taken for a workflow without costs.
    let units = usage.units();
    let told = units.read > 0.0 && units.write > 0.0 && usage.queue_requests.contains_key("ReceiveMessage");
    ensure!(told, "the emulator does not tell what is billed: see emulator.py");
    Ok(usage)
}

fn of_a_workflow(usages: &[Usage], slow: &Usage) -> Section {
    let titles = SIZES.map(|actions| format!("{actions} actions"));
    let columns = titles.iter().map(String::as_str).chain(["fixed", "per batch", "USD of 64"]);
    let mut section = Section::new("Billed units and price of one workflow", COMMAND, columns);
    for item in &ITEMS {
        let units: Vec<f64> = usages.iter().map(item.units).collect();
        let mut figures: Vec<_> = units.iter().map(|units| Figure::new(*units, "")).collect();
        if let (Some(goal), Some(of_largest)) = (item.at_most, figures.last_mut()) {
            *of_largest = of_largest.at_most(goal);
        }
        let (fixed, per_batch) = line(&units);
        figures.extend([Figure::new(fixed, ""), Figure::new(per_batch, "")]);
        figures.push(Figure::new(item.price.of(units[LARGEST]), "USD"));
        let what = if item.estimated { format!("{}, estimated", item.what) } else { item.what.to_owned() };
        section.row(what, figures.into_iter().map(Some));
    }
    let costs: Vec<f64> = usages.iter().map(cost).collect();
    let (fixed, per_batch) = line(&costs);
    let usd = |value| Some(Figure::new(value, "USD"));
    let all = Some(Figure::new(costs[LARGEST], "USD").at_most(USD));
    section
        .row("all, without the AI", [usd(costs[SMALLEST]), usd(costs[MIDDLE]), all, usd(fixed), usd(per_batch), all]);
    let expected = fixed + per_batch * batches(SIZES[MIDDLE]);
    let off = costs[MIDDLE] / expected;
    section.row(
        "the middle, against a straight line",
        [None, Some(Figure::new(off.max(1.0 / off), "x").at_most(STRAIGHT))],
    );
    let waited = gb_seconds(slow) - gb_seconds(&usages[LARGEST]);
    let (seconds, price) = (SLOW_AI.as_secs(), price::GB_SECOND.of(waited));
    let workers = slow.functions.get("worker").map_or(0, |used| used.invocations);
    section.note(format!(
        "The AI's own price is apart. Where it takes {seconds} s, 64 actions need {waited:.1} GB-seconds more, {price:.6} USD: \
         the worker's batches came in {workers} invocations."
    ));
    section.note(format!(
        "{} writes were refused; they are counted with the least that they can cost.",
        usages[LARGEST].units().refused
    ));
    section.note(
        "Not seen here: receives of pollers that bring nothing (below, by the month). Messages are gathered for the batching windows by one \
         poller; on AWS several do.",
    );
    section.note("Traces: at most one for each invocation; X-Ray samples one a second and 5 % of the rest.");
    section
}

/// The units by source.
fn by_function(usage: &Usage) -> Section {
    let columns = ["invocations", "each", "read units", "write units", "log bytes"];
    let mut section = Section::new("The same of 64 actions, by function", COMMAND, columns);
    for (name, used) in &usage.functions {
        let units = usage.tables.get(name).copied().unwrap_or_default();
        let each = Figure::new(whole(used.milliseconds) / whole(used.invocations), "ms");
        let count = |value| Some(Figure::new(value, ""));
        section.row(
            name.as_str(),
            [
                count(whole(used.invocations)),
                Some(each),
                count(units.read),
                count(units.write),
                count(whole(used.log_bytes)),
            ],
        );
    }
    section
}

fn prices() -> Section {
    let title = format!("Prices, {} {}, without free tiers", price::REGION, price::DATE);
    let mut section = Section::new(&title, COMMAND, ["USD a million"]);
    let mut listed: Vec<&str> = Vec::new();
    for Item { price, .. } in &ITEMS {
        if listed.contains(&price.unit) {
            continue;
        }
        listed.push(price.unit);
        let known = match price.known {
            Known::StoredPage => "a stored copy of the page",
            Known::Reported => "reports of 2026",
            Known::Remembered => "memory",
        };
        section.row(format!("{} ({known}; {})", price.unit, price.page), [Some(Figure::new(price.of(1e6), "USD"))]);
    }
    section.note("None was read from AWS on that date: check them before you budget with them.");
    section
}

fn cost(usage: &Usage) -> f64 {
    ITEMS.iter().map(|item| item.price.of((item.units)(usage))).sum()
}

/// The fixed part of the smallest and the largest, and the part per batch.
fn line(values: &[f64]) -> (f64, f64) {
    let (few, many) = (batches(SIZES[SMALLEST]), batches(SIZES[LARGEST]));
    let per_batch = (values[LARGEST] - values[SMALLEST]) / (many - few);
    (values[SMALLEST] - per_batch * few, per_batch)
}

fn batches(actions: u8) -> f64 {
    f64::from(batch_count(actions.into()))
}

fn gb_seconds(usage: &Usage) -> f64 {
    whole(usage.functions.values().map(|used| used.megabyte_ms).sum()) / 1024.0 / 1000.0
}

fn queue(usage: &Usage, operation: &str) -> f64 {
    whole(usage.queue_requests.get(operation).copied().unwrap_or_default())
}

fn other(usage: &Usage, operation: &str) -> f64 {
    whole(usage.others.get(operation).copied().unwrap_or_default())
}

/// The state machine logs each event of its history, without data; the gateway logs each request. The emulator does
/// neither, and its history has 2 events per batch where AWS has 8.
fn aws_log_bytes(usage: &Usage) -> f64 {
    const BYTES: f64 = 400.0;
    const MORE_OF_A_BATCH: u64 = 6;
    let events = usage.machine.events + MORE_OF_A_BATCH * usage.machine.messages;
    let requests = usage.functions.get("api").map_or(0, |used| used.invocations);
    whole(events + requests) * BYTES
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "few whole numbers and halves add up exactly")]
mod tests {
    use goal_activity_core::limits::{MAX_ACTIONS, MAX_BATCHES};

    use super::*;
    use goal_activity_local::billing::FunctionUsage;
    use goal_activity_local::billing::calls::Units;
    use goal_activity_local::billing::history::MachineUsage;

    /// The usage of a workflow of that many batches if each used the same.
    fn usage(batches: u64) -> Usage {
        let worker = FunctionUsage { invocations: batches, megabyte_ms: 256 * 1_000 * batches, ..Default::default() };
        #[allow(clippy::cast_precision_loss, reason = "small")]
        let units = Units { write: 100.0 * batches as f64, ..Default::default() };
        Usage {
            machine: MachineUsage { transitions: 5 + batches, messages: batches, ..Default::default() },
            functions: [("worker".to_owned(), worker)].into(),
            tables: [("worker".to_owned(), units)].into(),
            ..Default::default()
        }
    }

    #[test]
    fn the_price_of_a_workflow_is_the_sum_of_its_items() {
        let one = cost(&usage(1));
        let logs = 6.0 * 400.0 * 0.5 / (1024.0 * 1024.0 * 1024.0);
        let expected = 6.0 * 25e-6 + 0.2e-6 + 0.25 * 13.3334e-6 + 0.4e-6 + 100.0 * 0.625e-6 + logs + 5e-6;
        assert!((one - expected).abs() < 1e-12, "{one} is not {expected}");
    }

    #[test]
    fn what_grows_by_the_batch_is_told_apart_from_what_is_fixed() {
        let transitions: Vec<f64> = [1, 4, 8].map(|n| whole(usage(n).machine.transitions)).to_vec();
        assert_eq!(line(&transitions), (5.0, 1.0));
        assert_eq!(gb_seconds(&usage(4)), 1.0);
    }

    #[test]
    fn the_largest_size_is_the_largest_workflow() {
        assert_eq!(usize::from(SIZES[LARGEST]), MAX_ACTIONS);
        assert_eq!(batches(SIZES[LARGEST]), f64::from(MAX_BATCHES));
    }
}
