use std::collections::BTreeMap;

use goal_activity_core::goal::{Goal, GoalHead};
use goal_activity_core::keys;
use goal_activity_core::placement::TaskRow;
use goal_activity_core::ports::{ListTasks, LoadGoal, LoadGoalHead, PortResult, Stored, TaskPage};
use goal_activity_core::rows::{Row, goal_rows, task_row};
use goal_activity_events::GoalId;
use serde_json::Value;

use super::{State, World};
use crate::reading;

impl State {
    /// Stores a row of Goals as another program may write it.
    pub fn put_goal_row(&mut self, goal: &GoalId, row: Row) {
        self.goal_rows.entry(goal.clone()).or_default().insert(item(&row), row);
    }

    /// All tasks of a goal, whichever program has made them, in their order.
    pub(super) fn task_rows_of(&self, goal: &GoalId) -> Vec<TaskRow> {
        let from = (goal.clone(), String::new());
        let foreign = self.task_rows.range(from..).take_while(|((g, _), _)| g == goal);
        let all = self.tasks_of(goal).map(TaskRow::from).chain(foreign.map(|(_, row)| task_row(row)));
        let by_position: BTreeMap<_, _> = all.map(|row| (row.position.clone(), row)).collect();
        by_position.into_values().collect()
    }

    /// Returns `true` if there is a task at that place, of any program.
    pub(super) fn has_task(&self, place: &(GoalId, String)) -> bool {
        self.tasks.contains_key(place) || self.task_rows.contains_key(place)
    }

    /// All rows of a goal that another program has a hand in; nothing where none has.
    fn rows_of(&self, goal: &GoalId) -> Option<BTreeMap<String, Row>> {
        let foreign = self.goal_rows.get(goal)?.clone();
        let own = self.goals.get(goal).and_then(|g| goal_rows(g).ok()).unwrap_or_default();
        Some(own.into_iter().map(|row| (item(&row), row)).chain(foreign).collect())
    }
}

fn item(row: &Row) -> String {
    row.get(keys::ITEM).and_then(Value::as_str).unwrap_or_default().to_owned()
}

impl LoadGoal for World {
    async fn load_goal(&self, goal: &GoalId) -> PortResult<Stored<Goal>> {
        let state = self.call("load_goal").await?;
        if let Some(rows) = state.rows_of(goal) {
            return Ok(reading::goal(goal, rows.into_values()));
        }
        let found = state.goals.get(goal).cloned();
        Ok(found.map_or(Stored::Nothing, |g| Stored::Value(Goal::new(g.head, g.sub_goals, g.actions))))
    }
}

impl LoadGoalHead for World {
    async fn load_goal_head(&self, goal: &GoalId) -> PortResult<Stored<GoalHead>> {
        let state = self.call("load_goal_head").await?;
        if let Some(row) = state.goal_rows.get(goal).and_then(|rows| rows.get(keys::GOAL)) {
            return Ok(reading::head(goal, row.clone()));
        }
        Ok(state.goals.get(goal).map_or(Stored::Nothing, |g| Stored::Value(g.head.clone())))
    }
}

impl ListTasks for World {
    async fn list_tasks(&self, goal: &GoalId, after: Option<&str>, limit: u16) -> PortResult<TaskPage> {
        let state = self.call("list_tasks").await?;
        let own = state.tasks_of(goal).map(|task| (task.position.as_str(), Ok(task)));
        let from = (goal.clone(), String::new());
        let foreign = state.task_rows.range(from..).take_while(|((g, _), _)| g == goal);
        let all: BTreeMap<_, _> =
            own.chain(foreign.map(|((_, position), row)| (position.as_str(), Err(row)))).collect();
        let rest: Vec<_> = all.into_iter().filter(|(position, _)| after.is_none_or(|a| *position > a)).collect();
        let page = &rest[..rest.len().min(limit.into())];
        let last = page.last().filter(|_| rest.len() > page.len()).map(|(position, _)| (*position).to_owned());
        if page.iter().all(|(_, row)| row.is_ok()) {
            return Ok(TaskPage { tasks: page.iter().filter_map(|(_, task)| task.ok().cloned()).collect(), last });
        }
        let row = |(_, row): &(&str, Result<_, &Row>)| match row {
            Ok(task) => serde_json::to_value(task).ok()?.as_object().cloned(),
            Err(row) => Some((*row).clone()),
        };
        Ok(TaskPage { tasks: reading::tasks(goal, page.iter().filter_map(row)), last })
    }
}
