use serde::{Deserialize, Serialize};

use crate::ActionId;
use crate::json::number;
use crate::vocabulary::{OpenVocabulary, read_name};

/// The longest message of a failed action, in characters.
pub const MAX_MESSAGE: usize = 200;

/// An action that got no tasks, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct FailedAction {
    /// The action.
    pub action_id: ActionId,
    /// Why, for programs.
    #[serde(deserialize_with = "read_name")]
    pub code: FailureCode,
    /// Why, for people. At most 200 characters, never a user's text.
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_MESSAGE)))]
    pub message: String,
    /// How many times the AI was asked.
    #[serde(deserialize_with = "number")]
    pub attempts: u32,
}

/// Why an action got no tasks. Names are never reused or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(transform = crate::schema::open_vocabulary))]
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
    /// The action is no longer part of the goal, or the goal is gone.
    ActionGone,
    /// The user has closed the goal: completed, paused or cancelled it.
    GoalClosed,
    /// The action has tasks already, and this workflow may not replace them.
    TasksExist,
    /// The batch's time was over before this action was finished.
    BatchDeadline,
    /// The workflow was cancelled: the action has no tasks, or not any more.
    Cancelled,
    /// The batch was lost: no worker reported this action before the end.
    NotProcessed,
    /// One that this version of the crate does not know. Never emitted.
    #[serde(skip_deserializing)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    Other,
}

impl OpenVocabulary for FailureCode {
    const OTHER: Self = Self::Other;
}

impl std::fmt::Display for FailureCode {
    /// Its name.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}
