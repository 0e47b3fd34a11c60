//! `worker`: generates the tasks of one batch's actions in parallel, commits what is ready, reports, answers.

pub mod attempts;
mod goal;
pub mod invocation;
mod lease;
mod report;
mod save;
pub mod trial;

use std::collections::HashSet;
use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, join, select, try_join};
use futures_util::stream::FuturesUnordered;
use goal_activity_core::facts::Fact;
use goal_activity_core::inbound::{self, Malformed};
use goal_activity_core::ledger::{BatchLedger, Tally, action_gone};
use goal_activity_core::limits::{ACTIONS_PER_BATCH, AI_CALL, GATHERING, LEASE};
use goal_activity_core::placement::Occupied;
use goal_activity_core::port_set;
use goal_activity_core::ports::{
    AnswerBatch, Answered, DeleteMessage, GenerateTasks, Generation, GenerationRequest, HideMessage, LoadGoal, Opened,
    PortResult, PublishEvent, WorkLedger,
};
use goal_activity_core::quota::Quota;
use goal_activity_events::{ActionId, BatchAnswer, BatchMessage, Repair, Timestamp, Usage};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout_at};

use crate::runtime::context::Context;
use crate::runtime::queue::{HandleMessage, Message, MessageError};
use crate::runtime::telemetry::{millis, trace};
pub use attempts::PriceList;
use attempts::{ALL_TIME, Attempt};
use goal::WatchedGoal;
use save::{Generated, Saving};

/// The function with all it needs.
#[derive(Debug, Clone)]
pub struct Worker<Db, Sfn, Bus, Ai, Queue> {
    /// The tables.
    pub db: Db,
    /// Step Functions, which waits for the batch.
    pub sfn: Sfn,
    /// The event bus.
    pub bus: Bus,
    /// Makes tasks.
    pub ai: Ai,
    /// How often it may be asked in a minute.
    pub quota: Quota,
    /// What its tokens cost, where that is known.
    pub prices: PriceList,
    /// The queue that the batches come from.
    pub queue: Queue,
    /// The time, and the count of what is done.
    pub context: Context,
}

port_set! {
    /// What working on a batch reads and writes.
    pub trait WorkerDb: LoadGoal + WorkLedger
}

port_set! {
    /// What it does with its messages.
    pub trait WorkerQueue: HideMessage + DeleteMessage
}

/// How the work on a batch ended.
enum Work {
    /// All its actions have an outcome. Those of the ledger, where they are known without reading it again.
    Done(Option<BatchLedger>),
    /// The outcome of the workflow is decided: not even an answer is wanted.
    Sealed,
    /// The state machine does not wait for this message: it has sent another one for the batch, or given the batch up.
    Superseded,
}

impl<Db: WorkerDb, Sfn: AnswerBatch, Bus: PublishEvent, Ai: GenerateTasks, Queue: WorkerQueue> HandleMessage
    for Worker<Db, Sfn, Bus, Ai, Queue>
{
    async fn handle(&self, message: Message<'_>) -> Result<(), MessageError> {
        let batch = inbound::batch(message.body).map_err(Malformed::from)?;
        let held = self.with_lease(&batch, message.receipt_handle, self.process_batch(&batch));
        let traced = async {
            trace::about_batch(&batch.execution_arn, &batch.goal_id, batch.batch_index);
            match held.await? {
                Work::Done(_) => {}
                Work::Sealed => tracing::info!("the ledger is sealed; batch dropped"),
                Work::Superseded => tracing::info!("stale task token before any work; batch dropped"),
            }
            Ok(())
        };
        trace::within(trace::process("batch", batch.traceparent.as_ref()), traced).await
    }

    /// Nothing renews the lease of a batch that is done: its message would come back while another batch of the invocation is
    /// still worked on, and all of them if the function died.
    async fn done_early(&self, message: Message<'_>) -> PortResult<()> {
        self.queue.delete(message.receipt_handle).await
    }

    /// A batch ends in minutes: after a lease another worker may take over.
    fn longest_rest(&self) -> Duration {
        LEASE
    }
}

