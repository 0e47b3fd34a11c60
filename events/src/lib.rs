#![doc = include_str!("../README.md")]

mod batch_message;
mod batch_progressed;
#[cfg(test)]
mod cases;
mod envelope;
mod execution_status_changed;
mod failed_action;
mod goal_activity_accepted;
mod goal_activity_cancel_requested;
mod goal_activity_rejected;
mod goal_activity_requested;
mod goal_activity_retry_requested;
mod ids;
mod json;
mod priority_class;
#[cfg(feature = "publisher")]
pub mod publisher;
mod repairs;
mod request;
#[cfg(feature = "schema")]
pub mod schema;
mod timestamp;
mod traceparent;
mod usage;
mod vocabulary;
mod workflow_completed;

pub use batch_message::{BatchAnswer, BatchMessage};
pub use batch_progressed::BatchProgressed;
pub use envelope::{Detail, Envelope, MAX_SOURCE, ReadError, SOURCE, Version, is_source};
pub use execution_status_changed::{ExecutionStatusChanged, MachineStatus};
pub use failed_action::{FailedAction, FailureCode, MAX_MESSAGE};
pub use goal_activity_accepted::GoalActivityAccepted;
pub use goal_activity_cancel_requested::GoalActivityCancelRequested;
pub use goal_activity_rejected::{GoalActivityRejected, RejectionReason};
pub use goal_activity_requested::{GoalActivityRequested, MAX_ACTIONS};
pub use goal_activity_retry_requested::GoalActivityRetryRequested;
pub use ids::{
    ActionId, ClaimSequence, CorrelationId, EventId, ExecutionArn, GoalId, InvalidId, StateMachineArn, TaskId,
    TaskToken, UserId,
};
pub use json::{Unreadable, optional_objects, read_json, without_values};
pub use priority_class::PriorityClass;
pub use repairs::{Repair, Repairs};
pub use request::RequestRef;
pub use timestamp::{InvalidTimestamp, Timestamp};
pub use traceparent::{InvalidTraceparent, Traceparent};
pub use usage::Usage;
pub use workflow_completed::{FinalStatus, WorkflowCompleted};
