use std::collections::HashSet;

use goal_activity_core::facts::Fact;
use goal_activity_core::goal::Action;
use goal_activity_core::ledger::{ActionOutcome, Failure};
use goal_activity_core::placement::{Occupied, Placement, TaskRow, by_action};
use goal_activity_core::ports::{ActionCommit, Committed, GenerateTasks, PortResult, Unavailable, WorkLedger};
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

/// What a batch knows of the tasks of its goal, as far as it had to look.
#[derive(Default)]
pub(super) struct KnownTasks(Option<Vec<TaskRow>>);

impl KnownTasks {
    /// The actions with finished tasks, which are not replaced.
    pub(super) async fn finished(
        &mut self,
        ledger: &impl WorkLedger,
        batch: &BatchMessage,
    ) -> PortResult<HashSet<ActionId>> {
        let rows = self.0.insert(ledger.task_rows(&batch.goal_id).await?);
        Ok(by_action(&*rows).into_iter().filter(|(_, tasks)| tasks.finished).map(|(id, _)| id).collect())
    }
}

/// The failure of an action that cannot get new tasks.
pub(super) fn occupied(why: Occupied) -> Failure {
    Failure::new(FailureCode::TasksExist, why.to_string(), Usage::default())
}

impl<Db: WorkerDb, Sfn, Bus, Ai: GenerateTasks, Queue> Worker<Db, Sfn, Bus, Ai, Queue> {
    /// Saves what came of an action. Returns `false` if another outcome was recorded first, or the ledger is sealed.
    pub(super) async fn save(
        &self,
        batch: &BatchMessage,
        goal: &WatchedGoal<'_, Db>,
        known: &mut KnownTasks,
        generated: Generated<'_>,
    ) -> PortResult<bool> {
        let Generated { action: id, result } = generated;
        let (drafts, usage) = match result {
            Ok(made) => made,
            Err(failure) => return self.save_failure(batch, id, failure).await,
        };
        for _ in 0..TRIES {
            // Anew each time: the user may have moved or removed the action meanwhile.
            let goal = match goal.with(id).await {
                Ok(goal) => goal,
                Err(gone) => return self.save_failure(batch, id, Failure { usage, ..gone }).await,
            };
            let Some(action) = goal.action(id) else { continue };
            let placement = match self.place(batch, action, drafts.count(), known).await? {
                Ok(placement) => placement,
                Err(failure) => return self.save_failure(batch, id, Failure { usage, ..failure }).await,
            };
            let Placement { numbers, replaces } = placement;
            let (arn, now) = (&batch.execution_arn, self.context.now());
            let mut tasks = drafts.clone().placed(&batch.goal_id, action, arn, &numbers, now);
            // Once the second AI was asked, the first one was not again.
            let generator = self.ai.name(usage.fallback_attempts > 0);
            for task in &mut tasks {
                task.generator.clone_from(&generator);
            }
            let outcome = ActionOutcome::Succeeded { tasks: tasks.len(), replaced: replaces.len(), usage };
            let commit = ActionCommit { tasks, replaces, ..commit(batch, id, outcome) };
            match self.db.commit_action(&commit).await? {
                Committed::Yes => {
                    self.committed(&commit);
                    return Ok(true);
                }
                Committed::TooLate => {
                    tracing::info!(actionId = %id, "another worker came first, or the end");
                    return Ok(false);
                }
                Committed::TasksChanged => known.0 = Some(self.db.task_rows(&batch.goal_id).await?),
            }
        }
        Err(Unavailable::new(
            format!("saving action {id} of {}", batch.execution_arn),
            "its goal's tasks keep changing",
        ))
    }

    /// Where the tasks go. An action that has none, at a place where none are expected, needs no look at the others.
    async fn place(
        &self,
        batch: &BatchMessage,
        action: &Action,
        count: usize,
        known: &mut KnownTasks,
    ) -> PortResult<Result<Placement, Failure>> {
        if batch.regenerate && known.0.is_none() {
            known.0 = Some(self.db.task_rows(&batch.goal_id).await?);
        }
        let Some(rows) = &known.0 else { return Ok(Ok(Placement::first(count))) };
        Ok(Placement::decide(action, rows, count, batch.regenerate).map_err(occupied))
    }

    async fn save_failure(&self, batch: &BatchMessage, action: &ActionId, failure: Failure) -> PortResult<bool> {
        let commit = commit(batch, action, ActionOutcome::Failed(failure));
        let saved = self.db.commit_action(&commit).await? == Committed::Yes;
        if saved {
            self.committed(&commit);
        }
        Ok(saved)
    }

    /// Logs and counts an outcome that was saved.
    fn committed(&self, commit: &ActionCommit<'_>) {
        let (action, usage) = (commit.action, commit.outcome.usage());
        let failure = match &commit.outcome {
            ActionOutcome::Succeeded { tasks, replaced, .. } => {
                tracing::info!(actionId = %action, tasks, replaced, attempts = usage.attempts,
                    durationMs = usage.latency_ms, inputTokens = usage.input_tokens,
                    outputTokens = usage.output_tokens, "action saved"
                );
                None
            }
            ActionOutcome::Failed(failure) => {
                tracing::warn!(actionId = %action, code = %failure.code, attempts = usage.attempts,
                    durationMs = usage.latency_ms, detail = failure.message, "action failed"
                );
                Some(failure.code)
            }
        };
        self.context.count(Fact::ActionEnded { failure, tasks: commit.tasks.len(), attempts: usage.attempts });
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
