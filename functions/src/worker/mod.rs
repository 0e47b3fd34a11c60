//! `worker`: generates the tasks of one batch's actions in parallel, commits each action as it is ready, reports, answers.

/// Logs a step in the work on a batch.
macro_rules! log {
    ($level:ident, $batch:expr, $($what:tt)+) => {
        tracing::$level!(
            executionArn = %$batch.execution_arn, goalId = %$batch.goal_id, batchIndex = $batch.batch_index, $($what)+
        )
    };
}

mod attempts;
mod lease;
mod report;

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{join, try_join};
use futures_util::stream::FuturesUnordered;
use goal_activity_core::facts::Fact;
use goal_activity_core::goal::Goal;
use goal_activity_core::inbound;
use goal_activity_core::ledger::{ActionOutcome, BatchLedger, Failure, Tally};
use goal_activity_core::limits::{BATCH_SECONDS, DEADLINE_MARGIN, LEASE};
use goal_activity_core::ports::{
    ActionCommit, AnswerBatch, Answered, Clock, Committed, GenerateTasks, Generation, LoadGoal, Opened, Outside,
    PublishEvent, Replaces, WorkLedger,
};
use goal_activity_core::price::Prices;
use goal_activity_core::task::Task;
use goal_activity_events::{ActionId, BatchAnswer, BatchMessage, FailureCode, Timestamp, Usage};

use crate::metrics::Facts;
use crate::queue::{HandleMessage, HideMessage, Message, MessageError};
use crate::telemetry::{millis, trace};
use report::Reporter;

/// The function with all it needs.
#[derive(Debug, Clone)]
pub struct Worker<G, L, A, B, T, Q, K> {
    /// Reads goals.
    pub goals: G,
    /// Keeps the ledger.
    pub ledger: L,
    /// Makes tasks.
    pub generator: A,
    /// What its tokens cost, where that is known.
    pub prices: Option<Prices>,
    /// Tells of progress.
    pub bus: B,
    /// Answers the state machine.
    pub callbacks: T,
    /// The queue that the batches come from.
    pub queue: Q,
    /// Tells the time.
    pub clock: K,
    /// Counts what is done.
    pub facts: Facts,
}

/// What is to be saved for one action.
struct Generated {
    action: ActionId,
    outcome: ActionOutcome,
    tasks: Vec<Task>,
    replaces: Replaces,
}

/// Whether there is still something to do for a batch.
enum Work {
    /// All its actions have an outcome.
    Done,
    /// Somebody has decided the outcome of the workflow: not even an answer is wanted.
    Sealed,
}

impl<G, L, A, B, T, Q, K> HandleMessage for Worker<G, L, A, B, T, Q, K>
where
    G: LoadGoal,
    L: WorkLedger,
    A: GenerateTasks,
    B: PublishEvent,
    T: AnswerBatch,
    Q: HideMessage,
    K: Clock,
{
    async fn handle(&self, message: Message<'_>) -> Result<(), MessageError> {
        let batch = inbound::batch(message.body).map_err(|e| MessageError::Malformed(e.to_string()))?;
        let held = self.hold(&batch, message.receipt_handle, self.bring_to_an_end(&batch));
        let traced = async {
            trace::about_batch(&batch.execution_arn, &batch.goal_id, batch.batch_index);
            held.await.transpose()
        };
        let done = trace::within(trace::process("batch", batch.traceparent.as_ref()), traced).await.transpose();
        if let Work::Sealed = done.unwrap_or(Ok(Work::Sealed))? {
            log!(info, batch, "the ledger is sealed; batch dropped");
        }
        Ok(())
    }

    /// A batch lives for [`BATCH_SECONDS`] only.
    fn longest_rest(&self) -> Duration {
        LEASE
    }
}

