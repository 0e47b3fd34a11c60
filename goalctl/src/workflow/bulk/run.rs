//! Does what was planned, one workflow after the other, and says what became of each.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;
use goal_activity_client::api::Started;
use goal_activity_events::{ExecutionArn, GoalId, PriorityClass};
use serde::Serialize;
use tokio::time::{Instant, sleep_until};

use super::plan::{Deed, Plan, Workflow};
use crate::api::Api;
use crate::client::read;
use crate::failure::{Failure, NO_ACCESS, UNAVAILABLE, USAGE};
use crate::interrupt::Interrupt;
use crate::shell::Shell;
use crate::text::{counted, printable};

/// After how long a workflow is tried again whose user has too many open ones.
const ROOM: Duration = Duration::from_secs(5);
/// How long that goes on without any success: a workflow ends within this time once it is launched.
const PATIENCE: Duration = Duration::from_secs(900);
/// How many workflows in succession may get no answer before it is not tried with the others.
const UNANSWERED: u32 = 5;

/// What became of a workflow. Part of the JSON output: names are never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "outcome")]
pub(super) enum Outcome {
    /// With the workflow that a retry has started.
    #[serde(rename_all = "camelCase")]
    Done {
        #[serde(skip_serializing_if = "Option::is_none")]
        new_execution_arn: Option<String>,
    },
    /// There was nothing to do any more: an earlier run has done it, or the workflow has ended by itself.
    Skipped { reason: String },
    #[serde(rename_all = "camelCase")]
    Failed {
        reason: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        retryable: bool,
    },
    /// The run was over before its turn.
    NotBegun,
}

/// A workflow and what became of it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Handled {
    execution_arn: ExecutionArn,
    goal_id: GoalId,
    #[serde(flatten)]
    outcome: Outcome,
}

impl Handled {
    fn text(&self) -> String {
        let what = match &self.outcome {
            Outcome::Done { new_execution_arn: Some(arn) } => format!("done: {}", printable(arn)),
            Outcome::Done { new_execution_arn: None } => "done".to_owned(),
            Outcome::Skipped { reason } => format!("skipped: {}", printable(reason)),
            Outcome::Failed { reason, .. } => format!("failed: {}", printable(reason)),
            Outcome::NotBegun => "not begun".to_owned(),
        };
        format!("{}  {what}", self.execution_arn)
    }
}

/// What was planned and what became of it. Part of the JSON output: names are never changed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    plan: Plan,
    results: Vec<Handled>,
    done: usize,
    skipped: usize,
    failed: usize,
    not_begun: usize,
    interrupted: bool,
}

impl Report {
    pub(super) fn of(plan: Plan, results: Vec<Handled>, interrupted: bool) -> Self {
        let count = |is: fn(&Outcome) -> bool| results.iter().filter(|handled| is(&handled.outcome)).count();
        let done = count(|outcome| matches!(outcome, Outcome::Done { .. }));
        let skipped = count(|outcome| matches!(outcome, Outcome::Skipped { .. }));
        let failed = count(|outcome| matches!(outcome, Outcome::Failed { .. }));
        let not_begun = count(|outcome| *outcome == Outcome::NotBegun);
        Self { plan, results, done, skipped, failed, not_begun, interrupted }
    }

    /// Returns `true` if nothing is left to do.
    pub(super) fn is_complete(&self) -> bool {
        self.failed == 0 && self.not_begun == 0
    }

    /// The last lines: numbers, and why workflows failed.
    pub(super) fn closing(&self) -> String {
        if self.results.is_empty() {
            let left = match self.plan.superseded {
                0 => String::new(),
                some => format!(" {} left out: a newer one of the goal is there.", counted(some, "workflow")),
            };
            return format!("No workflow to {}.{left}\n", self.plan.deed.verb());
        }
        let mut text = format!("{} done, {} skipped, {} failed", self.done, self.skipped, self.failed);
        if self.not_begun > 0 {
            // Writing to a string cannot fail, here and below.
            let _ = write!(text, ", {} not begun", self.not_begun);
        }
        text.push_str(".\n");
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for handled in &self.results {
            if let Outcome::Failed { reason, code, .. } = &handled.outcome {
                *reasons.entry(code.as_deref().unwrap_or(reason)).or_default() += 1;
            }
        }
        for (reason, number) in reasons {
            let _ = writeln!(text, "  {number} failed: {}", printable(reason));
        }
        if !self.is_complete() {
            text.push_str("Run it again for the rest: what is done is not done twice.\n");
        }
        text
    }
}

/// A workflow whose turn comes, not before that moment.
#[derive(Debug)]
struct Turn<'a> {
    workflow: &'a Workflow,
    not_before: Instant,
}

/// A run of a plan.
#[derive(Debug)]
pub(super) struct Run<'a> {
    plan: &'a Plan,
    reason: Option<&'a str>,
    /// Between the beginnings of two calls.
    interval: Duration,
    left: VecDeque<Turn<'a>>,
    handled: Vec<Handled>,
    last_success: Instant,
    unanswered: u32,
}

