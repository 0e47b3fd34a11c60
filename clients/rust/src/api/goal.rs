use goal_activity_events::{ActionId, ExecutionArn, FailureCode, GoalId};
use serde::{Deserialize, Serialize};

use super::{ActionState, Open};

/// A goal with its chart, and what its newest workflow has made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Goal {
    /// Which.
    pub goal_id: GoalId,
    /// How often its chart was written.
    #[serde(default)]
    pub revision: u64,
    /// What is to be reached.
    #[serde(default)]
    pub title: String,
    /// More about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Where its owner stands.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub background: String,
    /// What limits its owner.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub constraints: String,
    /// By when, as its owner puts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
    /// Where it is in its life.
    pub status: Open<GoalStatus>,
    /// How many actions it has.
    pub total_actions: u32,
    /// How many of its actions have tasks.
    pub actions_with_tasks: u32,
    /// The workflow that has claimed the goal and has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_arn: Option<ExecutionArn>,
    /// The newest workflow of the goal that the caller may see, of the last 90 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_execution_arn: Option<ExecutionArn>,
    /// In their order, without empty cells.
    #[serde(default)]
    pub sub_goals: Vec<GoalSubGoal>,
}

/// A sub-goal of a goal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GoalSubGoal {
    /// Its place in the chart: 1 to 8.
    pub position: u8,
    /// What it is about. May be empty.
    #[serde(default)]
    pub title: String,
    /// More about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// In their order, without empty cells.
    #[serde(default)]
    pub actions: Vec<GoalAction>,
}

/// An action of a goal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GoalAction {
    /// Which.
    pub action_id: ActionId,
    /// Its place within the sub-goal: 1 to 8.
    pub position: u8,
    /// What to do.
    #[serde(default)]
    pub title: String,
    /// More about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Where the user stands.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub background: String,
    /// What limits the user.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub constraints: String,
    /// Whether it is done once or again and again.
    #[serde(rename = "type", default)]
    pub kind: Open<ActionKind>,
    /// How many tasks it has.
    #[serde(default)]
    pub tasks: u32,
    /// Where it is in the newest workflow. Missing where nothing was generated or asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Open<ActionState>>,
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

/// A goal without its chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GoalSummary {
    /// Which.
    pub goal_id: GoalId,
    /// What is to be reached. Of a longer text, the first 1,000 characters.
    #[serde(default)]
    pub title: String,
    /// Where it is in its life.
    pub status: Open<GoalStatus>,
    /// How many actions it has.
    pub total_actions: u32,
    /// How many of its actions have tasks.
    pub actions_with_tasks: u32,
    /// The workflow that has claimed the goal and has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_arn: Option<ExecutionArn>,
}

/// Where a goal is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum GoalStatus {
    /// Nothing was generated yet.
    Draft,
    /// A workflow is at work.
    Processing,
    /// All its actions have tasks.
    Active,
    /// Some of its actions have tasks.
    Partial,
    /// The last workflow got no tasks for any action.
    Failed,
    /// The user has reached it.
    Completed,
    /// The user has put it aside.
    Paused,
    /// The user has given it up.
    Cancelled,
}

/// Whether an action is done once or again and again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// Done once, in steps.
    #[default]
    Execution,
    /// Done again and again.
    Habit,
}
