//! One workflow as people see it: its status, its progress, its story.

use std::collections::{BTreeMap, BTreeSet};

use goal_activity_events::{
    ActionId, BatchProgressed, EventId, ExecutionArn, FailedAction, FinalStatus, GoalId, Timestamp, Traceparent, Usage,
    UserId,
};
use serde::de::IntoDeserializer;
use serde::de::value::StrDeserializer;
use serde::{Deserialize, Serialize};

use crate::limits::{ACTIONS_PER_BATCH, BATCH_SECONDS, MAX_REASON, batch_count};

/// Where a workflow is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Accepted, not yet seen running.
    Pending,
    /// At work.
    Running,
    /// Every action has its tasks.
    Succeeded,
    /// Some actions have their tasks.
    PartiallySucceeded,
    /// No action got tasks.
    Failed,
    /// It took too long.
    TimedOut,
    /// It was cancelled.
    Aborted,
}

/// What happens to a workflow as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was seen at work.
    Started,
    /// It ended.
    Ended(FinalStatus),
}

impl Status {
    /// All statuses.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Running,
        Self::Succeeded,
        Self::PartiallySucceeded,
        Self::Failed,
        Self::TimedOut,
        Self::Aborted,
    ];

    /// The statuses that are not terminal.
    pub fn open() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|status| status.ended().is_none())
    }

    /// The statuses that a change leads out of, as [`after`](Self::after) says: in any other there is nothing to write.
    pub fn before(change: Change) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |status| status.after(change) != *status)
    }

    /// The transition table. Events arrive late, twice and out of order, so every pair has an answer; terminal is terminal.
    #[must_use]
    pub fn after(self, change: Change) -> Self {
        match (self, change) {
            (Self::Pending | Self::Running, Change::Started) => Self::Running,
            (Self::Pending | Self::Running, Change::Ended(end)) => end.into(),
            (Self::Succeeded | Self::PartiallySucceeded | Self::Failed | Self::TimedOut | Self::Aborted, _) => self,
        }
    }

    /// How it ended, when it has.
    pub fn ended(self) -> Option<FinalStatus> {
        match self {
            Self::Pending | Self::Running => None,
            Self::Succeeded => Some(FinalStatus::Succeeded),
            Self::PartiallySucceeded => Some(FinalStatus::PartiallySucceeded),
            Self::Failed => Some(FinalStatus::Failed),
            Self::TimedOut => Some(FinalStatus::TimedOut),
            Self::Aborted => Some(FinalStatus::Aborted),
        }
    }
}

impl std::fmt::Display for Status {
    /// As everywhere else outside: `SCREAMING_SNAKE_CASE`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// A text that names no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a status of a workflow")]
pub struct InvalidStatus;

impl std::str::FromStr for Status {
    type Err = InvalidStatus;

