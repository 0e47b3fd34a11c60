//! `reconcile`: finds, twice a minute, what a lost event, message or invocation has left behind, and puts it through the same
//! code as the normal path (promise P7).

mod load;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream;
use goal_activity_core::admission::Capacity;
use goal_activity_core::execution::Execution;
use goal_activity_core::facts::{Fact, Repaired};
use goal_activity_core::keys::{open_shards, unarchived_shards};
use goal_activity_core::limits::{
    ARCHIVE_FAILURES, CHECK, DESCRIBED_AT_MOST, RECONCILED_AT_MOST, RECONCILED_AT_ONCE, RECONCILING,
};
use goal_activity_core::pause::Pausing;
use goal_activity_core::port_set;
use goal_activity_core::ports::{
    ArchiveExecution, DescribeExecution, Event, ExecutionState, ListOpen, ListWaiting, MoveWaiting, Notify,
    OpenExecution, PortResult, PublishEvent, StopExecution, StopReason, Unavailable,
};
use goal_activity_core::reconcile::{Repair, Urgency, first_place, is_quiet, must_stop, repair};
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
    pub trait ReconcileDb: ProjectorDb + ListOpen + ListWaiting + MoveWaiting + ReleaseDb
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

/// What one run may still take.
#[derive(Debug)]
struct Run {
    /// When it begins nothing more.
    time: Budget,
    /// How often it may ask Step Functions.
    questions: AtomicUsize,
}

impl Run {
    /// Returns `true` if Step Functions may be asked once more, and counts that.
    fn may_ask(&self) -> bool {
        self.questions.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    fn questions(&self) -> usize {
        self.questions.load(Ordering::Relaxed)
    }
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
    /// It is left to another run: this one has asked Step Functions often enough.
    Left,
}

/// What is known of a workflow before Step Functions is asked.
enum Looked {
    /// It needs nothing.
    Fine,
    /// It is only to be archived: that comes last.
    Unarchived,
    /// What Step Functions knows of it decides.
    Quiet(Urgency, Box<Execution>),
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
        let run = &Run { time, questions: AtomicUsize::new(DESCRIBED_AT_MOST) };
        let load = budget.run(self.check_load(time.at_most(RECONCILING / 4), run, &mut done)).await;
        let over = || Err(Unavailable::new("looking at the load", "the run's time is over"));
        if let Err(error) = load.unwrap_or_else(over) {
            tracing::warn!(%error, "load not looked at; the next run tries again");
            done.failed += 1;
        }
        let open = self.list(open_shards(), time, &mut done).await;
        let unarchived = self.repair_all(&open, run, &mut done).await;
        self.archive_all(unarchived, run, &mut done).await;
        let Reconciled { checked, repaired, failed, incomplete } = done;
        self.context.count(Fact::Reconciled { checked, failed });
        tracing::info!(checked, repaired, failed, incomplete, "reconciled");
        done
    }

    /// Repairs what is open, but archives nothing. Returns what is to be archived.
    ///
    /// Step Functions is asked about a limited number of them: see [`in_order`]. One that stays quiet gets its turn: the others
    /// report again, or end.
    async fn repair_all(&self, open: &[OpenExecution], run: &Run, done: &mut Reconciled) -> Vec<Unarchived> {
        let (mut quiet, mut unarchived) = (Vec::new(), Vec::new());
        let time = run.time.at_most(RECONCILING / 2);
        let begun = open.iter().take_while(|_| !time.is_over()).take(RECONCILED_AT_MOST);
        let mut looks = stream::iter(begun.map(|o| self.look(&o.execution_arn))).buffer_unordered(RECONCILED_AT_ONCE);
        while let Some((arn, looked)) = looks.next().await {
            done.checked += 1;
            match looked {
                Ok(Looked::Fine) => {}
                Ok(Looked::Unarchived) => unarchived.push(Unarchived { execution: arn.clone(), is_counted: false }),
                Ok(Looked::Quiet(urgency, execution)) => quiet.push((urgency, execution)),
                Err(()) => done.failed += 1,
            }
        }
        done.incomplete |= done.checked < open.len();
        let begun = in_order(&quiet).into_iter().take_while(|_| !run.time.is_over()).take(run.questions());
        let mut checks =
            stream::iter(begun.map(|execution| self.check_quiet(execution, run))).buffer_unordered(RECONCILED_AT_ONCE);
        let mut seen = 0;
        while let Some((arn, checked)) = checks.next().await {
            seen += 1;
            match checked {
                Ok(Checked::Fine) => {}
                Ok(Checked::Repaired) => done.repaired += 1,
                Ok(Checked::Reported) => {
                    done.repaired += 1;
                    unarchived.push(Unarchived { execution: arn.clone(), is_counted: true });
                }
                Ok(Checked::Left) => done.incomplete = true,
                Err(()) => done.failed += 1,
            }
        }
        done.incomplete |= seen < quiet.len();
        unarchived
    }

