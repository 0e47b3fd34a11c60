//! What the functions need done outside. Small traits, so that a function's signature tells its privileges; each has an
//! adapter for AWS and one in memory.

mod ai;
mod capacity;

use std::collections::HashSet;

use goal_activity_events::{
    ActionId, BatchAnswer, BatchProgressed, ClaimSequence, EventId, ExecutionArn, GoalActivityRejected,
    GoalActivityRequested, GoalId, TaskToken, Timestamp, UserId, WorkflowCompleted,
};
use serde::{Deserialize, Serialize};

use crate::archive::{ArchiveKey, Record};
use crate::execution::{BatchState, Cancellation, Execution};
use crate::goal::{Action, Goal, GoalHead};
use crate::history::{HistoryFilter, HistoryPage, HistoryPosition};
use crate::ledger::{ActionOutcome, BatchLedger};
use crate::notice::Notice;
use crate::outcome::{End, Settlement};
use crate::start::IdempotencyKey;
use crate::task::Task;

pub use ai::{GenerateTasks, Generation, GenerationError, GenerationRequest, Tokens};
pub use capacity::{AdmitExecution, HoldCapacity, ListHolders, ListWaiting, Taken, Waiting};

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
pub type Outside<T> = Result<T, Unavailable>;

/// The present moment.
pub trait Clock: Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Reads a whole goal.
pub trait LoadGoal: Sync {
    /// The goal with its sub-goals and actions, when it exists.
    fn load_goal(&self, goal: &GoalId) -> impl Future<Output = Outside<Option<Goal>>> + Send;
}

/// Reads a goal's own row.
pub trait LoadGoalHead: Sync {
    /// The goal without its sub-goals and actions, when it exists.
    fn load_goal_head(&self, goal: &GoalId) -> impl Future<Output = Outside<Option<GoalHead>>> + Send;
}

/// Reads which actions have tasks.
pub trait ActionsWithTasks: Sync {
    /// The goal's actions that have at least one task.
    fn actions_with_tasks(&self, goal: &GoalId) -> impl Future<Output = Outside<HashSet<ActionId>>> + Send;
}

/// A page of a goal's tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPage {
    /// In the order of the actions.
    pub tasks: Vec<Task>,
    /// The position of the last task, when there are more after it.
    pub last: Option<String>,
}

/// Reads tasks.
pub trait ListTasks: Sync {
    /// At most `limit` tasks after the position `after`.
    fn list_tasks(
        &self,
        goal: &GoalId,
        after: Option<&str>,
        limit: u16,
    ) -> impl Future<Output = Outside<TaskPage>> + Send;
}

/// Reads an execution.
pub trait FindExecution: Sync {
    /// The execution's read model, when there is one.
    fn find_execution(&self, arn: &ExecutionArn) -> impl Future<Output = Outside<Option<Execution>>> + Send;
}

/// Lists the workflows of a goal.
pub trait ListWorkflows: Sync {
    /// At most `limit` workflows, the newest first, that were requested before the given position. A page may hold fewer although
    /// there are more: that is so when `last` says where to go on. May be seconds behind.
    fn list_workflows(
        &self,
        filter: &HistoryFilter,
        after: Option<&HistoryPosition>,
        limit: u16,
    ) -> impl Future<Output = Outside<HistoryPage>> + Send;
}

/// By what a request is known again when it comes a second time (promise P2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestKey {
    /// An event of another service.
    Service {
        /// Who sent it: EventBridge's `source`.
        source: String,
        /// Its event id.
        event_id: EventId,
    },
    /// A call of a user who has given it a key.
    User {
        /// The user.
        user_id: UserId,
        /// The key.
        key: IdempotencyKey,
    },
}

/// A request that is remembered once it is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// By what it is known again.
    pub key: RequestKey,
    /// What it asks for, where the same key must not come with anything else ([`StartRequest::digest`]).
    ///
    /// [`StartRequest::digest`]: crate::start::StartRequest::digest
    pub digest: Option<String>,
}

/// What became of a request that came before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The execution as which it was accepted.
    pub execution: ExecutionArn,
    /// What it asked for, where that was noted.
    pub digest: Option<String>,
}

/// The claim of a goal for a new workflow.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The execution as it is recorded.
    pub execution: Execution,
    /// The sequence that the goal has before the claim.
    pub expected: ClaimSequence,
    /// The sequence that it has afterwards.
    pub sequence: ClaimSequence,
    /// How many workflows the user has open at most: on that the limit and the execution's turn were decided.
    pub open_before: usize,
    /// The request, which must be new.
    pub request: Option<Remembered>,
}

