use std::time::Duration;

use goal_activity_core::edit::EditRejection;
use goal_activity_core::ports::Unavailable;
use goal_activity_core::start::StartRejection;
use goal_activity_events::ExecutionArn;
use serde::Serialize;

use crate::steps::intake::IntakeError;

/// What went wrong, for programs. Names are never reused or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ProblemCode", transform = goal_activity_events::schema::open_vocabulary)
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Code {
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
    /// The user has asked for as many actions today as may be; `Retry-After` says when the next day begins. Retryable.
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

impl Code {
    /// The HTTP status that goes with it.
    pub(super) fn status(self) -> i64 {
        match self {
            Self::InvalidRequest | Self::NoActions | Self::UnknownAction => 400,
            Self::Unauthenticated => 401,
            Self::NotOwner => 403,
            Self::NotFound | Self::UnknownGoal | Self::UnknownExecution => 404,
            Self::AlreadyRunning
            | Self::NothingToDo
            | Self::GoalClosed
            | Self::TasksExist
            | Self::GoalsElsewhere
            | Self::TooManyGoals
            | Self::Changed
            | Self::Outdated
            | Self::AlreadyEnded
            | Self::NotEnded
            | Self::NothingFailed => 409,
            Self::BodyTooLarge => 413,
            Self::IdempotencyKeyReused | Self::UnreadableGoal => 422,
            Self::TooManyRunning | Self::DailyLimit => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }

    /// What went wrong, for people.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request is malformed",
            Self::BodyTooLarge => "The body is too large",
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
            Self::TasksExist => "Actions that have tasks would change",
            Self::GoalsElsewhere => "The goals belong to another program",
            Self::TooManyGoals => "Too many goals",
            Self::Changed => "The goal keeps changing, try again",
            Self::Outdated => "The chart was changed meanwhile, read it again",
            Self::TooManyRunning => "Too many workflows are running",
            Self::DailyLimit => "Too many actions for today",
            Self::IdempotencyKeyReused => "The idempotency key belongs to another request",
            Self::UnreadableGoal => "The goal cannot be read",
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
    /// After what time the same request may succeed, where that is known.
    wait: Option<Duration>,
}

/// What went wrong (RFC 9457).
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Problem"))]
#[serde(rename_all = "camelCase")]
pub(super) struct ProblemBody<'a> {
    /// Always `about:blank`: `code` says more.
    #[serde(rename = "type")]
    kind: &'static str,
    /// What went wrong, for people.
    title: &'static str,
    /// The HTTP status.
    status: i64,
    /// What went wrong this time, for people.
    detail: &'a str,
    /// What went wrong, for programs.
    code: Code,
    /// `true` if the same request may succeed later.
    retryable: bool,
    /// The workflow that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_arn: Option<&'a ExecutionArn>,
}

impl Problem {
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), execution: None, wait: None }
    }

    pub(super) fn about(self, execution: &ExecutionArn) -> Self {
        Self { execution: Some(execution.clone()), ..self }
    }

    pub(super) fn status(&self) -> i64 {
        self.code.status()
    }

    /// After how many seconds the same request may succeed, as `Retry-After` says it; rounded up, or it would be too early.
    pub(super) fn retry_after(&self) -> Option<u64> {
        self.wait.map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
    }

    pub(super) fn body(&self) -> ProblemBody<'_> {
        // What is wrong inside is for the log, not for the caller.
        let detail = if self.status() >= 500 { self.code.title() } else { &self.detail };
        ProblemBody {
            kind: "about:blank",
            title: self.code.title(),
            status: self.status(),
            detail,
            code: self.code,
            retryable: matches!(self.code, Code::Unavailable | Code::TooManyRunning | Code::DailyLimit | Code::Changed),
            execution_arn: self.execution.as_ref(),
        }
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
            StartRejection::UnreadableGoal { .. } => Code::UnreadableGoal,
            StartRejection::NotOwner(_) => Code::NotOwner,
            StartRejection::GoalClosed(_) => Code::GoalClosed,
            StartRejection::AlreadyRunning(_) => Code::AlreadyRunning,
            StartRejection::TooManyRunning => Code::TooManyRunning,
            StartRejection::DailyLimit { .. } => Code::DailyLimit,
            StartRejection::NoActions(_) => Code::NoActions,
            StartRejection::UnknownAction(_) => Code::UnknownAction,
            StartRejection::NothingToDo(_) => Code::NothingToDo,
        };
        Self { execution: why.running().cloned(), wait: why.wait(), ..Self::new(code, why.to_string()) }
    }
}

impl From<EditRejection> for Problem {
    fn from(why: EditRejection) -> Self {
        let code = match &why {
            EditRejection::NoTitle => Code::InvalidRequest,
            EditRejection::NotWhole(_) => Code::UnreadableGoal,
            EditRejection::Closed(_) => Code::GoalClosed,
            EditRejection::Running(_) => Code::AlreadyRunning,
            EditRejection::TasksExist(_) | EditRejection::OldTasks(_) => Code::TasksExist,
            EditRejection::Outdated { .. } => Code::Outdated,
        };
        let running = if let EditRejection::Running(arn) = &why { Some(arn.clone()) } else { None };
        Self { execution: running, ..Self::new(code, why.to_string()) }
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Rejected(why) => why.into(),
            IntakeError::KeyReused => Self::new(Code::IdempotencyKeyReused, error.to_string()),
            IntakeError::Unavailable(error) => error.into(),
        }
    }
}