    /// Archives these, and what is listed for that. Gives up after some failures in a row: then it is the archive.
    async fn archive_all(&self, first: Vec<Unarchived>, run: &Run, done: &mut Reconciled) {
        let time = run.time;
        let known: HashSet<_> = first.iter().map(|u| u.execution.clone()).collect();
        let listed = self.list(unarchived_shards(), time, done).await.into_iter().map(|o| o.execution_arn);
        let new =
            listed.filter(|arn| !known.contains(arn)).map(|execution| Unarchived { execution, is_counted: false });
        let all: Vec<_> = first.into_iter().chain(new).collect();
        let room = RECONCILED_AT_MOST.saturating_sub(done.checked);
        let begun = all.iter().take_while(|_| !time.is_over()).take(room);
        let mut checks =
            stream::iter(begun.map(|u| async move { (u, self.check_unarchived(&u.execution, run).await) }))
                .buffer_unordered(RECONCILED_AT_ONCE);
        let (mut seen, mut failed_in_a_row) = (0, 0);
        while let Some((unarchived, checked)) = checks.next().await {
            seen += 1;
            done.checked += usize::from(!known.contains(&unarchived.execution));
            failed_in_a_row = if checked.is_err() { failed_in_a_row + 1 } else { 0 };
            match checked {
                Ok(Checked::Fine) => {}
                Ok(Checked::Left) => done.incomplete = true,
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

    /// Looks at a workflow that is listed as open.
    async fn look<'a>(&self, arn: &'a ExecutionArn) -> (&'a ExecutionArn, Result<Looked, ()>) {
        // The list may be seconds behind; the record is not.
        let found = within_time("looking at a workflow", self.db.find_execution(arn)).await;
        let now = self.context.now();
        let looked = found.map_err(|error| not_reconciled(arn, &error)).map(|found| match found {
            Some(execution) if is_quiet(&execution, now) => {
                // Nothing that Step Functions says would change it.
                match repair(&execution, ExecutionState::Absent, now) == Repair::Archive {
                    true => Looked::Unarchived,
                    false => Looked::Quiet(Urgency::of(&execution, now), Box::new(execution)),
                }
            }
            Some(_) | None => Looked::Fine,
        });
        (arn, looked)
    }

    async fn check_quiet<'a>(&self, execution: &'a Execution, run: &Run) -> (&'a ExecutionArn, Result<Checked, ()>) {
        let arn = &execution.execution_arn;
        let checked = within_time("looking at a workflow", self.reconcile(execution, run)).await;
        (arn, checked.map_err(|error| not_reconciled(arn, &error)))
    }

    async fn check_unarchived(&self, arn: &ExecutionArn, run: &Run) -> Result<Checked, ()> {
        let check = async {
            let found = self.db.find_execution(arn).await?;
            match found.filter(|execution| is_quiet(execution, self.context.now())) {
                Some(execution) => self.reconcile(&execution, run).await,
                None => Ok(Checked::Fine),
            }
        };
        within_time("looking at a workflow", check).await.map_err(|error| not_reconciled(arn, &error))
    }

    /// Repairs one workflow that is quiet.
    async fn reconcile(&self, execution: &Execution, run: &Run) -> PortResult<Checked> {
        let arn = &execution.execution_arn;
        if !run.may_ask() {
            return Ok(Checked::Left);
        }
        if execution.cancellation.is_some() && !execution.has_ended() {
            // How it ends is decided: that does not wait for Step Functions to answer.
            self.db.seal_ledger(arn, execution.batch_count()).await?;
        }
        let machine = self.sfn.describe_execution(arn).await?;
        let repair = repair(execution, machine, self.context.now());
        if repair == Repair::None {
            return Ok(Checked::Fine);
        }
        self.repair(repair, execution, machine).await
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

/// In which order Step Functions is asked: first about those that are due. In turn about the one that is quiet for longest and the
/// next one of the list, which begins elsewhere in each run: those about which it gives no answer must not always be first.
fn in_order(quiet: &[(Urgency, Box<Execution>)]) -> Vec<&Execution> {
    let mut listed: Vec<_> = quiet.iter().map(|(urgency, execution)| (*urgency, &**execution)).collect();
    listed.sort_by_key(|(urgency, _)| *urgency);
    let mut oldest = listed.clone();
    oldest.sort_by_key(|(urgency, execution)| (*urgency, execution.last_sign()));
    let in_turn = oldest.into_iter().zip(listed).flat_map(|(oldest, listed)| [oldest.1, listed.1]);
    let mut seen = HashSet::new();
    in_turn.filter(|execution| seen.insert(&execution.execution_arn)).collect()
}

fn not_reconciled(arn: &ExecutionArn, error: &Unavailable) {
    tracing::warn!(executionArn = %arn, %error, "workflow not reconciled; the next run tries again");
}

/// One look, which fails when it takes longer than [`CHECK`].
async fn within_time<T>(what: &str, look: impl Future<Output = PortResult<T>>) -> PortResult<T> {
    timeout(CHECK, look).await.unwrap_or_else(|_| Err(Unavailable::new(what, "it takes too long")))
}
