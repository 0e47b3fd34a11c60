use std::collections::{HashSet, VecDeque};
use std::iter;

use goal_activity_core::facts::Fact;
use goal_activity_core::goal::Action;
use goal_activity_core::ledger::{ActionOutcome, BatchLedger, Failure, action_gone};
use goal_activity_core::placement::{Occupied, Placement, TaskRow, by_action};
use goal_activity_core::ports::{
    ActionCommit, CommitGroup, Committed, GenerateTasks, PortResult, Unavailable, WorkLedger,
};
use goal_activity_core::task::TaskDrafts;
use goal_activity_events::{ActionId, BatchMessage, FailureCode, Usage};

use super::goal::WatchedGoal;
use super::{Worker, WorkerDb};

/// How often an action's tasks are placed anew when others change the tasks of the goal at the same time.
const TRIES: usize = 5;

/// What was generated for one action, and is to be saved.
pub(super) struct Generated<'a> {
    pub(super) action: &'a ActionId,
    pub(super) result: Result<(TaskDrafts, Usage), Failure>,
}

/// The same, until it is saved.
struct Unsaved<'a> {
    generated: Generated<'a>,
    /// How often it was refused.
    tries: usize,
    /// Its group could not be saved: it is tried by itself, so that one that cannot be saved holds up no other.
    alone: bool,
}

impl<'a> From<Generated<'a>> for Unsaved<'a> {
    fn from(generated: Generated<'a>) -> Self {
        Self { generated, tries: 0, alone: false }
    }
}

/// What a batch knows while its outcomes are saved.
pub(super) struct Saving {
    /// The tasks of its goal, as far as it had to look.
    tasks: Option<Vec<TaskRow>>,
    /// Whether it must look before it places any.
    must_look: bool,
    /// The ledger as it was opened, with what was saved since.
    ledger: BatchLedger,
    /// Whether another worker, or the end, has written to the ledger as well.
    is_shared: bool,
    /// Why an action could not be saved.
    failed: Option<Unavailable>,
}

impl Saving {
    pub(super) fn new(batch: &BatchMessage, opened: BatchLedger) -> Self {
        Self { tasks: None, must_look: batch.regenerate, ledger: opened, is_shared: false, failed: None }
    }

    /// The actions with finished tasks, which are not replaced.
    pub(super) async fn finished(
        &mut self,
        ledger: &impl WorkLedger,
        batch: &BatchMessage,
    ) -> PortResult<HashSet<ActionId>> {
        let rows = self.tasks.insert(ledger.task_rows(&batch.goal_id).await?);
        Ok(by_action(&*rows).into_iter().filter(|(_, tasks)| tasks.finished).map(|(id, _)| id).collect())
    }

    /// What the ledger holds now that all is saved, if nobody else writes to it: then every outcome is of this worker, or was
    /// there when it opened the batch.
    ///
    /// # Errors
    /// An action could not be saved.
    pub(super) fn ended(self) -> PortResult<Option<BatchLedger>> {
        let known = (!self.is_shared).then_some(self.ledger);
        self.failed.map_or(Ok(known), Err)
    }

    fn saved(&mut self, commit: &ActionCommit<'_>) {
        self.ledger.outcomes.insert(commit.action.clone(), commit.outcome.clone());
        self.ledger.sequence += 1;
    }

    /// What the AI is making for the others is worth saving; the message comes back for this one (promise P5).
    fn fails(&mut self, action: &ActionId, error: Unavailable) {
        tracing::warn!(actionId = %action, %error, "action not saved");
        self.failed = Some(error);
    }
}

/// The failure of an action that cannot get new tasks.
pub(super) fn occupied(why: Occupied) -> Failure {
    Failure::new(FailureCode::TasksExist, why.to_string(), Usage::default())
}

