use goal_activity_events::{FinalStatus, Timestamp};
use serde::{Deserialize, Serialize};

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
    /// It was asked to stop.
    Cancelled,
    /// It ended.
    Ended {
        /// How.
        status: FinalStatus,
    },
}
