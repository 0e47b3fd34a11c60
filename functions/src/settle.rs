//! The end of a workflow: a sequence of steps, each of which may be repeated, by whoever finds the workflow at its end.

use goal_activity_core::execution::Execution;
use goal_activity_core::ledger::Tally;
use goal_activity_core::notice::notice;
use goal_activity_core::outcome::{End, Settlement, completed_event};
use goal_activity_core::ports::{
    Clock, Event, FindExecution, Notify, Outside, PublishEvent, SealLedger, SettleExecution,
};
use goal_activity_events::{ExecutionArn, Timestamp};

/// Settles ends.
#[derive(Debug, Clone)]
pub struct Settle<E, L, S, B, N, K> {
    /// Reads executions.
    pub executions: E,
    /// Seals ledgers.
    pub ledger: L,
    /// Writes ends.
    pub settlements: S,
    /// Tells other services.
    pub bus: B,
    /// Tells the operators.
    pub operators: N,
    /// Tells the time.
    pub clock: K,
}

impl<E, L, S, B, N, K> Settle<E, L, S, B, N, K>
where
    E: FindExecution,
    L: SealLedger,
    S: SettleExecution,
    B: PublishEvent,
    N: Notify,
    K: Clock,
{
    /// Ends the workflow, unless it has ended already, and tells everybody, unless they know (promises P6 and P7).
    pub async fn settle(&self, arn: &ExecutionArn, end: End, stop_date: Timestamp) -> Outside<()> {
        let Some(mut execution) = self.executions.find_execution(arn).await? else {
            tracing::warn!(execution_arn = %arn, "an execution ended that is not recorded; was it started by hand?");
            return Ok(());
        };
        if execution.status.ended().is_none() {
            let ledgers = self.ledger.seal_ledger(arn, execution.batch_count()).await?;
            let tally = Tally::at_end(&execution.action_ids, &ledgers);
            self.settlements.settle(&Settlement::decide(&execution, end, tally, stop_date)).await?;
            // Read back: somebody else may have settled it differently, and the first end is the one to tell.
            let Some(settled) = self.executions.find_execution(arn).await? else { return Ok(()) };
            execution = settled;
            let progress = execution.progress();
            tracing::info!(
                execution_arn = %arn, goal_id = %execution.goal_id, status = ?execution.status,
                succeeded = progress.succeeded, failed = progress.failed.len(), "workflow ended"
            );
        }
        self.tell(&execution).await
    }

    /// Publishes `WorkflowCompleted` and notifies the operators, each unless a mark says that it is done.
    async fn tell(&self, execution: &Execution) -> Outside<()> {
        let arn = &execution.execution_arn;
        if execution.notified_at.is_some() {
            return Ok(());
        }
        if execution.published_at.is_none()
            && let Some(event) = completed_event(execution)
        {
            self.bus.publish(Event::Completed(event)).await?;
        }
        if let Some(notice) = notice(execution) {
            // The same end, told twice at the same time, must not wake people twice.
            if !self.settlements.claim_notice(arn, self.clock.now()).await? {
                return Ok(());
            }
            self.operators.notify(execution, &notice).await?;
        }
        self.settlements.mark_told(arn, self.clock.now()).await
    }
}
