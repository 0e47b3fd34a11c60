use goal_activity_events::ExecutionArn;
use serde::{Deserialize, Serialize};

use super::Open;

/// What went wrong (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Always `about:blank`: `code` says more.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// What went wrong, for people.
    #[serde(default)]
    pub title: String,
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// What went wrong this time, for people.
    #[serde(default)]
    pub detail: String,
    /// What went wrong, for programs.
    pub code: Open<ProblemCode>,
    /// `true` if the same request may succeed later.
    #[serde(default)]
    pub retryable: bool,
    /// The workflow that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_arn: Option<ExecutionArn>,
}

/// What the gateway itself answers, without asking the API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayProblem {
    /// What went wrong, for people.
    pub message: String,
}

/// What went wrong, for programs. Names are never reused or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProblemCode {
    /// The request is malformed; `detail` names the field.
    InvalidRequest,
    /// The body is too large.
    BodyTooLarge,
    /// The goal has no actions.
    NoActions,
    /// The goal has no such action.
    UnknownAction,
    /// A valid token is needed.
    Unauthenticated,
    /// It belongs to another user.
    NotOwner,
    /// There is no such route.
    NotFound,
    /// There is no such goal.
    UnknownGoal,
    /// There is no such workflow.
    UnknownExecution,
    /// A workflow of this goal is running.
    AlreadyRunning,
    /// All requested tasks are there already.
    NothingToDo,
    /// The goal is completed, paused or cancelled.
    GoalClosed,
    /// Too many workflows of the user are running. Retryable.
    TooManyRunning,
    /// The user has asked for as many actions today as may be. Retryable.
    DailyLimit,
    /// The idempotency key belongs to another request.
    IdempotencyKeyReused,
    /// The goal is stored in a form that cannot be read.
    UnreadableGoal,
    /// Actions that have tasks would change.
    TasksExist,
    /// The goals belong to another program: it lists and writes them.
    GoalsElsewhere,
    /// The user has as many goals as may be.
    TooManyGoals,
    /// The goal keeps changing. Retryable.
    Changed,
    /// The chart was written since the revision that this one was made of.
    Outdated,
    /// The workflow has ended.
    AlreadyEnded,
    /// The workflow has not ended.
    NotEnded,
    /// No action of the workflow has failed.
    NothingFailed,
    /// A defect of the API.
    Internal,
    /// Not possible right now. Retryable.
    Unavailable,
}
