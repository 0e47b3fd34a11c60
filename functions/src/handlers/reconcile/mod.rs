//! `reconcile`: finds, twice a minute, what a lost event, message or invocation has left behind, and puts it through the same
//! code as the normal path (promise P7).

mod load;

use std::collections::HashSet;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream;
use goal_activity_core::admission::Capacity;
use goal_activity_core::execution::Execution;
use goal_activity_core::facts::{Fact, Repaired};
use goal_activity_core::keys::{open_shards, unarchived_shards};
use goal_activity_core::limits::{ARCHIVE_FAILURES, CHECK, RECONCILED_AT_MOST, RECONCILED_AT_ONCE, RECONCILING};
use goal_activity_core::pause::Pausing;
use goal_activity_core::port_set;
use goal_activity_core::ports::{
    ArchiveExecution, DescribeExecution, Event, ExecutionState, FindPause, ListHolders, ListOpen, ListWaiting, Notify,
    OpenExecution, PortResult, PublishEvent, StopExecution, StopReason, Unavailable,
};
use goal_activity_core::reconcile::{Repair, first_place, is_quiet, must_stop, repair};
use goal_activity_core::start::requested_event;
use goal_activity_events::{EventId, ExecutionArn, StateMachineArn};
use serde::Serialize;
use tokio::time::timeout;

use super::projector::ProjectorDb;
use crate::runtime::budget::Budget;
use crate::runtime::context::Context;
use crate::runtime::telemetry::trace;
use crate::steps::ending::Conclude;
use crate::steps::release::ReleaseDb;

/// How many workflows are listed at once.
const PAGE: u16 = 500;

/// The function with all it needs.
#[derive(Debug, Clone)]
pub struct Reconcile<Db, Sfn, Bus, Topic, Archive> {
    /// The tables.
    pub db: Db,
    /// Step Functions.
    pub sfn: Sfn,
    /// The event bus.
    pub bus: Bus,
    /// The state machine whose executions share the capacity.
    pub state_machine: StateMachineArn,
    /// How much there is.
    pub capacity: Capacity,
    /// When the pipeline pauses launching itself.
    pub pausing: Pausing,
    /// Ends workflows, publishes their ends, notifies the operators and archives them.
    pub conclude: Conclude<Db, Bus, Topic, Archive>,
    /// The time, and the count of repairs.
    pub context: Context,
}

port_set! {
    /// What the reconciler reads and writes.
    pub trait ReconcileDb: ProjectorDb + ListOpen + ListWaiting + ReleaseDb + ListHolders + FindPause
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
    /// `true` if it stopped before it had seen all, or could not list all. The next run begins elsewhere.
    pub incomplete: bool,
}

/// What a run has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The work that a user or an operator may be waiting for.
    Repairs,
    /// The archive.
    Archive,
}

/// What became of a workflow that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Checked {
    /// It needed nothing.
    Fine,
    /// It got what it needed.
    Repaired,
    /// The same, and now its end is reported.
    Reported,
    /// It is only to be archived, and it is not yet the turn of that.
    Unarchived,
}

/// A workflow that is only to be archived.
struct Unarchived {
    execution: ExecutionArn,
    /// `true` if it was counted as repaired in this run already.
    is_counted: bool,
}

impl<
    Db: ReconcileDb,
    Sfn: DescribeExecution + StopExecution,
    Bus: PublishEvent,
    Topic: Notify,
    Archive: ArchiveExecution,
