use goal_activity_core::ledger::{BatchLedger, Tally};
use goal_activity_core::limits::PROGRESS_INTERVAL;
use goal_activity_core::ports::{AnswerBatch, Clock, Event, GenerateTasks, LoadGoal, PublishEvent, WorkLedger};
use goal_activity_events::{BatchMessage, BatchProgressed, Timestamp, Version};

use super::Worker;
use crate::queue::HideMessage;
use crate::telemetry::trace;

/// Tells how far a batch is, not more often than somebody could want to know.
pub(super) struct Reporter<'a, W> {
    worker: &'a W,
    batch: &'a BatchMessage,
    last: Timestamp,
}

impl<'a, G, L, A, B, T, Q, K> Reporter<'a, Worker<G, L, A, B, T, Q, K>>
where
    G: LoadGoal,
    L: WorkLedger,
    A: GenerateTasks,
    B: PublishEvent,
    T: AnswerBatch,
    Q: HideMessage,
    K: Clock,
{
    pub(super) fn new(worker: &'a Worker<G, L, A, B, T, Q, K>, batch: &'a BatchMessage) -> Self {
        Self { worker, batch, last: worker.clock.now() }
    }

    /// Whether the last report is old enough for a new one.
    pub(super) fn is_due(&self) -> bool {
        self.worker.clock.now().since(self.last) >= PROGRESS_INTERVAL
    }

    /// Publishes the batch's whole state. A report that cannot be published is not worth failing for: the next one, or the
    /// end, tells the same and more.
    pub(super) async fn report(&mut self, ledger: &BatchLedger) {
        self.last = self.worker.clock.now();
        let event = progressed(self.batch, ledger, self.last);
        if let Err(error) = self.worker.bus.publish(Event::Progressed(event)).await {
            log!(warn, self.batch, %error, "progress not reported");
        }
    }
}

fn progressed(batch: &BatchMessage, ledger: &BatchLedger, now: Timestamp) -> BatchProgressed {
    let tally = Tally::so_far(&batch.action_ids, ledger);
    BatchProgressed {
        version: Version::V1,
        event_id: BatchProgressed::event_id_for(&batch.execution_arn, batch.batch_index, ledger.sequence),
        occurred_at: now,
        execution_arn: batch.execution_arn.clone(),
        goal_id: batch.goal_id.clone(),
        user_id: batch.user_id.clone(),
        batch_index: batch.batch_index,
        sequence: ledger.sequence,
        total_actions: u32::try_from(batch.action_ids.len()).unwrap_or(u32::MAX),
        succeeded_actions: tally.succeeded,
        failed_actions: tally.failed,
        usage: Some(tally.usage),
        traceparent: trace::current().or_else(|| batch.traceparent.clone()),
    }
}
