//! Admission control's ports: each shard of the capacity is one row, which is changed by sequential single updates; the waiting
//! lists are a global secondary index, eventually consistent like the other.

use std::time::Duration;

use goal_activity_core::admission::{Held, Room, Shard, in_use};
use goal_activity_core::pause::{Load, Pause, Release};
use goal_activity_core::ports::{
    Acquired, AdmitExecution, ChangePause, FindLoad, FindPause, HoldCapacity, ListWaiting, MoveWaiting, PauseChange,
    PortResult, Released, Waiting,
};
use goal_activity_events::{ExecutionArn, StateMachineArn, Timestamp};

use crate::check::{self, Write};
use crate::flaw::{self, Flaw};
use crate::ports::Ports;
use crate::scale::account;

impl HoldCapacity for Ports {
    async fn acquire_capacity(&self, wanted: &Held, room: Room) -> PortResult<Acquired> {
        account::write_capacity(&self.sim, "acquire_capacity", wanted.shard).await?;
        let write = || async {
            if flaw::holds_up(&self.sim, wanted, room.batches) {
                return Ok(Acquired::Full);
            }
            let before = check::BeforeAcquiring::of(&self.sim, wanted);
            let taken = flaw::acquire(&self.sim, wanted, flaw::room(&self.sim, room)).await?;
            check::capacity(&self.sim);
            check::acquired(&self.sim, wanted, &before, taken);
            Ok(taken)
        };
        self.call(
            "acquire_capacity",
            format!("{} {} of shard {}", wanted.execution.name(), wanted.batches, wanted.shard),
            write,
        )
        .await
    }

    async fn release_capacity(&self, release: &Release) -> PortResult<Released> {
        if self.sim.has(Flaw::CapacityKept) {
            return Ok(Released::NotHeld);
        }
        account::write_capacity(&self.sim, "release_capacity", release.shard).await?;
        let execution = &release.execution;
        let write = || async {
            check::given_back(&self.sim, execution, release.shard);
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
    async fn find_load(&self, state_machine: &StateMachineArn, shard: Shard) -> PortResult<Load> {
        let read = || async {
            let load = self.sim.tables.find_load(state_machine, shard).await?;
            self.sim.note(&self.run, || format!("{} batches are held by {}", in_use(&load.held), load.held.len()));
            Ok(flaw::load_as_read(&self.sim, &self.run, load))
        };
        self.call("find_load", shard, read).await
    }
}

impl FindPause for Ports {
    async fn find_pause(&self, state_machine: &StateMachineArn) -> PortResult<Option<Pause>> {
        self.call("find_pause", "", || self.sim.tables.find_pause(state_machine)).await
    }
}

impl ListWaiting for Ports {
    async fn list_waiting(&self, shard: Shard, limit: u16) -> PortResult<Vec<Waiting>> {
        let listed = || async {
            if self.sim.has(Flaw::FormerListForgotten) && !self.sim.capacity().has(shard) {
                return Ok(Vec::new());
            }
            let mut line = self.sim.tables.list_waiting(shard, u16::MAX).await?;
            if self.sim.goes_wrong(self.sim.profile.stale, "an index is behind") {
                let new = self.sim.now().minus(Duration::from_secs(5));
                let state = self.sim.tables.state();
                line.retain(|w| state.executions.get(&w.execution_arn).is_some_and(|e| e.start_date < new));
            }
            line.truncate(limit.into());
            Ok(line)
        };
        self.call("list_waiting", shard, listed).await
    }
}

impl AdmitExecution for Ports {
    async fn mark_admitted(&self, execution: &ExecutionArn, at: Timestamp, shard: Shard) -> PortResult<bool> {
        let write = || async {
            let marked = self.sim.tables.mark_admitted(execution, at, shard).await?;
            check::observe(&self.sim, execution, &Write::Other);
            Ok(marked)
        };
        self.call("mark_admitted", execution.name(), write).await
    }
}

impl MoveWaiting for Ports {
    async fn move_waiting(&self, execution: &ExecutionArn, from: Shard, to: Shard) -> PortResult<bool> {
        let write = || async {
            if self.sim.has(Flaw::IdleShardsKeep) && self.sim.capacity().has(from) {
                return Ok(false);
            }
            let moved = self.sim.tables.move_waiting(execution, from, to).await?;
            check::observe(&self.sim, execution, &Write::Other);
            if moved {
                self.sim.count("workflows that went to another shard");
            }
            Ok(moved)
        };
        self.call("move_waiting", format!("{} {from} {to}", execution.name()), write).await
    }
}

impl ChangePause for Ports {
    async fn change_pause(&self, machine: &StateMachineArn, shard: Shard, change: &PauseChange) -> PortResult<bool> {
        let write = || async { self.sim.tables.change_pause(machine, shard, change).await };
        self.call("change_pause", shard, write).await
    }
}
