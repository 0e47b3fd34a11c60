//! The ledger of a batch's work.

use goal_activity_events::{ActionId, ExecutionArn, GoalId};

use super::PortResult;
use crate::ledger::{ActionOutcome, BatchLedger};
use crate::placement::TaskRow;
use crate::task::Task;

/// What a worker finds when it opens a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// Work may be done; the outcomes so far.
    Open(BatchLedger),
    /// The outcome of the workflow is decided: nothing may be written.
    Sealed,
}

/// One action's outcome with everything that is saved for it.
#[derive(Debug, Clone)]
pub struct ActionCommit<'a> {
    /// The workflow.
    pub execution: &'a ExecutionArn,
    /// Its goal.
    pub goal: &'a GoalId,
    /// Which of its batches.
    pub batch_index: u32,
    /// The action.
    pub action: &'a ActionId,
    /// What became of it.
    pub outcome: ActionOutcome,
    /// Its tasks; none when it failed.
    pub tasks: Vec<Task>,
    /// The tasks that they replace, as they were read. Apart from these, there may be none where a new one goes.
    pub replaces: Vec<TaskRow>,
}

/// How a commit went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// Saved.
    Yes,
    /// The action had an outcome already, or the ledger is sealed: nothing was written (promises P3 and P4).
    TooLate,
    /// A task to be replaced is not as it was read, or there is one where a new one goes: nothing was written.
    TasksChanged,
}

/// Writes and reads a batch's ledger.
pub trait WorkLedger: Sync {
    /// Opens a batch for work, for the first time or again.
    fn open_batch(&self, execution: &ExecutionArn, batch_index: u32)
    -> impl Future<Output = PortResult<Opened>> + Send;
    /// Saves one action's outcome and its tasks in one transaction.
    fn commit_action(&self, commit: &ActionCommit<'_>) -> impl Future<Output = PortResult<Committed>> + Send;
    /// The batch's ledger as it is now.
    fn read_batch(
        &self,
        execution: &ExecutionArn,
        batch_index: u32,
    ) -> impl Future<Output = PortResult<BatchLedger>> + Send;
    /// All tasks of the goal, whichever program has made them.
    fn task_rows(&self, goal: &GoalId) -> impl Future<Output = PortResult<Vec<TaskRow>>> + Send;
}

/// Ends all writing to an execution's ledger.
pub trait SealLedger: Sync {
    /// Seals all batches, opened or not, then answers what they hold (promise P4).
    fn seal_ledger(
        &self,
        execution: &ExecutionArn,
        batches: u32,
    ) -> impl Future<Output = PortResult<Vec<BatchLedger>>> + Send;
}

/// Reads what is known of an execution's actions.
pub trait ReadLedger: Sync {
    /// One entry for each batch: nothing for a batch that was neither opened nor sealed, or whose row has expired. Never behind.
    fn read_ledger(
        &self,
        execution: &ExecutionArn,
        batches: u32,
    ) -> impl Future<Output = PortResult<Vec<Option<BatchLedger>>>> + Send;
}
