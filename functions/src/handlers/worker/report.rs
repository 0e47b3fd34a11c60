use std::convert::Infallible;

use goal_activity_core::ledger::{BatchLedger, Tally};
use goal_activity_core::limits::PROGRESS_INTERVAL;
use goal_activity_core::ports::{Event, PortResult, PublishEvent, WorkLedger};
use goal_activity_events::{BatchMessage, BatchProgressed, Timestamp, Version};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::Worker;
use crate::runtime::telemetry::trace;

impl<Db: WorkLedger, Sfn, Bus: PublishEvent, Ai, Queue> Worker<Db, Sfn, Bus, Ai, Queue> {
    /// Reports how far the batch is whenever there is news, at most every [`PROGRESS_INTERVAL`]. On a clock of its own: an
    /// action that hangs holds up the report of no other.
    pub(super) async fn report_news(&self, batch: &BatchMessage, news: &Notify) -> Infallible {
        let mut last = Instant::now();
        loop {
            news.notified().await;
            sleep_until(last + PROGRESS_INTERVAL).await;
            last = Instant::now();
            let reported = async {
                let ledger = self.db.read_batch(&batch.execution_arn, batch.batch_index).await?;
                self.publish_progress(batch, &ledger).await
            };
            if let Err(error) = reported.await {
                tracing::warn!(%error, "progress not reported");
                news.notify_one();
            }
        }
    }

    /// Reports the whole state of the batch at its end. One that cannot be published is not worth failing for: the end of
    /// the workflow says the same and more.
    pub(super) async fn report(&self, batch: &BatchMessage, ledger: &BatchLedger) {
        if let Err(error) = self.publish_progress(batch, ledger).await {
            tracing::warn!(%error, "progress not reported");
        }
    }

    async fn publish_progress(&self, batch: &BatchMessage, ledger: &BatchLedger) -> PortResult<()> {
        self.bus.publish(Event::Progressed(progressed(batch, ledger, self.context.now()))).await
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
        request: batch.request.clone(),
        correlation_id: batch.correlation_id.clone(),
        traceparent: trace::current().or_else(|| batch.traceparent.clone()),
    }
}