/// How a claim went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The goal is ours, the execution is recorded.
    Yes,
    /// The goal is not as it was read: somebody else was faster.
    GoalChanged,
    /// There is an execution of this name already.
    NameTaken,
    /// The user has more workflows open than were counted: somebody else was faster.
    MoreOpen,
    /// A request of this key was accepted before.
    SameRequest(Accepted),
}

/// Claims a goal: one conditional transaction (promise P1).
pub trait ClaimGoal: Sync {
    /// Claims the goal, records the execution, counts it among the user's open ones and remembers the request, all or nothing.
    fn claim_goal(&self, claim: &Claim) -> impl Future<Output = Outside<Claimed>> + Send;
    /// How many workflows of the user are open.
    fn open_workflows(&self, user: &UserId) -> impl Future<Output = Outside<usize>> + Send;
    /// What became of a request of this key before, if it was accepted.
    fn accepted_before(&self, request: &RequestKey) -> impl Future<Output = Outside<Option<Accepted>>> + Send;
}

/// The input of a Step Functions execution. Ids only (promise P10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionInput {
    /// The shape of this input.
    pub version: goal_activity_events::Version,
    /// The execution.
    pub execution_arn: ExecutionArn,
    /// Its goal.
    pub goal_id: GoalId,
    /// Its user.
    pub user_id: UserId,
    /// Its actions in mandala order.
    pub action_ids: Vec<ActionId>,
    /// Whether it replaces tasks that are there.
    pub regenerate: bool,
    /// The trace that it belongs to; empty for none, because a state cannot read a field that is not there.
    pub traceparent: String,
}

impl From<&Execution> for ExecutionInput {
    fn from(execution: &Execution) -> Self {
        Self {
            version: goal_activity_events::Version::V1,
            execution_arn: execution.execution_arn.clone(),
            goal_id: execution.goal_id.clone(),
            user_id: execution.user_id.clone(),
            action_ids: execution.action_ids.clone(),
            regenerate: execution.regenerate,
            traceparent: execution.traceparent.as_ref().map(ToString::to_string).unwrap_or_default(),
        }
    }
}

/// Stops executions of the state machine.
pub trait StopExecution: Sync {
    /// Stops the execution, if it runs. One that has ended, or was never started, is as good as stopped.
    fn stop_execution(&self, execution: &ExecutionArn, why: StopReason) -> impl Future<Output = Outside<()>> + Send;
}

/// Why an execution is stopped. What a user wrote is for the user's eyes, so it does not go into AWS's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Its workflow was cancelled.
    Cancelled,
    /// Its workflow has ended without it.
    Ended,
}

/// What Step Functions knows of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// Nothing: it was never started.
    Absent,
    /// It runs.
    Running {
        /// Since when.
        since: Timestamp,
    },
    /// It has ended.
    Ended {
        /// How.
        end: End,
        /// When.
        at: Timestamp,
    },
}

/// Asks Step Functions about an execution.
pub trait DescribeExecution: Sync {
    /// What it is doing now. Step Functions answers for 90 days after an end.
    fn describe_execution(&self, execution: &ExecutionArn) -> impl Future<Output = Outside<Machine>> + Send;
}

/// Starts executions of the state machine.
pub trait StartExecution: Sync {
    /// Starts the execution under its own name. One that was started before is left alone (promise P2).
    fn start_execution(&self, input: &ExecutionInput) -> impl Future<Output = Outside<()>> + Send;
}

/// Everything that the pipeline itself tells the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A workflow was accepted and is to be launched.
    Requested(GoalActivityRequested),
    /// A request was not accepted.
    Rejected(GoalActivityRejected),
    /// A batch has moved on.
    Progressed(BatchProgressed),
    /// A workflow has ended.
    Completed(WorkflowCompleted),
}

/// Puts events on the bus.
pub trait PublishEvent: Sync {
    /// Publishes the event, at least once.
    fn publish(&self, event: Event) -> impl Future<Output = Outside<()>> + Send;
}

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

/// Keeps the read model up to date while a workflow runs.
pub trait RecordProgress: Sync {
    /// Notes that the execution runs, unless it is known already or has ended: then `false`.
    fn record_started(
        &self,
        execution: &ExecutionArn,
        event: &str,
        at: Timestamp,
    ) -> impl Future<Output = Outside<bool>> + Send;
    /// Takes over a batch's state, unless this or a later one is known or the workflow has ended (promise P6): then `false`.
    fn record_batch(
        &self,
        execution: &ExecutionArn,
        event: &EventId,
        batch_index: u32,
        state: &BatchState,
    ) -> impl Future<Output = Outside<bool>> + Send;
}

