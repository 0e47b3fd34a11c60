use goal_activity_core::edit::{ChartChange, GoalTexts};
use goal_activity_core::goal::{Goal, GoalHead};
use goal_activity_core::keys;
use goal_activity_core::limits::LISTED_GOALS;
use goal_activity_core::ports::{ChartWritten, ListGoals, PortResult, Stored, WriteChart};
use goal_activity_core::rows::read_head;
use goal_activity_events::{GoalId, Timestamp, UserId};

use super::{State, World};

impl State {
    /// The goal's own row, whichever program has written it.
    fn head(&self, goal: &GoalId) -> Stored<GoalHead> {
        match self.goal_rows.get(goal).and_then(|rows| rows.get(keys::GOAL)) {
            Some(row) => read_head(row.clone()),
            None => self.goals.get(goal).map_or(Stored::Nothing, |goal| Stored::Value(goal.head.clone())),
        }
    }

    /// Returns `true` if the goal is as it was read.
    fn is_as_read(&self, goal: &GoalId, before: Option<&GoalHead>) -> bool {
        match (self.head(goal), before) {
            (Stored::Nothing, None) => true,
            (Stored::Value(now), Some(before)) => {
                let free = now.claimed_by.is_none() || now.claimed_by == before.claimed_by;
                let same =
                    (&now.user_id, now.claims, now.revision) == (&before.user_id, before.claims, before.revision);
                free && same && !now.status.is_closed()
            }
            _ => false,
        }
    }
}

impl WriteChart for World {
    async fn write_chart(&self, change: &ChartChange, _: Timestamp) -> PortResult<ChartWritten> {
        let mut state = self.call("write_chart").await?;
        let id = &change.goal.head.goal_id;
        if !state.is_as_read(id, change.before.as_ref()) {
            return Ok(ChartWritten::GoalChanged);
        }
        // The status may have changed, the rest of the row has not.
        let head = state.head(id).value().unwrap_or_else(|| change.goal.head.clone());
        let GoalTexts { title, description, background, constraints, deadline } = change.texts();
        let revision = change.goal.head.revision;
        let head = GoalHead { title, description, background, constraints, deadline, revision, ..head };
        let places = change.sub_goals.keys().map(|side| keys::sub_goal(*side));
        let places = places.chain(change.actions.keys().map(|position| keys::action(*position)));
        let written: Vec<_> = places.chain([keys::GOAL.to_owned()]).collect();
        if let Some(rows) = state.goal_rows.get_mut(id) {
            rows.retain(|item, _| !written.contains(item));
        }
        let stored = state.goals.remove(id);
        let (mut sub_goals, mut actions) = stored.map(|goal| (goal.sub_goals, goal.actions)).unwrap_or_default();
        sub_goals.retain(|sub_goal| !change.sub_goals.contains_key(&sub_goal.position));
        sub_goals.extend(change.sub_goals.values().flatten().cloned());
        actions.retain(|action| !change.actions.contains_key(&action.position));
        actions.extend(change.actions.values().flatten().cloned());
        state.goals.insert(id.clone(), Goal::new(head, sub_goals, actions));
        Ok(ChartWritten::Yes)
    }
}

impl ListGoals for World {
    async fn list_goals(&self, user: &UserId) -> PortResult<Vec<GoalId>> {
        let state = self.call("list_goals").await?;
        let all = state.goals.keys().chain(state.goal_rows.keys());
        let is_own = |goal: &&GoalId| state.head(goal).value().is_some_and(|head| head.user_id == *user);
        let mut goals: Vec<_> = all.filter(is_own).cloned().collect();
        goals.sort();
        goals.dedup();
        goals.truncate(LISTED_GOALS);
        Ok(goals)
    }
}
