//! Concurrent changes by the goal app to the goal and its tasks.

use goal_activity_core::goal::Goal;
use goal_activity_core::task::{Task, TaskStatus};

use crate::rig::{Rig, goal_id};

/// Changes the goal.
pub(crate) fn edit(rig: &Rig, change: impl FnOnce(&mut Goal)) {
    change(rig.world.state().goals.get_mut(&goal_id("goal-1")).unwrap());
}

/// The tasks of that action.
pub(crate) fn of(rig: &Rig, action: &str) -> Vec<Task> {
    rig.tasks().into_iter().filter(|t| t.action_id.as_str() == action).collect()
}

/// The user completes a task of that action.
pub(crate) fn complete(rig: &Rig, action: &str) {
    let mut state = rig.world.state();
    let task = state.tasks.values_mut().find(|t| t.action_id.as_str() == action).expect("a task");
    (task.status, task.completed_at) = (TaskStatus::Completed, Some(task.created_at));
}
