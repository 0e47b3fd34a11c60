use goal_activity_core::ports::Unavailable;
use goal_activity_core::start::StartRejection;
use goal_activity_events::ExecutionArn;
use serde::Serialize;
use serde_json::{Value, json};

use crate::intake::IntakeError;

/// What went wrong, for programs. A stable vocabulary: names are never reused or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Code {
    InvalidRequest,
    NoActions,
    UnknownAction,
    Unauthenticated,
    NotOwner,
    NotFound,
    UnknownGoal,
    UnknownExecution,
    AlreadyRunning,
    NothingToDo,
    GoalClosed,
    AlreadyEnded,
    NotEnded,
    NothingFailed,
    Internal,
    Unavailable,
}

impl Code {
    /// The HTTP status that goes with it.
    fn status(self) -> i64 {
        match self {
            Self::InvalidRequest | Self::NoActions | Self::UnknownAction => 400,
            Self::Unauthenticated => 401,
            Self::NotOwner => 403,
            Self::NotFound | Self::UnknownGoal | Self::UnknownExecution => 404,
            Self::AlreadyRunning
            | Self::NothingToDo
            | Self::GoalClosed
            | Self::AlreadyEnded
            | Self::NotEnded
            | Self::NothingFailed => 409,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request is malformed",
            Self::NoActions => "The goal has no actions",
            Self::UnknownAction => "The goal has no such action",
            Self::Unauthenticated => "A valid token is needed",
            Self::NotOwner => "It belongs to another user",
            Self::NotFound => "There is no such route",
            Self::UnknownGoal => "There is no such goal",
            Self::UnknownExecution => "There is no such workflow",
            Self::AlreadyRunning => "A workflow of this goal is running",
            Self::NothingToDo => "All tasks are there already",
            Self::GoalClosed => "The goal is closed",
            Self::AlreadyEnded => "The workflow has ended",
            Self::NotEnded => "The workflow has not ended",
            Self::NothingFailed => "Nothing is left to retry",
            Self::Internal => "Something is wrong on our side",
            Self::Unavailable => "Not possible right now, try again",
        }
    }
}

/// An error as the API answers it (RFC 9457).
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) code: Code,
    pub(super) detail: String,
    /// The workflow that it is about.
    execution: Option<ExecutionArn>,
}

impl Problem {
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), execution: None }
    }

    pub(super) fn about(self, execution: &ExecutionArn) -> Self {
        Self { execution: Some(execution.clone()), ..self }
    }

    pub(super) fn status(&self) -> i64 {
        self.code.status()
    }

    pub(super) fn body(&self) -> Value {
        // What is wrong inside is for the log, not for the caller.
        let detail = if self.status() >= 500 { self.code.title() } else { &self.detail };
        let mut body = json!({
            "type": "about:blank",
            "title": self.code.title(),
            "status": self.status(),
            "detail": detail,
            "code": self.code,
            "retryable": self.code == Code::Unavailable,
        });
        if let Some(execution) = &self.execution {
            body["executionArn"] = execution.as_str().into();
        }
        body
    }
}

impl From<Unavailable> for Problem {
    fn from(error: Unavailable) -> Self {
        Self::new(Code::Unavailable, error.to_string())
    }
}

impl From<StartRejection> for Problem {
    fn from(why: StartRejection) -> Self {
        let code = match &why {
            StartRejection::UnknownGoal(_) => Code::UnknownGoal,
            StartRejection::NotOwner(_) => Code::NotOwner,
            StartRejection::GoalClosed(_) => Code::GoalClosed,
            StartRejection::AlreadyRunning(_) => Code::AlreadyRunning,
            StartRejection::NoActions(_) => Code::NoActions,
            StartRejection::UnknownAction(_) => Code::UnknownAction,
            StartRejection::NothingToDo(_) => Code::NothingToDo,
        };
        Self { execution: why.running().cloned(), ..Self::new(code, why.to_string()) }
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Rejected(why) => why.into(),
            IntakeError::Unavailable(error) => error.into(),
        }
    }
}
