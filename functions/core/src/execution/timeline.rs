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

/// What can happen to a workflow. The titles name the branches in the API's description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase", tag = "what")]
pub enum TimelineEvent {
    /// The workflow was accepted.
    #[cfg_attr(feature = "schema", schemars(title = "TimelineAccepted"))]
    Accepted,
    /// The workflow began to work.
    #[cfg_attr(feature = "schema", schemars(title = "TimelineStarted"))]
    Started,
    /// All actions of a batch have an outcome.
    #[cfg_attr(feature = "schema", schemars(title = "TimelineBatchFinished"))]
    BatchFinished {
        /// Which.
        batch_index: u32,
        /// How many of its actions have their tasks.
        succeeded: u32,
        /// How many failed.
        failed: u32,
    },
    /// The workflow was asked to stop.
    #[cfg_attr(feature = "schema", schemars(title = "TimelineCancelled"))]
    Cancelled,
    /// The workflow ended.
    #[cfg_attr(feature = "schema", schemars(title = "TimelineEnded"))]
    Ended {
        /// How.
        status: FinalStatus,
    },
}
