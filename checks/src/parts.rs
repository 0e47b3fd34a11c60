//! `cargo xtask test`: all checks of a change.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use goal_activity_core::limits::{MAX_BATCHES, MAX_TASKS_PER_ACTION};
use goal_activity_local::ai::{self, Trial};
use goal_activity_local::deploy;
use goal_activity_local::emulator::{Emulator, Kind};
use goal_activity_local::local::{Local, RunFolder};
use goal_activity_local::output;
use goal_activity_local::process;
use goal_activity_local::project::{Project, cargo};
use goal_activity_local::step::{self, step};
use goal_activity_local::tools::{self, Purpose};
use serde_json::Value;

use crate::arrows;
use crate::clients;
use crate::described;
use crate::docs;
use crate::llm::{self, Servers};
use crate::web;

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

/// How the names of all crates of AWS begin.
const AWS: &str = "aws";
/// What tests share.
const TESTKIT: &str = "goal-activity-testkit";

/// A check, by name.
type Check = (&'static str, fn(&Project) -> Result<()>);

impl Part {
    fn check(self) -> Check {
        match self {
            Self::Tidy => ("tidy", tidy),
            Self::Unit => ("unit", unit),
            Self::Sim => ("sim", sim),
            Self::Model => ("model", model),
            Self::Statemachine => ("statemachine", statemachine),
            Self::Contract => ("contract", contract),
            Self::Clients => ("clients", clients::check),
            Self::Infra => ("infra", infra),
            Self::Web => ("web", web::check),
            Self::Ai => ("ai", ai),
            Self::E2e => ("e2e", end_to_end),
            Self::Guide => ("guide", guide),
            Self::Chaos => ("chaos", chaos),
        }
    }
}

/// Runs one part, or all of them, the fast ones first. Stops at the first failure.
pub(crate) fn run(project: &Project, part: Option<Part>) -> Result<()> {
    let checks = match part {
        Some(part) => vec![part.check()],
        None => all(),
    };
    if ![Some(Part::Unit), Some(Part::Sim), Some(Part::Model), Some(Part::Clients)].contains(&part) {
        tools::check(project, Purpose::Test)?;
    }
    let (last, earlier) = checks.split_last().context("there is nothing to check")?;
    for (name, check) in earlier {
        output::result(&format!("== {name}"));
        let started = Instant::now();
        check(project).with_context(|| format!("{name} failed"))?;
        output::result(&format!("== {name} passed in {:.1} s\n", started.elapsed().as_secs_f64()));
    }
    // The last output is that of the tests themselves.
    output::result(&format!("== {}", last.0));
    last.1(project).with_context(|| format!("{} failed", last.0))
}

/// All checks, in order.
fn all() -> Vec<Check> {
    let lints: [Check; 3] = [("format", format), Part::Tidy.check(), ("clippy", clippy)];
    let tests = [
        Part::Infra,
        Part::Unit,
        Part::Sim,
        Part::Model,
        Part::Statemachine,
        Part::Contract,
        Part::Clients,
        Part::Web,
        Part::Ai,
        Part::E2e,
        Part::Guide,
        Part::Chaos,
    ];
    lints.into_iter().chain(tests.map(Part::check)).collect()
}

fn format(project: &Project) -> Result<()> {
    process::run(in_root(project).args(["fmt", "--all", "--check"]))
}

fn clippy(project: &Project) -> Result<()> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "--deny", "warnings"];
    process::run(in_root(project).args(arguments))
}

/// Checks that neither compiler nor tests make.
fn tidy(project: &Project) -> Result<()> {
    arrows::check(&project.root)?;
    arrows::no_borrowed_files(&project.root)?;
    docs::check(&project.root)?;
    without(project, "goal-activity-core", AWS)?;
    packages_stand_apart(project)?;
    spelling(project)?;
    workflows(project)?;
    dependencies(project)
}

/// Everything in the repository, with the exceptions of `typos.toml`.
fn spelling(project: &Project) -> Result<()> {
    let python = tools::python(project, Purpose::Test)?;
    process::run(Command::new(python.with_file_name("typos")).current_dir(&project.root))
}

/// GitHub's workflows: their syntax, their scripts, and what an attacker could use. Nothing is looked up in the network.
fn workflows(project: &Project) -> Result<()> {
    let python = tools::python(project, Purpose::Test)?;
    let mut actionlint = Command::new(python.with_file_name("actionlint"));
    // Only the pinned one, and none where there is no package of it.
    let shellcheck = Some(python.with_file_name("shellcheck")).filter(|program| program.exists());
    actionlint.arg("-shellcheck").arg(shellcheck.unwrap_or_default());
    process::run(actionlint.current_dir(&project.root))?;
    let mut zizmor = Command::new(python.with_file_name("zizmor"));
    zizmor.args(["--offline", "--pedantic", "--strict-collection", "--quiet", ".github"]);
    process::run(zizmor.current_dir(&project.root))
}

