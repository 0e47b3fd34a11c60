//! The read model of a workflow while it runs, and its end.

use std::collections::BTreeSet;

use goal_activity_events::{ActionId, EventId, ExecutionArn, GoalId, Timestamp};
use serde::Deserialize;

use super::PortResult;
use crate::archive::Record;
use crate::execution::{BatchState, Cancellation, Execution};
use crate::notice::NoticeClaim;
use crate::outcome::Settlement;

/// Keeps the read model up to date while a workflow runs.
pub trait RecordProgress: Sync {
    /// Notes that the execution runs, unless it is known already or has ended: then `false`.
    fn record_started(
        &self,
        execution: &ExecutionArn,
        event: &str,
        at: Timestamp,
    ) -> impl Future<Output = PortResult<bool>> + Send;
    /// Takes over a batch's state, unless this or a later one is known or the workflow has ended (promise P6): then `false`.
    fn record_batch(
        &self,
        execution: &ExecutionArn,
        event: &EventId,
        batch_index: u32,
        state: &BatchState,
    ) -> impl Future<Output = PortResult<bool>> + Send;
}

/// Records that a workflow is to be stopped.
pub trait CancelExecution: Sync {
    /// Records the cancellation, unless the workflow has ended or is being cancelled already: then `false`. From then on it
    /// can only end as `ABORTED`: this is what decides a race with its natural end.
    fn record_cancellation(
        &self,
        execution: &ExecutionArn,
        cancellation: &Cancellation,
    ) -> impl Future<Output = PortResult<bool>> + Send;
}

/// Removes what a workflow has made.
pub trait RemoveTasks: Sync {
    /// Removes the tasks that this execution has made for these actions, and no others. Its ledger must be sealed, or more
    /// could follow.
    fn remove_tasks_of(
        &self,
        goal: &GoalId,
        execution: &ExecutionArn,
        actions: &[ActionId],
    ) -> impl Future<Output = PortResult<()>> + Send;
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

/// Lists the workflows that something may have to be done for. In the shards of [`open_shard`](crate::keys::open_shard) those
/// that were launched or cancelled and have not ended, or whose end was not told; in those of
/// [`unarchived_shard`](crate::keys::unarchived_shard) those whose end was told and that are not archived. Rows that the release
/// before this one has marked as told still stand in the former until they are archived. Those that wait to be launched stand
/// in a line of their own ([`ListWaiting`](super::ListWaiting)).
pub trait ListOpen: Sync {
    /// The next of one shard, the oldest first, after the given one; at most `limit`. May be seconds behind.
    fn list_open(
        &self,
        shard: &str,
        after: Option<&OpenExecution>,
        limit: u16,
    ) -> impl Future<Output = PortResult<Vec<OpenExecution>>> + Send;
}

/// Who knows of the end of a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Other services: `WorkflowCompleted` is published.
    Services,
    /// The operators: the notice is sent.
    Operators,
    /// Other services, and the operators where they must.
    Everybody,
}

impl Told {
    /// Returns `true` if other services know.
    pub fn services(self) -> bool {
        self != Self::Operators
    }

    /// Returns `true` if the operators know, or need not.
    pub fn operators(self) -> bool {
        self != Self::Services
    }
}

/// Writes the end of a workflow.
pub trait SettleExecution: Sync {
    /// Ends the execution, frees its goal and makes room for another of its user, in one transaction. Leaves it alone when
    /// it has ended already, and when it was cancelled and this is another end: then `false`.
    fn settle(&self, settlement: &Settlement) -> impl Future<Output = PortResult<bool>> + Send;
    /// Notes which actions are gone, before their tasks are removed. The first such note of an open workflow counts: returns
    /// it, or nothing when the workflow has ended.
    fn record_gone(
        &self,
        execution: &ExecutionArn,
        gone: &BTreeSet<ActionId>,
    ) -> impl Future<Output = PortResult<Option<BTreeSet<ActionId>>>> + Send;
    /// Claims the notice to the operators for [`NOTICE_LEASE`](crate::limits::NOTICE_LEASE). Returns `false` if another claim
    /// stands, or the notice was sent. The same claim may be made twice.
    fn claim_notice(
        &self,
        execution: &ExecutionArn,
        claim: &NoticeClaim,
    ) -> impl Future<Output = PortResult<bool>> + Send;
    /// Releases this claim, if it still stands: the notice could not be sent, and the next sender need not wait until the claim
    /// runs out. Any other claim stays.
    fn release_notice(
        &self,
        execution: &ExecutionArn,
        claim: &NoticeClaim,
    ) -> impl Future<Output = PortResult<()>> + Send;
    /// Notes who knows of the end. With [`Told::Everybody`] the same write lists the execution among those to be archived. Does
    /// nothing for one that has not ended, or that is archived.
    fn mark_told(
        &self,
        execution: &ExecutionArn,
        told: Told,
        at: Timestamp,
    ) -> impl Future<Output = PortResult<()>> + Send;
    /// Notes where the workflow is archived, lets its rows expire [`HISTORY`](crate::limits::HISTORY) after its end, and
    /// takes it off the list of open ones: all or nothing. Whatever else there is to do for it must be done.
    fn mark_archived(&self, record: &Record, at: Timestamp) -> impl Future<Output = PortResult<()>> + Send;
}
