//! `cargo xtask test`: all checks of a change.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::ValueEnum;
use goal_activity_local::emulator::{Emulator, Kind};
use goal_activity_local::local::RunFolder;
use goal_activity_local::output;
use goal_activity_local::process;
use goal_activity_local::project::Project;
use goal_activity_local::step::step;
use goal_activity_local::tools::{self, Purpose};

use crate::cargo::{in_root, tests, without};
use crate::lanes::{self, Lane};
use crate::{ai, clients, deployed, tidy, web};

/// A part of the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The order of modules and packages, the documentation's links, spelling, GitHub's workflows, and the dependencies
    Tidy,
    /// Unit and property tests
    Unit,
    /// The promises under a simulated clock and seeded faults
    Sim,
    /// The protocol as a model, in every order of its steps
    Model,
    /// The state machine on two interpreters
    Statemachine,
    /// The adapters, in memory and for AWS, on emulators
    Contract,
    /// The contract files: linters, and clients that are generated from them
    Clients,
    /// The infrastructure's templates, and the events as a TypeScript package and as JSON Schemas in Python
    Infra,
    /// The page: linters, unit and component tests, and a real browser
    Web,
    /// The adapters for AIs, and then the deployed pipeline, with a real server of a language model
    Ai,
    /// The deployed pipeline
    E2e,
    /// The operator's guide, `docs/OPERATIONS.md`, followed on a deployed pipeline
    Guide,
    /// The deployed pipeline while workers are killed, messages repeated and calls fail
    Chaos,
}

/// The parts that are run side by side when all are: those that compute, and two lanes of those that mostly wait.
const LANES: [Lane; 3] = [
    Lane { parts: &[Part::Unit, Part::Model, Part::Sim], gives_way: true },
    Lane {
        parts: &[Part::Infra, Part::Clients, Part::Contract, Part::Statemachine, Part::Web, Part::Ai],
        gives_way: false,
    },
    Lane { parts: &[Part::Guide, Part::Chaos, Part::E2e], gives_way: false },
];

/// What is tested alone, without emulators.
const UNIT: [&str; 10] =
    ["--lib", "--bins", "--test", "handlers", "--test", "generators", "--test", "process", "--example", "ai"];

/// A check, by name.
type Check = (&'static str, fn(&Project) -> Result<()>);

impl Part {
    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        self.check().0
    }

    fn check(self) -> Check {
        match self {
            Self::Tidy => ("tidy", tidy::check),
            Self::Unit => ("unit", unit),
            Self::Sim => ("sim", sim),
            Self::Model => ("model", model),
            Self::Statemachine => ("statemachine", statemachine),
            Self::Contract => ("contract", contract),
            Self::Clients => ("clients", clients::check),
            Self::Infra => ("infra", infra),
            Self::Web => ("web", web::check),
            Self::Ai => ("ai", ai::check),
            Self::E2e => ("e2e", deployed::end_to_end),
            Self::Guide => ("guide", deployed::guide),
            Self::Chaos => ("chaos", deployed::chaos),
        }
    }
}

/// Runs one part, or all of them. Stops at the first failure.
pub(crate) fn run(project: &Project, part: Option<Part>) -> Result<()> {
    if ![Some(Part::Unit), Some(Part::Sim), Some(Part::Model), Some(Part::Clients)].contains(&part) {
        tools::check(project, Purpose::Test)?;
    }
    let Some(part) = part else { return all(project) };
    let (name, check) = part.check();
    // The last output is that of the tests themselves.
    output::result(&format!("== {name}"));
    check(project).with_context(|| format!("{name} failed"))
}

/// The fast checks one after the other, and then all parts side by side.
fn all(project: &Project) -> Result<()> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let first: [Check; 4] = [("format", format), Part::Tidy.check(), ("clippy", clippy), ("compile", compile)];
    for (name, check) in first {
        output::result(&format!("== {name}"));
        let started = Instant::now();
        check(project).with_context(|| format!("{name} failed"))?;
        output::result(&format!("== {name} passed in {:.1} s\n", started.elapsed().as_secs_f64()));
    }
    lanes::run(project, &program, &LANES)
}

/// All tests: parts that run side by side would wait for each other's compilation.
fn compile(project: &Project) -> Result<()> {
    // The second are some programs that the first does not build.
    process::run(tests(project).args(["--no-run", "--quiet"]))?;
    process::run(tests(project).args(UNIT).args(["--no-run", "--quiet"]))
}

fn format(project: &Project) -> Result<()> {
    process::run(in_root(project).args(["fmt", "--all", "--check"]))
}

fn clippy(project: &Project) -> Result<()> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "--deny", "warnings"];
    process::run(in_root(project).args(arguments))
}

fn unit(project: &Project) -> Result<()> {
    events_stand_alone(project)?;
    process::run(tests(project).args(UNIT))?;
    process::run(tests(project).arg("--doc"))
}

/// Other services use the events without the AWS SDK, and read their documentation.
fn events_stand_alone(project: &Project) -> Result<()> {
    without(project, "goal-activity-events", tidy::AWS)?;
    let documented = ["doc", "--workspace", "--all-features", "--no-deps", "--quiet"];
    process::run(in_root(project).args(documented).env("RUSTDOCFLAGS", "--deny warnings"))
}

