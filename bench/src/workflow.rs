//! `cargo xtask bench workflow`: how long a workflow of 64 actions takes without its AI, by step.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use goal_activity_core::limits::{MAX_ACTIONS, MAX_BATCHES};
use goal_activity_events::{ExecutionArn, Timestamp};
use goal_activity_local::billing;
use goal_activity_local::billing::history;
use goal_activity_local::billing::logs::{self, Invocation};
use goal_activity_local::project::Project;
use serde_json::Value;

use crate::read_model::has_all_tasks;
use crate::report::{Figure, Section};
use crate::stage::{Functions, Stage, now};
use crate::stats::percentile;

const COMMAND: &str = "cargo xtask bench workflow";
/// The AI's latency for an action, in the order of the columns.
const AI: [Duration; 3] = [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(5)];
/// How often each is run.
const RUNS: usize = 5;
/// How long a run may take.
const PATIENCE: Duration = Duration::from_secs(90);
/// The goal for the time without the AI.
const OVERHEAD_MS: f64 = 1_000.0;

/// The steps of a run, each with the milliseconds that it took after the one before.
const STEPS: [&str; 6] = [
    "accepted to launched",
    "to the last batch sent",
    "to the last batch begun",
    "to the last batch answered, without the AI",
    "to the ledger sealed",
    "to the end recorded",
];

/// The times of the steps of one run, in milliseconds since it was accepted.
#[derive(Debug, PartialEq)]
struct Run {
    steps: [f64; 6],
    /// The time of the AI: of one action, because a batch's actions run in parallel, and so do the batches. It is the
    /// offline generator's configured latency. The duration that the worker logs is longer: an answer waits while
    /// another is being saved.
    ai: f64,
}

impl Run {
    fn total(&self) -> f64 {
        self.steps[5]
    }

    fn overhead(&self) -> f64 {
        self.total() - self.ai
    }

    /// The duration of each step, without the AI's time.
    fn durations(&self) -> [f64; 6] {
        let before = |step: usize| if step == 0 { 0.0 } else { self.steps[step - 1] };
        std::array::from_fn(|step| self.steps[step] - before(step) - if step == 3 { self.ai } else { 0.0 })
    }
}

/// Runs it several times for each latency, all batches at once.
pub(crate) fn measure(project: &Project, functions: &Functions) -> Result<Vec<Section>> {
    let mut stage = Stage::new(project, "bench-workflow", 1, functions)?;
    let cold = run(&mut stage, Duration::ZERO)?;
    let mut by_ai = Vec::new();
    for ai in AI {
        by_ai.push((0..RUNS).map(|_| run(&mut stage, ai)).collect::<Result<Vec<_>>>()?);
    }
    Ok(vec![section(&cold, &by_ai)])
}

fn section(cold: &Run, by_ai: &[Vec<Run>]) -> Section {
    let titles = AI.map(|ai| format!("AI {} s", ai.as_secs()));
    let columns = titles.iter().map(String::as_str).chain(["first run, AI 0 s"]);
    let mut section = Section::new("A workflow of 64 actions beside its AI", COMMAND, columns);
    let ms = |value: Option<f64>| value.map(|value| Figure::new(value, "ms"));
    let mut row = |what: &str, of: &dyn Fn(&Run) -> f64, share: f64, goal: Option<f64>| {
        let runs = by_ai.iter().map(|runs| percentile(&runs.iter().map(of).collect::<Vec<_>>(), share));
        let figures = runs.map(|value| ms(value).map(|figure| goal.map_or(figure, |goal| figure.at_most(goal))));
        section.row(what, figures.chain([ms(Some(of(cold)))]).collect::<Vec<_>>());
    };
    row("total, median", &Run::total, 0.5, None);
    row("without the AI, median", &Run::overhead, 0.5, Some(OVERHEAD_MS));
    row("without the AI, worst", &Run::overhead, 1.0, Some(OVERHEAD_MS));
    for (step, what) in STEPS.into_iter().enumerate() {
        row(&format!("  {what}"), &|run| run.durations()[step], 0.5, None);
    }
    section
        .note(format!("{RUNS} runs of each, one after the other. From the claim of the goal to the end in the table."));
    section.note("The first run starts the processes of all functions.");
    section.note(format!("All {MAX_BATCHES} batches at once: as many workers run as `concurrentBatches` says."));
    section
}