impl<Db: WorkerDb, Sfn: AnswerBatch, Bus: PublishEvent, Ai: GenerateTasks, Queue: WorkerQueue>
    Worker<Db, Sfn, Bus, Ai, Queue>
{
    /// Works on the batch, reports and answers.
    async fn process_batch(&self, batch: &BatchMessage) -> PortResult<Work> {
        let began = self.context.now();
        let news = Notify::new();
        let work = match select(pin!(self.work(batch, began, &news)), pin!(self.report_news(batch, &news))).await {
            Either::Left((work, _)) => work?,
            Either::Right((never, _)) => match never {},
        };
        let ledger = match work {
            Work::Done(Some(ledger)) => ledger,
            Work::Done(None) => self.db.read_batch(&batch.execution_arn, batch.batch_index).await?,
            Work::Sealed | Work::Superseded => return Ok(work),
        };
        let ((), answered) = join(self.report(batch, &ledger), self.answer(batch, &ledger, began)).await;
        answered?;
        Ok(Work::Done(Some(ledger)))
    }

    /// Brings every action of the batch to an outcome. Those that have one already, from an earlier delivery of the same
    /// message, are left alone (promise P3).
    async fn work(&self, batch: &BatchMessage, began: Timestamp, news: &Notify) -> PortResult<Work> {
        // Whatever its message says of when it was enqueued, a batch has no more time than any other.
        let deadline = Instant::now() + batch.enqueued_at.plus(ALL_TIME).since(began).min(ALL_TIME);
        // Side by side: nearly every batch needs both.
        let opened = self.db.open_batch(&batch.execution_arn, batch.batch_index);
        let (opened, goal) = try_join(opened, WatchedGoal::load(&self.db, batch, began)).await?;
        let Opened::Open(ledger) = opened else {
            return Ok(Work::Sealed);
        };
        let open: Vec<_> = batch.action_ids.iter().filter(|a| !ledger.outcomes.contains_key(*a)).collect();
        tracing::info!(actions = open.len(), waitMs = millis(began.since(batch.enqueued_at)), "batch begun");
        if open.is_empty() {
            return Ok(Work::Done(Some(ledger)));
        }
        // A workflow may have waited for hours, and its user gone on meanwhile: what cannot be replaced is not paid for.
        let mut saving = Saving::new(batch, ledger);
        let finished = match batch.regenerate {
            true => saving.finished(&self.db, batch).await?,
            false => HashSet::new(),
        };
        let (goal, finished) = (&goal, &finished);
        let pace = self.pace(batch, open.iter().filter(|id| !finished.contains(**id)).count(), deadline);
        // When each is asked for, of those that are.
        let mut turn = Duration::ZERO;
        let in_turn = |id| {
            let its = (!finished.contains(id)).then_some(turn);
            turn += its.map_or(Duration::ZERO, |_| pace);
            (id, its)
        };
        let open: Vec<_> = open.into_iter().map(in_turn).collect();
        let generate = |(id, turn): (_, Option<Duration>)| async move {
            let Some(turn) = turn else {
                return Generated { action: id, result: Err(save::occupied(Occupied::Finished)) };
            };
            goal.wait(id, turn).await;
            self.generate(goal, id, deadline).await
        };
        let mut unsaved = open.len();
        let (made, mut to_save) = mpsc::unbounded_channel();
        let generating = async move {
            let mut generating: FuturesUnordered<_> = open.into_iter().map(generate).collect();
            while let Some(generated) = generating.next().await {
                // Only what ends with this is not received.
                let _sent = made.send(generated);
            }
            drop(made);
            pending::<Infallible>().await
        };
        // One transaction after the other: on one ledger row they would only conflict. What has become ready while one was made
        // is the next one, with what becomes ready soon. Nobody waits for that: when all are ready, they are saved at once.
        let saved = async {
            let mut ready = Vec::new();
            while to_save.recv_many(&mut ready, ACTIONS_PER_BATCH).await > 0 {
                let soon = Instant::now() + GATHERING;
                while ready.len() < unsaved
                    && timeout_at(soon, to_save.recv_many(&mut ready, ACTIONS_PER_BATCH))
                        .await
                        .is_ok_and(|more| more > 0)
                {}
                unsaved = unsaved.saturating_sub(ready.len());
                let is_first = self.save(batch, goal, &mut saving, ready.drain(..)).await;
                if !is_first && self.db.read_batch(&batch.execution_arn, batch.batch_index).await?.sealed {
                    return Ok(Work::Sealed);
                }
                news.notify_one();
            }
            saving.ended().map(Work::Done)
        };
        // In this order: what has just become ready is saved with the rest.
        match select(pin!(generating), pin!(saved)).await {
            Either::Left((never, _)) => match never {},
            Either::Right((saved, _)) => saved,
        }
    }

    /// How long after another so many calls are begun. The last of them has the time of a call, whatever the quota is: one that is
    /// smaller than that is not kept.
    fn pace(&self, batch: &BatchMessage, calls: usize, deadline: Instant) -> Duration {
        let of_batch = u32::try_from(batch.action_ids.len()).unwrap_or(u32::MAX);
        let wanted = self.quota.pace(batch.total_actions.unwrap_or(of_batch));
        let longest = deadline.saturating_duration_since(Instant::now()).saturating_sub(AI_CALL);
        wanted.min(longest / u32::try_from(calls).unwrap_or(u32::MAX).max(1))
    }

    /// What the AI makes of one action, at the latest when the batch's time is over.
    async fn generate<'a>(
        &self,
        watched: &WatchedGoal<'_, Db>,
        action_id: &'a ActionId,
        deadline: Instant,
    ) -> Generated<'a> {
        let failed = |failure| Generated { action: action_id, result: Err(failure) };
        if let Some(refusal) = watched.refusal(action_id).await {
            return failed(refusal);
        }
        let goal = match watched.with(action_id).await {
            Ok(goal) => goal,
            Err(gone) => return failed(gone),
        };
        let Some(action) = goal.action(action_id) else { return failed(action_gone(Usage::default())) };
        let report = |Attempt { number, fallback, failure, usage }: Attempt| {
            self.context.count(Fact::AiAsked { fallback, failure, usage });
            for kind in Repair::ALL.iter().copied().filter(|kind| usage.repairs.of(*kind) > 0) {
                self.context.count(Fact::AnswerRepaired { kind });
                tracing::info!(actionId = %action_id, kind = kind.name(), "answer repaired");
            }
            if let Some(code) = failure {
                tracing::warn!(actionId = %action_id, attempt = number, fallback, %code, durationMs = usage.latency_ms,
                    "attempt of the AI failed"
                );
            }
        };
        let request = GenerationRequest::first(&goal.head, goal.sub_goal_of(action), action);
        let refusal = || watched.refusal(action_id);
        let time_left = deadline.saturating_duration_since(Instant::now());
        let asked = attempts::generate(&self.ai, self.prices, request, time_left, refusal, report).await;
        let result = asked.map(|(Generation { drafts, warnings, .. }, usage)| {
            for warning in warnings {
                tracing::warn!(actionId = %action_id, %warning, "accepted with a flaw");
            }
            (drafts, usage)
        });
        Generated { action: action_id, result }
    }

    async fn answer(&self, batch: &BatchMessage, ledger: &BatchLedger, began: Timestamp) -> PortResult<()> {
        let tally = Tally::so_far(&batch.action_ids, ledger);
        let answer =
            BatchAnswer { batch_index: batch.batch_index, succeeded: tally.succeeded, failed: tally.failed_count() };
        let answered = self.sfn.answer(&batch.task_token, &answer).await?;
        match answered {
            Answered::Accepted => {
                let (wait, duration) = (began.since(batch.enqueued_at), self.context.now().since(batch.enqueued_at));
                self.context.count(Fact::BatchAnswered { wait, duration });
                tracing::info!(
                    succeeded = answer.succeeded,
                    failed = answer.failed,
                    durationMs = millis(duration),
                    "batch answered"
                );
            }
            Answered::Stale => {
                self.context.count(Fact::TokenStale);
                tracing::warn!("stale task token: the state machine no longer waits for this batch");
            }
        }
        Ok(())
    }
}
