use std::collections::HashSet;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use goal_activity_core::keys;
use goal_activity_core::ports::{ActionsWithTasks, ListTasks, Outside, TaskPage, Unavailable};
use goal_activity_events::{ActionId, GoalId};

use super::dynamo::{Item, read, rows_of_goal, text};
use super::{Connection, unavailable};

/// The Tasks table, for reading.
#[derive(Debug, Clone)]
pub struct Tasks {
    client: Client,
    table: String,
}

impl Tasks {
    /// The table of that name.
    pub fn new(aws: &Connection, table: impl Into<String>) -> Self {
        Self { client: aws.dynamodb.clone(), table: table.into() }
    }
}

impl ActionsWithTasks for Tasks {
    async fn actions_with_tasks(&self, goal: &GoalId) -> Outside<HashSet<ActionId>> {
        let rows = rows_of_goal(&self.client, &self.table, goal, Some("actionId")).await?;
        let id = |row: &Item| row.get("actionId").and_then(|a| a.as_s().ok()).map(|a| a.parse::<ActionId>());
        let ids: Result<HashSet<_>, _> = rows.iter().filter_map(id).collect();
        ids.map_err(|e| Unavailable::new(format!("reading a malformed task of goal {goal}"), e))
    }
}

impl ListTasks for Tasks {
    async fn list_tasks(&self, goal: &GoalId, after: Option<&str>, limit: u16) -> Outside<TaskPage> {
        let start = |position: &str| {
            Item::from([(keys::GOAL_ID.to_owned(), text(goal)), (keys::POSITION.to_owned(), text(position))])
        };
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("#goal = :goal")
            .expression_attribute_names("#goal", keys::GOAL_ID)
            .expression_attribute_values(":goal", text(goal))
            .limit(i32::from(limit))
            .set_exclusive_start_key(after.map(start))
            .send()
            .await
            .map_err(unavailable(format!("reading tasks of goal {goal}")))?;
        let last = answer.last_evaluated_key.as_ref().and_then(|key| key.get(keys::POSITION));
        let last = last.and_then(|p: &AttributeValue| p.as_s().ok()).cloned();
        let tasks = answer.items.unwrap_or_default().into_iter().map(|row| read(&self.table, row));
        Ok(TaskPage { tasks: tasks.collect::<Outside<_>>()?, last })
    }
}
