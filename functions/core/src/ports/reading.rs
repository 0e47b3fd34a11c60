//! What is read of goals, tasks and workflows.

use goal_activity_events::{ExecutionArn, GoalId};

use super::Outside;
use crate::execution::Execution;
use crate::goal::{Goal, GoalHead};
use crate::history::{HistoryFilter, HistoryPage, HistoryPosition};
use crate::placement::TasksByAction;
use crate::task::Task;

/// Reads a whole goal.
pub trait LoadGoal: Sync {
    /// The goal with its sub-goals and actions, when it exists.
    fn load_goal(&self, goal: &GoalId) -> impl Future<Output = Outside<Option<Goal>>> + Send;
}

/// Reads a goal's own row.
pub trait LoadGoalHead: Sync {
    /// The goal without its sub-goals and actions, when it exists.
    fn load_goal_head(&self, goal: &GoalId) -> impl Future<Output = Outside<Option<GoalHead>>> + Send;
}

/// Reads which actions have tasks.
pub trait ActionsWithTasks: Sync {
    /// The goal's actions that have at least one task, whichever program has made it, and what they have.
    fn actions_with_tasks(&self, goal: &GoalId) -> impl Future<Output = Outside<TasksByAction>> + Send;
}

/// A page of a goal's tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPage {
    /// In the order of the actions.
    pub tasks: Vec<Task>,
    /// The position of the last task, when there are more after it.
    pub last: Option<String>,
}

/// Reads tasks.
pub trait ListTasks: Sync {
    /// At most `limit` tasks after the position `after`.
    fn list_tasks(
        &self,
        goal: &GoalId,
        after: Option<&str>,
        limit: u16,
    ) -> impl Future<Output = Outside<TaskPage>> + Send;
}

/// Reads an execution.
pub trait FindExecution: Sync {
    /// The execution's read model, when there is one.
    fn find_execution(&self, arn: &ExecutionArn) -> impl Future<Output = Outside<Option<Execution>>> + Send;
}

/// Lists the workflows of a goal.
pub trait ListWorkflows: Sync {
    /// At most `limit` workflows, the newest first, that were requested before the given position. A page may hold fewer although
    /// there are more: that is so when `last` says where to go on. May be seconds behind.
    fn list_workflows(
        &self,
        filter: &HistoryFilter,
        after: Option<&HistoryPosition>,
        limit: u16,
    ) -> impl Future<Output = Outside<HistoryPage>> + Send;
}
