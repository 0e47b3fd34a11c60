//! The ledger of a batch's work.

use goal_activity_events::{ActionId, ExecutionArn, GoalId};

use super::Outside;
use crate::goal::Action;
use crate::ledger::{ActionOutcome, BatchLedger};
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
    /// Which of its batches.
    pub batch_index: u32,
    /// The action.
    pub action: &'a ActionId,
    /// What became of it.
    pub outcome: ActionOutcome,
    /// Its tasks; none when it failed.
    pub tasks: Vec<Task>,
    /// The tasks that they take the place of. Apart from these, no task may be in their place.
    pub replaces: Replaces,
}

/// Whether tasks may take the place of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaces {
    /// There must be none.
    Nothing,
    /// Those at these positions.
    Positions(Vec<String>),
}

impl Replaces {
    /// Whether a task may take the place of one at this position.
    pub fn includes(&self, position: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Positions(positions) => positions.iter().any(|p| p == position),
        }
    }
}

/// How a commit went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// Saved.
    Yes,
    /// The action had an outcome already, or the ledger is sealed: nothing was written (promises P3 and P4).
    TooLate,
    /// There are tasks where none should be: nothing was written.
    TasksExist,
}

/// Writes and reads a batch's ledger.
pub trait WorkLedger: Sync {
    /// Opens a batch for work, for the first time or again.
    fn open_batch(&self, execution: &ExecutionArn, batch_index: u32) -> impl Future<Output = Outside<Opened>> + Send;
    /// Saves one action's outcome and its tasks in one transaction.
    fn commit_action(&self, commit: &ActionCommit<'_>) -> impl Future<Output = Outside<Committed>> + Send;
    /// The batch's ledger as it is now.
    fn read_batch(
        &self,
        execution: &ExecutionArn,
        batch_index: u32,
    ) -> impl Future<Output = Outside<BatchLedger>> + Send;
    /// The positions of the tasks that an action has.
    fn task_positions(&self, goal: &GoalId, action: &Action) -> impl Future<Output = Outside<Vec<String>>> + Send;
}

/// Ends all writing to an execution's ledger.
pub trait SealLedger: Sync {
    /// Seals all batches, opened or not, then answers what they hold (promise P4).
    fn seal_ledger(
        &self,
        execution: &ExecutionArn,
        batches: u32,
    ) -> impl Future<Output = Outside<Vec<BatchLedger>>> + Send;
}