    fn from_str(text: &str) -> Result<Self, InvalidStatus> {
        let name: StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
        Self::deserialize(name).map_err(|_| InvalidStatus)
    }
}

impl From<FinalStatus> for Status {
    fn from(end: FinalStatus) -> Self {
        match end {
            FinalStatus::Succeeded => Self::Succeeded,
            FinalStatus::PartiallySucceeded => Self::PartiallySucceeded,
            FinalStatus::Failed => Self::Failed,
            FinalStatus::TimedOut => Self::TimedOut,
            FinalStatus::Aborted => Self::Aborted,
        }
    }
}

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
    /// The trace of the request that it answers, if there is one: everything that is done for it belongs there.
    #[serde(default, deserialize_with = "Traceparent::lenient", skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Traceparent>,
    /// Where it is in its life.
    pub status: Status,
    /// When it was requested.
    pub start_date: Timestamp,
    /// Its place in the line of those that wait to be launched.
    pub turn: Timestamp,
    /// When it was launched: until then it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admitted_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_date: Option<Timestamp>,
    /// The actions to turn into tasks, in mandala order.
    pub action_ids: Vec<ActionId>,
    /// How many actions that are.
    pub total_actions: u32,
    /// Whether it replaces tasks that are there.
    #[serde(default)]
    pub regenerate: bool,
    /// How the goal stood when it was claimed.
    pub goal_before: GoalBefore,
    /// The last known state of each batch, by its index as text.
    #[serde(default)]
    pub batches: BTreeMap<String, BatchState>,
    /// How many actions got their tasks. Set at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeded_actions: Option<u32>,
    /// How many did not. Set at the end.
    #[serde(default, rename = "failedCount", skip_serializing_if = "Option::is_none")]
    pub failed_count: Option<u32>,
    /// Those that did not, and why. Set at the end.
    #[serde(default)]
    pub failed_actions: Vec<FailedAction>,
    /// The actions whose tasks are removed because the goal does not have them any more. Decided once, before that is done.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub gone_actions: BTreeSet<ActionId>,
    /// What the AI took. Set at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What happened, by the id of the event that told it.
    #[serde(default)]
    pub timeline: BTreeMap<String, TimelineEntry>,
    /// Who wants it stopped. Set while it is open, and from then on it can only end as `ABORTED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<Cancellation>,
    /// When `WorkflowCompleted` was put on the bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
    /// When the operators were told of a failure, or when it was clear that there is nothing to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notified_at: Option<Timestamp>,
    /// When it was archived. Only then its rows may expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_at: Option<Timestamp>,
}

/// The decision that a workflow is to be stopped: who, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Cancellation {
    /// The user who asked for it. Nobody when it was stopped in Step Functions itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// When.
    pub at: Timestamp,
    /// Why, in the user's words, cut to [`MAX_REASON`] characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Cancellation {
    /// A user's wish. An empty reason is none.
    pub fn by_user(user: UserId, at: Timestamp, reason: Option<&str>) -> Self {
        let reason = reason.map(|r| r.trim().chars().take(MAX_REASON).collect::<String>()).filter(|r| !r.is_empty());
        Self { by: Some(user), at, reason }
    }

    /// An operator has stopped the execution in Step Functions.
    pub fn from_outside(at: Timestamp) -> Self {
        Self { by: None, at, reason: None }
    }

    /// There was nothing to launch it for when its turn came.
    pub fn of_closed_goal(at: Timestamp) -> Self {
        Self { by: None, at, reason: Some("the goal was closed, deleted or given away before its turn".to_owned()) }
    }
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

/// One thing that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TimelineEntry {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: TimelineEvent,
}

/// What can happen to a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase", tag = "what")]
pub enum TimelineEvent {
    /// It was accepted.
    Accepted,
    /// It began to work.
    Started,
    /// All actions of a batch have an outcome.
    BatchFinished {
        /// Which.
        batch_index: u32,
        /// How many of its actions have their tasks.
        succeeded: u32,
        /// How many failed.
        failed: u32,
    },
    /// Somebody asked to stop it.
    Cancelled,
    /// It ended.
    Ended {
        /// How.
        status: FinalStatus,
    },
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
    /// How many batches it has.
    pub fn batch_count(&self) -> u32 {
        batch_count(self.action_ids.len())
    }

    /// Whether it waits for its turn: nobody has noted that it was launched, and somebody still should.
    pub fn is_waiting(&self) -> bool {
        self.status.ended().is_none() && self.admitted_at.is_none() && self.cancellation.is_none()
    }

    /// When something was last heard of it.
    pub fn last_sign(&self) -> Timestamp {
        let batches = self.batches.values().map(|b| b.updated_at);
        let cancelled = self.cancellation.as_ref().map(|c| c.at);
        let others = [self.admitted_at, self.stop_date, cancelled].into_iter().flatten();
        batches.chain(others).fold(self.start_date, Timestamp::max)
    }

    /// Whether everybody who must know of its end does.
    pub fn is_told(&self) -> bool {
        self.published_at.is_some() && self.notified_at.is_some()
    }

