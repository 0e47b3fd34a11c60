//! The start time and the size of each function.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use goal_activity_local::functions;
use goal_activity_local::functions::zip::{LARGEST_ZIP, zipped};
use goal_activity_local::local::RunFolder;
use goal_activity_local::prerequisites;
use goal_activity_local::project::Project;
use goal_activity_local::step::step;
use serde_json::Value;

use crate::cloud::{Cloud, SERVICE};
use crate::node_handler;
use crate::report::{Figure, Section};
use crate::runtime::Runtime;
use crate::scene::{Scene, Stage};
use crate::spawned::{Program, Spawned};
use crate::stats::{median, megabytes, millis};

/// How often each is spawned.
const SPAWNS: usize = 21;
/// After how many invocations its memory is measured again.
const INVOCATIONS: usize = 200;

/// The goals: CPU until the function requests work and the whole first start, in ms; memory, in MB.
const INIT: f64 = 10.0;
const COLD: f64 = 25.0;
const RESIDENT: f64 = 20.0;

/// The columns of the table.
const COLUMNS: [&str; 8] =
    ["init CPU", "spawn to next", "first call", "cold total", "cold CPU", "memory", "after 200", "zip"];
/// The function that the Node.js one is compared with: they do the same.
const SAME_JOB: &str = "projector";
const NODE: &str = "projector in Node.js";

/// A function with something to do.
struct Case {
    name: &'static str,
    function: &'static str,
    event: fn(&Scene) -> Value,
    /// The state of the workflow.
    stage: Stage,
    /// Whether an answer is a success.
    succeeded: fn(&Value) -> bool,
}

/// The first event of each function, the most frequent or the largest one.
const CASES: [Case; 7] = [
    Case {
        name: "api",
        function: "api",
        event: |_| Scene::start_request(),
        stage: Stage::Pending,
        succeeded: |answer| answer["statusCode"] == 202,
    },
    Case {
        name: "launch",
        function: "launch",
        event: |_| Scene::requested(),
        stage: Stage::Pending,
        succeeded: all_handled,
    },
    Case { name: "worker", function: "worker", event: Scene::batch, stage: Stage::Running, succeeded: all_handled },
    Case {
        name: SAME_JOB,
        function: "projector",
        event: |_| Scene::progressed(),
        stage: Stage::Running,
        succeeded: all_handled,
    },
    Case {
        name: "projector, an end",
        function: "projector",
        event: |_| Scene::succeeded(),
        stage: Stage::Running,
        succeeded: all_handled,
    },
    Case {
        name: "finalize",
        function: "finalize",
        event: |_| Scene::finalize_request(),
        stage: Stage::Running,
        succeeded: |answer| answer["status"] == "SUCCEEDED",
    },
    Case {
        name: "reconcile",
        function: "reconcile",
        event: |_| Value::Null,
        stage: Stage::Running,
        succeeded: |answer| answer["failed"] == 0 && answer["incomplete"] == false,
    },
];

/// Returns `true` if no message is returned to the queue.
pub(crate) fn all_handled(answer: &Value) -> bool {
    answer["batchItemFailures"].as_array().is_some_and(Vec::is_empty)
}

/// One start of a function.
#[derive(Debug, Clone, Copy)]
struct Start {
    to_next: Duration,
    init_cpu: Duration,
    first: Duration,
    cpu: Duration,
    resident: usize,
}

/// The subject of the measurement, and its tools.
struct Bench<'a> {
    scene: Scene,
    cloud: Cloud,
    folder: &'a Path,
}

/// Builds the functions as they are deployed, starts them in turn, and measures their size.
pub(crate) fn measure(project: &Project) -> Result<Vec<Section>> {
    let folder = functions::build_as_deployed(project)?;
    let mut programs: BTreeMap<&str, Program> = BTreeMap::new();
    for case in &CASES {
        programs.insert(case.name, Program { executable: folder.join(case.function), script: None });
    }
    let node = prerequisites::node_folder().context("Node.js is gone")?.join("node");
    programs.insert(NODE, Program { executable: node, script: Some(node_handler::built(project)?) });
    let same_job = CASES.iter().find(|case| case.name == SAME_JOB).context("nothing to compare Node.js with")?;
    let cases: Vec<(&str, &Case)> = CASES.iter().map(|case| (case.name, case)).chain([(NODE, same_job)]).collect();

    let folder = RunFolder::new(project, "bench")?;
    let scene = Scene::new()?;
    let bench = Bench { cloud: Cloud::start(&scene)?, scene, folder: &folder.path };
    // In turn: other load on this machine affects all of them.
    let mut starts: BTreeMap<&str, Vec<Start>> = BTreeMap::new();
    step("functions started", || {
        for _ in 0..SPAWNS {
            for (name, case) in &cases {
                let (start, _) = bench.run(case, &programs[name], 1).with_context(|| format!("starting {name}"))?;
                starts.entry(name).or_default().push(start);
            }
        }
        Ok(())
    })?;
    let mut section = Section::new("Functions: cold start and footprint", "cargo xtask bench functions", COLUMNS);
    let mut rows = BTreeMap::new();
    step("functions invoked 200 times", || {
        for (name, case) in &cases {
            let (_, resident) =
                bench.run(case, &programs[name], INVOCATIONS).with_context(|| format!("invoking {name}"))?;
            let figures = figures(&starts[name], resident, zipped(&programs[name].deployed()?)?)?;
            let goals = [
                Some(INIT),
                None,
                None,
                Some(COLD),
                None,
                Some(RESIDENT),
                Some(RESIDENT),
                Some(megabytes(LARGEST_ZIP)),
            ];
            let ours = *name != NODE;
            let judged = figures.into_iter().zip(goals).map(|(f, goal)| match goal {
                Some(goal) if ours => f.at_most(goal),
                _ => f,
            });
            let judged: Vec<Figure> = judged.collect();
            section.row(*name, judged.iter().map(|f| Some(*f)));
            rows.insert(*name, judged);
        }
        Ok(())
    })?;
    let (node, ours) = (&rows[NODE], &rows[SAME_JOB]);
    section.row("Node.js : Rust", node.iter().zip(ours).map(|(node, ours)| Some(node.times(*ours))));
    section.note(format!(
        "Medians of {SPAWNS} starts in turns. Every service answers after {} ms, over HTTP without TLS.",
        SERVICE.as_millis()
    ));
    section.note(
        "Both projectors handle one BatchProgressed; the Node.js one is bundled with esbuild, its zip without Node.js.",
    );
    Ok(vec![section])
}

