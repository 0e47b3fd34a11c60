//! The time that the worker adds to the AI's.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use goal_activity_local::functions;
use goal_activity_local::local::RunFolder;
use goal_activity_local::project::Project;
use goal_activity_local::step::step;

use crate::cloud::{Cloud, SERVICE};
use crate::functions::all_handled;
use crate::report::{Figure, Section};
use crate::runtime::Runtime;
use crate::scene::{Scene, Stage};
use crate::spawned::{Program, Spawned};
use crate::stats::{median, millis};

/// The number of batches, after the first.
const BATCHES: usize = 30;
/// The AI's latency.
const AI: [(&str, Duration); 2] = [("AI 0 s", Duration::ZERO), ("AI 1 s", Duration::from_secs(1))];

/// The goals for one batch, in ms.
const OVER: f64 = 30.0;
const CPU: f64 = 15.0;

/// The figures of a batch.
#[derive(Debug, Default)]
struct Batches {
    over: Vec<f64>,
    cpu: Vec<f64>,
    calls: BTreeMap<String, usize>,
}

/// Builds the worker as it is deployed and makes it process batches of 8.
pub(crate) fn measure(project: &Project) -> Result<Vec<Section>> {
    let program = Program { executable: functions::build_as_deployed(project)?.join("worker"), script: None };
    let folder = RunFolder::new(project, "bench")?;
    let scene = Scene::new()?;
    let cloud = Cloud::start(&scene)?;
    let mut measured = Vec::new();
    for (name, ai) in AI {
        let runtime = Runtime::start()?;
        let function = Spawned::new(&program, &runtime, &cloud, &folder.path.join("worker.log"))?;
        let batches = step(&format!("batches worked on, {name}"), || {
            work(&scene, &cloud, &runtime, &function, ai)
                .with_context(|| format!("it said:\n{}", function.last_words()))
        })?;
        measured.push(batches);
    }
    let mut section = Section::new("The worker's overhead", "cargo xtask bench worker", AI.map(|(name, _)| name));
    let ms = |of: &dyn Fn(&Batches) -> &Vec<f64>, goal: f64| {
        let figures = measured.iter().map(|b| median(of(b)).map(|value| Figure::new(value, "ms").at_most(goal)));
        figures.collect::<Vec<_>>()
    };
    section.row("time over the slowest call", ms(&|b| &b.over, OVER));
    section.row("CPU", ms(&|b| &b.cpu, CPU));
    let mut operations: Vec<&String> = measured.iter().flat_map(|b| b.calls.keys()).collect();
    operations.sort();
    operations.dedup();
    for operation in operations {
        section.row(operation, measured.iter().map(|b| Some(count(b.calls.get(operation).copied().unwrap_or(0)))));
    }
    section.row("all calls of AWS", measured.iter().map(|b| Some(count(of_aws(&b.calls)))));
    section.note(format!(
        "Medians of {BATCHES} batches of 8, after the first one. Every service answers after {} ms.",
        SERVICE.as_millis()
    ));
    Ok(vec![section])
}

/// Batches one after the other. The first is not counted: it opens the connections.
fn work(scene: &Scene, cloud: &Cloud, runtime: &Runtime, function: &Spawned, ai: Duration) -> Result<Batches> {
    runtime.asked()?;
    let mut batches = Batches::default();
    for n in 0..=BATCHES {
        cloud.reset(Stage::Running, ai);
        let before = function.cpu()?;
        let done = runtime.invoke(&scene.batch())?;
        ensure!(all_handled(&done.answer), "it answered {}", done.answer);
        let calls = cloud.calls();
        ensure!(calls.get("AI") == Some(&8), "it has not asked the AI for 8 actions: {calls:?}");
        if n > 0 {
            batches.over.push(millis(done.time.saturating_sub(ai)));
            batches.cpu.push(millis(function.cpu()?.saturating_sub(before)));
            batches.calls = calls;
        }
    }
    Ok(batches)
}

fn of_aws(calls: &BTreeMap<String, usize>) -> usize {
    calls.iter().filter(|(operation, _)| *operation != "AI").map(|(_, count)| count).sum()
}

#[allow(clippy::cast_precision_loss, reason = "a few dozen")]
fn count(of: usize) -> Figure {
    Figure::new(of as f64, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ai_is_no_part_of_aws() {
        let calls = BTreeMap::from([("AI".to_owned(), 8), ("A".to_owned(), 2), ("B".to_owned(), 3)]);
        assert_eq!(of_aws(&calls), 5);
        assert_eq!(of_aws(&BTreeMap::new()), 0);
    }
}
