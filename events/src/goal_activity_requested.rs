use serde::{Deserialize, Serialize};

use crate::vocabulary::{read_known, read_or_default};
use crate::{
    ActionId, CorrelationId, Detail, EventId, ExecutionArn, GoalId, PriorityClass, Timestamp, Traceparent, UserId,
    Version,
};

/// The most actions of a goal, and so of a request.
pub const MAX_ACTIONS: usize = 64;

/// Please turn this goal's actions into tasks.
///
/// Emitted by the API after it has claimed the goal (then with `executionArn`), or by any other service (without).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GoalActivityRequested {
    /// The shape of this message.
    #[serde(deserialize_with = "read_known")]
    pub version: Version,
    /// Identifies the request: the same id delivered again is the same request (promise P2).
    pub event_id: EventId,
    /// When it was requested.
    pub occurred_at: Timestamp,
    /// The workflow that the API has already recorded for this request. Other services leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_arn: Option<ExecutionArn>,
    /// The goal.
    pub goal_id: GoalId,
    /// The goal's owner, in whose name the request is made.
    pub user_id: UserId,
    /// Only these actions. Without it: every action that has no tasks yet.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_ACTIONS)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_ids: Option<Vec<ActionId>>,
    /// Replace the tasks of actions that already have some.
    #[serde(default, deserialize_with = "read_or_default", skip_serializing_if = "std::ops::Not::not")]
    pub regenerate: bool,
    /// How urgent it is. Without it: a user is waiting.
    #[serde(default, deserialize_with = "read_or_default", skip_serializing_if = "PriorityClass::is_default")]
    pub priority_class: PriorityClass,
    /// By what the requester recognises the answers and the events of the workflow, which repeat it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
    /// The trace context (W3C) of this message. A malformed one is ignored.
    #[serde(default, deserialize_with = "Traceparent::lenient", skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Traceparent>,
}

impl GoalActivityRequested {
    /// A request of another service, for every action of the goal that has no tasks yet.
    pub fn new(event_id: EventId, occurred_at: Timestamp, goal_id: GoalId, user_id: UserId) -> Self {
        Self {
            version: Version::V1,
            event_id,
            occurred_at,
            execution_arn: None,
            goal_id,
            user_id,
            action_ids: None,
            regenerate: false,
            priority_class: PriorityClass::default(),
            correlation_id: None,
            traceparent: None,
        }
    }
}

impl Detail for GoalActivityRequested {
    const TYPE: &'static str = "GoalActivityRequested";

    fn event_id(&self) -> &EventId {
        &self.event_id
    }
}
