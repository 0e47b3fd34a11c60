//! The read model of a workflow while it runs, and its end.

use std::collections::BTreeSet;

use goal_activity_events::{ActionId, ExecutionArn, GoalId, Timestamp};
use serde::Deserialize;

use super::PortResult;
use crate::archive::Record;
use crate::execution::{BatchReports, Cancellation, Ending, Execution, Mark};
use crate::notice::NoticeClaim;

/// Keeps the read model up to date while a workflow runs.
///
/// When a change is made, [`Change::requires`](crate::execution::Change::requires) says: here, and in the traits below.
pub trait RecordProgress: Sync {
    /// Records that the execution runs. Returns `false` if that is known already or it has ended.
    fn record_started(
        &self,
        execution: &ExecutionArn,
        event: &str,
        at: Timestamp,
    ) -> impl Future<Output = PortResult<bool>> + Send;
    /// Records the states of batches, all or none. Returns `false` if one of them or a later one is known, or the workflow has
    /// ended (promise P6).
    fn record_batches(
        &self,
        execution: &ExecutionArn,
        reports: &BatchReports,
    ) -> impl Future<Output = PortResult<bool>> + Send;
}

/// Records that a workflow is to be stopped.
pub trait CancelExecution: Sync {
    /// Records the cancellation. Returns `false` if the workflow has ended or is being cancelled already. From then on it can
    /// only end as `ABORTED`: this is what decides a race with its natural end.
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

/// Lists the workflows that something may have to be done for: those of [`Listing::Open`](crate::execution::Listing::Open) in
/// the shards of [`open_shard`](crate::keys::open_shard), those of
/// [`Listing::Unarchived`](crate::execution::Listing::Unarchived) in those of
/// [`unarchived_shard`](crate::keys::unarchived_shard). A workflow whose two marks were made apart stays in the former until it
/// is archived. Those that wait to be launched stand on a list of their own ([`ListWaiting`](super::ListWaiting)).
pub trait ListOpen: Sync {
    /// The next of one shard, the oldest first, after the given one; at most `limit`. May be seconds behind.
    fn list_open(
        &self,
        shard: &str,
        after: Option<&OpenExecution>,
        limit: u16,
    ) -> impl Future<Output = PortResult<Vec<OpenExecution>>> + Send;
}

/// Writes the end of a workflow.
pub trait EndExecution: Sync {
    /// Ends the execution, releases its goal and takes it off the open ones of its user, in one transaction. Returns `false` if
    /// it has ended already, if it was cancelled and this is another end, or if actions were recorded as gone since it was
    /// read.
    fn end_execution(&self, execution: &Execution, end: &Ending) -> impl Future<Output = PortResult<bool>> + Send;
    /// Records which actions are gone, before their tasks are removed. The first such record of an open workflow counts: returns
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
    /// Records to whom the end was reported. Does nothing for a workflow that has not ended, or that is archived.
    fn mark_reported(
        &self,
        execution: &ExecutionArn,
        mark: Mark,
        at: Timestamp,
    ) -> impl Future<Output = PortResult<()>> + Send;
    /// Lets the rows of the workflow's ledger expire [`HISTORY`](crate::limits::HISTORY) after its end, those that are sealed. The
    /// record must be stored: nothing else keeps what they hold.
    fn expire_ledger(&self, record: &Record) -> impl Future<Output = PortResult<()>> + Send;
    /// Records where the workflow is archived, lets its own row expire [`HISTORY`](crate::limits::HISTORY) after its end, and
    /// takes it off the reconciler's lists: all or nothing. Everything else that there is to do for it must be done: whether its
    /// ledger expires, nobody asks afterwards.
    fn mark_archived(&self, record: &Record, at: Timestamp) -> impl Future<Output = PortResult<()>> + Send;
}
