//! What the reconciler does about load: capacity that no workflow uses is released, and a workflow that waits although there is some is
//! announced again. One look a run, however many wait.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use goal_activity_core::admission::{Held, in_use};
use goal_activity_core::execution::Execution;
use goal_activity_core::facts::{Fact, Repaired};
use goal_activity_core::limits::RECONCILED_AT_ONCE;
use goal_activity_core::pause::Pause;
use goal_activity_core::ports::{
    ArchiveExecution, DescribeExecution, ExecutionState, Notify, PortResult, PublishEvent, StopExecution,
};
use goal_activity_core::reconcile::{Holder, Repair, first_place, is_quiet, is_unattended, repair_launch};

use super::{Reconcile, ReconcileDb, Reconciled, within_time};
use crate::runtime::budget::Budget;
use crate::steps::release::release;

/// What became of a holder of capacity.
enum Attended {
    /// It needed nothing.
    Fine,
    /// Its launch is on its way again, or it has ended.
    Repaired,
    /// It has released so many batches.
    Freed(u32),
}

impl<
    Db: ReconcileDb,
    Sfn: DescribeExecution + StopExecution,
    Bus: PublishEvent,
    Topic: Notify,
    Archive: ArchiveExecution,
> Reconcile<Db, Sfn, Bus, Topic, Archive>
{
    /// Looks at who holds capacity and who waits for some, and counts what was repaired. Begins no look at a holder when the
    /// time is over.
    pub(super) async fn check_load(&self, time: Budget, done: &mut Reconciled) -> PortResult<()> {
        let held = within_time("listing who holds capacity", self.db.list_holders(&self.state_machine)).await?;
        let taken = self.check_holders(&held, time, done).await;
        done.repaired += usize::from(within_time("looking at who waits", self.check_waiting(taken)).await?);
        Ok(())
    }

    /// Returns how many batches are still in use afterwards.
    async fn check_holders(&self, held: &[Held], time: Budget, done: &mut Reconciled) -> u32 {
        let now = self.context.now();
        let mut unattended: Vec<_> = held.iter().filter(|h| is_unattended(h, now)).collect();
        let first = first_place(now, unattended.len());
        unattended.rotate_left(first);
        let begun = unattended.iter().take_while(|_| !time.is_over());
        let mut checks = stream::iter(begun.map(|h| self.check_holder(h))).buffer_unordered(RECONCILED_AT_ONCE);
        let (mut taken, mut seen) = (in_use(held), 0);
        while let Some(attended) = checks.next().await {
            seen += 1;
            match attended {
                Ok(Attended::Fine) => {}
                Ok(Attended::Repaired) => done.repaired += 1,
                Ok(Attended::Freed(batches)) => {
                    done.repaired += 1;
                    taken = taken.saturating_sub(batches);
                }
                Err(()) => done.failed += 1,
            }
        }
        done.incomplete |= seen < unattended.len();
        taken
    }

    /// Announces the workflow whose turn it is, if there is capacity for it and no pause keeps it: so it is also what ends a
    /// pause, within a run of its end, and what brings its next probe. Returns `true` if it did.
    async fn check_waiting(&self, taken: u32) -> PortResult<bool> {
        let now = self.context.now();
        let pause = self.db.find_pause(&self.state_machine).await?.filter(|pause| !pause.is_over(now));
        let paused = pause.is_some();
        let paused_itself = pause.as_ref().is_some_and(Pause::is_automatic);
        let is_closed = pause.is_some_and(|pause| !pause.lets_through(now));
        let first = match self.db.list_waiting(1).await?.pop() {
            Some(first) => self.db.find_execution(&first.execution_arn).await?,
            None => None,
        };
        let first = first.filter(Execution::is_waiting);
        let waiting = first.as_ref().map_or(Duration::ZERO, |e| now.since(e.start_date));
        self.context.count(Fact::LoadSeen { in_use: taken, waiting, paused, paused_itself });
        let is_room = !is_closed && taken < self.capacity.batches();
        if let Some(first) = first.filter(|e| is_room && is_quiet(e, now)) {
            // With it, others are launched whose turn it is, while there is room.
            self.repair(Repair::Announce, &first, ExecutionState::Absent).await?;
            return Ok(true);
        }
        Ok(false)
    }

    async fn check_holder(&self, held: &Held) -> Result<Attended, ()> {
        let attended = within_time("looking at a holder of capacity", self.attend(held)).await;
        attended.map_err(|error| {
            let arn = &held.execution;
            tracing::warn!(executionArn = %arn, %error, "holder of capacity not checked; the next run tries again");
        })
    }

    async fn attend(&self, held: &Held) -> PortResult<Attended> {
        let arn = &held.execution;
        let execution = self.db.find_execution(arn).await?;
        let now = self.context.now();
        match (Holder::of(execution.as_ref()), &execution) {
            (Holder::Unmarked, Some(execution)) => {
                let machine = self.sfn.describe_execution(arn).await?;
                self.repair(repair_launch(held, machine, now), execution, machine).await?;
                Ok(Attended::Repaired)
            }
            (Holder::Gone, execution) if release(&self.db, self.pausing, arn, execution.as_ref(), now).await? => {
                tracing::warn!(executionArn = %arn, batches = held.batches, "released the capacity of a workflow that has ended");
                self.context.count(Fact::Repaired { what: Repaired::CapacityFreed });
                Ok(Attended::Freed(held.batches))
            }
            _ => Ok(Attended::Fine),
        }
    }
}
