//! What the reconciler does about load: capacity that no workflow uses is released, and a workflow that waits although there is some is
//! announced again. One look at each shard of the capacity a run, however many wait, and one at some of the shards that there may
//! have been before the capacity was changed.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use futures_util::future::try_join_all;
use futures_util::stream;
use goal_activity_core::admission::{Held, Shard, in_use};
use goal_activity_core::agreement::{agree, is_same};
use goal_activity_core::execution::Execution;
use goal_activity_core::facts::{Fact, Repaired};
use goal_activity_core::limits::{ADMITTED_AT_ONCE, RECONCILED_AT_ONCE};
use goal_activity_core::pause::{Loads, Pause};
use goal_activity_core::ports::{
    ArchiveExecution, DescribeExecution, ExecutionState, Notify, PortResult, PublishEvent, StopExecution, Waiting,
};
use goal_activity_core::reconcile::{
    Holder, Repair, first_place, former_shards, is_quiet, is_unattended, repair_launch,
};

use super::{Reconcile, ReconcileDb, Reconciled, Run, within_time};
use crate::runtime::budget::Budget;
use crate::steps::release::Releases;

/// What became of a holder of capacity.
enum Attended {
    /// It needed nothing.
    Fine,
    /// Its launch is on its way again, or it has ended.
    Repaired,
    /// It has released so many batches of that shard.
    Freed(Shard, u32),
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
    pub(super) async fn check_load(&self, time: Budget, run: &Run, done: &mut Reconciled) -> PortResult<()> {
        let former = former_shards(self.capacity, self.context.now());
        let releases = self.releases();
        let reading = releases.loads(&self.state_machine, former.iter().copied());
        let loads = within_time("reading who holds capacity", reading).await?;
        let taken = self.check_holders(&loads, time, run, done).await;
        let checks = async {
            self.check_pause(&loads).await?;
            done.repaired += self.check_former(&former).await?;
            self.check_waiting(&taken, &loads).await
        };
        done.repaired += within_time("looking at who waits", checks).await?;
        Ok(())
    }

