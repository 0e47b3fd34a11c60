//! The end of a workflow: a sequence of steps, each of which may be repeated, by whoever finds the workflow at its end.

use goal_activity_core::execution::{Cancellation, Execution};
use goal_activity_core::ledger::Tally;
use goal_activity_core::notice::notice;
use goal_activity_core::outcome::{End, Settlement, completed_event};
use goal_activity_core::ports::{
    CancelExecution, Clock, Event, FindExecution, Notify, Outside, PublishEvent, RemoveTasks, SealLedger,
    SettleExecution, Unavailable,
};
use goal_activity_events::{ExecutionArn, Timestamp};

/// How often an end is decided anew when somebody else decides at the same time. A cancellation can come in between once;
/// after it, nothing can.
const TRIES: u32 = 3;

/// Ends workflows and tells other services.
#[derive(Debug, Clone)]
pub struct Settle<E, L, T, S, B, K> {
    /// Reads executions.
    pub executions: E,
    /// Seals ledgers.
    pub ledger: L,
    /// Removes the tasks of cancelled workflows.
    pub tasks: T,
    /// Writes ends.
    pub settlements: S,
    /// Tells other services.
    pub bus: B,
    /// Tells the time.
    pub clock: K,
}

impl<E, L, T, S, B, K> Settle<E, L, T, S, B, K>
where
    E: FindExecution,
    L: SealLedger,
    T: RemoveTasks,
    S: SettleExecution + CancelExecution,
    B: PublishEvent,
    K: Clock,
{
    /// Ends the workflow, unless it has ended already (promises P4 and P6). Answers it as it is then; nothing when it is
    /// not recorded.
    ///
    /// A workflow with a cancellation ends as `ABORTED`, whatever end was found. An execution that was stopped in Step
    /// Functions counts as cancelled by an operator.
    pub async fn end(&self, arn: &ExecutionArn, end: End, at: Timestamp) -> Outside<Option<Execution>> {
        for _ in 0..TRIES {
            // Read anew each time: somebody else may have ended or cancelled it, and the first decision counts.
            let Some(execution) = self.executions.find_execution(arn).await? else {
                tracing::warn!(execution_arn = %arn, "an execution ended that is not recorded; was it started by hand?");
                return Ok(None);
            };
            if execution.status.ended().is_some() {
                return Ok(Some(execution));
            }
            match (&execution.cancellation, end) {
                (None, End::Aborted) => {
                    self.settlements.record_cancellation(arn, &Cancellation::from_outside(at)).await?;
                }
                (None, End::Finished | End::TimedOut) => self.finish(&execution, end, at).await?,
                (Some(cancellation), _) => self.abort(&execution, cancellation.at).await?,
            }
        }
        let found = self.executions.find_execution(arn).await?;
        if found.as_ref().is_some_and(|e| e.status.ended().is_none()) {
            return Err(Unavailable::new(format!("ending {arn}"), "it keeps changing"));
        }
        Ok(found)
    }

    async fn finish(&self, execution: &Execution, end: End, at: Timestamp) -> Outside<()> {
        let ledgers = self.ledger.seal_ledger(&execution.execution_arn, execution.batch_count()).await?;
        let tally = Tally::at_end(&execution.action_ids, &ledgers);
        self.write(&Settlement::decide(execution, end, tally, at)).await
    }

    /// Sealed first, so that no more tasks can come; removed before the goal is free, so that none of a next workflow's go.
    async fn abort(&self, execution: &Execution, at: Timestamp) -> Outside<()> {
        let arn = &execution.execution_arn;
        let ledgers = self.ledger.seal_ledger(arn, execution.batch_count()).await?;
        self.tasks.remove_tasks_of(&execution.goal_id, arn).await?;
        let tally = Tally::cancelled(&execution.action_ids, &ledgers);
        self.write(&Settlement::decide(execution, End::Aborted, tally, at)).await
    }

    async fn write(&self, settlement: &Settlement) -> Outside<()> {
        self.settlements.settle(settlement).await?;
        tracing::info!(
            execution_arn = %settlement.execution_arn, goal_id = %settlement.goal_id, status = ?settlement.status,
            succeeded = settlement.tally.succeeded, failed = settlement.tally.failed.len(), "workflow ended"
        );
        Ok(())
    }

    /// Publishes `WorkflowCompleted`, unless a mark says that it is done (promise P7). Where the operators need not be told,
    /// that is all, and it is noted.
    pub async fn publish(&self, execution: &Execution) -> Outside<()> {
        if execution.published_at.is_none()
            && let Some(event) = completed_event(execution)
        {
            self.bus.publish(Event::Completed(event)).await?;
        }
        if notice(execution).is_none() {
            self.settlements.mark_told(&execution.execution_arn, self.clock.now()).await?;
        }
        Ok(())
    }
}

/// Ends workflows and tells everybody.
#[derive(Debug, Clone)]
pub struct Conclude<E, L, T, S, B, K, N> {
    /// Ends workflows.
    pub settle: Settle<E, L, T, S, B, K>,
    /// Tells the operators.
    pub operators: N,
}

impl<E, L, T, S, B, K, N> Conclude<E, L, T, S, B, K, N>
where
    E: FindExecution,
    L: SealLedger,
    T: RemoveTasks,
    S: SettleExecution + CancelExecution,
    B: PublishEvent,
    K: Clock,
    N: Notify,
{
    /// Ends the workflow, unless it has ended already, and tells everybody, unless they know (promises P6 and P7).
    pub async fn conclude(&self, arn: &ExecutionArn, end: End, at: Timestamp) -> Outside<()> {
        match self.settle.end(arn, end, at).await? {
            Some(execution) => self.tell(&execution).await,
            None => Ok(()),
        }
    }

    /// Publishes `WorkflowCompleted` and notifies the operators, each unless a mark says that it is done.
    pub async fn tell(&self, execution: &Execution) -> Outside<()> {
        if execution.is_told() {
            return Ok(());
        }
        self.settle.publish(execution).await?;
        let Some(notice) = notice(execution) else { return Ok(()) };
        let (arn, settlements, clock) = (&execution.execution_arn, &self.settle.settlements, &self.settle.clock);
        // The same end, told twice at the same time, must not wake people twice.
        if !settlements.claim_notice(arn, clock.now()).await? {
            return Ok(());
        }
        self.operators.notify(execution, &notice).await?;
        settlements.mark_told(arn, clock.now()).await
    }
}
