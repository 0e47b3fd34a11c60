use serde::{Deserialize, Serialize};

use crate::json::{number, objects, optional_object};
use crate::vocabulary::read_known;
use crate::{
    CorrelationId, Detail, EventId, ExecutionArn, FailedAction, GoalId, RequestRef, Timestamp, Traceparent, Usage,
    UserId, Version,
};

/// A workflow ended. Delivered at least once, always with the same event id for the same workflow (promise P7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WorkflowCompleted {
    /// The shape of this message.
    #[serde(deserialize_with = "read_known")]
    pub version: Version,
    /// Made from the workflow: the same each time the event is published.
    pub event_id: EventId,
    /// When the workflow ended.
    pub occurred_at: Timestamp,
    /// The workflow.
    pub execution_arn: ExecutionArn,
    /// Its goal.
    pub goal_id: GoalId,
    /// Its user.
    pub user_id: UserId,
    /// How it ended.
    #[serde(deserialize_with = "read_known")]
    pub status: FinalStatus,
    /// When it was requested.
    pub start_date: Timestamp,
    /// When it ended.
    pub stop_date: Timestamp,
    /// From the request to the end, in milliseconds.
    #[serde(deserialize_with = "number")]
    pub duration_ms: u64,
    /// How many actions it was to turn into tasks.
    #[serde(deserialize_with = "number")]
    pub total_actions: u32,
    /// How many it did.
    #[serde(deserialize_with = "number")]
    pub succeeded_actions: u32,
    /// The others, and why.
    #[serde(deserialize_with = "objects")]
    pub failed_actions: Vec<FailedAction>,
    /// What the AI took for all of them.
    #[serde(default, deserialize_with = "optional_object", skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What asked for the workflow. Missing in workflows of before it was noted.
    #[serde(default, deserialize_with = "optional_object", skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestRef>,
    /// What the request said to recognise it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
    /// The trace context (W3C) of this message. A malformed one is ignored.
    #[serde(default, deserialize_with = "Traceparent::lenient", skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Traceparent>,
}

/// How a workflow ended. It never changes afterwards. Another end would be another version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FinalStatus {
    /// Every action has its tasks.
    Succeeded,
    /// Some actions have their tasks.
    PartiallySucceeded,
    /// No action got tasks.
    Failed,
    /// It took too long; what was saved stays.
    TimedOut,
    /// It was cancelled; its tasks are removed.
    Aborted,
}

impl std::fmt::Display for FinalStatus {
    /// Its name.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

impl WorkflowCompleted {
    /// The id of the event that publishes the end of this workflow.
    pub fn event_id_for(execution: &ExecutionArn) -> EventId {
        EventId::derived(execution, "completed")
    }
}

impl Detail for WorkflowCompleted {
    const TYPE: &'static str = "WorkflowCompleted";

    fn event_id(&self) -> &EventId {
        &self.event_id
    }
}