impl<G, L, A, B, T, Q, K> Worker<G, L, A, B, T, Q, K>
where
    G: LoadGoal,
    L: WorkLedger,
    A: GenerateTasks,
    B: PublishEvent,
    T: AnswerBatch,
    Q: HideMessage,
    K: Clock,
{
    /// Works on the batch, reports and answers.
    async fn bring_to_an_end(&self, batch: &BatchMessage) -> Outside<Work> {
        let began = self.clock.now();
        if let Work::Sealed = self.work(batch, began).await? {
            return Ok(Work::Sealed);
        }
        let ledger = self.ledger.read_batch(&batch.execution_arn, batch.batch_index).await?;
        let mut reporter = Reporter::new(self, batch);
        let ((), answered) = join(reporter.report(&ledger), self.answer(batch, &ledger, began)).await;
        answered?;
        Ok(Work::Done)
    }

    /// Brings every action of the batch to an outcome. Those that have one already, from an earlier delivery of the same
    /// message, are left alone (promise P3).
    async fn work(&self, batch: &BatchMessage, began: Timestamp) -> Outside<Work> {
        // Side by side: nearly every batch needs both.
        let opened = self.ledger.open_batch(&batch.execution_arn, batch.batch_index);
        let (opened, goal) = try_join(opened, self.goals.load_goal(&batch.goal_id)).await?;
        let Opened::Open(ledger) = opened else {
            return Ok(Work::Sealed);
        };
        let open: Vec<_> = batch.action_ids.iter().filter(|a| !ledger.outcomes.contains_key(*a)).collect();
        log!(info, batch, actions = open.len(), waitMs = millis(began.since(batch.enqueued_at)), "batch begun");
        if open.is_empty() {
            return Ok(Work::Done);
        }
        let goal = goal.filter(|g| g.head.user_id == batch.user_id);
        let all_time = Duration::from_secs(BATCH_SECONDS.into()).saturating_sub(DEADLINE_MARGIN);
        // Whatever its message says of when it was enqueued, a batch has no more time than any other.
        let time_left = batch.enqueued_at.plus(all_time).since(began).min(all_time);

        // Generated side by side, saved one after the other: transactions on one ledger row would only conflict.
        let mut generating: FuturesUnordered<_> =
            open.into_iter().map(|a| self.generate(batch, goal.as_ref(), a, time_left)).collect();
        let mut reporter = Reporter::new(self, batch);
        let mut unsaved = None;
        while let Some(generated) = generating.next().await {
            let saved = match generated {
                Ok(generated) => self.commit(batch, generated).await,
                Err(error) => Err(error),
            };
            // What the AI is making for the others is worth saving; the message comes back for this one (promise P5).
            let saved = saved.unwrap_or_else(|error| {
                log!(warn, batch, %error, "action not saved");
                unsaved = Some(error);
                true
            });
            if !saved {
                let now = self.ledger.read_batch(&batch.execution_arn, batch.batch_index).await?;
                if now.sealed {
                    return Ok(Work::Sealed);
                }
            }
            if !generating.is_empty() && reporter.is_due() {
                reporter.report(&self.ledger.read_batch(&batch.execution_arn, batch.batch_index).await?).await;
            }
        }
        unsaved.map_or(Ok(Work::Done), Err)
    }

    /// One action's outcome, at the latest when the batch's time is over.
    async fn generate(
        &self,
        batch: &BatchMessage,
        goal: Option<&Goal>,
        action_id: &ActionId,
        time_left: Duration,
    ) -> Outside<Generated> {
        let failed = |failure| Generated {
            action: action_id.clone(),
            outcome: ActionOutcome::Failed(failure),
            tasks: Vec::new(),
            replaces: Replaces::Nothing,
        };
        let Some((goal, action)) = goal.and_then(|g| Some((g, g.action(action_id)?))) else {
            return Ok(failed(Failure::new(
                FailureCode::ActionGone,
                "the action is no longer part of the user's goal",
                Usage::default(),
            )));
        };
        let tell = |attempt, failure: Option<FailureCode>, usage: Usage| {
            self.facts.count(Fact::AiAsked { failure, usage });
            if let Some(code) = failure {
                log!(
                    warn, batch, actionId = %action_id, attempt, %code, durationMs = usage.latency_ms,
                    "attempt of the AI failed"
                );
            }
        };
        let asked = attempts::generate(&self.generator, self.prices, goal, action, time_left, tell).await;
        let (Generation { drafts, warnings, .. }, usage) = match asked {
            Ok(done) => done,
            Err(failure) => return Ok(failed(failure)),
        };
        for warning in warnings {
            log!(warn, batch, actionId = %action_id, %warning, "accepted with a flaw");
        }
        let replaces = match batch.regenerate {
            true => Replaces::Positions(self.ledger.task_positions(&batch.goal_id, action).await?),
            false => Replaces::Nothing,
        };
        let tasks = drafts.into_tasks(&batch.goal_id, action, &batch.execution_arn, self.clock.now());
        let outcome = ActionOutcome::Succeeded { tasks: tasks.len(), usage };
        Ok(Generated { action: action_id.clone(), outcome, tasks, replaces })
    }

    /// Saves an action's outcome. Answers whether this was the one to count: `false` means that another came first.
    async fn commit(&self, batch: &BatchMessage, generated: Generated) -> Outside<bool> {
        let Generated { action, outcome, tasks, replaces } = generated;
        let (execution, batch_index) = (&batch.execution_arn, batch.batch_index);
        let commit = ActionCommit { execution, batch_index, action: &action, outcome, tasks, replaces };
        match self.ledger.commit_action(&commit).await? {
            Committed::Yes => self.committed(batch, &commit),
            Committed::TooLate => {
                log!(info, batch, actionId = %action, "another worker came first, or the end");
                return Ok(false);
            }
            Committed::TasksExist => {
                let why = "the action has tasks already, and this workflow may not replace them";
                let usage = commit.outcome.usage();
                let outcome = ActionOutcome::Failed(Failure::new(FailureCode::TasksExist, why, usage));
                let commit = ActionCommit { outcome, tasks: Vec::new(), replaces: Replaces::Nothing, ..commit };
                if self.ledger.commit_action(&commit).await? != Committed::Yes {
                    return Ok(false);
                }
                self.committed(batch, &commit);
            }
        }
        Ok(true)
    }

    /// What is to be said of an outcome that was saved.
    fn committed(&self, batch: &BatchMessage, commit: &ActionCommit<'_>) {
        let (action, usage) = (commit.action, commit.outcome.usage());
        let failure = match &commit.outcome {
            ActionOutcome::Succeeded { tasks, .. } => {
                log!(
                    info, batch, actionId = %action, tasks, attempts = usage.attempts, durationMs = usage.latency_ms,
                    inputTokens = usage.input_tokens, outputTokens = usage.output_tokens, "action saved"
                );
                None
            }
            ActionOutcome::Failed(failure) => {
                log!(
                    warn, batch, actionId = %action, code = %failure.code, attempts = usage.attempts,
                    durationMs = usage.latency_ms, detail = failure.message, "action failed"
                );
                Some(failure.code)
            }
        };
        self.facts.count(Fact::ActionEnded { failure, tasks: commit.tasks.len(), attempts: usage.attempts });
    }

    async fn answer(&self, batch: &BatchMessage, ledger: &BatchLedger, began: Timestamp) -> Outside<()> {
        let tally = Tally::so_far(&batch.action_ids, ledger);
        let answer =
            BatchAnswer { batch_index: batch.batch_index, succeeded: tally.succeeded, failed: tally.failed_count() };
        let answered = self.callbacks.answer(&batch.task_token, &answer).await?;
        match answered {
            Answered::Accepted => {
                let (wait, duration) = (began.since(batch.enqueued_at), self.clock.now().since(batch.enqueued_at));
                self.facts.count(Fact::BatchAnswered { wait, duration });
                log!(
                    info,
                    batch,
                    succeeded = answer.succeeded,
                    failed = answer.failed,
                    durationMs = millis(duration),
                    "batch answered"
                );
            }
            Answered::Stale => {
                self.facts.count(Fact::TokenStale);
                log!(warn, batch, "stale task token: nobody waits for this batch any more");
            }
        }
        Ok(())
    }
}
