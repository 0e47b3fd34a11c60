//! `reconcile`: finds, twice a minute, what a lost event, message or invocation has left behind, and puts it through the same
//! code as the normal path (promise P7).

mod load;

use futures_util::StreamExt;
use futures_util::stream;
use goal_activity_core::execution::Execution;
use goal_activity_core::facts::{Fact, Repaired};
use goal_activity_core::keys::open_shards;
use goal_activity_core::limits::{RECONCILED_AT_MOST, RECONCILED_AT_ONCE, RECONCILING};
use goal_activity_core::ports::{
    ArchiveExecution, CancelExecution, Clock, DescribeExecution, Event, FindExecution, HoldCapacity, ListHolders,
    ListOpen, ListWaiting, LoadGoal, Machine, Notify, OpenExecution, Outside, PublishEvent, RecordProgress,
    RemoveTasks, SealLedger, SettleExecution, StopExecution, StopReason,
};
use goal_activity_core::reconcile::{Repair, is_quiet, must_stop, repair};
use goal_activity_core::start::requested_event;
use goal_activity_events::{EventId, ExecutionArn};
use serde::Serialize;

pub use self::load::Load;
use crate::settle::Conclude;
use crate::telemetry::trace;

/// How many workflows are listed at once.
const PAGE: u16 = 100;

/// The function with all it needs.
#[derive(Debug, Clone)]
pub struct Reconcile<O, W, H, R, M, E, L, T, S, B, K, N, A> {
    /// Lists what is open.
    pub open: O,
    /// Who holds capacity, and who waits.
    pub load: Load<W, H>,
    /// Records progress.
    pub records: R,
    /// Knows and stops executions.
    pub machine: M,
    /// Ends workflows, tells everybody, and archives them.
    pub conclude: Conclude<E, L, T, S, B, K, N, A>,
}

/// What one run has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Reconciled {
    /// How many workflows it looked at.
    pub checked: usize,
    /// How many needed something, and got it.
    pub repaired: usize,
    /// How many could not be looked at or repaired. The next run tries again.
    pub failed: usize,
    /// Whether it stopped before it had seen all. The next run begins with other shards.
    pub incomplete: bool,
}