/// Licences, sources and duplicates, by `deny.toml`.
fn dependencies(project: &Project) -> Result<()> {
    let mut deny = Command::new(tools::cargo_deny(project)?);
    deny.args(["--locked", "check", "--deny", "warnings", "bans", "licenses", "sources"]);
    process::run(deny.current_dir(&project.root))
}

fn unit(project: &Project) -> Result<()> {
    events_stand_alone(project)?;
    let tests_alone = ["--test", "handlers", "--test", "generators", "--example", "ai"];
    process::run(tests(project).args(["--lib", "--bins"]).args(tests_alone))?;
    process::run(tests(project).arg("--doc"))
}

/// Other services use the events without the AWS SDK, and read their documentation.
fn events_stand_alone(project: &Project) -> Result<()> {
    without(project, "goal-activity-events", AWS)?;
    let documented = ["doc", "--workspace", "--all-features", "--no-deps", "--quiet"];
    process::run(in_root(project).args(documented).env("RUSTDOCFLAGS", "--deny warnings"))
}

/// Nothing that is deployed or given to people depends on the testkit, which in turn depends on none of it; `goalctl` reaches
/// tables without the functions; and what a demo needs before it begins has neither them nor what takes long to build.
fn packages_stand_apart(project: &Project) -> Result<()> {
    let shipped = ["goal-activity-core", "goal-activity-adapters", "goal-activity-functions", "goalctl"];
    for package in shipped.into_iter().chain(["goal-activity-events"]) {
        without(project, package, TESTKIT)?;
    }
    for package in shipped {
        without(project, TESTKIT, package)?;
    }
    without(project, "goalctl", "goal-activity-functions")?;
    let not_local = [AWS, "tokio", "goalctl", "goal-activity-functions", "goal-activity-adapters"];
    // Also for the client, which `goalctl` and tests use too.
    let not_below = ["goal-activity-local", "goal-activity-client"].into_iter();
    not_below
        .flat_map(|package| not_local.map(|other| (package, other)))
        .try_for_each(|(package, other)| without(project, package, other))?;
    without(project, "goal-activity-client", "goal-activity-local")?;
    ["goal-activity-bench", "goal-activity-checks"]
        .into_iter()
        .try_for_each(|package| without(project, "xtask", package))
}

