//! Goals as users write them: `goals/README.md` describes the format.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use goal_activity_core::goal::{Action, ActionKind, Goal, GoalHead, GoalStatus, Position, Side, SubGoal};
use goal_activity_core::limits::MANDALA_SIDE;
use goal_activity_events::{ActionId, ClaimSequence, GoalId, UserId};
use serde::Deserialize;
use uuid::Uuid;

/// A goal without the attributes that the system adds: ids, owner, status.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GoalFile {
    pub(crate) title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    background: String,
    #[serde(default)]
    constraints: String,
    #[serde(default)]
    deadline: Option<String>,
    pub(crate) sub_goals: Vec<SubGoalEntry>,
}

/// A sub-goal with its actions.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SubGoalEntry {
    pub(crate) title: String,
    #[serde(default)]
    description: String,
    pub(crate) actions: Vec<ActionEntry>,
}

/// An action.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ActionEntry {
    pub(crate) title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    background: String,
    #[serde(default)]
    pub(crate) constraints: String,
    #[serde(rename = "type")]
    kind: ActionKind,
}

impl GoalFile {
    /// Reads a goal from a file.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        Self::parse(&text).with_context(|| format!("{} is not a goal", file.display()))
    }

    /// Reads a goal from text.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let goal: Self = serde_json::from_str(text)?;
        let side = usize::from(MANDALA_SIDE);
        ensure!(!goal.title.trim().is_empty(), "the goal has no title");
        ensure!(goal.sub_goals.len() <= side, "{} sub-goals: a chart has at most {side}", goal.sub_goals.len());
        for sub_goal in &goal.sub_goals {
            let (title, actions) = (&sub_goal.title, sub_goal.actions.len());
            ensure!(!title.trim().is_empty(), "a sub-goal has no title");
            ensure!(actions <= side, "sub-goal \"{title}\" has {actions} actions: at most {side} are possible");
            if sub_goal.actions.iter().any(|a| a.title.trim().is_empty()) {
                bail!("sub-goal \"{title}\" has an action without a title");
            }
        }
        ensure!(goal.action_count() > 0, "the goal has no actions");
        Ok(goal)
    }

    /// Returns the number of actions.
    pub(crate) fn action_count(&self) -> usize {
        self.sub_goals.iter().map(|s| s.actions.len()).sum()
    }

    /// All actions, in mandala order.
    pub(crate) fn actions_mut(&mut self) -> impl Iterator<Item = &mut ActionEntry> {
        self.sub_goals.iter_mut().flat_map(|s| &mut s.actions)
    }

    /// Keeps the first actions only.
    pub(crate) fn keep_actions(&mut self, count: usize) {
        let mut left = count;
        for sub_goal in &mut self.sub_goals {
            sub_goal.actions.truncate(left);
            left -= sub_goal.actions.len();
        }
        self.sub_goals.retain(|s| !s.actions.is_empty());
    }

    /// Converts it to the system's goal, owned by a user.
    pub(crate) fn into_goal(self, goal_id: GoalId, user_id: UserId) -> Result<Goal> {
        let mut sub_goals = Vec::new();
        let mut actions = Vec::new();
        for (entry, at) in self.sub_goals.into_iter().zip(1..) {
            let sub_goal = Side::try_from(at)?;
            for (action, at) in entry.actions.into_iter().zip(1..) {
                actions.push(action.into_action(&goal_id, Position { sub_goal, action: Side::try_from(at)? })?);
            }
            sub_goals.push(SubGoal { position: sub_goal, title: entry.title, description: entry.description });
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
        };
        Ok(Goal::new(head, sub_goals, actions))
    }
}

/// A UUID that is always the same for the same name.
pub(crate) fn derived(name: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
}

impl ActionEntry {
    /// Its id is a UUID, as the goal app's are: the same place of the same goal has the same.
    fn into_action(self, goal: &GoalId, position: Position) -> Result<Action> {
        let action_id: ActionId = derived(&format!("{goal} {position}")).parse()?;
        let Self { title, description, background, constraints, kind } = self;
        Ok(Action { action_id, position, title, description, background, constraints, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use goal_activity_testkit::mutate::{mutated, text};
    use proptest::prelude::*;

    fn goal_with(sub_goals: usize, actions: usize) -> String {
        let action = r#"{"title": "Run", "type": "habit"}"#;
        let sub_goal = format!(r#"{{"title": "Stamina", "actions": [{}]}}"#, vec![action; actions].join(","));
        format!(r#"{{"title": "10 km", "subGoals": [{}]}}"#, vec![sub_goal; sub_goals].join(","))
    }

    #[test]
    fn the_shortest_goal_has_one_action() {
        let goal = GoalFile::parse(&goal_with(1, 1)).unwrap();
        let goal = goal.into_goal("goal-1".parse().unwrap(), "user-1".parse().unwrap()).unwrap();
        assert_eq!(goal.actions.len(), 1);
        assert!(Uuid::parse_str(goal.actions[0].action_id.as_str()).is_ok());
        assert_eq!(goal.actions[0].kind, ActionKind::Habit);
    }

    #[test]
    fn what_does_not_fit_a_chart_is_refused_with_a_reason() {
        let reason = |text: &str| format!("{:#}", GoalFile::parse(text).unwrap_err());
        assert_eq!(reason(&goal_with(9, 1)), "9 sub-goals: a chart has at most 8");
        assert_eq!(reason(&goal_with(1, 9)), "sub-goal \"Stamina\" has 9 actions: at most 8 are possible");
        assert_eq!(reason(&goal_with(1, 0)), "the goal has no actions");
        assert!(reason(r#"{"title": "x", "subgoals": []}"#).contains("unknown field `subgoals`"));
        assert!(reason(r#"{"title": " ", "subGoals": []}"#).contains("no title"));
        assert!(reason(&goal_with(1, 1).replace("habit", "daily")).contains("unknown variant `daily`"));
    }

    #[test]
    fn a_field_that_is_there_twice_is_refused() {
        let twice = goal_with(1, 1).replacen('{', r#"{"title": "another", "#, 1);
        assert!(GoalFile::parse(&twice).unwrap_err().to_string().contains("duplicate field `title`"));
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange_to_be_read(text in text()) {
            prop_assert!(GoalFile::parse(&text).is_err());
        }

        #[test]
        fn a_goal_that_is_read_fits_the_chart(
            text in mutated(serde_json::from_str(&goal_with(8, 8)).unwrap()),
            kept in 1..=64_usize,
        ) {
            if let Ok(mut goal) = GoalFile::parse(&text) {
                let count = goal.action_count();
                prop_assert!((1..=64).contains(&count));
                goal.keep_actions(kept);
                prop_assert_eq!(goal.action_count(), count.min(kept));
                let goal = goal.into_goal("goal-1".parse().unwrap(), "user-1".parse().unwrap()).unwrap();
                prop_assert_eq!(goal.actions.len(), count.min(kept));
                prop_assert!(goal.actions.iter().all(|a| !a.title.trim().is_empty() && goal.sub_goal_of(a).is_some()));
            }
        }
    }

    #[test]
    fn the_first_actions_can_be_kept() {
        for count in [1, 7, 8, 9, 64] {
            let mut goal = GoalFile::parse(&goal_with(8, 8)).unwrap();
            goal.keep_actions(count);
            assert_eq!(goal.action_count(), count);
            assert_eq!(goal.sub_goals.len(), count.div_ceil(8));
        }
    }
}
