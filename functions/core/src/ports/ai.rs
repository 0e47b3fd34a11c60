//! The seam to the AI.

use std::time::Duration;

use goal_activity_events::{FailureCode, Repairs};

use crate::goal::{Action, GoalHead, SubGoal};
use crate::task::{DraftWarning, TaskDrafts};

/// What the AI is asked: the tasks of one action, with all it needs to know.
#[derive(Debug, Clone, Copy)]
pub struct GenerationRequest<'a> {
    /// The goal that the action serves.
    pub goal: &'a GoalHead,
    /// The sub-goal that it belongs to.
    pub sub_goal: Option<&'a SubGoal>,
    /// The action.
    pub action: &'a Action,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Why the last answer was of no use, in words of this project, when that is why it is asked again.
    pub objection: Option<&'a str>,
    /// Whether the second AI is asked.
    pub fallback: bool,
}

impl<'a> GenerationRequest<'a> {
    /// The first request for the tasks of an action.
    pub fn first(goal: &'a GoalHead, sub_goal: Option<&'a SubGoal>, action: &'a Action) -> Self {
        Self { goal, sub_goal, action, attempt: 1, objection: None, fallback: false }
    }
}

/// How much the AI has read and written, as it counts it itself. Nothing where it does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// What it was given.
    pub input: u64,
    /// What it has answered.
    pub output: u64,
}

/// An accepted answer of the AI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// The tasks.
    pub drafts: TaskDrafts,
    /// What is not as good as it should be, though within the limits.
    pub warnings: Vec<DraftWarning>,
    /// What had to be repaired.
    pub repairs: Repairs,
    /// What it took.
    pub tokens: Tokens,
}

impl From<TaskDrafts> for Generation {
    /// Of an AI that counts nothing.
    fn from(drafts: TaskDrafts) -> Self {
        Self { warnings: drafts.warnings(), drafts, repairs: Repairs::default(), tokens: Tokens::default() }
    }
}

/// Why the AI gave no tasks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct GenerationError {
    /// What kind of failure it is.
    pub code: FailureCode,
    /// What happened; never a user's text, nor the AI's.
    pub message: String,
    /// `true` if the same request may succeed when it is tried again.
    pub transient: bool,
    /// How long the AI asks to be left alone.
    pub retry_after: Option<Duration>,
    /// What the deployer can change, where that is known.
    pub hint: Option<&'static str>,
    /// What it took: an answer that cannot be used is paid for as well.
    pub tokens: Tokens,
}

impl GenerationError {
    /// A failure that may be over soon.
    pub fn transient(code: FailureCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            transient: true,
            retry_after: None,
            hint: None,
            tokens: Tokens::default(),
        }
    }

    /// A failure that the same request would meet again.
    pub fn permanent(code: FailureCode, message: impl Into<String>) -> Self {
        Self { transient: false, ..Self::transient(code, message) }
    }

    /// The same failure, with what it took.
    #[must_use]
    pub fn with_tokens(self, tokens: Tokens) -> Self {
        Self { tokens, ..self }
    }
}

/// Turns one action into tasks. The seam to the AI.
pub trait GenerateTasks: Sync {
    /// Returns `true` if there is a second AI that can be asked when the first is not available.
    fn has_fallback(&self) -> bool {
        false
    }

    /// The name of the first or the second AI, such as `openai/gpt-4.1-mini`; nothing where it has none.
    fn name(&self, _fallback: bool) -> Option<String> {
        None
    }

    /// What the AI is sent for this request, as a person reads it and without keys; nothing where it is sent nothing. For tools
    /// that show it.
    fn describe(&self, _request: &GenerationRequest<'_>) -> Option<String> {
        None
    }

    /// Asks once.
    fn generate(
        &self,
        request: GenerationRequest<'_>,
    ) -> impl Future<Output = Result<Generation, GenerationError>> + Send;
}