/// A package of the workspace needs no crate whose name begins like that when none of its features is on. What only its
/// tests need does not count.
fn without(project: &Project, package: &str, crates: &str) -> Result<()> {
    let tree = ["tree", "--package", package, "--edges", "normal", "--prefix", "none"];
    let tree = process::quietly(in_root(project).args(tree))?;
    let found: Vec<&str> = tree.lines().filter(|line| line.starts_with(crates)).collect();
    ensure!(found.is_empty(), "{package} needs {} without any feature", found.join(", "));
    Ok(())
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
    tools::cdk_app(project)?;
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

fn ai(project: &Project) -> Result<()> {
    let python = tools::python(project, Purpose::Test)?;
    let folder = RunFolder::new(project, "llm")?;
    let servers = step("language models started", || Servers::start(project, &python, &folder.path))?;
    process::run(tests(project).args(["--test", "llm"]).envs(servers.variables()))?;
    let recorded = folder.path.join("converse.jsonl");
    process::run(tests(project).args(["--test", "generators", "bedrock"]).env("BEDROCK_REQUESTS", &recorded))?;
    llm::check_converse(project, &python, &recorded)?;
    let base_url = servers.base_url()?;
    let generator = [
        ("generator", "openai"),
        ("openaiBaseUrl", base_url.as_str()),
        ("openaiModel", "tiny"),
        ("openaiSchemaLimits", "true"),
        ("aiPrices", "0.15,0.60"),
    ];
    ai_from_a_terminal(project, &generator, &servers.keyed()?, &folder.path)?;
    let on = OnStack::deploy_before(project, "ai", &servers.behind_bedrock()?)?;
    let (endpoint, folder) = (on.local.emulator.endpoint(), on.folder.path.clone());
    deploy::change(project, &generator, &endpoint, &folder)?;
    on.test(&["--test", "ai", "openai"])?;
    let bedrock = [("generator", "bedrock"), ("bedrockModel", "amazon.nova-lite-v1:0"), ("aiPrices", "0.15,0.60")];
    deploy::change(project, &bedrock, &endpoint, &folder)?;
    on.test(&["--test", "ai", "bedrock"])?;
    // Nothing listens there.
    let gone = [
        ("generator", "openai"),
        ("openaiBaseUrl", "http://127.0.0.1:9/v1"),
        ("openaiModel", "tiny"),
        ("fallback", "offline"),
    ];
    deploy::change(project, &gone, &endpoint, &folder)?;
    on.test_last(&["--test", "fallback", "--test", "leftovers"])
}

/// `cargo xtask ai` with the same settings, and with ones that fail.
fn ai_from_a_terminal(
    project: &Project,
    generator: &[(&str, &str)],
    (keyed, key): &(String, &str),
    folder: &Path,
) -> Result<()> {
    let file = folder.join("ai.json");
    let trial = |more: &[(&str, &str)], key: Option<&str>| {
        let context: Vec<_> = generator.iter().chain(more).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Trial::new(&context, |name| key.filter(|_| name == "AI_CHECK_KEY").map(ToOwned::to_owned))
    };
    let read = || -> Result<Value> { Ok(serde_json::from_slice(&std::fs::read(&file)?)?) };
    let one = ai::subject(None, 1)?;

    trial(&[], None).check(project, &one, Some(&file))?;
    let result = read()?;
    let tasks = result["tasks"].as_array().map_or(0, Vec::len);
    ensure!((1..=MAX_TASKS_PER_ACTION).contains(&tasks) && result["usage"]["attempts"] == 1, "{result:#}");

    trial(&[("openaiBaseUrl", keyed)], Some(key)).check(project, &one, Some(&file))?;
    ensure!(!std::fs::read_to_string(&file)?.contains(key), "the key is in the result");

    let failed = trial(&[("aiMaxTokens", "20")], None).check(project, &one, Some(&file));
    let result = read()?;
    let failure = &result["failure"];
    ensure!(failed.is_err() && failure["code"] == "AI_INVALID_ANSWER", "{result:#}");
    ensure!(failure["toDo"].as_str().is_some_and(|to_do| to_do.contains("aiMaxTokens")), "{result:#}");

    // Nothing listens there.
    let gone = [("openaiBaseUrl", "http://127.0.0.1:9/v1"), ("fallback", "offline")];
    trial(&gone, None).check(project, &one, Some(&file))?;
    let result = read()?;
    let by = [0, 1].map(|attempt| result["attempts"][attempt]["generator"].as_str().unwrap_or_default().to_owned());
    ensure!(by == ["openai/tiny", "offline/offline"] && result["usage"]["fallbackAttempts"] == 1, "{result:#}");

    trial(&[], None).eval(project, Some(&file))?;
    let result = read()?;
    ensure!(result["actions"] == 24 && result["accepted"]["total"] == 24, "{result:#}");
    ensure!(result["results"].as_array().is_some_and(|all| all.len() == 24), "{result:#}");
    ensure!(
        result["usage"]["inputTokens"].as_u64() > Some(24_000) && result["usage"]["costMicroUsd"].is_u64(),
        "{result:#}"
    );
    Ok(())
}

fn end_to_end(project: &Project) -> Result<()> {
    let mut on = OnStack::deploy(project, "e2e")?;
    let (endpoint, folder) = (on.local.emulator.endpoint(), on.folder.path.clone());
    described::check(&on.local, &tools::python(project, Purpose::Test)?, &folder)?;
    on.local.stack.outputs.extend(deploy::deploy_example(project, "subscriber", &[], &endpoint, &folder)?);
    let scheduled = [("goalId", "goal-of-the-schedule"), ("userId", "user-of-the-schedule")];
    on.local.stack.outputs.extend(deploy::deploy_example(project, "schedule", &scheduled, &endpoint, &folder)?);
    on.test(&["--test", "e2e"])?;
    // Alone, one after the other: one of them stops the worker.
    on.test(&["--test", "smoke", "--", "--test-threads=1"])?;
    let two = deploy::beside(project, "goal-activity-two", &endpoint, &folder)?;
    let second = folder.join("second.json");
    two.write(&second)?;
    let second = second.to_string_lossy();
    on.test_with(
        &["--test", "two_stacks", "--", "two_stacks_do", "what_alarms"],
        &[("GOAL_ACTIVITY_SECOND_STACK", &second)],
    )?;
    deploy::destroy(project, "goal-activity-two", &endpoint, &folder)?;
    on.test(&["--test", "two_stacks", "the_other_still"])?;
    cells(project, &on, &endpoint, &folder)?;
    deploy::guarded(project, &endpoint, &folder)?;
    // Last: from here on the pipeline has other settings.
    deploy::change(project, &[("concurrentBatches", &MAX_BATCHES.to_string())], &endpoint, &folder)?;
    on.test(&["--test", "admission", "--", "--test-threads=1"])?;
    let existing = deploy::deploy_example(project, "existing-function", &[], &endpoint, &folder)?;
    for (form, output) in [("flat", "GenerateTasksFunctionName"), ("nested", "GenerateTasksNestedFunctionName")] {
        let function = existing.get(output).context("the example has no function")?;
        let generator = [("generator", "lambda"), ("generatorFunction", function.as_str())];
        deploy::change(project, &generator, &endpoint, &folder)?;
        on.test_with(&["--test", "existing_function"], &[("EXISTING_FUNCTION", form)])?;
    }
    on.test_last(&["--test", "leftovers"])
}

/// The pipeline as one of two cells, with one API in front of them.
fn cells(project: &Project, on: &OnStack<'_>, endpoint: &str, folder: &Path) -> Result<()> {
    // As on the page, whose commands are run.
    let name = "goal-activity-two";
    let two = deploy::cell(project, name, &on.local.stack, endpoint, folder)?;
    let front = deploy::front(project, &on.local.stack, endpoint, folder)?;
    let [second, before] = ["cell-two.json", "cells-front.json"].map(|file| folder.join(file));
    two.write(&second)?;
    front.write(&before)?;
    let (second, before) = (second.to_string_lossy(), before.to_string_lossy());
    let variables = [("GOAL_ACTIVITY_SECOND_STACK", &*second), ("GOAL_ACTIVITY_FRONT_STACK", &*before)];
    // One after the other, in the order of their names: the last ones drain a cell.
    on.test_with(&["--test", "cells", "--", "--test-threads=1"], &variables)?;
    deploy::destroy(project, name, endpoint, folder)
}

/// The commands of the operator's guide on a pipeline of its own: they stop it, and deploy it with other settings.
fn guide(project: &Project) -> Result<()> {
    let on = OnStack::deploy(project, "guide")?;
    let (endpoint, folder) = (on.local.emulator.endpoint(), on.folder.path.clone());
    let programs = deploy::programs(project, &tools::python(project, Purpose::Test)?, &endpoint, &folder)?;
    let variables = [("GUIDE_PROGRAMS", &*programs.to_string_lossy())];
    on.test_with(&["--test", "guide", "--", "consumer::", "permissions::", "page::", "--test-threads=1"], &variables)?;
    on.test_with(&["--test", "guide", "--", "follow::"], &variables)?;
    step::quiet();
    Ok(())
}

fn chaos(project: &Project) -> Result<()> {
    if !cfg!(target_os = "linux") {
        step::note("  left out: it finds the processes of functions as Linux shows them");
        return Ok(());
    }
    // One after the other: each disturbs the shared stack. Their output has the command that repeats a run.
    OnStack::deploy(project, "chaos")?.test_last(&["--test", "chaos", "--", "--test-threads=1", "--nocapture"])
}

/// A deployed pipeline and a folder for its files, to run tests on.
struct OnStack<'a> {
    project: &'a Project,
    // Dropped in this order: the emulator ends before its folder goes.
    local: Local,
    folder: RunFolder,
}

