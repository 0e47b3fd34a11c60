//! What the pipeline's HTTP API is sent and answers, as types: those of the schemas in `functions/openapi.json`, under the same names.
//!
//! Another version of the API may have answered: fields that are not known here are ignored, and a name that is not known is kept
//! as text ([`Open`]).

mod actions;
mod goal;
mod open;
mod operator;
mod page;
mod problem;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod schema;
mod task;
mod timeline;
mod workflow;

pub use actions::{ActionState, WorkflowAction, WorkflowActions};
pub use goal::{ActionKind, Goal, GoalAction, GoalStatus, GoalSubGoal, GoalSummary};
pub use open::Open;
pub use operator::{FoundPage, FoundWorkflow, Holder, Waiting, WaitingList};
pub use page::Page;
pub use problem::{GatewayProblem, Problem, ProblemCode};
pub use task::{Priority, Task, TaskStatus};
pub use timeline::{Timeline, TimelineEvent, TimelineItem};
pub use workflow::{
    Aborted, BatchStatus, CancelRequest, Cancellation, FailedAction, OperatorRequest, Pause, RetryRequest,
    StartRequest, Started, Status, WorkflowError, WorkflowErrorCode, WorkflowStatus, WorkflowSummary,
};
