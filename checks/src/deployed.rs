//! The parts of the tests that deploy the pipeline to an emulator.

use std::path::Path;

use anyhow::{Context, Result};
use goal_activity_core::limits::MAX_BATCHES;
use goal_activity_local::deploy;
use goal_activity_local::local::{Local, RunFolder};
use goal_activity_local::output;
use goal_activity_local::process;
use goal_activity_local::project::Project;
use goal_activity_local::step;
use goal_activity_local::tools::{self, Purpose};

use crate::cargo::tests;
use crate::described;

/// A deployed pipeline and a folder for its files, to run tests on.
pub(crate) struct OnStack<'a> {
    project: &'a Project,
    // Dropped in this order: the emulator ends before its folder goes.
    pub(crate) local: Local,
    pub(crate) folder: RunFolder,
}

impl<'a> OnStack<'a> {
    pub(crate) fn deploy(project: &'a Project, name: &str) -> Result<Self> {
        let folder = RunFolder::new(project, name)?;
        // With spans: one test reads them, and all others verify that they change nothing.
        Ok(Self { project, local: Local::start_tracing(project, &folder.path, None)?, folder })
    }

    /// The same, and its Bedrock is the language model at that address.
    pub(crate) fn deploy_before(project: &'a Project, name: &str, model: &str) -> Result<Self> {
        let folder = RunFolder::new(project, name)?;
        Ok(Self { project, local: Local::start_before(project, model, &folder.path)?, folder })
    }

    /// Runs the tests that these arguments select.
    pub(crate) fn test(&self, arguments: &[&str]) -> Result<()> {
        self.test_with(arguments, &[])
    }

    /// The same, with variables for the tests.
    pub(crate) fn test_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<()> {
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
    pub(crate) fn test_last(&self, arguments: &[&str]) -> Result<()> {
        let tested = self.test(arguments);
        step::quiet();
        tested
    }
}

/// The tests of the deployed pipeline, and of its settings, of two of them, and of cells.
pub(crate) fn end_to_end(project: &Project) -> Result<()> {
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
pub(crate) fn guide(project: &Project) -> Result<()> {
    let on = OnStack::deploy(project, "guide")?;
    let (endpoint, folder) = (on.local.emulator.endpoint(), on.folder.path.clone());
    let programs = deploy::programs(project, &tools::python(project, Purpose::Test)?, &endpoint, &folder)?;
    let variables = [("GUIDE_PROGRAMS", &*programs.to_string_lossy())];
    on.test_with(&["--test", "guide", "--", "consumer::", "permissions::", "page::", "--test-threads=1"], &variables)?;
    on.test_with(&["--test", "guide", "--", "follow::"], &variables)?;
    step::quiet();
    Ok(())
}

/// The tests that disturb a pipeline of their own.
pub(crate) fn chaos(project: &Project) -> Result<()> {
    if !cfg!(target_os = "linux") {
        step::note("  left out: it finds the processes of functions as Linux shows them");
        return Ok(());
    }
    // One after the other: each disturbs the shared stack. Their output has the command that repeats a run.
    OnStack::deploy(project, "chaos")?.test_last(&["--test", "chaos", "--", "--test-threads=1", "--nocapture"])
}
