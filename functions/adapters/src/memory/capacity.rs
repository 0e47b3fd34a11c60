use goal_activity_core::admission::{Held, Pause, in_use};
use goal_activity_core::execution::{Change, Execution};
use goal_activity_core::ports::{
    Acquired, AdmitExecution, FindPause, HoldCapacity, ListHolders, ListWaiting, PauseLaunches, PortResult, Waiting,
};
use goal_activity_events::{ExecutionArn, StateMachineArn, Timestamp};

use super::World;

impl HoldCapacity for World {
    async fn acquire_capacity(&self, wanted: &Held, most: u32) -> PortResult<Acquired> {
        let mut state = self.call("acquire_capacity").await?;
        if let Some(held) = state.held.iter().find(|h| h.execution == wanted.execution) {
            let since = held.since;
            return Ok(if since == wanted.since { Acquired::Yes } else { Acquired::Already { since } });
        }
        if state.paused.is_some() {
            return Ok(Acquired::Paused);
        }
        if in_use(&state.held) + wanted.batches > most {
            return Ok(Acquired::Full);
        }
        state.held.push(wanted.clone());
        Ok(Acquired::Yes)
    }

    async fn release_capacity(&self, execution: &ExecutionArn) -> PortResult<bool> {
        let mut state = self.call("release_capacity").await?;
        let before = state.held.len();
        state.held.retain(|h| h.execution != *execution);
        Ok(state.held.len() < before)
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