/// Records that a workflow is to be stopped.
pub trait CancelExecution: Sync {
    /// Records the cancellation, unless the workflow has ended or is being cancelled already: then `false`. From then on it
    /// can only end as `ABORTED`: this is what decides a race with its natural end.
    fn record_cancellation(
        &self,
        execution: &ExecutionArn,
        cancellation: &Cancellation,
    ) -> impl Future<Output = Outside<bool>> + Send;
}

/// Removes what a workflow has made.
pub trait RemoveTasks: Sync {
    /// Removes the tasks of this execution and no others. Its ledger must be sealed, or more could follow.
    fn remove_tasks_of(&self, goal: &GoalId, execution: &ExecutionArn) -> impl Future<Output = Outside<()>> + Send;
}

/// A workflow that may need something done.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenExecution {
    /// The workflow.
    pub execution_arn: ExecutionArn,
    /// When it was requested: where a listing goes on after it.
    pub start_date: Timestamp,
    /// Its goal.
    pub goal_id: GoalId,
}

impl From<&Execution> for OpenExecution {
    fn from(execution: &Execution) -> Self {
        Self {
            execution_arn: execution.execution_arn.clone(),
            start_date: execution.start_date,
            goal_id: execution.goal_id.clone(),
        }
    }
}

/// Lists the workflows that were launched or cancelled and have not ended, or whose end is not settled: not told to
/// everybody, or not archived. Those that wait to be launched stand in a line of their own ([`ListWaiting`]).
pub trait ListOpen: Sync {
    /// The next of one shard, the oldest first, after the given one; at most `limit`. May be seconds behind.
    fn list_open(
        &self,
        shard: &str,
        after: Option<&OpenExecution>,
        limit: u16,
    ) -> impl Future<Output = Outside<Vec<OpenExecution>>> + Send;
}

/// Writes the end of a workflow.
pub trait SettleExecution: Sync {
    /// Ends the execution, frees its goal and makes room for another of its user, in one transaction. Leaves it alone when
    /// it has ended already, and when it was cancelled and this is another end: then `false`.
    fn settle(&self, settlement: &Settlement) -> impl Future<Output = Outside<bool>> + Send;
    /// Notes that the end was published, and takes the telling of the operators upon the caller: `false` when somebody else
    /// has it in hand, or has done it.
    fn claim_notice(&self, execution: &ExecutionArn, at: Timestamp) -> impl Future<Output = Outside<bool>> + Send;
    /// Notes that nothing is left to tell anybody.
    fn mark_told(&self, execution: &ExecutionArn, at: Timestamp) -> impl Future<Output = Outside<()>> + Send;
    /// Notes where the workflow is archived, lets its rows expire [`HISTORY`](crate::limits::HISTORY) after its end, and
    /// takes it off the list of open ones: all or nothing. Whatever else there is to do for it must be done.
    fn mark_archived(&self, record: &Record, at: Timestamp) -> impl Future<Output = Outside<()>> + Send;
}

/// Keeps ended workflows for good.
pub trait ArchiveExecution: Sync {
    /// Stores the record under its key. One that is there stays: it says the same.
    fn archive_execution(&self, record: &Record) -> impl Future<Output = Outside<()>> + Send;
}

/// Knows what is archived.
pub trait FindArchived: Sync {
    /// Where the workflow is archived, when it is.
    fn find_archived(&self, execution: &ExecutionArn) -> impl Future<Output = Outside<Option<ArchiveKey>>> + Send;
}

/// Reads the archive.
pub trait ReadArchive: Sync {
    /// What is stored under a key that [`FindArchived`] has told. That it is not there is a failure.
    fn read_archive(&self, key: &ArchiveKey) -> impl Future<Output = Outside<Record>> + Send;
}

/// Tells the operators.
pub trait Notify: Sync {
    /// Sends the notice about an execution.
    fn notify(&self, execution: &Execution, notice: &Notice) -> impl Future<Output = Outside<()>> + Send;
}

/// What Step Functions said of an answer or a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It was waiting for it.
    Accepted,
    /// It was not waiting for it any more: timed out, answered or unknown. Never worth a retry.
    Stale,
}

/// Answers the state machine for a batch.
pub trait AnswerBatch: Sync {
    /// Hands in the answer.
    fn answer(&self, token: &TaskToken, answer: &BatchAnswer) -> impl Future<Output = Outside<Answered>> + Send;
    /// Says that a worker is still at it.
    fn heartbeat(&self, token: &TaskToken) -> impl Future<Output = Outside<Answered>> + Send;
}
