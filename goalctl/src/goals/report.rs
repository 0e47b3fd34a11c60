//! Goals as text.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use goal_activity_client::api::{self, ActionState, GoalAction, GoalSubGoal, GoalSummary, Open};
use goal_activity_core::chart::{Chart, ChartAction, ChartSubGoal};
use goal_activity_core::goal::{ActionKind, Side};
use serde_json::Value;

use crate::client::read;
use crate::program;
use crate::text::{NOTHING, counted, fitted, lines, printable};

/// A list of goals.
#[derive(Debug)]
pub(super) struct Goals(Vec<GoalSummary>);

impl Goals {
    pub(super) fn read(items: &[Value]) -> Result<Self> {
        items.iter().map(read).collect::<Result<_>>().map(Self)
    }

    pub(super) fn text(&self, width: Option<u16>) -> String {
        if self.0.is_empty() {
            return format!("There are no goals. Store a chart with `{} goals put <goal> <file>`.\n", program::name());
        }
        let titles = ["GOAL", "STATUS", "ACTIONS", "WITH TASKS", "TITLE"];
        let rows = self.0.iter().map(|goal| {
            let title = if goal.title.is_empty() { NOTHING.to_owned() } else { printable(&goal.title) };
            let (all, done) = (goal.total_actions.to_string(), goal.actions_with_tasks.to_string());
            let (id, status) = (printable(goal.goal_id.as_str()), printable(&goal.status.to_string()));
            vec![id, status, all, done, title]
        });
        lines(&fitted(&titles, rows.collect(), titles.len() - 1, width))
    }
}

/// A goal's chart, and what its actions have.
#[derive(Debug)]
pub(super) struct Goal(api::Goal);

impl Goal {
    pub(super) fn read(answer: &Value) -> Result<Self> {
        read(answer).map(Self)
    }

    pub(super) fn text(&self, width: Option<u16>) -> String {
        let Self(goal) = self;
        let mut text = String::new();
        let _ = writeln!(text, "{}\n", printable(&goal.title));
        let (all, done) = (goal.total_actions, goal.actions_with_tasks);
        let (id, status) = (printable(goal.goal_id.as_str()), printable(&goal.status.to_string()));
        let _ = writeln!(text, "{id}: {status}, {done} of {all} actions have tasks");
        if let Some(arn) = &goal.execution_arn {
            let _ = writeln!(text, "A workflow is at work: {}", printable(arn.as_str()));
        }
        for sub_goal in &goal.sub_goals {
            let title = if sub_goal.title.is_empty() { "(without a name)" } else { &sub_goal.title };
            let _ = writeln!(text, "\n{} {}", sub_goal.position, printable(title));
            let actions = sub_goal.actions.iter().map(|action| {
                let place = format!("  {}.{}", sub_goal.position, action.position);
                vec![place, printable(&action.title), has(action)]
            });
            let actions = fitted(&["", "ACTION", "HAS"], actions.collect(), 1, width);
            if !sub_goal.actions.is_empty() {
                // Its titles would be repeated for each sub-goal.
                text.extend(lines(&actions).split_inclusive('\n').skip(1));
            }
        }
        text
    }

    /// Its chart.
    ///
    /// # Errors
    /// Another version of the API has sent a place or a kind of action that no chart has here.
    pub(super) fn chart(self) -> Result<Chart> {
        let Self(goal) = self;
        let sub_goals = goal.sub_goals.into_iter().map(sub_goal).collect::<Result<_>>();
        Ok(Chart {
            title: goal.title,
            description: goal.description,
            background: goal.background,
            constraints: goal.constraints,
            deadline: goal.deadline,
            sub_goals: sub_goals.context("the API's answer is no chart that this goalctl reads")?,
        })
    }
}

/// What an action has, in words.
fn has(action: &GoalAction) -> String {
    let state = action.state.as_ref().filter(|state| **state != ActionState::Succeeded);
    let why = action.code.as_ref().map(|code| format!(" ({})", printable(&code.to_string()))).unwrap_or_default();
    let tasks = (action.tasks > 0).then(|| counted(action.tasks as usize, "task"));
    let state = state.map(|state| printable(&state.to_string()) + &why);
    match (tasks, state) {
        (None, None) => NOTHING.to_owned(),
        (Some(has), None) | (None, Some(has)) => has,
        (Some(tasks), Some(state)) => format!("{tasks}, {state}"),
    }
}

fn sub_goal(sub_goal: GoalSubGoal) -> Result<ChartSubGoal> {
    Ok(ChartSubGoal {
        position: Side::try_from(sub_goal.position)?,
        title: sub_goal.title,
        description: sub_goal.description,
        actions: sub_goal.actions.into_iter().map(action).collect::<Result<_>>()?,
    })
}

fn action(action: GoalAction) -> Result<ChartAction> {
    let kind = match action.kind {
        Open::Known(api::ActionKind::Execution) => ActionKind::Execution,
        Open::Known(api::ActionKind::Habit) => ActionKind::Habit,
        Open::Other(other) => anyhow::bail!("{other:?} is no type of an action"),
    };
    Ok(ChartAction {
        position: Side::try_from(action.position)?,
        title: action.title,
        description: action.description,
        background: action.background,
        constraints: action.constraints,
        kind,
    })
}
