//! The end of a workflow, step by step: end, publish, notify, archive. Each step may be repeated, and the last three leave a
//! mark. The projector, a cancel and the reconciler take these steps, from wherever they find the workflow; `finalize` only seals
//! and counts.

use std::collections::BTreeSet;

use futures_util::future::join;
use goal_activity_core::archive::Record;
use goal_activity_core::execution::{Cancellation, Ending, Execution, Mark};
use goal_activity_core::facts::Fact;
use goal_activity_core::ledger::{ActionOutcome, BatchLedger, Tally, recorded};
use goal_activity_core::limits::{ARCHIVING, GONE_FOR, NOTIFYING};
use goal_activity_core::notice::{Notice, NoticeClaim, notice};
use goal_activity_core::outcome::{End, completed_event, ending};
use goal_activity_core::port_set;
use goal_activity_core::ports::{
    ArchiveExecution, CancelExecution, EndExecution, Event, FindExecution, LoadGoal, Notify, PortResult, PublishEvent,
    RemoveTasks, SealLedger, Stored, Unavailable,
};
use goal_activity_events::{ActionId, ExecutionArn, FailureCode, Timestamp};
use tokio::time::{sleep, timeout};

use crate::runtime::context::Context;
use crate::runtime::telemetry::{millis, trace};

/// How often an end is decided anew when another invocation decides at the same time. A cancellation can come in between
/// once; after it, nothing can.
const TRIES: u32 = 3;

port_set! {
    /// What ending a workflow reads and writes.
    pub trait EndingDb: FindExecution + SealLedger + RemoveTasks + EndExecution + CancelExecution + LoadGoal
}

/// Ends workflows and publishes their ends.
#[derive(Debug, Clone)]
pub struct EndWorkflow<Db, Bus> {
    /// The tables.
    pub db: Db,
    /// The event bus.
    pub bus: Bus,
    /// The time, and the count of ends.
    pub context: Context,
}

fn has_replaced(ledgers: &[BatchLedger], action: &ActionId) -> bool {
    matches!(recorded(ledgers, action), Some(ActionOutcome::Succeeded { replaced: 1.., .. }))
}

/// A workflow that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// As it is recorded.
    pub execution: Execution,
    /// `true` if it is this call that has ended it.
    pub by_this: bool,
}

impl<Db: EndingDb, Bus: PublishEvent> EndWorkflow<Db, Bus> {
    /// Ends the workflow, unless it has ended already (promises P4 and P6). Returns it as it is then; nothing when it is not
    /// recorded.
    ///
    /// A workflow with a cancellation ends as `ABORTED`, whatever end was found. An execution that was stopped in Step
    /// Functions counts as cancelled by an operator.
    pub async fn end(&self, arn: &ExecutionArn, end: End, at: Timestamp) -> PortResult<Option<Ended>> {
        trace::about_execution(arn);
        let mut by_this = false;
        for _ in 0..TRIES {
            // Read anew each time: another invocation may have ended or cancelled it, and the first decision counts.
            let Some(execution) = self.db.find_execution(arn).await? else {
                tracing::warn!("an execution ended that is not recorded; was it started by hand?");
                return Ok(None);
            };
            trace::join(execution.traceparent.as_ref());
            trace::about(arn, &execution.goal_id);
            if execution.has_ended() {
                return Ok(Some(Ended { execution, by_this }));
            }
            match (&execution.cancellation, end) {
                (None, End::Aborted) => {
                    if self.db.record_cancellation(arn, &Cancellation::from_outside(at)).await? {
                        tracing::info!("cancellation recorded");
                    }
                }
                (None, End::Finished | End::TimedOut) => by_this |= self.finish(&execution, end, at).await?,
                (Some(cancellation), _) => by_this |= self.abort(&execution, cancellation.at).await?,
            }
        }
        let found = self.db.find_execution(arn).await?;
        if found.as_ref().is_some_and(|e| !e.has_ended()) {
            return Err(Unavailable::new(format!("ending {arn}"), "it keeps changing"));
        }
        Ok(found.map(|execution| Ended { execution, by_this }))
    }

    async fn finish(&self, execution: &Execution, end: End, at: Timestamp) -> PortResult<bool> {
        let ledgers = self.db.seal_ledger(&execution.execution_arn, execution.batch_count()).await?;
        let execution = &self.knowing_gone(execution, &ledgers).await?;
        self.remove_tasks(execution, execution.gone_actions.iter().cloned().collect()).await?;
        let tally = Tally::at_end(&execution.action_ids, &ledgers, &execution.gone_actions);
        self.write(execution, &ending(execution, end, tally, at)).await
    }

