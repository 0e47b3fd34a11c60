use goal_activity_events::{
    ActionId, CorrelationId, ExecutionArn, FailureCode, GoalId, PriorityClass, RequestRef, Timestamp, Usage, UserId,
};
use serde::{Deserialize, Serialize};

use super::Open;

/// The body of a start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct StartRequest {
    /// Only these actions. Without any: the first that have no tasks yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub action_ids: Vec<ActionId>,
    /// Replace the tasks of actions that already have some, except finished ones.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub regenerate: bool,
    /// How urgent it is. The API's own default where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority_class: Option<PriorityClass>,
}

/// The body of a retry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RetryRequest {
    /// How urgent it is. The API's own default where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority_class: Option<PriorityClass>,
}

/// The body of a cancellation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CancelRequest {
    /// Why, in the user's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A workflow that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Started {
    /// Which.
    pub execution_arn: ExecutionArn,
    /// When it was requested.
    pub start_date: Timestamp,
    /// Always that of the beginning.
    pub status: Open<Status>,
    /// How many actions it is for.
    pub total_actions: u32,
}

/// A workflow that was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Aborted {
    /// Which.
    pub execution_arn: ExecutionArn,
    /// How it has ended.
    pub status: Open<Status>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_date: Option<Timestamp>,
}

/// How far a workflow is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WorkflowStatus {
    /// Which.
    pub execution_arn: ExecutionArn,
    /// Its goal.
    pub goal_id: GoalId,
    /// Where it is in its life.
    pub status: Open<Status>,
    /// When it was requested.
    pub start_date: Timestamp,
    /// When it was launched. It waits for its turn until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admitted_at: Option<Timestamp>,
    /// Launching is paused, and it waits for more than its turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<Pause>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_date: Option<Timestamp>,
    /// How many of a hundred parts are done.
    pub progress_percentage: u32,
    /// How many actions have an outcome.
    pub processed_actions: u32,
    /// How many actions it is for.
    pub total_actions: u32,
    /// How many of them have tasks.
    pub succeeded_actions: u32,
    /// Those that got none, and why.
    #[serde(default)]
    pub failed_actions: Vec<FailedAction>,
    /// What the AI took so far.
    #[serde(default)]
    pub usage: Usage,
    /// Those that have reported.
    #[serde(default)]
    pub batches: Vec<BatchStatus>,
    /// What asked for it. Missing where that was not noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestRef>,
    /// What the request said to recognise it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
    /// An estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_seconds_remaining: Option<u64>,
    /// While it waits for its turn: how many workflows are launched before it, counted up to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_before: Option<u32>,
    /// The operator who has requested it in the place of its user. Missing where none has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<OperatorRequest>,
    /// The decision to stop it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<Cancellation>,
    /// Why it did not do what it should.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<WorkflowError>,
}

impl WorkflowStatus {
    /// Returns `true` if the workflow has ended. A status that is not known is an end: nobody waits for ever.
    pub fn has_ended(&self) -> bool {
        !matches!(self.status, Open::Known(Status::Pending | Status::Running))
    }
}

/// Where a workflow is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Accepted, not yet seen running.
    Pending,
    /// At work.
    Running,
    /// Every action has its tasks.
    Succeeded,
    /// Some actions have their tasks.
    PartiallySucceeded,
    /// No action got tasks.
    Failed,
    /// It took too long.
    TimedOut,
    /// It was cancelled.
    Aborted,
}

impl std::fmt::Display for Status {
    /// Its name, as it is sent.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// An action that got no tasks, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct FailedAction {
    /// Which.
    pub action_id: ActionId,
    /// Why, for programs.
    pub code: Open<FailureCode>,
    /// Why, for people.
    pub message: String,
    /// How many times the AI was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

/// How far a batch is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct BatchStatus {
    /// Which, from 0.
    pub batch_index: u32,
    /// How many actions it has.
    pub total_actions: u32,
    /// How many of them have an outcome.
    pub processed_actions: u32,
    /// How many of them have tasks.
    pub succeeded_actions: u32,
    /// When it last reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
}

/// Launching is paused: requests are accepted and wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Pause {
    /// Since when.
    pub since: Timestamp,
    /// Why, for the users whose workflows wait.
    pub reason: String,
}

/// The decision that a workflow is to be stopped: who, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Cancellation {
    /// The user who asked for it. Missing if an operator did, or if it was stopped in Step Functions itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// The operator who asked for it, by the ARN of the AWS credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// When.
    pub at: Timestamp,
    /// Why, in the words of who asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What an operator has requested in the place of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OperatorRequest {
    /// Who, by the ARN of the AWS credentials.
    pub by: String,
    /// Why, in the operator's words.
    pub reason: String,
    /// The workflow whose failed actions it is for.
    pub retry_of: ExecutionArn,
}

/// Why a workflow did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WorkflowError {
    /// For programs.
    pub code: Open<WorkflowErrorCode>,
    /// For people.
    pub message: String,
}

/// Why a workflow did not do what it should, for programs. Names are never reused or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WorkflowErrorCode {
    /// No action got tasks.
    NothingSucceeded,
    /// The workflow took too long.
    WorkflowTimedOut,
}

/// One workflow in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WorkflowSummary {
    /// Which.
    pub execution_arn: ExecutionArn,
    /// Its goal.
    pub goal_id: GoalId,
    /// Where it is in its life.
    pub status: Open<Status>,
    /// When it was requested.
    pub start_date: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_date: Option<Timestamp>,
    /// How many actions it is for.
    pub total_actions: u32,
    /// How many of them got their tasks. Known at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub succeeded_actions: Option<u32>,
    /// How many did not. Known at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_count: Option<u32>,
}