fn run(stage: &mut Stage, ai: Duration) -> Result<Run> {
    let actions = u8::try_from(MAX_ACTIONS)?;
    let goals = stage.goals(1, actions, ai)?;
    let goal = goals.first().context("no goal was made")?;
    let since = now();
    let execution = stage.start(goal)?;
    let ended = stage.ended(&execution, PATIENCE)?;
    ensure!(has_all_tasks(&ended), "{execution} ended as {}", ended.status());
    ensure!(billing::settled(&stage.local.aws, &stage.local.stack)?, "something is still on its way");
    let history = history::history(&stage.local.aws, &execution)?;
    let invocations = logs::invocations(&stage.local.aws, Some(since))?;
    steps(ai, ended.start_date, &execution, &history, &invocations)
}

/// The times of the steps, from the functions' logs and the execution's history.
fn steps(
    ai: Duration,
    accepted: Timestamp,
    execution: &ExecutionArn,
    history: &[Value],
    logs: &[Invocation],
) -> Result<Run> {
    let own: Vec<&Value> =
        logs.iter().flat_map(|one| &one.lines).filter(|line| line["executionArn"] == execution.as_str()).collect();
    let after = |at: Timestamp| millis(at.since(accepted));
    let last = |message: &str| {
        let lines = own.iter().filter(|line| line["message"] == message);
        let times = lines.filter_map(|line| line["timestamp"].as_str()?.parse::<Timestamp>().ok());
        times.max().map(after).with_context(|| format!("no function logged \"{message}\" about {execution}"))
    };
    let sent =
        history.iter().filter(|event| history::sends_batch(event)).filter_map(|event| event["timestamp"].as_f64());
    #[allow(clippy::cast_possible_truncation, reason = "seconds of today")]
    let sent = sent.map(|seconds| Timestamp::from_millis((seconds * 1000.0) as i64)).max();
    let sent = sent.context("the history has no batch that was sent")?;
    Ok(Run {
        steps: [
            last("launched")?,
            after(sent),
            last("batch begun")?,
            last("batch answered")?,
            last("ledger sealed")?,
            last("workflow ended")?,
        ],
        ai: millis(ai),
    })
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "few whole numbers and halves add up exactly")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_time_beside_the_ai_is_shown_step_by_step() {
        let arn: ExecutionArn =
            "arn:aws:states:us-east-1:000000000000:execution:goal-activity:goal-1-1".parse().unwrap();
        let accepted: Timestamp = "2026-11-25T12:00:00.000Z".parse().unwrap();
        let at = |ms: i64| Timestamp::from_millis(accepted.as_millis() + ms).to_string();
        let line =
            |ms: i64, message: &str| json!({"timestamp": at(ms), "message": message, "executionArn": arn.as_str()});
        let of_another = json!({"timestamp": at(9_000), "message": "workflow ended", "executionArn": "another"});
        let lines = vec![
            line(50, "launched"),
            line(120, "batch begun"),
            line(150, "batch begun"),
            line(1_250, "batch answered"),
            line(1_300, "ledger sealed"),
            line(1_400, "workflow ended"),
            of_another,
        ];
        let logs = [Invocation { lines, ..Invocation::default() }];
        #[allow(clippy::cast_precision_loss, reason = "a time of today")]
        let sent = (accepted.as_millis() + 100) as f64 / 1000.0;
        let history = [json!({"timestamp": sent, "taskScheduledEventDetails": {"resourceType": "sqs"}})];

        let run = steps(Duration::from_secs(1), accepted, &arn, &history, &logs).unwrap();
        assert_eq!((run.total(), run.ai, run.overhead()), (1_400.0, 1_000.0, 400.0));
        assert_eq!(run.durations(), [50.0, 50.0, 50.0, 100.0, 50.0, 100.0]);

        let error = steps(Duration::ZERO, accepted, &arn, &history, &[]).unwrap_err().to_string();
        assert!(error.starts_with("no function logged \"launched\""), "{error}");
    }
}
