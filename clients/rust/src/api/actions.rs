use goal_activity_events::{ActionId, ExecutionArn, FailureCode, GoalId};
use serde::{Deserialize, Serialize};

use super::{Open, Status};

/// The actions of a workflow, in their order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WorkflowActions {
    /// The workflow.
    pub execution_arn: ExecutionArn,
    /// Its goal.
    pub goal_id: GoalId,
    /// Where it is in its life.
    pub status: Open<Status>,
    /// All of its actions.
    pub items: Vec<WorkflowAction>,
}

/// One action of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WorkflowAction {
    /// Which.
    pub action_id: ActionId,
    /// The batch that it belongs to, from 0.
    pub batch_index: u32,
    /// Where it is.
    pub state: Open<ActionState>,
    /// How many tasks were saved for it. Missing unless it has succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<u32>,
    /// Why it got no tasks. Missing unless it has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Open<FailureCode>>,
    /// The same for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How many times the AI was asked. Missing before there is an outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

/// Where an action is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ActionState {
    /// No worker is at its batch yet.
    Waiting,
    /// A worker is at its batch.
    Generating,
    /// It has its tasks.
    Succeeded,
    /// It got none.
    Failed,
}
