use serde::{Deserialize, Serialize};

use crate::json::{number, objects, optional_object};
use crate::vocabulary::read_known;
use crate::{
    CorrelationId, Detail, EventId, ExecutionArn, FailedAction, GoalId, RequestRef, Timestamp, Traceparent, Usage,
    UserId, Version,
};

/// A batch's whole state so far. Events of a batch may be lost, repeated or reordered: the highest sequence wins (promise P6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct BatchProgressed {
    /// The shape of this message.
    #[serde(deserialize_with = "read_known")]
    pub version: Version,
    /// Derived from the execution, the batch and the sequence.
    pub event_id: EventId,
    /// When this was the state.
    pub occurred_at: Timestamp,
    /// The workflow.
    pub execution_arn: ExecutionArn,
    /// Its goal.
    pub goal_id: GoalId,
    /// Its user.
    pub user_id: UserId,
    /// Which batch, from 0.
    #[serde(deserialize_with = "number")]
    pub batch_index: u32,
    /// Grows with every change of the batch's state.
    #[serde(deserialize_with = "number")]
    pub sequence: u64,
    /// How many actions the batch has.
    #[serde(deserialize_with = "number")]
    pub total_actions: u32,
    /// How many of them have their tasks.
    #[serde(deserialize_with = "number")]
    pub succeeded_actions: u32,
    /// Those that failed.
    #[serde(deserialize_with = "objects")]
    pub failed_actions: Vec<FailedAction>,
    /// What the AI took for those that have an outcome.
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

impl BatchProgressed {
    /// The id of the event that reports this state of this batch.
    pub fn event_id_for(execution: &ExecutionArn, batch_index: u32, sequence: u64) -> EventId {
        EventId::derived(execution, &format!("batch/{batch_index}/{sequence}"))
    }
}

impl Detail for BatchProgressed {
    const TYPE: &'static str = "BatchProgressed";

    fn event_id(&self) -> &EventId {
        &self.event_id
    }
}
