use serde::{Deserialize, Serialize};

use crate::vocabulary::{read_known, read_or_default};
use crate::{CorrelationId, Detail, EventId, ExecutionArn, PriorityClass, Timestamp, Traceparent, UserId, Version};

/// Please start a new workflow for the actions that failed in this one, which has ended. Only the service that has asked for
/// that workflow may ask for that.
///
/// Answered by `GoalActivityAccepted`, with the new workflow, or `GoalActivityRejected`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GoalActivityRetryRequested {
    /// The shape of this message.
    #[serde(deserialize_with = "read_known")]
    pub version: Version,
    /// Identifies the request: the same id delivered again is the same request (promise P2).
    pub event_id: EventId,
    /// When it was requested.
    pub occurred_at: Timestamp,
    /// The workflow that has ended.
    pub execution_arn: ExecutionArn,
    /// Its user, in whose name the request is made.
    pub user_id: UserId,
    /// How urgent it is. Without it: a user is waiting.
    #[serde(default, deserialize_with = "read_or_default", skip_serializing_if = "PriorityClass::is_default")]
    pub priority_class: PriorityClass,
    /// By what the requester recognises the answers and the events of the new workflow, which repeat it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
    /// The trace context (W3C) of this message. A malformed one is ignored.
    #[serde(default, deserialize_with = "Traceparent::lenient", skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Traceparent>,
}

impl Detail for GoalActivityRetryRequested {
    const TYPE: &'static str = "GoalActivityRetryRequested";

    fn event_id(&self) -> &EventId {
        &self.event_id
    }
}
