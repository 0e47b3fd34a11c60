use goal_activity_core::goal::{Goal, GoalClaim, GoalHead, GoalStatus};
use goal_activity_core::keys;
use goal_activity_core::limits::MAX_CLAIMS;
use goal_activity_core::ports::{LoadGoal, LoadGoalHead, PortResult, Stored};
use goal_activity_events::GoalId;

use super::dynamo::{attribute, foreign_row, number, rows_of_goal, text};
use super::write::{Condition, Write};
use super::{Tables, unavailable};
use crate::reading;

/// Attributes of a goal's own row. As in [`GoalHead`].
pub(super) const STATUS: &str = "status";
pub(super) const UPDATED: &str = "updatedAt";

impl LoadGoal for Tables {
    async fn load_goal(&self, goal: &GoalId) -> PortResult<Stored<Goal>> {
        let rows = rows_of_goal(&self.client, &self.names.goals, goal, &[]).await?;
        Ok(reading::goal(goal, rows.into_iter().map(foreign_row)))
    }
}

impl LoadGoalHead for Tables {
    async fn load_goal_head(&self, goal: &GoalId) -> PortResult<Stored<GoalHead>> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.names.goals)
            .consistent_read(true)
            .key(keys::GOAL_ID, text(goal))
            .key(keys::ITEM, text(keys::GOAL))
            .send()
            .await
            .map_err(unavailable(format!("reading the head of goal {goal}")))?;
        Ok(answer.item.map_or(Stored::Nothing, |row| reading::head(goal, foreign_row(row))))
    }
}

impl Tables {
    /// A write of a goal's own row.
    pub(super) fn goal(&self, goal: &GoalId) -> Write {
        Write::of(&self.names.goals, [(keys::GOAL_ID, text(goal)), (keys::ITEM, text(keys::GOAL))])
    }
}

/// The condition that a goal is not claimed, or only by this claim. What is no text is no claim: an attribute that the goal app
/// has written back as NULL must not lock the goal.
pub(super) fn is_free(stale: Option<&GoalClaim>) -> Condition {
    let unclaimed = !Condition::is_of_type(keys::CLAIM, "S");
    match stale {
        Some(stale) => Condition::equals(keys::CLAIM, text(stale.as_str())).or(unclaimed),
        None => unclaimed,
    }
}

/// The condition that an attribute counts that much, as such a count is read: the goal app may not write the attribute, or may
/// have written something else.
pub(super) fn counts(name: &'static str, expected: u64) -> Condition {
    let next = Condition::less(name, number(expected.saturating_add(1)));
    match expected {
        0 => next.or(Condition::more(name, number(MAX_CLAIMS))).or(!Condition::is_of_type(name, "N")),
        expected => Condition::at_least(name, number(expected)).and(next),
    }
}

/// The condition that a goal is in one of these statuses, in any of the letter cases in which goal apps write them (`paused`,
/// `PAUSED`, `Paused`).
pub(super) fn is_spelled(statuses: impl IntoIterator<Item = GoalStatus>) -> PortResult<Condition> {
    let mut spellings = Vec::new();
    for status in statuses {
        let lower = attribute(status)?.as_s().cloned().unwrap_or_default();
        let (first, rest) = lower.split_at(lower.chars().next().map_or(0, char::len_utf8));
        let capitalized = format!("{}{rest}", first.to_uppercase());
        spellings.extend([text(&lower), text(lower.to_uppercase()), text(capitalized)]);
    }
    Ok(Condition::one_of("status", spellings))
}
