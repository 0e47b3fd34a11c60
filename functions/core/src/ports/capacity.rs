//! The capacity that all workflows share, and the waiting list for it.

use goal_activity_events::{ExecutionArn, StateMachineArn, Timestamp};
use serde::Deserialize;

use super::PortResult;
use crate::admission::{Held, Room, Shard};
use crate::daily::Day;
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
    /// The shard's share of the AI's quota is used up.
    QuotaUsed,
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

/// Takes capacity of a shard, and gives it back. Executions of one state machine share one capacity.
pub trait HoldCapacity: Sync {
    /// Takes so many batches for the workflow, and draws so much of the AI's quota if one is set: if no more batches than the shard
    /// has are in use then, its bucket is not in debt, and launching is not paused, or the pause lets it through
    /// ([`Pause::passage`]): of several, one. What it holds there already stays as it is.
    ///
    /// What the room says of the bucket is a guess of what the row says: a wrong one costs another write.
    fn acquire_capacity(&self, wanted: &Held, room: Room) -> impl Future<Output = PortResult<Acquired>> + Send;
    /// Releases what the workflow holds, counts its cost, settles what it has asked the AI and changes the pause: all or nothing.
    fn release_capacity(&self, release: &Release) -> impl Future<Output = PortResult<Released>> + Send;
}

/// Knows the capacity, the pause and the costs.
pub trait FindLoad: Sync {
    /// What the row of that shard says, of the executions of this state machine.
    fn find_load(&self, state_machine: &StateMachineArn, shard: Shard)
    -> impl Future<Output = PortResult<Load>> + Send;
}

/// Knows whether launching is paused.
pub trait FindPause: Sync {
    /// The pause of the executions of this state machine, if there is one: that of the first shard, of which the others have
    /// copies.
    fn find_pause(&self, state_machine: &StateMachineArn) -> impl Future<Output = PortResult<Option<Pause>>> + Send;
}

/// Pauses launching in the first shard, and resumes it there. [`agreement`](crate::agreement) does so in all.
pub trait PauseLaunches: Sync {
    /// Pauses launching: once this has returned, no execution of this state machine acquires capacity in the first shard.
    /// Replaces another pause and returns it.
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

/// Changes the pause of one shard.
pub trait ChangePause: Sync {
    /// Makes it `after`, and notes for which amount of a day, if it is `before`. Returns `false` if it is not.
    fn change_pause(
        &self,
        state_machine: &StateMachineArn,
        shard: Shard,
        change: &PauseChange,
    ) -> impl Future<Output = PortResult<bool>> + Send;
}

/// A change of the pause of one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PauseChange {
    /// The pause that it was decided with.
    pub before: Option<Pause>,
    /// The pause from then on.
    pub after: Option<Pause>,
    /// The amount that a pause for this day begins with.
    pub paused_for: Option<(Day, u64)>,
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

/// Reads the waiting lists.
pub trait ListWaiting: Sync {
    /// Those of that shard whose turn is next, in order; at most `limit`. May be seconds behind.
    fn list_waiting(&self, shard: Shard, limit: u16) -> impl Future<Output = PortResult<Vec<Waiting>>> + Send;
}

/// Moves workflows between waiting lists.
pub trait MoveWaiting: Sync {
    /// Lets a workflow that waits belong to another shard. `false` when it waits no more, or belongs to another one than `from`.
    fn move_waiting(
        &self,
        execution: &ExecutionArn,
        from: Shard,
        to: Shard,
    ) -> impl Future<Output = PortResult<bool>> + Send;
}

/// Takes workflows off the waiting list.
pub trait AdmitExecution: Sync {
    /// Notes that the workflow was launched, and since when and where it holds the capacity that it runs with; from then on it is
    /// listed among the open ones instead. `false` when that was noted before, and when it has ended or is to be stopped.
    fn mark_admitted(
        &self,
        execution: &ExecutionArn,
        since: Timestamp,
        shard: Shard,
    ) -> impl Future<Output = PortResult<bool>> + Send;
}