    /// Whether nothing is left to do for it: it has ended, everybody knows, and it is archived.
    pub fn is_settled(&self) -> bool {
        self.status.ended().is_some() && self.is_told() && self.archived_at.is_some()
    }

    /// How far it is (promise P6).
    pub fn progress(&self) -> Progress {
        let (succeeded, failed) = match self.succeeded_actions {
            Some(succeeded) => (succeeded, self.failed_actions.clone()),
            None => (
                self.batches.values().fold(0, |sum: u32, b| sum.saturating_add(b.succeeded)),
                self.batches.values().flat_map(|b| b.failed.iter().cloned()).collect(),
            ),
        };
        let processed = match self.status {
            // As far as it had come: what was cancelled is not done, though all its actions have an outcome.
            Status::Aborted => self.batches.values().fold(0, |sum: u32, b| sum.saturating_add(b.processed())),
            _ => succeeded.saturating_add(u32::try_from(failed.len()).unwrap_or(u32::MAX)),
        };
        let processed = processed.min(self.total_actions);
        let share = processed.saturating_mul(100) / self.total_actions.max(1);
        let is_done = self.status.ended().is_some_and(|end| end != FinalStatus::Aborted);
        let percentage = if is_done { share } else { share.min(99) };
        let usage = self.usage.unwrap_or_else(|| self.batches.values().map(|b| b.usage).sum());
        Progress { processed, succeeded, failed, usage, percentage }
    }

    /// Roughly how many seconds are left, judged by the pace since it was launched; no more than its batches may still take.
    /// Nothing before the first outcome and after the end.
    pub fn estimated_seconds_remaining(&self, now: Timestamp) -> Option<u64> {
        let Progress { processed, .. } = self.progress();
        if self.status.ended().is_some() || processed == 0 {
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

    /// What the timeline tells of this state: only the end of a batch is worth an entry.
    pub fn happening(&self, batch_index: u32) -> Option<TimelineEvent> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: [FinalStatus; 5] = [
        FinalStatus::Succeeded,
        FinalStatus::PartiallySucceeded,
        FinalStatus::Failed,
        FinalStatus::TimedOut,
        FinalStatus::Aborted,
    ];

    #[test]
    fn terminal_is_terminal_whatever_arrives_later() {
        for status in Status::ALL.into_iter().filter(|s| s.ended().is_some()) {
            assert_eq!(status.after(Change::Started), status);
            for end in ENDS {
                assert_eq!(status.after(Change::Ended(end)), status);
            }
        }
    }

    #[test]
    fn an_open_workflow_takes_every_change() {
        for status in Status::open() {
            assert_eq!(status.after(Change::Started), Status::Running);
            for end in ENDS {
                assert_eq!(status.after(Change::Ended(end)).ended(), Some(end));
            }
        }
    }

    #[test]
    fn a_reason_of_any_length_is_kept_as_far_as_it_fits() {
        let reason =
            |text: &str| Cancellation::by_user("u".parse().unwrap(), Timestamp::from_millis(0), Some(text)).reason;
        assert_eq!(reason(&"あ".repeat(100_000)).unwrap().chars().count(), MAX_REASON);
        assert_eq!(reason(" wrong goal ").as_deref(), Some("wrong goal"));
        assert_eq!(reason(" "), None);
    }

    #[test]
    fn open_and_ended_divide_all_statuses() {
        for status in Status::ALL {
            assert_eq!(Status::open().any(|open| open == status), status.ended().is_none());
        }
    }

    #[test]
    fn a_change_is_written_only_where_the_table_says_that_it_changes_something() {
        assert_eq!(Status::before(Change::Started).collect::<Vec<_>>(), [Status::Pending]);
        for end in ENDS {
            assert_eq!(Status::before(Change::Ended(end)).collect::<Vec<_>>(), [Status::Pending, Status::Running]);
        }
    }
}