impl<'a> OnStack<'a> {
    fn deploy(project: &'a Project, name: &str) -> Result<Self> {
        let folder = RunFolder::new(project, name)?;
        // With spans: one test reads them, and all others verify that they change nothing.
        Ok(Self { project, local: Local::start_tracing(project, &folder.path, None)?, folder })
    }

    /// The same, and its Bedrock is the language model at that address.
    fn deploy_before(project: &'a Project, name: &str, model: &str) -> Result<Self> {
        let folder = RunFolder::new(project, name)?;
        Ok(Self { project, local: Local::start_before(project, model, &folder.path)?, folder })
    }

    /// Runs the tests that these arguments select.
    fn test(&self, arguments: &[&str]) -> Result<()> {
        self.test_with(arguments, &[])
    }

    /// The same, with variables for the tests.
    fn test_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<()> {
        let stack = self.folder.path.join("stack.json");
        self.local.stack.write(&stack)?;
        let tested = process::run(
            tests(self.project).args(arguments).env("GOAL_ACTIVITY_STACK", &stack).envs(variables.iter().copied()),
        );
        if tested.is_err() {
            output::aside(&format!("the emulator's last words:\n{}", self.local.emulator.last_words()));
        }
        tested
    }

    /// The same, without further output.
    fn test_last(&self, arguments: &[&str]) -> Result<()> {
        let tested = self.test(arguments);
        step::quiet();
        tested
    }
}

/// Always the whole workspace: another selection of packages has other features, and would build the AWS SDK again.
fn tests(project: &Project) -> Command {
    let mut command = in_root(project);
    command.args(["test", "--workspace", "--all-features"]);
    command
}

fn in_root(project: &Project) -> Command {
    let mut command = cargo();
    command.current_dir(&project.root);
    command
}
