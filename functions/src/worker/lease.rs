use std::pin::pin;

use futures_util::future::{Either, select};
use goal_activity_core::facts::Fact;
use goal_activity_core::limits::{LEASE, LEASE_RENEWAL};
use goal_activity_core::ports::{AnswerBatch, Answered, Clock, GenerateTasks, LoadGoal, PublishEvent, WorkLedger};
use goal_activity_events::BatchMessage;
use tokio::time::sleep;

use super::Worker;
use crate::queue::HideMessage;

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
    /// Does the work while giving signs of life: as long as they come, nobody else gets the message, and soon after they
    /// stop, somebody does. Nothing when it turned out on the way that nobody wants the work any more.
    pub(super) async fn hold<R>(
        &self,
        batch: &BatchMessage,
        receipt: &str,
        work: impl Future<Output = R>,
    ) -> Option<R> {
        match select(pin!(work), pin!(self.signs_of_life(batch, receipt))).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(((), _)) => None,
        }
    }

    /// Goes on until the outcome of the workflow is decided. A sign that cannot be given costs nothing but a second worker,
    /// which finds what the first has saved.
    async fn signs_of_life(&self, batch: &BatchMessage, receipt: &str) {
        // A batch that comes fresh from the state machine needs no heartbeat yet.
        let mut heartbeat_is_due = self.clock.now().since(batch.enqueued_at) >= LEASE;
        loop {
            if let Err(error) = self.queue.hide(receipt, LEASE).await {
                log!(warn, batch, %error, "lease not extended");
            }
            if heartbeat_is_due {
                match self.callbacks.heartbeat(&batch.task_token).await {
                    Ok(Answered::Accepted) => {}
                    // Nobody waits for the answer. What is saved still counts, until the outcome is decided.
                    Ok(Answered::Stale) if self.is_sealed(batch).await => {
                        self.facts.count(Fact::TokenStale);
                        return;
                    }
                    // Counted when the answer is refused as well.
                    Ok(Answered::Stale) => log!(warn, batch, "stale task token at a heartbeat"),
                    Err(error) => log!(warn, batch, %error, "heartbeat not sent"),
                }
            }
            heartbeat_is_due = true;
            sleep(LEASE_RENEWAL).await;
        }
    }

    async fn is_sealed(&self, batch: &BatchMessage) -> bool {
        self.ledger.read_batch(&batch.execution_arn, batch.batch_index).await.is_ok_and(|ledger| ledger.sealed)
    }
}
