use goal_activity_events::{ActionId, ExecutionArn, GoalId, TaskId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{ActionKind, Open};

/// A task of a goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// The goal it helps to reach.
    pub goal_id: GoalId,
    /// Its place among the goal's tasks, which are in the order of this text.
    pub position: String,
    /// Which.
    pub task_id: TaskId,
    /// The action it is a step of.
    pub action_id: ActionId,
    /// The workflow that made it.
    pub execution_arn: ExecutionArn,
    /// What to do.
    pub title: String,
    /// How.
    pub description: String,
    /// Always the action's.
    #[serde(rename = "type")]
    pub kind: Open<ActionKind>,
    /// How long it should take.
    pub estimated_minutes: u16,
    /// How urgent it is.
    pub priority: Open<Priority>,
    /// How far the user is with it.
    pub status: Open<TaskStatus>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When the user completed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// The AI that generated it. Missing where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generator: Option<String>,
}

/// How urgent a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// First.
    High,
    /// In its turn.
    Medium,
    /// When there is time.
    Low,
}

/// How far the user is with a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// As generated.
    NotStarted,
    /// The user is at it.
    InProgress,
    /// The user has done it.
    Completed,
    /// The user has left it out.
    Skipped,
}
