//! What the functions need done outside. Small traits, so that a function's signature shows its privileges; each has an
//! adapter for AWS and one in memory.

/// Names ports that are needed together: whatever has all of them has the name.
#[macro_export]
macro_rules! port_set {
    ($(#[$meta:meta])* $vis:vis trait $name:ident: $first:ident $(+ $more:ident)*) => {
        $(#[$meta])*
        $vis trait $name: $first $(+ $more)* {}
        impl<T: $first $(+ $more)*> $name for T {}
    };
}

mod ai;
mod archive;
mod bus;
mod capacity;
mod claims;
mod ending;
mod goals;
mod ledger;
mod machine;
mod queue;
mod reading;

use goal_activity_events::Timestamp;

pub use ai::{GenerateTasks, Generation, GenerationError, GenerationRequest, Tokens};
pub use archive::{ArchiveExecution, FindArchived, ReadArchive};
pub use bus::{Event, Notify, PublishEvent};
pub use capacity::{
    Acquired, AdmitExecution, ChangePause, FindLoad, FindPause, HoldCapacity, ListWaiting, MoveWaiting, PauseChange,
    PauseLaunches, Released, Waiting,
};
pub use claims::{Accepted, Claim, ClaimGoal, Claimed, Remembered, RequestKey, UserLoad};
pub use ending::{CancelExecution, EndExecution, ListOpen, OpenExecution, RecordProgress, RemoveTasks};
pub use goals::{ChartWritten, ListGoals, WriteChart};
pub use ledger::{ActionCommit, CommitGroup, Committed, Opened, ReadLedger, SealLedger, WorkLedger};
pub use machine::{
    AnswerBatch, Answered, DescribeExecution, ExecutionInput, ExecutionState, StartExecution, StopExecution, StopReason,
};
pub use queue::{DeleteMessage, HideMessage};
pub use reading::{
    ActionsWithTasks, FindExecution, FindWorkflows, ListTasks, ListWorkflows, LoadGoal, LoadGoalHead, Stored, TaskPage,
    Unreadable,
};

/// Something outside did not answer or was too busy. Trying the same again later is right; nothing is known to be done.
#[derive(Debug, thiserror::Error)]
#[error("{what} is unavailable: {reason}")]
pub struct Unavailable {
    /// What was attempted, on what.
    pub what: String,
    /// What the other side said.
    pub reason: String,
}

impl Unavailable {
    /// `what` could not be done because of `reason`.
    pub fn new(what: impl Into<String>, reason: impl ToString) -> Self {
        Self { what: what.into(), reason: reason.to_string() }
    }
}

/// The answer of everything that is done outside.
pub type PortResult<T> = Result<T, Unavailable>;

/// The present moment.
pub trait Clock: Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}
