use serde::{Deserialize, Serialize};

use crate::vocabulary::read_known;
use crate::{CorrelationId, Detail, EventId, ExecutionArn, Timestamp, Traceparent, UserId, Version};

/// Please stop this workflow, and remove its tasks. Only the service that has asked for the workflow may ask for that.
///
/// Answered by `GoalActivityAccepted` or `GoalActivityRejected`; the workflow then ends as `ABORTED`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GoalActivityCancelRequested {
    /// The shape of this message.
    #[serde(deserialize_with = "read_known")]
    pub version: Version,
    /// Identifies the request: the same id delivered again is the same request.
    pub event_id: EventId,
    /// When it was requested.
    pub occurred_at: Timestamp,
    /// The workflow to stop.
    pub execution_arn: ExecutionArn,
    /// Its user, in whose name the request is made.
    pub user_id: UserId,
    /// By what the requester recognises the answer, which repeats it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
    /// The trace context (W3C) of this message. A malformed one is ignored.
    #[serde(default, deserialize_with = "Traceparent::lenient", skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Traceparent>,
}

impl Detail for GoalActivityCancelRequested {
    const TYPE: &'static str = "GoalActivityCancelRequested";

    fn event_id(&self) -> &EventId {
        &self.event_id
    }
}
