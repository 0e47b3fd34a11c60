use serde::{Deserialize, Serialize};

use crate::json::{number, object};
use crate::vocabulary::read_known;
use crate::{
    CorrelationId, Detail, EventId, ExecutionArn, GoalId, RequestRef, Timestamp, Traceparent, UserId, Version,
};

/// A request of another service was accepted: its workflow runs, or waits for its turn. Its end comes as
/// `WorkflowCompleted`, with the same `executionArn`. For a `GoalActivityCancelRequested` it is the workflow that is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GoalActivityAccepted {
    /// The shape of this message.
    #[serde(deserialize_with = "read_known")]
    pub version: Version,
    /// One per accepted request: the same for every delivery of it.
    pub event_id: EventId,
    /// When the answer was given.
    pub occurred_at: Timestamp,
    /// The request.
    #[serde(deserialize_with = "object")]
    pub request: RequestRef,
    /// What the request said to recognise it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
    /// The workflow as which it was accepted.
    pub execution_arn: ExecutionArn,
    /// Its goal.
    pub goal_id: GoalId,
    /// Its user.
    pub user_id: UserId,
    /// How many actions it is to turn into tasks.
    #[serde(deserialize_with = "number")]
    pub total_actions: u32,
    /// `true` if the workflow waited for its turn when the answer was given.
    pub waiting: bool,
    /// About how many workflows then waited before it, counted up to 100: the list is seconds behind. 0 if it did not wait.
    #[serde(deserialize_with = "number")]
    pub waiting_before: u32,
    /// The trace context (W3C) of this message. A malformed one is ignored.
    #[serde(default, deserialize_with = "Traceparent::lenient", skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Traceparent>,
}

impl GoalActivityAccepted {
    /// The id of the event that answers this request about this workflow.
    pub fn event_id_for(execution: &ExecutionArn, request: &RequestRef) -> EventId {
        answer(execution, "accepted", request)
    }

    /// The id of the event that answers this cancellation of the workflow.
    pub fn event_id_of_cancel(execution: &ExecutionArn, request: &RequestRef) -> EventId {
        answer(execution, "cancelled", request)
    }
}

fn answer(execution: &ExecutionArn, what: &str, RequestRef { source, event_id }: &RequestRef) -> EventId {
    // With the length: a source may contain the separator.
    EventId::derived(execution, &format!("{what}/{}/{source}/{event_id}", source.len()))
}

impl Detail for GoalActivityAccepted {
    const TYPE: &'static str = "GoalActivityAccepted";

    fn event_id(&self) -> &EventId {
        &self.event_id
    }
}
