use aws_sdk_dynamodb::Client;
use goal_activity_core::goal::{Action, Goal, GoalHead, SubGoal};
use goal_activity_core::keys;
use goal_activity_core::ports::{LoadGoal, LoadGoalHead, Outside};
use goal_activity_events::GoalId;

use super::dynamo::{read, rows_of_goal, text};
use super::{Connection, unavailable};

/// The Goals table.
#[derive(Debug, Clone)]
pub struct Goals {
    client: Client,
    table: String,
}

impl Goals {
    /// The table of that name.
    pub fn new(aws: &Connection, table: impl Into<String>) -> Self {
        Self { client: aws.dynamodb.clone(), table: table.into() }
    }
}

impl LoadGoal for Goals {
    async fn load_goal(&self, goal: &GoalId) -> Outside<Option<Goal>> {
        let rows = rows_of_goal(&self.client, &self.table, goal, &[]).await?;
        let (mut head, mut sub_goals, mut actions) = (None, Vec::new(), Vec::new());
        for row in rows {
            match row.get(keys::ITEM).and_then(|k| k.as_s().ok()).map_or("", String::as_str) {
                keys::GOAL => head = Some(read::<GoalHead>(&self.table, row)?),
                key if key.starts_with(keys::SUB_GOAL_PREFIX) => sub_goals.push(read::<SubGoal>(&self.table, row)?),
                key if key.starts_with(keys::ACTION_PREFIX) => actions.push(read::<Action>(&self.table, row)?),
                // Other services may keep rows of their own beside a goal's.
                _ => {}
            }
        }
        Ok(head.map(|head| Goal::new(head, sub_goals, actions)))
    }
}

impl LoadGoalHead for Goals {
    async fn load_goal_head(&self, goal: &GoalId) -> Outside<Option<GoalHead>> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .consistent_read(true)
            .key(keys::GOAL_ID, text(goal))
            .key(keys::ITEM, text(keys::GOAL))
            .send()
            .await
            .map_err(unavailable(format!("reading the head of goal {goal}")))?;
        answer.item.map(|row| read(&self.table, row)).transpose()
    }
}
