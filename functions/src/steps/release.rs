//! The release of capacity. What the workflow's end says of the AI and what it has cost is written with it, so that no workflow
//! that waits acquires what is released before launching is paused.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use goal_activity_core::admission::{Capacity, Held, Shard};
use goal_activity_core::agreement::{agree, is_same};
use goal_activity_core::execution::Execution;
use goal_activity_core::pause::{Ends, Load, Loads, Pause, Pausing, Release, Releasing};
use goal_activity_core::port_set;
use goal_activity_core::ports::{
    ChangePause, FindLoad, FindPause, HoldCapacity, PauseChange, PortResult, Released, Unavailable,
};
use goal_activity_core::reconcile::Holder;
use goal_activity_events::{ExecutionArn, StateMachineArn, Timestamp};

/// How often a release is decided anew when others change the pause or the costs at the same time.
const TRIES: u32 = 5;

port_set! {
    /// What releasing capacity reads and writes.
    pub trait ReleaseDb: FindLoad + HoldCapacity + FindPause + ChangePause
}

/// Releases capacity.
#[derive(Debug, Clone, Copy)]
pub struct Releases<'a, Db> {
    /// The table.
    pub db: &'a Db,
    /// How much capacity there is.
    pub capacity: Capacity,
    /// When the pipeline pauses launching itself.
    pub pausing: Pausing,
}

impl<Db: ReleaseDb> Releases<'_, Db> {
    /// Releases what a workflow holds, which is recorded like that, if it is. Returns in which shard; nothing if it holds
    /// nothing. `at` is where it may hold some although the capacity has no such shard any more.
    pub async fn release(
        &self,
        arn: &ExecutionArn,
        execution: Option<&Execution>,
        at: Shard,
        now: Timestamp,
    ) -> PortResult<Option<Shard>> {
        let machine = arn.state_machine();
        for _ in 0..TRIES {
            let loads = self.loads(&machine, [at].into_iter().chain(execution.map(|e| e.shard))).await?;
            let mut holding = loads.holding(arn);
            let Some(held) = own_of(&mut holding, execution.map_or(at, |e| e.shard)) else { return Ok(None) };
            for surplus in holding {
                self.release_surplus(&surplus, loads.of(surplus.shard).pause).await?;
            }
            let shard = held.shard;
            if Holder::of(execution, &held) == Holder::Surplus {
                // What it ran with is released, and counted.
                let released = self.release_surplus(&held, loads.of(shard).pause).await?;
                return Ok(released.then_some(shard));
            }
            match Releasing::decide((arn, shard), execution, &loads, self.pausing, now) {
                Releasing::PauseFirst(change) => self.pause_first(&machine, &change, now).await?,
                Releasing::Now(release) => {
                    let more = self.capacity.settlement(&held, execution);
                    let bucket = self.capacity.room(shard, loads.of(shard).quota_used_until).bucket;
                    let settled = bucket.map_or(0, |bucket| bucket.settled(more, now));
                    let release = Release { settled, ..release };
                    match self.db.release_capacity(&release).await? {
                        Released::Yes => {
                            tell(release.before.as_ref(), release.after.as_ref());
                            self.spread(&machine, &release, now).await;
                            return Ok(Some(shard));
                        }
                        Released::NotHeld => return Ok(None),
                        Released::Changed => {}
                    }
                }
            }
        }
        Err(Unavailable::new(format!("giving back the capacity of {arn}"), "the pause or the costs keep changing"))
    }

    /// Releases what a workflow holds beside what it runs with. Nothing depends on it at once: the reconciler tries again.
    pub async fn release_surplus(&self, held: &Held, pause: Option<Pause>) -> PortResult<bool> {
        let release = Release::of_surplus(held, pause);
        Ok(self.db.release_capacity(&release).await? == Released::Yes)
    }

    /// What all shards say, and these. Where a day has an amount, also those that there may have been before the capacity was
    /// changed: they have counted a part of it.
    pub async fn loads(&self, machine: &StateMachineArn, also: impl IntoIterator<Item = Shard>) -> PortResult<Loads> {
        let counted = self.capacity.former().filter(|_| self.pausing.daily_cost.micro_usd().is_some());
        let former: BTreeSet<_> = also.into_iter().filter(|shard| !self.capacity.has(*shard)).chain(counted).collect();
        let load = |shard| async move { PortResult::Ok((shard, self.db.find_load(machine, shard).await?)) };
        let loads = try_join_all(self.capacity.shards().chain(former).map(load)).await?;
        // With one shard that has ever been used, all is decided by one row.
        let says = |(shard, load): &(Shard, Load)| self.capacity.has(*shard) || *load != Load::default();
        Ok(loads.into_iter().filter(says).collect())
    }

    /// Pauses launching in all shards before anything is released.
    pub async fn pause_first(&self, machine: &StateMachineArn, change: &PauseChange, now: Timestamp) -> PortResult<()> {
        if self.db.change_pause(machine, Shard::FIRST, change).await? {
            tell(change.before.as_ref(), change.after.as_ref());
        }
        // Also where another has paused it just now: it may not have come further.
        agree(self.db, machine, self.capacity.shards(), now).await
    }

    /// Copies to all shards what was decided with a release in the first. It only lets more through than before: what is not
    /// copied now the reconciler copies.
    async fn spread(&self, machine: &StateMachineArn, release: &Release, now: Timestamp) {
        let is_told = is_same(release.before.as_ref(), release.after.as_ref(), now);
        if !self.capacity.is_sharded() || !release.shard.is_first() || is_told {
            return;
        }
        if let Err(error) = agree(self.db, machine, self.capacity.shards(), now).await {
            tracing::warn!(%error, "the end of a pause is not known in all shards of the capacity; the reconciler tries again");
        }
    }
}

/// Takes out what a workflow runs with: what it holds where its record says, if it holds some there.
fn own_of(holding: &mut Vec<Held>, recorded: Shard) -> Option<Held> {
    let own = holding.iter().position(|held| held.shard == recorded).unwrap_or_default();
    (own < holding.len()).then(|| holding.remove(own))
}

/// Logs what has become of the pause.
fn tell(before: Option<&Pause>, after: Option<&Pause>) {
    let probe = |pause: &Pause| match &pause.ends {
        Some(Ends::Probe(probe)) => Some(probe.next_at),
        _ => None,
    };
    match (before, after) {
        (before, after) if before == after => {}
        (_, None) => tracing::info!("launching goes on"),
        (None, Some(pause)) => tracing::warn!(reason = pause.reason, "launching is paused by itself"),
        (Some(_), Some(pause)) => {
            let next_probe = probe(pause).map(|at| at.to_string()).unwrap_or_default();
            tracing::warn!(reason = pause.reason, nextProbeAt = next_probe, "launching stays paused");
        }
    }
}