    pub(super) fn releases(&self) -> Releases<'_, Db> {
        Releases { db: &self.db, capacity: self.capacity, pausing: self.pausing }
    }

    /// Returns how many batches of each shard are still in use afterwards.
    async fn check_holders(
        &self,
        loads: &Loads,
        time: Budget,
        run: &Run,
        done: &mut Reconciled,
    ) -> BTreeMap<Shard, u32> {
        let now = self.context.now();
        let held = loads.together().held;
        let mut unattended: Vec<_> = held.iter().filter(|h| is_unattended(h, now)).collect();
        let first = first_place(now, unattended.len());
        unattended.rotate_left(first);
        let begun = unattended.iter().take_while(|_| !time.is_over());
        let mut checks = stream::iter(begun.map(|h| self.check_holder(h, run))).buffer_unordered(RECONCILED_AT_ONCE);
        let mut taken: BTreeMap<_, _> = loads.iter().map(|(shard, load)| (shard, in_use(&load.held))).collect();
        let mut seen = 0;
        while let Some(attended) = checks.next().await {
            seen += 1;
            match attended {
                Ok(Attended::Fine) => {}
                Ok(Attended::Repaired) => done.repaired += 1,
                Ok(Attended::Freed(shard, batches)) => {
                    done.repaired += 1;
                    taken.entry(shard).and_modify(|taken| *taken = taken.saturating_sub(batches));
                }
                Err(()) => done.failed += 1,
            }
        }
        done.incomplete |= seen < unattended.len();
        taken
    }

    /// Lets all shards come to the same pause, which a function that has died may have left unfinished; and pauses for the day if
    /// the shards together have spent its amount.
    async fn check_pause(&self, loads: &Loads) -> PortResult<()> {
        let now = self.context.now();
        if let Some(change) = loads.overspent(self.pausing, now) {
            return self.releases().pause_first(&self.state_machine, &change, now).await;
        }
        if !self.capacity.is_sharded() {
            return Ok(());
        }
        let pause = loads.of(Shard::FIRST).pause;
        let differs = |shard: Shard| !is_same(pause.as_ref(), loads.of(shard).pause.as_ref(), now);
        if self.capacity.shards().any(differs) {
            tracing::warn!("not all shards of the capacity knew of the pause, or of its end");
            agree(&self.db, &self.state_machine, self.capacity.shards(), now).await?;
        }
        Ok(())
    }

    /// Moves the workflows that wait for a shard that there is no more. Returns how many.
    async fn check_former(&self, former: &[Shard]) -> PortResult<usize> {
        let mut moved = 0;
        for shard in former {
            for Waiting { execution_arn, .. } in self.db.list_waiting(*shard, ADMITTED_AT_ONCE).await? {
                let to = self.capacity.shard_of(&execution_arn);
                moved += usize::from(self.db.move_waiting(&execution_arn, *shard, to).await?);
            }
        }
        if moved > 0 {
            tracing::info!(moved, "workflows waited for a shard of the capacity that there is no more");
        }
        Ok(moved)
    }

    /// Announces the workflows whose turn it is, if there is capacity for them and no pause keeps them: so it is also what ends a
    /// pause, within a run of its end, what brings its next probe, and what launches those that wait for the AI's quota where no end
    /// of a workflow does. Returns how many.
    async fn check_waiting(&self, taken: &BTreeMap<Shard, u32>, loads: &Loads) -> PortResult<usize> {
        let now = self.context.now();
        let pause = self.db.find_pause(&self.state_machine).await?.filter(|pause| !pause.is_over(now));
        let paused = pause.is_some();
        let paused_itself = pause.as_ref().is_some_and(Pause::is_automatic);
        let is_closed = pause.is_some_and(|pause| !pause.lets_through(now));
        let firsts = self.capacity.shards().map(|shard| self.first_waiting(shard));
        let mut firsts: Vec<_> = try_join_all(firsts).await?.into_iter().flatten().collect();
        firsts.sort_by_key(|first| first.turn);
        let waiting = firsts.iter().map(|e| now.since(e.start_date)).max().unwrap_or_default();
        let all = |shard| taken.get(&shard).copied().unwrap_or_default();
        let in_use = self.capacity.shards().map(all).fold(0, u32::saturating_add);
        self.context.count(Fact::LoadSeen { in_use, waiting, paused, paused_itself });
        let whole = self.capacity.batches();
        let room = |shard| self.capacity.room(shard, loads.of(shard).quota_used_until);
        let is_free = |shard| room(shard).fits(all(shard), 1, now);
        let mut announced = 0;
        for (place, first) in firsts.iter().enumerate().filter(|_| !is_closed) {
            // The first of all may be given capacity of any shard.
            let is_room = is_free(first.shard) || (place == 0 && in_use < whole && self.capacity.shards().any(is_free));
            if is_room && is_quiet(first, now) {
                // With it, others are launched whose turn it is, while there is room.
                self.repair(Repair::Announce, first, ExecutionState::Absent).await?;
                announced += 1;
            }
            if paused {
                // One probe.
                break;
            }
        }
        Ok(announced)
    }

    async fn first_waiting(&self, shard: Shard) -> PortResult<Option<Execution>> {
        let Some(first) = self.db.list_waiting(shard, 1).await?.pop() else { return Ok(None) };
        let found = self.db.find_execution(&first.execution_arn).await?;
        Ok(found.filter(|execution| execution.is_waiting() && execution.shard == shard))
    }

    async fn check_holder(&self, held: &Held, run: &Run) -> Result<Attended, ()> {
        let attended = within_time("looking at a holder of capacity", self.attend(held, run)).await;
        attended.map_err(|error| {
            let arn = &held.execution;
            tracing::warn!(executionArn = %arn, %error, "holder of capacity not checked; the next run tries again");
        })
    }

    async fn attend(&self, held: &Held, run: &Run) -> PortResult<Attended> {
        let Held { execution: arn, shard, batches, .. } = held;
        let execution = self.db.find_execution(arn).await?;
        let now = self.context.now();
        let freed = match (Holder::of(execution.as_ref(), held), &execution) {
            (Holder::Unmarked, Some(_)) if !run.may_ask() => return Ok(Attended::Fine),
            (Holder::Unmarked, Some(execution)) => {
                if execution.shard != *shard {
                    // Its launch goes on with what it holds.
                    self.db.move_waiting(arn, execution.shard, *shard).await?;
                }
                let machine = self.sfn.describe_execution(arn).await?;
                self.repair(repair_launch(held, machine, now), execution, machine).await?;
                return Ok(Attended::Repaired);
            }
            (Holder::Surplus, _) => {
                let pause = self.db.find_load(&self.state_machine, *shard).await?.pause;
                self.releases().release_surplus(held, pause).await?
            }
            (Holder::Gone, execution) => self.releases().release(arn, execution.as_ref(), *shard, now).await?.is_some(),
            _ => false,
        };
        if !freed {
            return Ok(Attended::Fine);
        }
        tracing::warn!(executionArn = %arn, batches, "released the capacity of a workflow that has ended");
        self.context.count(Fact::Repaired { what: Repaired::CapacityFreed });
        Ok(Attended::Freed(*shard, *batches))
    }
}
