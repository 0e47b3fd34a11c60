//! The capacity that all workflows share, and the waiting list for it.

use goal_activity_events::{ExecutionArn, StateMachineArn, Timestamp};
use serde::Deserialize;

use super::PortResult;
use crate::admission::Held;
use crate::pause::{Load, Pause, Release};

/// How taking capacity went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acquired {
    /// It is the workflow's.
    Yes,
    /// The workflow holds some already.
    Already {
        /// Since when.
        since: Timestamp,
    },
    /// It is the workflow's, as the probe of a pause.
    AsProbe,
    /// There is not enough left.
    Full,
    /// Launching is paused.
    Paused,
}

/// How releasing capacity went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Released {
    /// It is released, and the pause is as decided.
    Yes,
    /// The workflow holds none: nothing is written.
    NotHeld,
    /// The pause or the costs are not what the decision was made with: nothing is written.
    Changed,
}

/// Takes capacity, and gives it back. Executions of one state machine share one.
pub trait HoldCapacity: Sync {
    /// Takes so many batches for the workflow, if that leaves at most `most` in use and launching is not paused, or the pause
    /// lets it through ([`Pause::passage`]): of several, one. What it holds already stays as it is.
    fn acquire_capacity(&self, wanted: &Held, most: u32) -> impl Future<Output = PortResult<Acquired>> + Send;
    /// Releases what the workflow holds, counts its cost and changes the pause: all or nothing.
    fn release_capacity(&self, release: &Release) -> impl Future<Output = PortResult<Released>> + Send;
}

/// Knows the capacity, the pause and the costs.
pub trait FindLoad: Sync {
    /// Of the executions of this state machine.
    fn find_load(&self, state_machine: &StateMachineArn) -> impl Future<Output = PortResult<Load>> + Send;
}

/// Knows who holds capacity.
pub trait ListHolders: Sync {
    /// What executions of this state machine hold, in no order.
    fn list_holders(&self, state_machine: &StateMachineArn) -> impl Future<Output = PortResult<Vec<Held>>> + Send;
}

/// Knows whether launching is paused.
pub trait FindPause: Sync {
    /// The pause of the executions of this state machine, if there is one.
    fn find_pause(&self, state_machine: &StateMachineArn) -> impl Future<Output = PortResult<Option<Pause>>> + Send;
}

/// Pauses launching, and resumes it.
pub trait PauseLaunches: Sync {
    /// Pauses launching: once this has returned, no execution of this state machine acquires capacity. Replaces another pause
    /// and returns it.
    fn pause_launches(
        &self,
        state_machine: &StateMachineArn,
        pause: &Pause,
    ) -> impl Future<Output = PortResult<Option<Pause>>> + Send;
    /// Resumes launching. Returns the pause that has ended, if there was one.
    fn resume_launches(
        &self,
        state_machine: &StateMachineArn,
    ) -> impl Future<Output = PortResult<Option<Pause>>> + Send;
}

/// A workflow that waits to be launched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// Its place on the waiting list.
    pub turn: Timestamp,
    /// The workflow.
    pub execution_arn: ExecutionArn,
}

/// Reads the waiting list.
pub trait ListWaiting: Sync {
    /// Those whose turn is next, in order; at most `limit`. May be seconds behind.
    fn list_waiting(&self, limit: u16) -> impl Future<Output = PortResult<Vec<Waiting>>> + Send;
}

/// Takes workflows off the waiting list.
pub trait AdmitExecution: Sync {
    /// Notes that the workflow was launched; from then on it is listed among the open ones instead. `false` when that was
    /// noted before, and when it has ended or is to be stopped.
    fn mark_admitted(&self, execution: &ExecutionArn, at: Timestamp) -> impl Future<Output = PortResult<bool>> + Send;
}
