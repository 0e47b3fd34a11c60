use std::collections::BTreeMap;

use goal_activity_core::admission::{Held, Room, Shard, in_use};
use goal_activity_core::daily::Day;
use goal_activity_core::execution::{Change, Execution};
use goal_activity_core::pause::{Cost, Load, Passage, Pause, Release};
use goal_activity_core::ports::{
    Acquired, AdmitExecution, ChangePause, FindLoad, FindPause, HoldCapacity, ListWaiting, MoveWaiting, PauseChange,
    PauseLaunches, PortResult, Released, Waiting,
};
use goal_activity_core::quota::Bucket;
use goal_activity_events::{ExecutionArn, StateMachineArn, Timestamp};

use super::{Control, State, World};

impl State {
    /// What executions hold in that shard.
    pub fn held_in(&self, shard: Shard) -> Vec<Held> {
        self.held.iter().filter(|held| held.shard == shard).cloned().collect()
    }

    /// What the row of that shard says besides.
    pub fn control(&self, shard: Shard) -> Control {
        self.control.get(&shard).cloned().unwrap_or_default()
    }

    /// The same, to be changed.
    pub fn control_mut(&mut self, shard: Shard) -> &mut Control {
        self.control.entry(shard).or_default()
    }

    /// The pause.
    pub fn paused(&self) -> Option<Pause> {
        self.control(Shard::FIRST).pause
    }

    /// The same, to be changed. Only in the first shard.
    pub fn paused_mut(&mut self) -> &mut Option<Pause> {
        &mut self.control_mut(Shard::FIRST).pause
    }

    /// What the ended workflows of a day have cost, all shards together.
    pub fn costs(&self) -> BTreeMap<Day, u64> {
        let mut costs = BTreeMap::new();
        for (day, cost) in self.control.values().flat_map(|control| &control.costs) {
            *costs.entry(*day).or_default() += cost;
        }
        costs
    }
}

impl HoldCapacity for World {
    async fn acquire_capacity(&self, wanted: &Held, room: Room) -> PortResult<Acquired> {
        let mut state = self.call("acquire_capacity").await?;
        let shard = wanted.shard;
        let held = state.held_in(shard);
        if let Some(held) = held.iter().find(|h| h.execution == wanted.execution) {
            let since = held.since;
            return Ok(if since == wanted.since { Acquired::Yes } else { Acquired::Already { since } });
        }
        let is_full = in_use(&held).saturating_add(wanted.batches) > room.batches;
        let Control { pause, quota_used_until, .. } = state.control_mut(shard);
        // What the row says, and not what the caller has read.
        let bucket = room.bucket.map(|bucket| Bucket { used_until: *quota_used_until, ..bucket });
        let is_in_debt = bucket.is_some_and(|bucket| bucket.is_in_debt(wanted.since));
        let passage = pause.as_ref().map(|pause| pause.passage(shard, &wanted.execution, wanted.since));
        let acquired = match passage {
            Some(Passage::Closed) => return Ok(Acquired::Paused),
            _ if is_full => return Ok(Acquired::Full),
            _ if is_in_debt => return Ok(Acquired::QuotaUsed),
            Some(Passage::Probe(after)) => {
                *pause = Some(after);
                Acquired::AsProbe
            }
            Some(Passage::Over) => {
                *pause = None;
                Acquired::Yes
            }
            None => Acquired::Yes,
        };
        if let Some(bucket) = bucket {
            *quota_used_until = bucket.after(wanted.drawn, wanted.since).used_until;
        }
        state.held.push(wanted.clone());
        Ok(acquired)
    }

    async fn release_capacity(&self, release: &Release) -> PortResult<Released> {
        let mut state = self.call("release_capacity").await?;
        let Release { execution, shard, since, cost, before, after, paused_for, past_days, worked_since, settled } =
            release;
        let is_this = |held: &Held| held.execution == *execution && held.shard == *shard;
        let Some(held) = state.held.iter().find(|held| is_this(held)) else { return Ok(Released::NotHeld) };
        if since.is_some_and(|since| since != held.since) {
            return Ok(Released::Changed);
        }
        let control = state.control_mut(*shard);
        let sum =
            |cost: &Cost| control.costs.get(&cost.day).copied().unwrap_or_default().saturating_add(cost.micro_usd);
        if control.pause != *before || cost.is_some_and(|cost| cost.below.is_some_and(|below| sum(&cost) >= below)) {
            return Ok(Released::Changed);
        }
        control.pause.clone_from(after);
        if let Some(cost) = cost {
            *control.costs.entry(cost.day).or_default() += cost.micro_usd;
        }
        control.paused_for.extend(*paused_for);
        control.worked_since = worked_since.or(control.worked_since);
        if *settled != 0 {
            let until = control.quota_used_until.map_or(0, |until| until.as_millis());
            control.quota_used_until = Some(Timestamp::from_millis(until.saturating_add(*settled)));
        }
        for day in past_days {
            control.costs.remove(day);
            control.paused_for.remove(day);
        }
        state.held.retain(|held| !is_this(held));
        Ok(Released::Yes)
    }
}

impl FindLoad for World {
    async fn find_load(&self, _: &StateMachineArn, shard: Shard) -> PortResult<Load> {
        let state = self.call("find_load").await?;
        let Control { pause, costs, paused_for, worked_since, quota_used_until } = state.control(shard);
        Ok(Load { held: state.held_in(shard), pause, costs, paused_for, worked_since, quota_used_until })
    }
}

impl FindPause for World {
    async fn find_pause(&self, _: &StateMachineArn) -> PortResult<Option<Pause>> {
        Ok(self.call("find_pause").await?.paused())
    }
}

impl PauseLaunches for World {
    async fn pause_launches(&self, _: &StateMachineArn, pause: &Pause) -> PortResult<Option<Pause>> {
        Ok(self.call("pause_launches").await?.paused_mut().replace(pause.clone()))
    }

    async fn resume_launches(&self, _: &StateMachineArn) -> PortResult<Option<Pause>> {
        Ok(self.call("resume_launches").await?.paused_mut().take())
    }
}

impl ChangePause for World {
    async fn change_pause(&self, _: &StateMachineArn, shard: Shard, change: &PauseChange) -> PortResult<bool> {
        let mut state = self.call("change_pause").await?;
        let control = state.control_mut(shard);
        if control.pause != change.before {
            return Ok(false);
        }
        control.pause.clone_from(&change.after);
        control.paused_for.extend(change.paused_for);
        Ok(true)
    }
}

impl ListWaiting for World {
    async fn list_waiting(&self, shard: Shard, limit: u16) -> PortResult<Vec<Waiting>> {
        let state = self.call("list_waiting").await?;
        let waiting = |e: &Execution| Waiting { turn: e.turn, execution_arn: e.execution_arn.clone() };
        let listed = |arn| state.executions.get(arn).filter(|e| e.shard == shard).map(waiting);
        let mut waiting: Vec<_> = state.waiting.iter().filter_map(listed).collect();
        waiting.sort();
        waiting.truncate(limit.into());
        Ok(waiting)
    }
}

impl AdmitExecution for World {
    async fn mark_admitted(&self, execution: &ExecutionArn, at: Timestamp, shard: Shard) -> PortResult<bool> {
        Ok(self.call("mark_admitted").await?.change(execution, &Change::Admitted { at, shard }))
    }
}

impl MoveWaiting for World {
    async fn move_waiting(&self, execution: &ExecutionArn, from: Shard, to: Shard) -> PortResult<bool> {
        Ok(self.call("move_waiting").await?.change(execution, &Change::Moved { from, to }))
    }
}