impl<'a> Run<'a> {
    pub(super) fn new(plan: &'a Plan, reason: Option<&'a str>, rate: u32) -> Self {
        let now = Instant::now();
        let left = plan.workflows.iter().map(|workflow| Turn { workflow, not_before: now }).collect();
        let interval = Duration::from_secs(1) / rate.max(1);
        Self { plan, reason, interval, left, handled: Vec::new(), last_success: now, unanswered: 0 }
    }

    /// Handles all of them, or until it is interrupted.
    ///
    /// # Errors
    /// None of the others could be handled either, such as with a token that has expired.
    pub(super) async fn all(
        &mut self,
        api: &Api,
        interrupt: &Interrupt,
        json: bool,
        shell: &mut Shell<'_>,
    ) -> Result<()> {
        let mut next = Instant::now();
        while let Some(turn) = self.left.pop_front() {
            // Those of other users go on while one user's wait for room: the queue is in the order of their times.
            tokio::select! {
                () = sleep_until(next.max(turn.not_before)) => {}
                () = interrupt.wait() => {}
            }
            if interrupt.is_asked() {
                self.left.push_front(turn);
                return Ok(());
            }
            next = Instant::now() + self.interval;
            let result = self.handle(turn.workflow, api).await;
            let outcome = match result {
                Ok(outcome) => outcome,
                Err(failure) => {
                    if self.waits_for_room(&failure) {
                        self.put_off(turn.workflow);
                        continue;
                    }
                    if self.stops_all(&failure) {
                        self.left.push_front(turn);
                        return Err(failure.into());
                    }
                    skipped_or_failed(self.plan.deed, &failure)
                }
            };
            if matches!(outcome, Outcome::Done { .. }) {
                self.last_success = Instant::now();
            }
            let (execution_arn, goal_id) = (turn.workflow.execution_arn.clone(), turn.workflow.goal_id.clone());
            let handled = Handled { execution_arn, goal_id, outcome };
            let told = if json { Ok(()) } else { writeln!(shell.out, "{}", handled.text()) };
            self.handled.push(handled);
            // Once the output is closed, no further workflow is handled.
            told?;
        }
        Ok(())
    }

    /// What became of each workflow, in the order of the plan.
    pub(super) fn results(self) -> Vec<Handled> {
        let mut results = self.handled;
        results.extend(self.left.into_iter().map(|Turn { workflow, .. }| Handled {
            execution_arn: workflow.execution_arn.clone(),
            goal_id: workflow.goal_id.clone(),
            outcome: Outcome::NotBegun,
        }));
        results
    }

    async fn handle(&self, workflow: &Workflow, api: &Api) -> Result<Outcome, Failure> {
        let arn = &workflow.execution_arn;
        let answer = match self.plan.deed {
            Deed::Retry => api.retry(arn, (&key(arn), PriorityClass::Bulk), self.reason).await,
            Deed::Cancel => api.cancel(arn, self.reason).await,
        };
        let answer = answer.map_err(|error| Failure::of(&error))?;
        Ok(match self.plan.deed {
            Deed::Retry => self.retried(read(&answer).map_err(|error| Failure::of(&error))?),
            Deed::Cancel => Outcome::Done { new_execution_arn: None },
        })
    }

    /// A workflow that was there before is that of an earlier run: the key is the same.
    fn retried(&self, Started { execution_arn: arn, .. }: Started) -> Outcome {
        match self.plan.known.contains(&arn) {
            true => Outcome::Skipped { reason: format!("it was retried already, as {arn}") },
            false => Outcome::Done { new_execution_arn: Some(arn.to_string()) },
        }
    }

    fn waits_for_room(&self, failure: &Failure) -> bool {
        failure.code.as_deref() == Some("TOO_MANY_RUNNING") && self.last_success.elapsed() < PATIENCE
    }

    /// The others of the queue come first, as far as they may.
    fn put_off(&mut self, workflow: &'a Workflow) {
        self.left.push_back(Turn { workflow, not_before: Instant::now() + ROOM });
    }

    /// Returns `true` if the next workflow would fail for the same reason.
    fn stops_all(&mut self, failure: &Failure) -> bool {
        let is_of_caller = failure.status == Some(401) || failure.exit == USAGE;
        // AWS refuses the invocation itself; an answer of the API has a status.
        let is_refused = failure.exit == NO_ACCESS && failure.status.is_none();
        self.unanswered = if failure.exit == UNAVAILABLE && failure.code.is_none() { self.unanswered + 1 } else { 0 };
        is_of_caller || is_refused || self.unanswered >= UNANSWERED
    }
}

/// The same for the same workflow, in every run: a retry is then one request, however often the command is run.
fn key(arn: &ExecutionArn) -> String {
    format!("goalctl-retry/{}", arn.name())
}

fn skipped_or_failed(deed: Deed, failure: &Failure) -> Outcome {
    let reason = match &failure.detail {
        Some(detail) => format!("{}: {}", failure.title, detail.lines().next().unwrap_or_default()),
        None => failure.title.clone(),
    };
    let is_done = matches!(
        (deed, failure.code.as_deref()),
        (Deed::Retry, Some("NOTHING_TO_DO" | "NOTHING_FAILED")) | (Deed::Cancel, Some("ALREADY_ENDED"))
    );
    match is_done {
        true => Outcome::Skipped { reason },
        false => Outcome::Failed { reason, code: failure.code.clone(), retryable: failure.retryable },
    }
}
