//! What the pipeline publishes to other services, and sends to the operators.

use goal_activity_events::{
    BatchProgressed, GoalActivityAccepted, GoalActivityRejected, GoalActivityRequested, WorkflowCompleted,
};

use super::PortResult;
use crate::execution::Execution;
use crate::notice::Notice;

/// Everything that the pipeline itself publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A workflow was accepted and is to be launched.
    Requested(GoalActivityRequested),
    /// A request of another service was accepted.
    Accepted(GoalActivityAccepted),
    /// A request was not accepted.
    Rejected(GoalActivityRejected),
    /// A batch has moved on.
    Progressed(BatchProgressed),
    /// A workflow has ended.
    Completed(WorkflowCompleted),
}

/// Puts events on the bus.
pub trait PublishEvent: Sync {
    /// Publishes the event, at least once.
    fn publish(&self, event: Event) -> impl Future<Output = PortResult<()>> + Send;
}

/// Notifies the operators.
pub trait Notify: Sync {
    /// Sends the notice about an execution.
    fn notify(&self, execution: &Execution, notice: &Notice) -> impl Future<Output = PortResult<()>> + Send;
}
