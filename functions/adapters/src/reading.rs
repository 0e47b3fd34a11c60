//! Rows that other programs write, too, read for all adapters alike: what cannot be read is left out, and the log says so.

use goal_activity_core::goal::{Goal, GoalHead};
use goal_activity_core::ports::{Stored, Unreadable};
use goal_activity_core::rows::{ReadGoal, Row, read_goal, read_head, read_task};
use goal_activity_core::task::Task;
use goal_activity_events::GoalId;

/// A goal from all its rows.
pub(crate) fn goal(id: &GoalId, rows: impl IntoIterator<Item = Row>) -> Stored<Goal> {
    let ReadGoal { goal, left_out } = read_goal(rows);
    for Unreadable { item, reason, .. } in &left_out {
        tracing::warn!(goalId = %id, item, detail = reason, "row of a goal left out");
    }
    logged(id, goal)
}

/// A goal's own row.
pub(crate) fn head(id: &GoalId, row: Row) -> Stored<GoalHead> {
    logged(id, read_head(row))
}

fn logged<T>(id: &GoalId, stored: Stored<T>) -> Stored<T> {
    if let Stored::Unreadable(Unreadable { item, reason, .. }) = &stored {
        tracing::warn!(goalId = %id, item, detail = reason, "goal cannot be read");
    }
    stored
}

/// The tasks of a page. One line of the log for all that are left out: every page of a goal may be full of another program's.
pub(crate) fn tasks(goal: &GoalId, rows: impl IntoIterator<Item = Row>) -> Vec<Task> {
    let (mut tasks, mut left_out) = (Vec::new(), Vec::new());
    for row in rows {
        match read_task(row) {
            Ok(task) => tasks.push(task),
            Err(row) => left_out.push(row),
        }
    }
    if let Some(Unreadable { item, reason, .. }) = left_out.first() {
        tracing::warn!(goalId = %goal, rows = left_out.len(), item, detail = reason, "rows of tasks left out");
    }
    tasks
}
