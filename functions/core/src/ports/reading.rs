//! What is read of goals, tasks and workflows.

use goal_activity_events::{ExecutionArn, GoalId, UserId};

use super::PortResult;
use crate::execution::Execution;
use crate::goal::{Goal, GoalHead};
use crate::history::{HistoryFilter, HistoryPage, HistoryPosition, Search, SearchPage, SearchPosition};
use crate::placement::TasksByAction;
use crate::task::Task;

/// What a table that other programs write, too, holds under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored<T> {
    /// No row.
    Nothing,
    /// A row that cannot be read, now or later, until the program that wrote it mends it.
    Unreadable(Unreadable),
    /// A row that can be read.
    Value(T),
}

/// A row that cannot be read. Names the row and the attribute, never what they say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("row {item}: {reason}")]
pub struct Unreadable {
    /// The row's sort key.
    pub item: String,
    /// The attribute and what is wrong with it.
    pub reason: String,
    /// The owner, where the row is a goal's and says so.
    pub owner: Option<UserId>,
}

impl<T> Stored<T> {
    /// The same with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Stored<U> {
        match self {
            Self::Nothing => Stored::Nothing,
            Self::Unreadable(row) => Stored::Unreadable(row),
            Self::Value(value) => Stored::Value(change(value)),
        }
    }

    /// The value, where there is one that can be read.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Nothing | Self::Unreadable(_) => None,
        }
    }
}

/// Reads a whole goal.
pub trait LoadGoal: Sync {
    /// The goal with its sub-goals and actions. Those whose rows cannot be read are left out.
    fn load_goal(&self, goal: &GoalId) -> impl Future<Output = PortResult<Stored<Goal>>> + Send;
}

/// Reads a goal's own row.
pub trait LoadGoalHead: Sync {
    /// The goal without its sub-goals and actions.
    fn load_goal_head(&self, goal: &GoalId) -> impl Future<Output = PortResult<Stored<GoalHead>>> + Send;
}

/// Reads which actions have tasks.
pub trait ActionsWithTasks: Sync {
    /// The goal's actions that have at least one task, whichever program has made it, and what they have.
    fn actions_with_tasks(&self, goal: &GoalId) -> impl Future<Output = PortResult<TasksByAction>> + Send;
}

/// A page of a goal's tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPage {
    /// In the order of the actions.
    pub tasks: Vec<Task>,
    /// The position of the last row that was looked at, when there are more after it. With rows that cannot be read, a page may
    /// hold fewer tasks than asked for although there are more.
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
    ) -> impl Future<Output = PortResult<TaskPage>> + Send;
}

/// Reads an execution.
pub trait FindExecution: Sync {
    /// The execution's read model, when there is one.
    fn find_execution(&self, arn: &ExecutionArn) -> impl Future<Output = PortResult<Option<Execution>>> + Send;
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
    ) -> impl Future<Output = PortResult<HistoryPage>> + Send;
}

/// Finds workflows of one goal, one user or all users.
pub trait FindWorkflows: Sync {
    /// At most `limit` workflows after the given position. Bounded: looks at a limited number of them, and the page may hold
    /// fewer than `limit`, even none, although there are more: that is so when `last` says where to go on. May be seconds behind.
    fn find_workflows(
        &self,
        search: &Search,
        after: Option<&SearchPosition>,
        limit: u16,
    ) -> impl Future<Output = PortResult<SearchPage>> + Send;
}