> Reconcile<Db, Sfn, Bus, Topic, Archive>
{
    /// Looks at the load, then at every workflow that is open or whose end was not reported, and last at those only to be
    /// archived. Nothing is begun when [`RECONCILING`] or the budget is about to be over, and nothing takes longer than
    /// [`CHECK`]: a workflow that cannot be repaired, or a call that hangs, does not keep the others waiting. Two runs at the
    /// same time do the same thing twice, which changes nothing.
    pub async fn run(&self, budget: Budget) -> Reconciled {
        let mut done = Reconciled::default();
        let time = budget.less(CHECK).at_most(RECONCILING);
        let load = budget.run(self.check_load(time.at_most(RECONCILING / 4), &mut done)).await;
        let over = || Err(Unavailable::new("looking at the load", "the run's time is over"));
        if let Err(error) = load.unwrap_or_else(over) {
            tracing::warn!(%error, "load not looked at; the next run tries again");
            done.failed += 1;
        }
        let open = self.list(open_shards(), time, &mut done).await;
        let unarchived = self.repair_all(&open, time, &mut done).await;
        self.archive_all(unarchived, time, &mut done).await;
        let Reconciled { checked, repaired, failed, incomplete } = done;
        self.context.count(Fact::Reconciled { checked, failed });
        tracing::info!(checked, repaired, failed, incomplete, "reconciled");
        done
    }

    /// Repairs what is open, but archives nothing. Returns what is to be archived.
    async fn repair_all(&self, open: &[OpenExecution], time: Budget, done: &mut Reconciled) -> Vec<Unarchived> {
        let mut unarchived = Vec::new();
        let begun = open.iter().take_while(|_| !time.is_over()).take(RECONCILED_AT_MOST);
        let mut checks = stream::iter(begun.map(|o| self.check(&o.execution_arn, Turn::Repairs)))
            .buffer_unordered(RECONCILED_AT_ONCE);
        while let Some((arn, checked)) = checks.next().await {
            done.checked += 1;
            match checked {
                Ok(Checked::Fine) => {}
                Ok(Checked::Repaired) => done.repaired += 1,
                Ok(Checked::Reported) => {
                    done.repaired += 1;
                    unarchived.push(Unarchived { execution: arn.clone(), is_counted: true });
                }
                Ok(Checked::Unarchived) => unarchived.push(Unarchived { execution: arn.clone(), is_counted: false }),
                Err(()) => done.failed += 1,
            }
        }
        done.incomplete |= done.checked < open.len();
        unarchived
    }

    /// Archives these, and what is listed for that. Gives up after some failures in a row: then it is the archive.
    async fn archive_all(&self, first: Vec<Unarchived>, time: Budget, done: &mut Reconciled) {
        let known: HashSet<_> = first.iter().map(|u| u.execution.clone()).collect();
        let listed = self.list(unarchived_shards(), time, done).await.into_iter().map(|o| o.execution_arn);
        let new =
            listed.filter(|arn| !known.contains(arn)).map(|execution| Unarchived { execution, is_counted: false });
        let all: Vec<_> = first.into_iter().chain(new).collect();
        let room = RECONCILED_AT_MOST.saturating_sub(done.checked);
        let begun = all.iter().take_while(|_| !time.is_over()).take(room);
        let mut checks =
            stream::iter(begun.map(|u| async move { (u, self.check(&u.execution, Turn::Archive).await.1) }))
                .buffer_unordered(RECONCILED_AT_ONCE);
        let (mut seen, mut failed_in_a_row) = (0, 0);
        while let Some((unarchived, checked)) = checks.next().await {
            seen += 1;
            done.checked += usize::from(!known.contains(&unarchived.execution));
            failed_in_a_row = if checked.is_err() { failed_in_a_row + 1 } else { 0 };
            match checked {
                Ok(Checked::Fine | Checked::Unarchived) => {}
                Ok(Checked::Repaired | Checked::Reported) => done.repaired += usize::from(!unarchived.is_counted),
                Err(()) => done.failed += 1,
            }
            if failed_in_a_row == ARCHIVE_FAILURES {
                tracing::warn!(left = all.len() - seen, "the archive is left to the next run");
                break;
            }
        }
        done.incomplete |= seen < all.len();
    }

    /// All that these shards list, beginning at another place in each run.
    async fn list(
        &self,
        shards: impl Iterator<Item = String>,
        time: Budget,
        done: &mut Reconciled,
    ) -> Vec<OpenExecution> {
        let mut all = Vec::new();
        // Side by side: one that hangs holds no other.
        for (listed, complete) in join_all(shards.map(|shard| self.list_shard(shard, time))).await {
            all.extend(listed);
            done.failed += usize::from(complete.is_err());
            done.incomplete |= complete != Ok(true);
        }
        let first = first_place(self.context.now(), all.len());
        all.rotate_left(first);
        all
    }

    /// What one shard lists, and `true` if that is all.
    async fn list_shard(&self, shard: String, time: Budget) -> (Vec<OpenExecution>, Result<bool, ()>) {
        let mut listed: Vec<OpenExecution> = Vec::new();
        while !time.is_over() {
            match within_time("listing workflows", self.db.list_open(&shard, listed.last(), PAGE)).await {
                Ok(page) => {
                    let full = page.len() == usize::from(PAGE);
                    listed.extend(page);
                    if !full {
                        return (listed, Ok(true));
                    }
                }
                Err(error) => {
                    tracing::warn!(shard, %error, "open workflows not listed");
                    return (listed, Err(()));
                }
            }
        }
        (listed, Ok(false))
    }

    async fn check<'a>(&self, arn: &'a ExecutionArn, turn: Turn) -> (&'a ExecutionArn, Result<Checked, ()>) {
        let checked = within_time("looking at a workflow", self.reconcile(arn, turn)).await;
        let checked = checked.map_err(|error| {
            tracing::warn!(executionArn = %arn, %error, "workflow not reconciled; the next run tries again");
        });
        (arn, checked)
    }

    /// Repairs one workflow, if what it needs belongs to this part of the run: repairs first, archiving last.
    async fn reconcile(&self, arn: &ExecutionArn, turn: Turn) -> PortResult<Checked> {
        let now = self.context.now();
        // The list may be seconds behind; the record is not.
        let Some(execution) = self.db.find_execution(arn).await? else { return Ok(Checked::Fine) };
        if !is_quiet(&execution, now) {
            return Ok(Checked::Fine);
        }
        // Nothing that Step Functions says would change it.
        if turn == Turn::Repairs && repair(&execution, ExecutionState::Absent, now) == Repair::Archive {
            return Ok(Checked::Unarchived);
        }
        if execution.cancellation.is_some() && !execution.has_ended() {
            // How it ends is decided: that does not wait for Step Functions to answer.
            self.db.seal_ledger(arn, execution.batch_count()).await?;
        }
        let machine = self.sfn.describe_execution(arn).await?;
        let repair = repair(&execution, machine, now);
        if repair == Repair::None {
            return Ok(Checked::Fine);
        }
        self.repair(repair, &execution, machine).await
    }

    async fn repair(&self, repair: Repair, execution: &Execution, machine: ExecutionState) -> PortResult<Checked> {
        let span = trace::repair(execution.traceparent.as_ref());
        trace::within(span, self.make(repair, execution, machine)).await
    }

    async fn make(&self, repair: Repair, execution: &Execution, machine: ExecutionState) -> PortResult<Checked> {
        let arn = &execution.execution_arn;
        trace::about(arn, &execution.goal_id);
        tracing::warn!(?repair, "reconciling");
        let mut checked = Checked::Repaired;
        let repaired = match repair {
            Repair::None => None,
            Repair::Announce => {
                self.bus.publish(Event::Requested(requested_event(execution))).await?;
                Some(Repaired::Announced)
            }
            Repair::RecordStart { at } => {
                let recorded = self.db.record_started(arn, EventId::derived(arn, "started").as_str(), at).await?;
                if recorded {
                    tracing::info!("workflow runs");
                }
                recorded.then_some(Repaired::StartRecorded)
            }
            Repair::End { end, at } => {
                let ended = self.conclude.ending.end(arn, end, at).await?;
                // The write has been made, whatever becomes of what follows.
                if ended.as_ref().is_some_and(|e| e.by_this) {
                    self.context.count(Fact::Repaired { what: Repaired::Ended });
                }
                if let Some(ended) = ended {
                    checked = self.clear_up(&ended.execution, machine).await?;
                }
                None
            }
            Repair::Report => {
                checked = self.clear_up(execution, machine).await?;
                Some(Repaired::Completed)
            }
            Repair::Archive => {
                self.stop(execution, machine).await?;
                self.conclude.archive(execution).await?;
                Some(Repaired::Completed)
            }
        };
        if let Some(what) = repaired {
            self.context.count(Fact::Repaired { what });
        }
        Ok(checked)
    }

    /// Stops what still runs and reports the end. Decided before it is stopped: the stop is an event as well, and must not pass
    /// for a cancellation. Reported last, because a workflow that is reported and archived is not listed any more.
    async fn clear_up(&self, ended: &Execution, machine: ExecutionState) -> PortResult<Checked> {
        self.stop(ended, machine).await?;
        Ok(if self.conclude.report(ended).await? { Checked::Reported } else { Checked::Repaired })
    }

    async fn stop(&self, ended: &Execution, machine: ExecutionState) -> PortResult<()> {
        match must_stop(ended, machine) {
            true => self.sfn.stop_execution(&ended.execution_arn, StopReason::Ended).await,
            false => Ok(()),
        }
    }
}

/// One look, which fails when it takes longer than [`CHECK`].
async fn within_time<T>(what: &str, look: impl Future<Output = PortResult<T>>) -> PortResult<T> {
    timeout(CHECK, look).await.unwrap_or_else(|_| Err(Unavailable::new(what, "it takes too long")))
}
