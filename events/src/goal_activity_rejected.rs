use serde::{Deserialize, Serialize};

use crate::json::optional_object;
use crate::vocabulary::{OpenVocabulary, read_known, read_name};
use crate::{
    CorrelationId, Detail, EventId, ExecutionArn, GoalId, RequestRef, Timestamp, Traceparent, UserId, Version,
};

/// A `GoalActivityRequested` could not be accepted, and the pipeline does not try it again by
/// itself. Nothing of it is remembered: sent again with the same `eventId`, it is looked at anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GoalActivityRejected {
    /// The shape of this message.
    #[serde(deserialize_with = "read_known")]
    pub version: Version,
    /// Identifies this answer: the same when the request is delivered again, another one for another answer, and when the
    /// request is emitted again.
    pub event_id: EventId,
    /// When it was rejected.
    pub occurred_at: Timestamp,
    /// The `eventId` of the request.
    pub request_event_id: EventId,
    /// The request, with its source: by `detail.request.source` a rule selects the answers to one service. Missing if the
    /// source cannot be repeated.
    #[serde(default, deserialize_with = "optional_object", skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestRef>,
    /// What the request said to recognise it by, where that can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
    /// The workflow that stands in the way, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_arn: Option<ExecutionArn>,
    /// The requested goal, where the request named one that can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal_id: Option<GoalId>,
    /// The requesting user, where the request named one that can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// Why, for programs.
    #[serde(deserialize_with = "read_name")]
    pub reason: RejectionReason,
    /// Why, for people.
    pub message: String,
    /// `true` if the same request may be accepted later without a change of the goal. Missing in rejections of before it was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    /// The trace context (W3C) of this message. A malformed one is ignored.
    #[serde(default, deserialize_with = "Traceparent::lenient", skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Traceparent>,
}

/// Why a request was rejected. Names are never reused or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(transform = crate::schema::open_vocabulary))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RejectionReason {
    /// No such goal.
    UnknownGoal,
    /// The goal belongs to another user.
    NotOwner,
    /// A workflow of this goal has not ended yet.
    AlreadyRunning,
    /// The goal has no actions.
    NoActions,
    /// The request names an action that the goal does not have.
    UnknownAction,
    /// Every requested action has tasks already, and the request does not ask to regenerate them.
    NothingToDo,
    /// The goal is completed, paused or cancelled.
    GoalClosed,
    /// So many workflows of the user are running that no more may be started until one has ended.
    TooManyRunning,
    /// With this request the user would have asked for more actions than are allowed on one day (UTC).
    DailyLimit,
    /// The request breaks the contract of its version.
    Invalid,
    /// The `eventId` was used for an accepted request that asks for something else.
    RequestIdReused,
    /// There is no such workflow, or it ended more than 90 days ago.
    UnknownExecution,
    /// Another service, or a user, has asked for the workflow.
    NotRequester,
    /// The workflow has ended already, and was not cancelled.
    AlreadyEnded,
    /// The workflow has not ended yet, so it is not known what is to be retried.
    NotEnded,
    /// No action of the workflow has failed.
    NothingFailed,
    /// The goal is stored in a form that cannot be read. `message` names the row and the attribute.
    GoalUnreadable,
    /// One that this version of the crate does not know. Never emitted.
    #[serde(skip_deserializing)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    Other,
}

impl RejectionReason {
    /// Returns `true` if the same request may be accepted later without a change of the goal or the request.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::AlreadyRunning | Self::TooManyRunning | Self::DailyLimit | Self::NotEnded)
    }
}

impl OpenVocabulary for RejectionReason {
    const OTHER: Self = Self::Other;
}

impl std::fmt::Display for RejectionReason {
    /// Its name.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

impl Detail for GoalActivityRejected {
    const TYPE: &'static str = "GoalActivityRejected";

    fn event_id(&self) -> &EventId {
        &self.event_id
    }
}
