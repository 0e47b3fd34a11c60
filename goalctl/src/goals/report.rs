//! Goals as text. The fields of answers are not guaranteed: another version of the API may have sent them.

use std::fmt::Write as _;

use anyhow::Result;
use goal_activity_core::chart::{Chart, ChartAction, ChartSubGoal};
use goal_activity_core::goal::{ActionKind, Side};
use serde::Deserialize;
use serde_json::Value;

use crate::client::read;
use crate::text::{NOTHING, counted, lines, printable, table};

/// A list of goals.
#[derive(Debug)]
pub(super) struct Goals(Vec<Listed>);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    goal_id: String,
    #[serde(default)]
    title: String,
    status: String,
    total_actions: u64,
    actions_with_tasks: u64,
}

impl Goals {
    pub(super) fn read(items: &[Value]) -> Result<Self> {
        items.iter().map(read).collect::<Result<_>>().map(Self)
    }

    pub(super) fn text(&self) -> String {
        if self.0.is_empty() {
            return "There are no goals. Store a chart with `goalctl goals put <goal> <file>`.\n".to_owned();
        }
        let mut goals = table(&["GOAL", "STATUS", "ACTIONS", "WITH TASKS", "TITLE"]);
        for goal in &self.0 {
            let title = if goal.title.is_empty() { NOTHING.to_owned() } else { printable(&goal.title) };
            let (all, done) = (goal.total_actions.to_string(), goal.actions_with_tasks.to_string());
            goals.add_row([printable(&goal.goal_id), printable(&goal.status), all, done, title]);
        }
        lines(&goals)
    }
}

/// A goal's chart, and what its actions have.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Goal {
    #[serde(rename = "goalId")]
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    background: String,
    #[serde(default)]
    constraints: String,
    deadline: Option<String>,
    status: String,
    total_actions: u64,
    actions_with_tasks: u64,
    execution_arn: Option<String>,
    #[serde(default)]
    sub_goals: Vec<SubGoal>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SubGoal {
    position: Side,
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    actions: Vec<Action>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Action {
    position: Side,
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    background: String,
    #[serde(default)]
    constraints: String,
    #[serde(rename = "type", default)]
    kind: ActionKind,
    #[serde(default)]
    tasks: usize,
    state: Option<String>,
    code: Option<String>,
}

impl Action {
    /// What it has, in words.
    fn has(&self) -> String {
        let state = self.state.as_deref().filter(|state| *state != "succeeded");
        let why = self.code.as_deref().map(|code| format!(" ({})", printable(code))).unwrap_or_default();
        let tasks = (self.tasks > 0).then(|| counted(self.tasks, "task"));
        let state = state.map(|state| printable(state) + &why);
        match (tasks, state) {
            (None, None) => NOTHING.to_owned(),
            (Some(has), None) | (None, Some(has)) => has,
            (Some(tasks), Some(state)) => format!("{tasks}, {state}"),
        }
    }
}

impl Goal {
    pub(super) fn read(answer: &Value) -> Result<Self> {
        read(answer)
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "{}\n", printable(&self.title));
        let (all, with) = (self.total_actions, self.actions_with_tasks);
        let _ =
            writeln!(text, "{}: {}, {with} of {all} actions have tasks", printable(&self.id), printable(&self.status));
        if let Some(arn) = &self.execution_arn {
            let _ = writeln!(text, "A workflow is at work: {}", printable(arn));
        }
        for sub_goal in &self.sub_goals {
            let title = if sub_goal.title.is_empty() { "(without a name)" } else { &sub_goal.title };
            let _ = writeln!(text, "\n{} {}", sub_goal.position, printable(title));
            let mut actions = table(&["", "ACTION", "HAS"]);
            for action in &sub_goal.actions {
                let place = format!("  {}.{}", sub_goal.position, action.position);
                actions.add_row([place, printable(&action.title), action.has()]);
            }
            if !sub_goal.actions.is_empty() {
                // Its titles would be repeated for each sub-goal.
                text.extend(lines(&actions).split_inclusive('\n').skip(1));
            }
        }
        text
    }

    /// Its chart.
    pub(super) fn chart(self) -> Chart {
        let action = |action: Action| ChartAction {
            position: action.position,
            title: action.title,
            description: action.description,
            background: action.background,
            constraints: action.constraints,
            kind: action.kind,
        };
        let sub_goal = |sub_goal: SubGoal| ChartSubGoal {
            position: sub_goal.position,
            title: sub_goal.title,
            description: sub_goal.description,
            actions: sub_goal.actions.into_iter().map(action).collect(),
        };
        Chart {
            title: self.title,
            description: self.description,
            background: self.background,
            constraints: self.constraints,
            deadline: self.deadline,
            sub_goals: self.sub_goals.into_iter().map(sub_goal).collect(),
        }
    }
}
