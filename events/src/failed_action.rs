use serde::{Deserialize, Serialize};

use crate::ActionId;

/// An action that got no tasks, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedAction {
    /// The action.
    pub action_id: ActionId,
    /// Why, for programs.
    pub code: FailureCode,
    /// Why, for people. At most 200 characters, never a user's text.
    pub message: String,
    /// How many times the AI was asked.
    pub attempts: u32,
}

/// Why an action got no tasks. A stable vocabulary: names are never reused or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureCode {
    /// The AI did not answer in time.
    AiTimeout,
    /// The AI refused for load.
    AiThrottled,
    /// The AI could not be reached or failed.
    AiUnavailable,
    /// The AI answered with something that is not a list of tasks within the limits.
    AiInvalidAnswer,
    /// The AI refused the request itself; asking again would not help.
    AiRejected,
    /// The action is no longer part of the goal.
    ActionGone,
    /// The action has tasks already, and this workflow may not replace them.
    TasksExist,
    /// The batch's time was over before this action was finished.
    BatchDeadline,
    /// The workflow was cancelled: the action has no tasks, or not any more.
    Cancelled,
    /// The batch was lost: no worker reported this action before the end.
    NotProcessed,
}