/// Spawns each function in a folder and invokes it once.
pub(crate) fn try_each(project: &Project, functions: &Path) -> Result<()> {
    let folder = RunFolder::new(project, "start")?;
    let scene = Scene::new()?;
    let bench = Bench { cloud: Cloud::start(&scene)?, scene, folder: &folder.path };
    for case in &CASES {
        let program = Program { executable: functions.join(case.function), script: None };
        bench.run(case, &program, 1).with_context(|| format!("starting {}", case.name))?;
    }
    Ok(())
}

impl Bench<'_> {
    /// Spawns the program and invokes it that often. Returns its start figures, and its memory at the end.
    fn run(&self, case: &Case, program: &Program, invocations: usize) -> Result<(Start, usize)> {
        let runtime = Runtime::start()?;
        let function = Spawned::new(program, &runtime, &self.cloud, &self.folder.join("function.log"))?;
        self.observe(case, &function, &runtime, invocations)
            .with_context(|| format!("it said:\n{}", function.last_words()))
    }

    fn observe(
        &self,
        case: &Case,
        function: &Spawned,
        runtime: &Runtime,
        invocations: usize,
    ) -> Result<(Start, usize)> {
        let to_next = runtime.asked()?.duration_since(function.since);
        let init_cpu = function.cpu()?;
        let first = self.invoke(case, runtime)?;
        let start = Start { to_next, init_cpu, first, cpu: function.cpu()?, resident: function.resident()? };
        for _ in 1..invocations {
            self.invoke(case, runtime)?;
        }
        Ok((start, function.resident()?))
    }

    fn invoke(&self, case: &Case, runtime: &Runtime) -> Result<Duration> {
        self.cloud.reset(case.stage, SERVICE);
        let done = runtime.invoke(&(case.event)(&self.scene))?;
        ensure!((case.succeeded)(&done.answer), "it answered {}", done.answer);
        Ok(done.time)
    }
}

/// The figures of a row, in the order of the columns.
fn figures(starts: &[Start], resident: usize, zip: usize) -> Result<[Figure; COLUMNS.len()]> {
    let of = |value: &dyn Fn(&Start) -> f64| median(&starts.iter().map(value).collect::<Vec<_>>());
    let values = [
        of(&|s| millis(s.init_cpu)),
        of(&|s| millis(s.to_next)),
        of(&|s| millis(s.first)),
        of(&|s| millis(s.to_next + s.first)),
        of(&|s| millis(s.cpu)),
        of(&|s| megabytes(s.resident)),
        Some(megabytes(resident)),
        Some(megabytes(zip)),
    ];
    let units = ["ms", "ms", "ms", "ms", "ms", "MB", "MB", "MB"];
    let mut figures = [Figure::new(0.0, ""); COLUMNS.len()];
    for ((figure, value), unit) in figures.iter_mut().zip(values).zip(units) {
        let Some(value) = value else { bail!("nothing was started") };
        *figure = Figure::new(value, unit);
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_made_of_medians() {
        let start = |ms: u64| Start {
            to_next: Duration::from_millis(ms),
            init_cpu: Duration::from_millis(ms / 2),
            first: Duration::from_millis(10 * ms),
            cpu: Duration::from_millis(3 * ms),
            resident: 1_000_000,
        };
        let figures = figures(&[start(2), start(4), start(1000)], 2_000_000, 3_000_000).unwrap();
        let shown: Vec<String> = figures.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["2 ms", "4 ms", "40 ms", "44 ms", "12 ms", "1 MB", "2 MB", "3 MB"]);
        assert!(super::figures(&[], 1, 1).is_err());
    }

    #[test]
    fn a_batch_is_handled_when_no_message_goes_back() {
        assert!(all_handled(&serde_json::json!({"batchItemFailures": []})));
        assert!(!all_handled(&serde_json::json!({"batchItemFailures": [{"itemIdentifier": "1"}]})));
        assert!(!all_handled(&Value::Null));
    }
}
