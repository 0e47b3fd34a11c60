//! One workflow as it is recorded: what was asked for, how far it is, how it ended, and what happened when.

mod action;
mod cancellation;
mod change;
mod ending;
mod report;
mod status;
mod timeline;

use std::collections::{BTreeMap, BTreeSet};

use goal_activity_events::{
    ActionId, BatchProgressed, CorrelationId, EventId, ExecutionArn, FailedAction, FinalStatus, GoalId, RequestRef,
    Timestamp, Traceparent, Usage, UserId,
};
use serde::{Deserialize, Serialize};

use crate::admission::Shard;
use crate::ledger::Tally;
use crate::limits::{ACTIONS_PER_BATCH, BATCH_SECONDS, batch_count};
use crate::operator::OperatorRequest;

pub use action::{ActionProgress, ActionState};
pub use cancellation::Cancellation;
pub use change::{Change, Listing, Mark, Requirement};
pub use ending::Ending;
pub use report::{BatchReport, BatchReports};
pub use status::{InvalidStatus, Status};
pub use timeline::{TimelineEntry, TimelineEvent};

/// The read model of one workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    /// The workflow.
    pub execution_arn: ExecutionArn,
    /// Its goal.
    pub goal_id: GoalId,
    /// Its user.
    pub user_id: UserId,
    /// The request that it answers.
    pub request_id: EventId,
    /// The source of that request: EventBridge's `source`, or the pipeline's own for a call of the API. Missing in rows of
    /// before it was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_source: Option<String>,
    /// What the request said to recognise it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
    /// The trace of the request that it answers, if there is one: everything that is done for it belongs there.
    #[serde(default, deserialize_with = "Traceparent::lenient", skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Traceparent>,
    /// The operator who has requested it in the place of its user, and why. Missing where none has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<OperatorRequest>,
    /// When it was requested.
    pub start_date: Timestamp,
    /// Its place on the waiting list.
    pub turn: Timestamp,
    /// To which shard of the capacity it belongs: in whose list it waits, and then where it holds capacity. Missing for the
    /// first, and in rows of before there were shards.
    #[serde(default, skip_serializing_if = "Shard::is_first")]
    pub shard: Shard,
    /// Since when it holds the capacity that it was launched with: until then it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admitted_at: Option<Timestamp>,
    /// When it was first seen running: the moment of that event, or of the first report of a batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// The actions to turn into tasks, in mandala order.
    pub action_ids: Vec<ActionId>,
    /// How many actions that are.
    pub total_actions: u32,
    /// `true` if it replaces existing tasks.
    #[serde(default)]
    pub regenerate: bool,
    /// How the goal stood when it was claimed.
    pub goal_before: GoalBefore,
    /// The last known state of each batch, by its index as text.
    #[serde(default)]
    pub batches: BTreeMap<String, BatchState>,
    /// The actions whose tasks are removed because the goal does not have them any more. Decided once, before that is done.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub gone_actions: BTreeSet<ActionId>,
    /// How it ended, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Ending>,
    /// What happened, by the id of the event that reported it.
    #[serde(default)]
    pub timeline: BTreeMap<String, TimelineEntry>,
    /// The decision to stop it. Made while it is open, and from then on it can only end as `ABORTED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<Cancellation>,
    /// When `WorkflowCompleted` was put on the bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
    /// When the operators were notified of a failure, or when it was clear that there is nothing to notify them of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notified_at: Option<Timestamp>,
    /// When it was archived. Only then its rows may expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_at: Option<Timestamp>,
}

/// How a goal stood when a workflow claimed it: what its status becomes at the end depends on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GoalBefore {
    /// How many of its actions had tasks already.
    pub with_tasks: u32,
    /// How many actions without tasks this workflow leaves out.
    pub left_out: u32,
}

/// The last known state of one batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchState {
    /// Of several states of one batch, the one with the highest sequence is the latest.
    pub sequence: u64,
    /// How many actions the batch has.
    pub total: u32,
    /// How many of them have their tasks.
    pub succeeded: u32,
    /// Those that failed.
    #[serde(default)]
    pub failed: Vec<FailedAction>,
    /// What the AI took for those that have an outcome.
    #[serde(default)]
    pub usage: Usage,
    /// When this was the state.
    pub updated_at: Timestamp,
}

/// How far a workflow is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// How many actions have an outcome. Never more than the total.
    pub processed: u32,
    /// How many of them have their tasks.
    pub succeeded: u32,
    /// Those that failed.
    pub failed: Vec<FailedAction>,
    /// What the AI took for them.
    pub usage: Usage,
    /// Whole percent; 100 only after the end.
    pub percentage: u32,
}

impl Execution {
    /// What asked for it.
    pub fn request(&self) -> Option<RequestRef> {
        let source = self.request_source.clone()?;
        Some(RequestRef { source, event_id: self.request_id.clone() })
    }

    /// How many batches it has.
    pub fn batch_count(&self) -> u32 {
        batch_count(self.action_ids.len())
    }

