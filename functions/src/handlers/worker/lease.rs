use std::pin::pin;

use futures_util::future::{Either, join, select};
use goal_activity_core::facts::Fact;
use goal_activity_core::limits::{LEASE, LEASE_RENEWAL};
use goal_activity_core::ports::{AnswerBatch, Answered, PortResult, WorkLedger};
use goal_activity_events::BatchMessage;
use tokio::time::sleep;

use super::{Work, Worker};
use goal_activity_core::ports::HideMessage;

impl<Db: WorkLedger, Sfn: AnswerBatch, Bus, Ai, Queue: HideMessage> Worker<Db, Sfn, Bus, Ai, Queue> {
    /// Does the work while renewing the lease on its message and sending heartbeats: as long as they come, the message stays
    /// hidden, and soon after they stop it returns. Ends early when the outcome of the workflow is decided meanwhile.
    pub(super) async fn with_lease(
        &self,
        batch: &BatchMessage,
        receipt: &str,
        work: impl Future<Output = PortResult<Work>>,
    ) -> PortResult<Work> {
        // A batch that comes fresh from the state machine needs no heartbeat yet.
        let is_fresh = self.context.now().since(batch.enqueued_at) < LEASE_RENEWAL;
        if !is_fresh {
            // Before anything is paid for: a batch that shows no life for long is sent again, under another token.
            let ((), alive) = join(self.renew(receipt), self.heartbeat(batch)).await;
            if let Ok(Answered::Stale) = alive {
                self.context.count(Fact::TokenStale);
                return Ok(Work::Superseded);
            }
        }
        match select(pin!(work), pin!(self.stay_alive(batch, receipt, is_fresh))).await {
            Either::Left((done, _)) => done,
            Either::Right(((), _)) => Ok(Work::Sealed),
        }
    }

    /// Goes on until the outcome of the workflow is decided. A renewal or heartbeat that fails costs nothing but a second
    /// worker, which finds what the first has saved.
    async fn stay_alive(&self, batch: &BatchMessage, receipt: &str, is_fresh: bool) {
        if is_fresh {
            self.renew(receipt).await;
        }
        loop {
            sleep(LEASE_RENEWAL).await;
            // Side by side: one that hangs must not keep back the other.
            let ((), alive) = join(self.renew(receipt), self.heartbeat(batch)).await;
            if let Ok(Answered::Stale) = alive {
                // Nothing waits for the answer. What is saved still counts, until the outcome is decided.
                if self.is_sealed(batch).await {
                    self.context.count(Fact::TokenStale);
                    return;
                }
                // Counted when the answer is refused as well.
                tracing::warn!("stale task token at a heartbeat");
            }
        }
    }

    async fn renew(&self, receipt: &str) {
        if let Err(error) = self.queue.hide(receipt, LEASE).await {
            tracing::warn!(%error, "lease not extended");
        }
    }

    async fn heartbeat(&self, batch: &BatchMessage) -> PortResult<Answered> {
        let answered = self.sfn.heartbeat(&batch.task_token).await;
        if let Err(error) = &answered {
            tracing::warn!(%error, "heartbeat not sent");
        }
        answered
    }

    async fn is_sealed(&self, batch: &BatchMessage) -> bool {
        self.db.read_batch(&batch.execution_arn, batch.batch_index).await.is_ok_and(|ledger| ledger.sealed)
    }
}