    /// Sealed first, so that no more tasks can come; removed before the goal is free, so that none of a next workflow's go.
    /// Where tasks have replaced others they stay: the action would be left with neither the old ones nor the new ones.
    async fn abort(&self, execution: &Execution, at: Timestamp) -> PortResult<bool> {
        let ledgers = self.db.seal_ledger(&execution.execution_arn, execution.batch_count()).await?;
        let mut kept: BTreeSet<_> =
            execution.action_ids.iter().filter(|id| has_replaced(&ledgers, id)).cloned().collect();
        let execution = match kept.is_empty() {
            true => execution,
            false => &self.knowing_gone(execution, &ledgers).await?,
        };
        kept.retain(|id| !execution.gone_actions.contains(id));
        let actions = &execution.action_ids;
        self.remove_tasks(execution, actions.iter().filter(|id| !kept.contains(*id)).cloned().collect()).await?;
        let tally = Tally::cancelled(actions, &ledgers, &kept);
        self.write(execution, &ending(execution, End::Aborted, tally, at)).await
    }

    /// The execution with the actions whose tasks go because the goal does not have them any more. Its user goes on editing it:
    /// what is gone is decided once and recorded before anything is removed, so that all who end this workflow count alike.
    async fn knowing_gone(&self, execution: &Execution, ledgers: &[BatchLedger]) -> PortResult<Execution> {
        let mut known = execution.clone();
        if known.gone_actions.is_empty() {
            let saved = |id: &&ActionId| matches!(recorded(ledgers, id), Some(ActionOutcome::Succeeded { .. }));
            let saved = execution.action_ids.iter().filter(saved).cloned().collect();
            let missing = self.missing(execution, saved).await?;
            if missing.is_empty() {
                return Ok(known);
            }
            // It may have been seen between the two writes that move an action.
            sleep(GONE_FOR).await;
            let gone = self.missing(execution, missing).await?;
            if !gone.is_empty() {
                let recorded = self.db.record_gone(&execution.execution_arn, &gone).await?;
                known.gone_actions = recorded.unwrap_or_default();
            }
        }
        Ok(known)
    }

    /// Those of the actions that the goal does not have; all of them where there is no goal.
    async fn missing(&self, execution: &Execution, mut actions: BTreeSet<ActionId>) -> PortResult<BTreeSet<ActionId>> {
        if !actions.is_empty() {
            match self.db.load_goal(&execution.goal_id).await? {
                Stored::Value(goal) if goal.is_whole => actions.retain(|id| goal.action(id).is_none()),
                Stored::Nothing => {}
                // What cannot be read is not known to be gone.
                Stored::Value(_) | Stored::Unreadable(_) => actions.clear(),
            }
        }
        Ok(actions)
    }

    async fn remove_tasks(&self, execution: &Execution, actions: Vec<ActionId>) -> PortResult<()> {
        if actions.is_empty() {
            return Ok(());
        }
        self.db.remove_tasks_of(&execution.goal_id, &execution.execution_arn, &actions).await
    }

    /// Returns `true` if this call has ended the workflow.
    async fn write(&self, execution: &Execution, end: &Ending) -> PortResult<bool> {
        let written = self.db.end_execution(execution, end).await?;
        if written {
            let Ending { status, stop_date, tally } = end;
            let began = execution.admitted_at.unwrap_or(execution.start_date);
            let (status, duration) = (*status, stop_date.since(began));
            let lost = tally.failed.iter().filter(|f| f.code == FailureCode::NotProcessed).count();
            let not_processed = u32::try_from(lost).unwrap_or(u32::MAX);
            self.context.count(Fact::WorkflowEnded { status, duration, not_processed });
            tracing::info!(
                %status, succeeded = tally.succeeded, failed = tally.failed.len(), notProcessed = not_processed,
                attempts = tally.usage.attempts, inputTokens = tally.usage.input_tokens,
                outputTokens = tally.usage.output_tokens, costMicroUsd = tally.usage.cost_micro_usd,
                durationMs = millis(duration), "workflow ended"
            );
        }
        Ok(written)
    }

    /// Publishes `WorkflowCompleted`, unless a mark says that it is done (promise P7).
    async fn publish(&self, execution: &Execution) -> PortResult<()> {
        if execution.published_at.is_none()
            && let Some(event) = completed_event(execution)
        {
            self.bus.publish(Event::Completed(event)).await?;
            tracing::info!(status = %execution.status(), "end published");
        }
        Ok(())
    }

    /// Publishes `WorkflowCompleted`, unless a mark says that it is done, and marks it. Does not notify the operators.
    pub async fn publish_and_mark(&self, execution: &Execution) -> PortResult<()> {
        self.publish(execution).await?;
        let mark = if notice(execution).is_none() { Mark::Both } else { Mark::Published };
        self.db.mark_reported(&execution.execution_arn, mark, self.context.now()).await
    }
}