    /// Where it is in its life.
    pub fn status(&self) -> Status {
        Status::of(self.started_at, self.end.as_ref().map(|end| end.status))
    }

    /// Returns `true` if it has ended.
    pub fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// When it ended, if it has.
    pub fn stop_date(&self) -> Option<Timestamp> {
        self.end.as_ref().map(|end| end.stop_date)
    }

    /// What became of its actions. Known at the end.
    pub fn tally(&self) -> Option<&Tally> {
        self.end.as_ref().map(|end| &end.tally)
    }

    /// The actions that got no tasks, and why. Known at the end, and empty before.
    pub fn failed_actions(&self) -> &[FailedAction] {
        self.tally().map_or(&[], |tally| &tally.failed)
    }

    /// Returns `true` if it waits for its turn: it is to be launched, and no launch is recorded.
    pub fn is_waiting(&self) -> bool {
        self.end.is_none() && self.admitted_at.is_none() && self.cancellation.is_none()
    }

    /// When something was last heard of it.
    pub fn last_sign(&self) -> Timestamp {
        let batches = self.batches.values().map(|b| b.updated_at);
        let cancelled = self.cancellation.as_ref().map(|c| c.at);
        let others = [self.admitted_at, self.stop_date(), cancelled].into_iter().flatten();
        batches.chain(others).fold(self.start_date, Timestamp::max)
    }

    /// Returns `true` if its end was published to other services and, where they must know, notified to the operators.
    pub fn is_reported(&self) -> bool {
        self.published_at.is_some() && self.notified_at.is_some()
    }

    /// Returns `true` if nothing is left to do for it: it has ended, that was reported, and it is archived.
    pub fn is_complete(&self) -> bool {
        self.end.is_some() && self.is_reported() && self.archived_at.is_some()
    }

    /// How far it is (promise P6).
    pub fn progress(&self) -> Progress {
        let reported = || self.batches.values();
        let (succeeded, failed, usage) = match &self.end {
            Some(end) => (end.tally.succeeded, end.tally.failed.clone(), end.tally.usage),
            None => (
                reported().fold(0, |sum: u32, b| sum.saturating_add(b.succeeded)),
                reported().flat_map(|b| b.failed.iter().cloned()).collect(),
                reported().map(|b| b.usage).sum(),
            ),
        };
        let processed = match self.end.as_ref().map(|end| end.status) {
            // As far as it had come: what was cancelled is not done, though all its actions have an outcome.
            Some(FinalStatus::Aborted) => reported().fold(0, |sum: u32, b| sum.saturating_add(b.processed())),
            _ => succeeded.saturating_add(u32::try_from(failed.len()).unwrap_or(u32::MAX)),
        };
        let processed = processed.min(self.total_actions);
        let share = processed.saturating_mul(100) / self.total_actions.max(1);
        let is_done = self.end.as_ref().is_some_and(|end| end.status != FinalStatus::Aborted);
        let percentage = if is_done { share } else { share.min(99) };
        Progress { processed, succeeded, failed, usage, percentage }
    }

    /// Roughly how many seconds are left, judged by the pace since it was launched; no more than its batches may still take.
    /// Nothing before the first outcome and after the end.
    pub fn estimated_seconds_remaining(&self, now: Timestamp) -> Option<u64> {
        let Progress { processed, .. } = self.progress();
        if self.has_ended() || processed == 0 {
            return None;
        }
        let left = u64::from(self.total_actions.saturating_sub(processed));
        let running = now.since(self.admitted_at.unwrap_or(self.start_date)).as_secs();
        // All batches begin at the launch.
        let most = u64::from(BATCH_SECONDS).saturating_sub(running);
        Some((running.saturating_mul(left)).div_ceil(u64::from(processed)).min(most))
    }

    /// The actions of its batches, in their order.
    pub fn batches_of_actions(&self) -> impl Iterator<Item = (u32, &[ActionId])> {
        (0..).zip(self.action_ids.chunks(ACTIONS_PER_BATCH))
    }
}

impl BatchState {
    /// How many of its actions have an outcome.
    pub fn processed(&self) -> u32 {
        self.succeeded.saturating_add(u32::try_from(self.failed.len()).unwrap_or(u32::MAX))
    }

    /// The timeline's event for this state: only the end of a batch is worth an entry.
    pub fn timeline_event(&self, batch_index: u32) -> Option<TimelineEvent> {
        let failed = self.processed() - self.succeeded;
        (self.processed() == self.total).then_some(TimelineEvent::BatchFinished {
            batch_index,
            succeeded: self.succeeded,
            failed,
        })
    }
}

impl From<&BatchProgressed> for BatchState {
    fn from(event: &BatchProgressed) -> Self {
        Self {
            sequence: event.sequence,
            total: event.total_actions,
            succeeded: event.succeeded_actions,
            failed: event.failed_actions.clone(),
            usage: event.usage.unwrap_or_default(),
            updated_at: event.occurred_at,
        }
    }
}
