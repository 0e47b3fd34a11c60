//! Admission control's ports: the capacity is one row, which is changed by sequential single updates; the waiting list
//! is a global secondary index, eventually consistent like the other.

use std::time::Duration;

use goal_activity_core::admission::{Held, in_use};
use goal_activity_core::pause::{Load, Pause, Release};
use goal_activity_core::ports::{
    Acquired, AdmitExecution, FindLoad, FindPause, HoldCapacity, ListHolders, ListWaiting, PortResult, Released,
    Waiting,
};
use goal_activity_events::{ExecutionArn, StateMachineArn, Timestamp};

use crate::check::{self, Write};
use crate::flaw::{self, Flaw};
use crate::ports::Ports;

impl HoldCapacity for Ports {
    async fn acquire_capacity(&self, wanted: &Held, most: u32) -> PortResult<Acquired> {
        let write = || async {
            if flaw::holds_up(&self.sim, wanted, most) {
                return Ok(Acquired::Full);
            }
            let most = if self.sim.has(Flaw::CapacityIgnored) { u32::MAX } else { most };
            let before = check::BeforeAcquiring::of(&self.sim, &wanted.execution);
            let taken = flaw::acquire(&self.sim, wanted, most).await?;
            check::capacity(&self.sim);
            check::acquired(&self.sim, &wanted.execution, &before, taken);
            Ok(taken)
        };
        self.call("acquire_capacity", format!("{} {}", wanted.execution.name(), wanted.batches), write).await
    }

    async fn release_capacity(&self, release: &Release) -> PortResult<Released> {
        if self.sim.has(Flaw::CapacityKept) {
            return Ok(Released::NotHeld);
        }
        let execution = &release.execution;
        let write = || async {
            check::given_back(&self.sim, execution);
            let released = flaw::release(&self.sim, release).await?;
            if released == Released::Yes {
                check::released(&self.sim, release);
                if self.run.is_reconciler() {
                    check::freed_by_reconciler(&self.sim, execution);
                }
            }
            Ok(released)
        };
        self.call("release_capacity", execution.name(), write).await
    }
}

impl FindLoad for Ports {
    async fn find_load(&self, state_machine: &StateMachineArn) -> PortResult<Load> {
        self.call("find_load", "", || self.sim.tables.find_load(state_machine)).await
    }
}

impl ListHolders for Ports {
    async fn list_holders(&self, state_machine: &StateMachineArn) -> PortResult<Vec<Held>> {
        let read = || async {
            let held = self.sim.tables.list_holders(state_machine).await?;
            self.sim.note(&self.run, || format!("{} batches are held by {}", in_use(&held), held.len()));
            Ok(held)
        };
        self.call("list_holders", "", read).await
    }
}

impl FindPause for Ports {
    async fn find_pause(&self, state_machine: &StateMachineArn) -> PortResult<Option<Pause>> {
        self.call("find_pause", "", || self.sim.tables.find_pause(state_machine)).await
    }
}

impl ListWaiting for Ports {
    async fn list_waiting(&self, limit: u16) -> PortResult<Vec<Waiting>> {
        let listed = || async {
            let mut line = self.sim.tables.list_waiting(u16::MAX).await?;
            if self.sim.goes_wrong(self.sim.profile.stale, "an index is behind") {
                let new = self.sim.now().minus(Duration::from_secs(5));
                let state = self.sim.tables.state();
                line.retain(|w| state.executions.get(&w.execution_arn).is_some_and(|e| e.start_date < new));
            }
            line.truncate(limit.into());
            Ok(line)
        };
        self.call("list_waiting", "", listed).await
    }
}

impl AdmitExecution for Ports {
    async fn mark_admitted(&self, execution: &ExecutionArn, at: Timestamp) -> PortResult<bool> {
        let write = || async {
            let marked = self.sim.tables.mark_admitted(execution, at).await?;
            check::observe(&self.sim, execution, &Write::Other);
            Ok(marked)
        };
        self.call("mark_admitted", execution.name(), write).await
    }
}