/// Ends workflows, publishes their ends, notifies the operators and archives them.
#[derive(Debug, Clone)]
pub struct Conclude<Db, Bus, Topic, Archive> {
    /// Ends workflows and publishes their ends.
    pub ending: EndWorkflow<Db, Bus>,
    /// The topic of the operators.
    pub topic: Topic,
    /// The archive.
    pub archive: Archive,
}

impl<Db: EndingDb, Bus: PublishEvent, Topic: Notify, Archive: ArchiveExecution> Conclude<Db, Bus, Topic, Archive> {
    /// Ends the workflow, unless it has ended already, reports its end and archives it (promises P6 and P7). An archive that
    /// fails changes nothing of that: the reconciler archives the workflow later.
    pub async fn conclude(&self, arn: &ExecutionArn, end: End, at: Timestamp) -> PortResult<()> {
        let Some(Ended { execution, .. }) = self.ending.end(arn, end, at).await? else { return Ok(()) };
        // Services and operators come first: they are not to wait for an archive that does not answer.
        if !self.report(&execution).await? || execution.archived_at.is_some() {
            return Ok(());
        }
        let archived = timeout(ARCHIVING, self.archive(&execution)).await;
        let too_slow = || Unavailable::new("the archive", "it takes too long");
        if let Err(error) = archived.unwrap_or_else(|_| Err(too_slow())) {
            tracing::warn!(%error, "not archived; the reconciler tries again");
        }
        Ok(())
    }

    /// Archives a workflow that has ended. Stored first, expired afterwards: nothing is deleted that is not archived. Marked last:
    /// until then the reconciler repeats it, and afterwards nobody does.
    pub async fn archive(&self, execution: &Execution) -> PortResult<()> {
        let arn = &execution.execution_arn;
        // Sealed long ago: this reads what it holds.
        let ledgers = self.ending.db.seal_ledger(arn, execution.batch_count()).await?;
        let Some(record) = Record::of(execution, &ledgers) else { return Ok(()) };
        self.archive.archive_execution(&record).await?;
        self.ending.db.expire_ledger(&record).await?;
        self.ending.db.mark_archived(&record, self.ending.context.now()).await?;
        tracing::info!(key = %record.key(), "workflow archived");
        Ok(())
    }

    /// Publishes `WorkflowCompleted` and notifies the operators, each unless a mark says that it is done. Returns `false` if
    /// another invocation is about to notify them.
    pub async fn report(&self, execution: &Execution) -> PortResult<bool> {
        if execution.is_reported() {
            return Ok(true);
        }
        let EndWorkflow { db, context, .. } = &self.ending;
        // Side by side: a bus that does not answer keeps nothing from the operators, nor the other way round.
        let (published, notified) = join(self.ending.publish(execution), self.notify(execution)).await;
        let mark = match (&published, &notified) {
            (Ok(()), Ok(true)) => Some(Mark::Both),
            (Ok(()), _) if execution.published_at.is_none() => Some(Mark::Published),
            _ => None,
        };
        if let Some(mark) = mark {
            db.mark_reported(&execution.execution_arn, mark, context.now()).await?;
        }
        published.and(notified)
    }

    /// Sends the notice to the operators, where there is one, unless a mark says that it is done. Returns `false` if another
    /// invocation is about to send it.
    async fn notify(&self, execution: &Execution) -> PortResult<bool> {
        let Some(notice) = notice(execution).filter(|_| execution.notified_at.is_none()) else { return Ok(true) };
        let EndWorkflow { db, context, .. } = &self.ending;
        let arn = &execution.execution_arn;
        // The same end, found twice at the same time, must not page operators twice.
        let claim = NoticeClaim::new(context.now());
        let sent = match db.claim_notice(arn, &claim).await {
            Ok(false) => return Ok(false),
            Ok(true) => self.send(execution, &notice).await,
            Err(error) => Err(error),
        };
        // Also a claim that was not answered may stand.
        if sent.is_err()
            && let Err(error) = db.release_notice(arn, &claim).await
        {
            tracing::warn!(%error, "claim of the notice not released; it runs out");
        }
        sent?;
        // At once: the bus may still hang.
        db.mark_reported(arn, Mark::Notified, context.now()).await?;
        Ok(true)
    }

    async fn send(&self, execution: &Execution, notice: &Notice) -> PortResult<()> {
        let sent = timeout(NOTIFYING, self.topic.notify(execution, notice)).await;
        let what = || format!("the notice about {}", execution.execution_arn);
        sent.unwrap_or_else(|_| Err(Unavailable::new(what(), "it takes too long")))
    }
}