impl<O, W, H, R, M, E, L, T, S, B, K, N, A> Reconcile<O, W, H, R, M, E, L, T, S, B, K, N, A>
where
    O: ListOpen,
    W: ListWaiting,
    H: HoldCapacity + ListHolders,
    R: RecordProgress,
    M: DescribeExecution + StopExecution,
    E: FindExecution,
    L: SealLedger,
    T: RemoveTasks,
    S: SettleExecution + CancelExecution + LoadGoal,
    B: PublishEvent,
    K: Clock,
    N: Notify,
    A: ArchiveExecution,
{
    /// Looks at the load, and then at every open workflow, page by page. One that cannot be repaired does not keep the others
    /// waiting; two runs at the same time do the same thing twice, which changes nothing.
    pub async fn run(&self) -> Reconciled {
        let started = self.conclude.settle.clock.now();
        let mut done = Reconciled::default();
        if let Err(error) = self.check_load(&mut done).await {
            tracing::warn!(%error, "load not looked at; the next run tries again");
            done.failed += 1;
        }
        for shard in open_shards(started) {
            let mut last: Option<OpenExecution> = None;
            loop {
                if done.checked >= RECONCILED_AT_MOST || self.conclude.settle.clock.now().since(started) > RECONCILING {
                    done.incomplete = true;
                    return self.report(done);
                }
                let page = match self.open.list_open(&shard, last.as_ref(), PAGE).await {
                    Ok(page) => page,
                    Err(error) => {
                        tracing::warn!(shard, %error, "open workflows not listed");
                        (done.failed, done.incomplete) = (done.failed + 1, true);
                        break;
                    }
                };
                let checks = stream::iter(&page).map(|open| self.check(&open.execution_arn));
                let mut checks = checks.buffer_unordered(RECONCILED_AT_ONCE);
                while let Some(checked) = checks.next().await {
                    done.checked += 1;
                    match checked {
                        Ok(repaired) => done.repaired += usize::from(repaired),
                        Err(()) => done.failed += 1,
                    }
                }
                drop(checks);
                let full = page.len() == usize::from(PAGE);
                last = page.into_iter().last();
                if !full {
                    break;
                }
            }
        }
        self.report(done)
    }

    fn report(&self, done: Reconciled) -> Reconciled {
        let Reconciled { checked, repaired, failed, incomplete } = done;
        self.conclude.settle.facts.count(Fact::Reconciled { checked, failed });
        tracing::info!(checked, repaired, failed, incomplete, "reconciled");
        done
    }

    async fn check(&self, arn: &ExecutionArn) -> Result<bool, ()> {
        self.reconcile(arn).await.map_err(|error| {
            tracing::warn!(executionArn = %arn, %error, "workflow not reconciled; the next run tries again");
        })
    }

    /// Repairs one workflow. Answers whether it needed that.
    pub async fn reconcile(&self, arn: &ExecutionArn) -> Outside<bool> {
        let (settle, now) = (&self.conclude.settle, self.conclude.settle.clock.now());
        // The list may be seconds behind; the record is not.
        let Some(execution) = settle.executions.find_execution(arn).await? else { return Ok(false) };
        if !is_quiet(&execution, now) {
            return Ok(false);
        }
        let machine = self.machine.describe_execution(arn).await?;
        let repair = repair(&execution, machine, now);
        if repair == Repair::None {
            return Ok(false);
        }
        self.repair(repair, &execution, machine).await?;
        Ok(true)
    }

    async fn repair(&self, repair: Repair, execution: &Execution, machine: Machine) -> Outside<()> {
        let (arn, goal) = (&execution.execution_arn, &execution.goal_id);
        tracing::warn!(executionArn = %arn, goalId = %goal, ?repair, "reconciling");
        let span = trace::repair(execution.traceparent.as_ref());
        trace::within(span, self.make(repair, execution, machine)).await
    }

    async fn make(&self, repair: Repair, execution: &Execution, machine: Machine) -> Outside<()> {
        let (settle, arn) = (&self.conclude.settle, &execution.execution_arn);
        trace::about(arn, &execution.goal_id);
        let repaired = match repair {
            Repair::None => None,
            Repair::Announce => {
                settle.bus.publish(Event::Requested(requested_event(execution))).await?;
                Some(Repaired::Announced)
            }
            Repair::RecordStart { at } => {
                let recorded = self.records.record_started(arn, EventId::derived(arn, "started").as_str(), at).await?;
                if recorded {
                    tracing::info!(executionArn = %arn, goalId = %execution.goal_id, "workflow runs");
                }
                recorded.then_some(Repaired::StartRecorded)
            }
            Repair::End { end, at } => {
                let ended = settle.end(arn, end, at).await?;
                // The write has been made, whatever becomes of what follows.
                if ended.as_ref().is_some_and(|e| e.by_this) {
                    settle.facts.count(Fact::Repaired { what: Repaired::Ended });
                }
                if let Some(ended) = ended {
                    self.clear_up(&ended.execution, machine).await?;
                }
                None
            }
            Repair::Settle => {
                self.clear_up(execution, machine).await?;
                Some(Repaired::Settled)
            }
        };
        if let Some(what) = repaired {
            settle.facts.count(Fact::Repaired { what });
        }
        Ok(())
    }

    /// Stops what still runs and settles. Decided before it is stopped: the stop is an event as well, and must not pass for a
    /// cancellation. Settled last, because a workflow that is settled is not listed any more.
    async fn clear_up(&self, ended: &Execution, machine: Machine) -> Outside<()> {
        if must_stop(ended, machine) {
            self.machine.stop_execution(&ended.execution_arn, StopReason::Ended).await?;
        }
        self.conclude.settle(ended).await
    }
}
