use goal_activity_core::admission::{Held, in_use};
use goal_activity_core::execution::{Change, Execution};
use goal_activity_core::pause::{Cost, Load, Passage, Pause, Release};
use goal_activity_core::ports::{
    Acquired, AdmitExecution, FindLoad, FindPause, HoldCapacity, ListHolders, ListWaiting, PauseLaunches, PortResult,
    Released, Waiting,
};
use goal_activity_events::{ExecutionArn, StateMachineArn, Timestamp};

use super::{State, World};

impl HoldCapacity for World {
    async fn acquire_capacity(&self, wanted: &Held, most: u32) -> PortResult<Acquired> {
        let mut state = self.call("acquire_capacity").await?;
        if let Some(held) = state.held.iter().find(|h| h.execution == wanted.execution) {
            let since = held.since;
            return Ok(if since == wanted.since { Acquired::Yes } else { Acquired::Already { since } });
        }
        let is_full = in_use(&state.held).saturating_add(wanted.batches) > most;
        let passage = state.paused.as_ref().map(|pause| pause.passage(&wanted.execution, wanted.since));
        let acquired = match passage {
            Some(Passage::Closed) => return Ok(Acquired::Paused),
            _ if is_full => return Ok(Acquired::Full),
            Some(Passage::Probe(after)) => {
                state.paused = Some(after);
                Acquired::AsProbe
            }
            Some(Passage::Over) => {
                state.paused = None;
                Acquired::Yes
            }
            None => Acquired::Yes,
        };
        state.held.push(wanted.clone());
        Ok(acquired)
    }

    async fn release_capacity(&self, release: &Release) -> PortResult<Released> {
        let mut state = self.call("release_capacity").await?;
        let Release { execution, cost, before, after, paused_for, past_days, worked_since } = release;
        if !state.held.iter().any(|h| h.execution == *execution) {
            return Ok(Released::NotHeld);
        }
        let sum = |cost: &Cost| state.costs.get(&cost.day).copied().unwrap_or_default().saturating_add(cost.micro_usd);
        if state.paused != *before || cost.is_some_and(|cost| cost.below.is_some_and(|below| sum(&cost) >= below)) {
            return Ok(Released::Changed);
        }
        state.held.retain(|h| h.execution != *execution);
        state.paused.clone_from(after);
        if let Some(cost) = cost {
            *state.costs.entry(cost.day).or_default() += cost.micro_usd;
        }
        state.paused_for.extend(*paused_for);
        state.worked_since = worked_since.or(state.worked_since);
        for day in past_days {
            state.costs.remove(day);
            state.paused_for.remove(day);
        }
        Ok(Released::Yes)
    }
}

impl FindLoad for World {
    async fn find_load(&self, _: &StateMachineArn) -> PortResult<Load> {
        let state = self.call("find_load").await?;
        let State { held, paused, costs, paused_for, worked_since, .. } = &*state;
        let (held, pause, worked_since) = (held.clone(), paused.clone(), *worked_since);
        Ok(Load { held, pause, costs: costs.clone(), paused_for: paused_for.clone(), worked_since })
    }
}

impl ListHolders for World {
    async fn list_holders(&self, _: &StateMachineArn) -> PortResult<Vec<Held>> {
        Ok(self.call("list_holders").await?.held.clone())
    }
}

impl FindPause for World {
    async fn find_pause(&self, _: &StateMachineArn) -> PortResult<Option<Pause>> {
        Ok(self.call("find_pause").await?.paused.clone())
    }
}

impl PauseLaunches for World {
    async fn pause_launches(&self, _: &StateMachineArn, pause: &Pause) -> PortResult<Option<Pause>> {
        Ok(self.call("pause_launches").await?.paused.replace(pause.clone()))
    }

    async fn resume_launches(&self, _: &StateMachineArn) -> PortResult<Option<Pause>> {
        Ok(self.call("resume_launches").await?.paused.take())
    }
}

impl ListWaiting for World {
    async fn list_waiting(&self, limit: u16) -> PortResult<Vec<Waiting>> {
        let state = self.call("list_waiting").await?;
        let waiting = |e: &Execution| Waiting { turn: e.turn, execution_arn: e.execution_arn.clone() };
        let listed = |arn| state.executions.get(arn).map(waiting);
        let mut waiting: Vec<_> = state.waiting.iter().filter_map(listed).collect();
        waiting.sort();
        waiting.truncate(limit.into());
        Ok(waiting)
    }
}

impl AdmitExecution for World {
    async fn mark_admitted(&self, execution: &ExecutionArn, at: Timestamp) -> PortResult<bool> {
        Ok(self.call("mark_admitted").await?.change(execution, &Change::Admitted { at }))
    }
}
