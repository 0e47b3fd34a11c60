//! The seam to Step Functions.

use goal_activity_events::{ActionId, BatchAnswer, ExecutionArn, GoalId, RequestRef, TaskToken, Timestamp, UserId};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::PortResult;
use crate::execution::Execution;
use crate::outcome::End;

/// The input of a Step Functions execution. Ids only (promise P10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionInput {
    /// The shape of this input.
    pub version: goal_activity_events::Version,
    /// The execution.
    pub execution_arn: ExecutionArn,
    /// Its goal.
    pub goal_id: GoalId,
    /// Its user.
    pub user_id: UserId,
    /// Its actions in mandala order.
    pub action_ids: Vec<ActionId>,
    /// `true` if it replaces existing tasks.
    pub regenerate: bool,
    /// What asked for it; an empty object where that is not known, because a state cannot read a field that is not there.
    #[serde(serialize_with = "or_empty")]
    pub request: Option<RequestRef>,
    /// What the request said to recognise it by; empty for nothing.
    pub correlation_id: String,
    /// The trace that it belongs to; empty for none.
    pub traceparent: String,
}

impl From<&Execution> for ExecutionInput {
    fn from(execution: &Execution) -> Self {
        Self {
            version: goal_activity_events::Version::V1,
            execution_arn: execution.execution_arn.clone(),
            goal_id: execution.goal_id.clone(),
            user_id: execution.user_id.clone(),
            action_ids: execution.action_ids.clone(),
            regenerate: execution.regenerate,
            request: execution.request(),
            correlation_id: execution.correlation_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            traceparent: execution.traceparent.as_ref().map(ToString::to_string).unwrap_or_default(),
        }
    }
}

#[allow(clippy::ref_option, reason = "serde calls it with a reference to the field")]
fn or_empty<S: Serializer>(request: &Option<RequestRef>, serializer: S) -> Result<S::Ok, S::Error> {
    match request {
        Some(request) => request.serialize(serializer),
        None => serializer.serialize_map(Some(0))?.end(),
    }
}

/// Stops executions of the state machine.
pub trait StopExecution: Sync {
    /// Stops the execution, if it runs. One that has ended, or was never started, is as good as stopped.
    fn stop_execution(&self, execution: &ExecutionArn, why: StopReason) -> impl Future<Output = PortResult<()>> + Send;
}

/// Why an execution is stopped. What a user wrote is for the user's eyes, so it does not go into AWS's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Its workflow was cancelled.
    Cancelled,
    /// Its workflow has ended without it.
    Ended,
}

/// What Step Functions knows of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutionState {
    /// Nothing: it was never started.
    Absent,
    /// It runs.
    Running {
        /// Since when.
        since: Timestamp,
    },
    /// It has ended.
    Ended {
        /// How.
        end: End,
        /// When.
        at: Timestamp,
    },
}

/// Asks Step Functions about an execution.
pub trait DescribeExecution: Sync {
    /// What it is doing now. Step Functions answers for 90 days after an end.
    fn describe_execution(&self, execution: &ExecutionArn) -> impl Future<Output = PortResult<ExecutionState>> + Send;
}

/// Starts executions of the state machine.
pub trait StartExecution: Sync {
    /// Starts the execution under its own name. One that was started before is left alone (promise P2).
    fn start_execution(&self, input: &ExecutionInput) -> impl Future<Output = PortResult<()>> + Send;
}

/// What Step Functions said of an answer or a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It was waiting for it.
    Accepted,
    /// It was not waiting for it any more: timed out, answered or unknown. Never worth a retry.
    Stale,
}

/// Returns the state machine for a batch.
pub trait AnswerBatch: Sync {
    /// Hands in the answer.
    fn answer(&self, token: &TaskToken, answer: &BatchAnswer) -> impl Future<Output = PortResult<Answered>> + Send;
    /// Sends a heartbeat for the task token.
    fn heartbeat(&self, token: &TaskToken) -> impl Future<Output = PortResult<Answered>> + Send;
}
