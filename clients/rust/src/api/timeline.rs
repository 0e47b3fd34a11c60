use goal_activity_events::{ExecutionArn, FinalStatus, GoalId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Open, Status};

/// What happened in a workflow, in its order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    /// The workflow.
    pub execution_arn: ExecutionArn,
    /// Its goal.
    pub goal_id: GoalId,
    /// Where it is in its life.
    pub status: Open<Status>,
    /// What happened.
    pub items: Vec<TimelineItem>,
}

/// One thing that happened. Which fields there are depends on `what`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TimelineItem {
    /// By what it is known: the same fact reported twice is one item.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: Open<TimelineEvent>,
    /// How the workflow ended, with [`TimelineEvent::Ended`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Open<FinalStatus>>,
    /// Which batch has finished, with [`TimelineEvent::BatchFinished`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_index: Option<u32>,
    /// How many of its actions have their tasks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub succeeded: Option<u32>,
    /// How many of them failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<u32>,
    /// The operator who did it in the place of the user, by the ARN of the AWS credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// Why: of a cancellation, and of what an operator did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What can happen to a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TimelineEvent {
    /// It was accepted.
    Accepted,
    /// It began to work.
    Started,
    /// All actions of a batch have an outcome.
    BatchFinished,
    /// It was asked to stop.
    Cancelled,
    /// It ended.
    Ended,
}
