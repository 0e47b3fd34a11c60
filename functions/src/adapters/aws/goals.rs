use goal_activity_core::goal::{Goal, GoalHead};
use goal_activity_core::keys;
use goal_activity_core::ports::{LoadGoal, LoadGoalHead, Outside, Stored};
use goal_activity_events::GoalId;

use super::dynamo::{foreign_row, rows_of_goal, text};
use super::{Tables, unavailable};
use crate::adapters::reading;

impl LoadGoal for Tables {
    async fn load_goal(&self, goal: &GoalId) -> Outside<Stored<Goal>> {
        let rows = rows_of_goal(&self.client, &self.names.goals, goal, &[]).await?;
        Ok(reading::goal(goal, rows.into_iter().map(foreign_row)))
    }
}

impl LoadGoalHead for Tables {
    async fn load_goal_head(&self, goal: &GoalId) -> Outside<Stored<GoalHead>> {
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