/// `SIM_SCHEDULES`, `SIM_SEED` and `SIM_FLAW` select what is run; see `functions/tests/sim/main.rs`.
fn sim(project: &Project) -> Result<()> {
    // One test after the other: each uses all cores.
    process::run(tests(project).args(["--test", "sim", "--", "--nocapture", "--test-threads=1"]))
}

/// `MODEL_SCOPE` and `MODEL_FLAW` select what is explored; see `functions/core/tests/model/main.rs`.
fn model(project: &Project) -> Result<()> {
    process::run(tests(project).args(["--test", "model", "--", "--nocapture", "--test-threads=1"]))
}

fn statemachine(project: &Project) -> Result<()> {
    let python = tools::python(project, Purpose::Test)?;
    let (folder, other) = (RunFolder::new(project, "ministack")?, RunFolder::new(project, "moto")?);
    let (ministack, moto) = step("emulators started", || {
        let ministack = Emulator::start(Kind::BareMiniStack, &python, &folder.path)?;
        Ok((ministack, Emulator::start(Kind::Moto, &python, &other.path)?))
    })?;
    process::run(
        tests(project)
            // They mostly wait for timeouts.
            .args(["--test", "statemachine", "--", "--test-threads=16"])
            .env("MINISTACK_ENDPOINT", ministack.endpoint())
            .env("MOTO_ENDPOINT", moto.endpoint()),
    )
}

fn contract(project: &Project) -> Result<()> {
    let python = tools::python(project, Purpose::Test)?;
    let dynoxide = tools::dynoxide(project)?;
    let (folder, other) = (RunFolder::new(project, "contract")?, RunFolder::new(project, "dynoxide")?);
    let (ministack, dynoxide) = step("emulators started", || {
        let ministack = Emulator::start(Kind::BareMiniStack, &python, &folder.path)?;
        Ok((ministack, Emulator::start(Kind::Dynoxide(dynoxide), &python, &other.path)?))
    })?;
    process::run(
        tests(project)
            .args(["--test", "contract"])
            .env("MINISTACK_ENDPOINT", ministack.endpoint())
            .env("DYNOXIDE_ENDPOINT", dynoxide.endpoint()),
    )
}

fn infra(project: &Project) -> Result<()> {
    tools::cdk_packages(project)?;
    tools::events_package(project)?;
    let python = tools::python(project, Purpose::Test)?;
    let npm = |folder: PathBuf, script: &[&str]| -> Result<()> {
        let mut command = Command::new("npm");
        command.args(script).current_dir(folder);
        // For cfn-lint.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = python.parent().map(ToOwned::to_owned).into_iter().chain(std::env::split_paths(&path));
        let path: OsString = std::env::join_paths(folders)?;
        process::run(command.env("PATH", path))
    };
    npm(project.events_package(), &["test"])?;
    let cases = project.root.join("events").join("schemas").join("cases").join("check.py");
    process::run(Command::new(&python).arg("-B").arg(cases))?;
    npm(project.infra(), &["test"])?;
    npm(project.infra(), &["run", "lint"])?;
    let lint = project.infra().join("build").join("lint");
    let [aws, full] = ["aws", "full"].map(|name| lint.join(name).join("goal-activity.template.json"));
    let deploy_role = lint.join("deploy-role").join("goal-activity-deploy-production.template.json");
    let check = project.infra().join("checks").join("check.py");
    let front = lint.join("cells").join("goal-activity-front.template.json");
    let schedule = lint.join("schedule").join("GoalActivitySchedule.template.json");
    let templates = [aws, full, deploy_role, front, schedule];
    process::run(Command::new(tools::template_checks(project)?).arg("-B").arg(check).args(templates))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_is_left_out_when_all_are_run() {
        let mut run: Vec<_> = LANES.iter().flat_map(|lane| lane.parts).map(|part| part.name()).collect();
        run.push(Part::Tidy.name());
        run.sort_unstable();
        let mut all: Vec<_> = Part::value_variants().iter().map(|part| part.name()).collect();
        all.sort_unstable();
        assert_eq!(run, all);
    }

    /// A target that no part runs can fail without anyone noticing.
    #[test]
    fn no_test_target_is_left_out_of_all_parts() {
        let mut metadata = Command::new(env!("CARGO"));
        let metadata = metadata.args(["metadata", "--no-deps", "--format-version", "1"]).output().unwrap();
        let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
        let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
        let targets = list(&metadata["packages"]).into_iter().flat_map(|package| list(&package["targets"]));
        let tests = targets.filter(|target| list(&target["kind"]).contains(&"test".into()));
        let names: std::collections::BTreeSet<_> =
            tests.map(|target| target["name"].as_str().unwrap_or_default().to_owned()).collect();
        assert!(names.len() > 10, "{names:?}");
        let parts = [include_str!("parts.rs"), include_str!("deployed.rs"), include_str!("ai.rs")].concat();
        let left_out: Vec<_> =
            names.iter().filter(|name| !parts.contains(&format!("\"--test\", \"{name}\""))).collect();
        assert!(left_out.is_empty(), "no part runs {left_out:?}");
    }
}
