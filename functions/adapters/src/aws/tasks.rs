use futures_util::{StreamExt, TryStreamExt, stream};
use goal_activity_core::keys;
use goal_activity_core::placement::{TaskRow, TasksByAction, by_action};
use goal_activity_core::ports::{ActionsWithTasks, ListTasks, PortResult, RemoveTasks, TaskPage};
use goal_activity_core::rows::task_row;
use goal_activity_events::{ActionId, ExecutionArn, GoalId};

use super::dynamo::{Item, foreign_row, rows_of_goal, text};
use super::write::{Condition, Write};
use super::{Tables, unavailable};
use crate::reading;

/// How many tasks are removed side by side.
const REMOVED_AT_ONCE: usize = 16;

/// The attributes of a task that [`TaskRow`] is made of.
const OF_ROW: [&str; 7] =
    [keys::POSITION, "taskId", "actionId", keys::EXECUTION_ARN, "status", "createdAt", "completedAt"];

impl ActionsWithTasks for Tables {
    async fn actions_with_tasks(&self, goal: &GoalId) -> PortResult<TasksByAction> {
        Ok(by_action(&self.rows_of_tasks(goal).await?))
    }
}

impl Tables {
    /// All tasks of a goal, whichever program has made them.
    pub(super) async fn rows_of_tasks(&self, goal: &GoalId) -> PortResult<Vec<TaskRow>> {
        let rows = rows_of_goal(&self.client, &self.names.tasks, goal, &OF_ROW).await?;
        Ok(rows.into_iter().map(|row| task_row(&foreign_row(row))).collect())
    }

    /// Removes the task at a position, if this execution has made it: a late call must not remove what a next
    /// workflow has put in the same place.
    async fn remove_task_of(&self, goal: &GoalId, position: &str, made_by: &ExecutionArn) -> PortResult<()> {
        let removal = self.task(goal, position).when(Condition::equals(keys::EXECUTION_ARN, text(made_by)));
        removal.send_deletion(&self.client, format!("removing the tasks of {made_by}")).await.map(|_| ())
    }

    /// A write of the task at a position.
    pub(super) fn task(&self, goal: &GoalId, position: &str) -> Write {
        Write::of(&self.names.tasks, [(keys::GOAL_ID, text(goal)), (keys::POSITION, text(position))])
    }
}

impl RemoveTasks for Tables {
    async fn remove_tasks_of(&self, goal: &GoalId, execution: &ExecutionArn, actions: &[ActionId]) -> PortResult<()> {
        let rows = self.rows_of_tasks(goal).await?;
        let made = rows.into_iter().filter(|row| {
            row.made_by.as_ref() == Some(execution) && row.action_id.as_ref().is_some_and(|id| actions.contains(id))
        });
        let made: Vec<_> = made.collect();
        let removals: Vec<_> = made.iter().map(|row| self.remove_task_of(goal, &row.position, execution)).collect();
        stream::iter(removals).buffer_unordered(REMOVED_AT_ONCE).try_collect().await
    }
}

impl ListTasks for Tables {
    async fn list_tasks(&self, goal: &GoalId, after: Option<&str>, limit: u16) -> PortResult<TaskPage> {
        let start = |position: &str| {
            Item::from([(keys::GOAL_ID.to_owned(), text(goal)), (keys::POSITION.to_owned(), text(position))])
        };
        let answer = self
            .client
            .query()
            .table_name(&self.names.tasks)
            .key_condition_expression("#goal = :goal")
            .expression_attribute_names("#goal", keys::GOAL_ID)
            .expression_attribute_values(":goal", text(goal))
            // One more: DynamoDB stops at its limit and does not say if anything comes after it.
            .limit(i32::from(limit) + 1)
            .set_exclusive_start_key(after.map(start))
            .send()
            .await
            .map_err(unavailable(format!("reading tasks of goal {goal}")))?;
        let mut rows = answer.items.unwrap_or_default();
        // It also stops at 1 MB.
        let more = rows.len() > usize::from(limit) || answer.last_evaluated_key.is_some();
        rows.truncate(limit.into());
        let last = rows.last().filter(|_| more).and_then(|row| row.get(keys::POSITION)?.as_s().ok().cloned());
        Ok(TaskPage { tasks: reading::tasks(goal, rows.into_iter().map(foreign_row)), last })
    }
}
