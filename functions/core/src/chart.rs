//! A goal's chart as people write it: texts in their places, without ids, owner and status.

use goal_activity_events::{ClaimSequence, GoalId, UserId};
use serde::Serialize;

use crate::goal::{Action, ActionKind, Goal, GoalHead, GoalStatus, Position, Revision, Side, SubGoal};

/// A mandala chart. An empty cell is left out, and the others keep their places.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chart {
    /// What is to be reached.
    pub title: String,
    /// More about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Where its owner stands.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub background: String,
    /// What limits its owner.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub constraints: String,
    /// By when, as its owner puts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
    /// At most one for each place, in their order.
    pub sub_goals: Vec<ChartSubGoal>,
}

/// A sub-goal of a chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChartSubGoal {
    /// Its place, from 1.
    pub position: Side,
    /// What it is about. May be empty: actions can be written down before it has a name.
    pub title: String,
    /// More about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// At most one for each place, in their order.
    pub actions: Vec<ChartAction>,
}

/// An action of a chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChartAction {
    /// Its place within the sub-goal, from 1.
    pub position: Side,
    /// What to do. Never blank.
    pub title: String,
    /// More about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Where the owner stands.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub background: String,
    /// What limits the owner.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub constraints: String,
    /// Done once, or again and again.
    #[serde(rename = "type")]
    pub kind: ActionKind,
}

impl Chart {
    /// How many actions it has.
    pub fn action_count(&self) -> usize {
        self.sub_goals.iter().map(|sub_goal| sub_goal.actions.len()).sum()
    }

    /// The goal that it describes, not yet started. `id` names each action by its place.
    ///
    /// # Errors
    /// What `id` fails with.
    pub fn into_goal<E>(
        self,
        goal_id: GoalId,
        user_id: UserId,
        id: impl Fn(Position) -> Result<goal_activity_events::ActionId, E>,
    ) -> Result<Goal, E> {
        let (mut sub_goals, mut actions) = (Vec::new(), Vec::new());
        for ChartSubGoal { position: sub_goal, title, description, actions: cells } in self.sub_goals {
            for ChartAction { position: action, title, description, background, constraints, kind } in cells {
                let position = Position { sub_goal, action };
                let action_id = id(position)?;
                actions.push(Action { action_id, position, title, description, background, constraints, kind });
            }
            sub_goals.push(SubGoal { position: sub_goal, title, description });
        }
        let head = GoalHead {
            goal_id,
            user_id,
            title: self.title,
            description: self.description,
            background: self.background,
            constraints: self.constraints,
            deadline: self.deadline,
            status: GoalStatus::Draft,
            claimed_by: None,
            claims: ClaimSequence(0),
            revision: Revision(0),
        };
        Ok(Goal::new(head, sub_goals, actions))
    }
}

impl From<&Goal> for Chart {
    fn from(goal: &Goal) -> Self {
        let of = |side: Side| goal.actions.iter().filter(move |action| action.position.sub_goal == side);
        let cell = |action: &Action| ChartAction {
            position: action.position.action,
            title: action.title.clone(),
            description: action.description.clone(),
            background: action.background.clone(),
            constraints: action.constraints.clone(),
            kind: action.kind,
        };
        let sub_goals = Side::all().filter_map(|position| {
            let sub_goal = goal.sub_goals.iter().find(|sub_goal| sub_goal.position == position);
            let actions: Vec<_> = of(position).map(cell).collect();
            (sub_goal.is_some() || !actions.is_empty()).then(|| ChartSubGoal {
                position,
                title: sub_goal.map(|sub_goal| sub_goal.title.clone()).unwrap_or_default(),
                description: sub_goal.map(|sub_goal| sub_goal.description.clone()).unwrap_or_default(),
                actions,
            })
        });
        Self {
            title: goal.head.title.clone(),
            description: goal.head.description.clone(),
            background: goal.head.background.clone(),
            constraints: goal.head.constraints.clone(),
            deadline: goal.head.deadline.clone(),
            sub_goals: sub_goals.collect(),
        }
    }
}