impl<Db: WorkerDb, Sfn, Bus, Ai: GenerateTasks, Queue> Worker<Db, Sfn, Bus, Ai, Queue> {
    /// Saves what came of actions, together what one transaction holds. One that is refused holds up no other. Returns `false`
    /// if for one of them another outcome was recorded first, or the ledger is sealed.
    pub(super) async fn save<'a>(
        &self,
        batch: &'a BatchMessage,
        goal: &WatchedGoal<'_, Db>,
        saving: &mut Saving,
        ready: impl Iterator<Item = Generated<'a>>,
    ) -> bool {
        let mut is_first = true;
        let mut left: VecDeque<_> = ready.map(Unsaved::from).collect();
        while let Some((group, members)) = self.next_group(batch, goal, saving, &mut left).await {
            let again = match (self.db.commit_group(&group).await, &members[..]) {
                (Ok(answers), _) => {
                    is_first &= !answers.contains(&Committed::TooLate);
                    self.answered(saving, &group, members, answers)
                }
                (Err(error), [member]) => {
                    saving.fails(member.generated.action, error);
                    Vec::new()
                }
                (Err(error), _) => {
                    tracing::warn!(%error, actions = members.len(), "not saved together: saved one by one");
                    members.into_iter().map(|member| Unsaved { alone: true, ..member }).collect()
                }
            };
            again.into_iter().rev().for_each(|member| left.push_front(member));
        }
        is_first
    }

    /// Notes what became of a group. Returns those that are to be tried again.
    fn answered<'a>(
        &self,
        saving: &mut Saving,
        group: &CommitGroup<'a>,
        members: Vec<Unsaved<'a>>,
        answers: Vec<Committed>,
    ) -> Vec<Unsaved<'a>> {
        // At least one was refused where others are held back: anything else would go on for ever.
        let is_stuck = answers.iter().all(|answer| *answer == Committed::HeldBack);
        let answers = answers.into_iter().chain(iter::repeat(Committed::HeldBack));
        let (mut again, mut saved) = (Vec::new(), Vec::new());
        for ((commit, member), answer) in group.commits().zip(members).zip(answers) {
            let tries = member.tries + 1;
            match answer {
                Committed::Yes => {
                    logged(commit);
                    saving.saved(commit);
                    saved.push(commit);
                }
                Committed::TooLate => {
                    tracing::info!(actionId = %commit.action, "another worker came first, or the end");
                    saving.is_shared = true;
                }
                Committed::TasksChanged => {
                    (saving.must_look, saving.tasks) = (true, None);
                    again.push(Unsaved { tries, ..member });
                }
                Committed::HeldBack if is_stuck => again.push(Unsaved { tries, alone: true, ..member }),
                Committed::HeldBack => again.push(member),
            }
        }
        self.count(&saved);
        again
    }

    /// Counts what was saved together, by reason.
    fn count(&self, saved: &[&ActionCommit<'_>]) {
        let mut by_failure: Vec<(_, Vec<_>)> = Vec::new();
        for commit in saved {
            let failure = commit.outcome.failure_code();
            match by_failure.iter_mut().find(|(known, _)| *known == failure) {
                Some((_, commits)) => commits.push(commit),
                None => by_failure.push((failure, vec![commit])),
            }
        }
        for (failure, commits) in by_failure {
            self.context.count(Fact::ActionsEnded {
                actions: u32::try_from(commits.len()).unwrap_or(u32::MAX),
                failure,
                tasks: commits.iter().map(|commit| commit.tasks.len()).sum(),
                attempts: commits.iter().map(|commit| commit.outcome.usage().attempts).fold(0, u32::saturating_add),
            });
        }
    }

    /// The next ones that are saved together, with what came of them.
    async fn next_group<'a>(
        &self,
        batch: &'a BatchMessage,
        goal: &WatchedGoal<'_, Db>,
        saving: &mut Saving,
        left: &mut VecDeque<Unsaved<'a>>,
    ) -> Option<(CommitGroup<'a>, Vec<Unsaved<'a>>)> {
        let mut found: Option<(CommitGroup<'a>, Vec<Unsaved<'a>>)> = None;
        while let Some(next) = left.pop_front() {
            let commit = match self.commit_of(batch, goal, saving, &next).await {
                Ok(commit) => commit,
                Err(error) => {
                    saving.fails(next.generated.action, error);
                    continue;
                }
            };
            let alone = next.alone;
            match &mut found {
                Some((group, members)) => {
                    if alone || !group.add(commit) {
                        left.push_front(next);
                        break;
                    }
                    members.push(next);
                }
                None => found = Some((CommitGroup::of(commit), vec![next])),
            }
            if alone {
                break;
            }
        }
        found
    }

    /// What is saved for an action. Decided anew each time: the user may have moved or removed it meanwhile.
    async fn commit_of<'a>(
        &self,
        batch: &'a BatchMessage,
        goal: &WatchedGoal<'_, Db>,
        saving: &mut Saving,
        unsaved: &Unsaved<'a>,
    ) -> PortResult<ActionCommit<'a>> {
        let id = unsaved.generated.action;
        if unsaved.tries >= TRIES {
            let what = format!("saving action {id} of {}", batch.execution_arn);
            return Err(Unavailable::new(what, "its goal's tasks keep changing"));
        }
        let failed = |failure| commit(batch, id, ActionOutcome::Failed(failure));
        let (drafts, usage) = match &unsaved.generated.result {
            Ok((drafts, usage)) => (drafts, *usage),
            Err(failure) => return Ok(failed(failure.clone())),
        };
        let goal = match goal.with(id).await {
            Ok(goal) => goal,
            Err(gone) => return Ok(failed(Failure { usage, ..gone })),
        };
        let Some(action) = goal.action(id) else { return Ok(failed(action_gone(usage))) };
        let Placement { numbers, replaces } = match self.place(batch, action, drafts.count(), saving).await? {
            Ok(placement) => placement,
            Err(failure) => return Ok(failed(Failure { usage, ..failure })),
        };
        let (arn, now) = (&batch.execution_arn, self.context.now());
        let mut tasks = drafts.clone().placed(&batch.goal_id, action, arn, &numbers, now);
        // Once the second AI was asked, the first one was not again.
        let generator = self.ai.name(usage.fallback_attempts > 0);
        for task in &mut tasks {
            task.generator.clone_from(&generator);
        }
        let outcome = ActionOutcome::Succeeded { tasks: tasks.len(), replaced: replaces.len(), usage };
        Ok(ActionCommit { tasks, replaces, ..commit(batch, id, outcome) })
    }

    /// Where the tasks go. An action that has none, at a place where none are expected, needs no look at the others.
    async fn place(
        &self,
        batch: &BatchMessage,
        action: &Action,
        count: usize,
        saving: &mut Saving,
    ) -> PortResult<Result<Placement, Failure>> {
        if saving.must_look && saving.tasks.is_none() {
            saving.tasks = Some(self.db.task_rows(&batch.goal_id).await?);
        }
        let Some(rows) = &saving.tasks else { return Ok(Ok(Placement::first(count))) };
        Ok(Placement::decide(action, rows, count, batch.regenerate).map_err(occupied))
    }
}

/// Logs an outcome that was saved.
fn logged(commit: &ActionCommit<'_>) {
    let (action, usage) = (commit.action, commit.outcome.usage());
    match &commit.outcome {
        ActionOutcome::Succeeded { tasks, replaced, .. } => {
            tracing::info!(actionId = %action, tasks, replaced, attempts = usage.attempts,
                durationMs = usage.latency_ms, inputTokens = usage.input_tokens,
                outputTokens = usage.output_tokens, "action saved"
            );
        }
        ActionOutcome::Failed(failure) => {
            tracing::warn!(actionId = %action, code = %failure.code, attempts = usage.attempts,
                durationMs = usage.latency_ms, detail = failure.message, "action failed"
            );
        }
    }
}

/// An outcome without tasks.
fn commit<'a>(batch: &'a BatchMessage, action: &'a ActionId, outcome: ActionOutcome) -> ActionCommit<'a> {
    ActionCommit {
        execution: &batch.execution_arn,
        goal: &batch.goal_id,
        batch_index: batch.batch_index,
        action,
        outcome,
        tasks: Vec::new(),
        replaces: Vec::new(),
    }
}
