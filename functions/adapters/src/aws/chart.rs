use aws_sdk_dynamodb::types::TransactWriteItem;
use goal_activity_core::edit::{ChartChange, GoalTexts};
use goal_activity_core::goal::{GoalHead, GoalStatus};
use goal_activity_core::keys;
use goal_activity_core::limits::LISTED_GOALS;
use goal_activity_core::ports::{ChartWritten, ListGoals, PortResult, Unavailable, WriteChart};
use goal_activity_core::rows::row;
use goal_activity_events::{GoalId, Timestamp, UserId};
use serde::Serialize;

use super::dynamo::{Item, Transacted, item, number, text, transact};
use super::goals::{UPDATED, counts, is_free, is_spelled};
use super::write::{Condition, Write};
use super::{Tables, unavailable};

impl Tables {
    /// A write of one cell of a goal's chart: its new row, or nothing.
    fn cell(&self, goal: &GoalId, key: String, body: Option<&impl Serialize>) -> PortResult<TransactWriteItem> {
        let write = Write::of(&self.names.goals, [(keys::GOAL_ID, text(goal)), (keys::ITEM, text(&key))]);
        match body {
            Some(body) => {
                let row = row(goal, key, body).map_err(|e| Unavailable::new("writing a row of a goal", e))?;
                write.put(item(row)?)
            }
            None => write.deletion(),
        }
    }

    /// The row of a goal that must not be there.
    fn new_head(&self, head: &GoalHead, at: Timestamp) -> PortResult<TransactWriteItem> {
        let mut row = item(head)?;
        row.insert(UPDATED.to_owned(), text(at));
        self.goal(&head.goal_id).when(Condition::missing(keys::GOAL_ID)).put(row)
    }

    /// The row of a goal that must be as it was read. What other programs store in it stays.
    fn changed_head(
        &self,
        before: &GoalHead,
        after: &GoalHead,
        texts: GoalTexts,
        at: Timestamp,
    ) -> PortResult<TransactWriteItem> {
        let GoalTexts { title, description, background, constraints, deadline } = texts;
        let write = self
            .goal(&before.goal_id)
            .set("title", text(title))
            .set("description", text(description))
            .set("background", text(background))
            .set("constraints", text(constraints))
            .set(keys::REVISION, number(after.revision.0))
            .set(UPDATED, text(at));
        let write = match deadline {
            Some(deadline) => write.set("deadline", text(deadline)),
            None => write.remove("deadline"),
        };
        write
            .when(Condition::equals(keys::USER_ID, text(&before.user_id)))
            .when(is_free(before.claimed_by.as_ref()))
            .when(!is_spelled(GoalStatus::CLOSED)?)
            .when(counts(keys::CLAIMS, before.claims.0))
            .when(counts(keys::REVISION, before.revision.0))
            .update()
    }
}

impl WriteChart for Tables {
    async fn write_chart(&self, change: &ChartChange, at: Timestamp) -> PortResult<ChartWritten> {
        let head = &change.goal.head;
        let own = match &change.before {
            None => self.new_head(head, at)?,
            Some(before) => self.changed_head(before, head, change.texts(), at)?,
        };
        let mut items = vec![own];
        for (side, sub_goal) in &change.sub_goals {
            items.push(self.cell(&head.goal_id, keys::sub_goal(*side), sub_goal.as_ref())?);
        }
        for (position, action) in &change.actions {
            items.push(self.cell(&head.goal_id, keys::action(*position), action.as_ref())?);
        }
        let written = transact(&self.client, &format!("writing the chart of goal {}", head.goal_id), items).await?;
        Ok(match written {
            Transacted::Written => ChartWritten::Yes,
            Transacted::Refused(_) => ChartWritten::GoalChanged,
        })
    }
}

impl ListGoals for Tables {
    async fn list_goals(&self, user: &UserId) -> PortResult<Vec<GoalId>> {
        let what = || format!("listing the goals of user {user}");
        let index = self.goals_by_user.as_ref().ok_or_else(|| Unavailable::new(what(), "no index is configured"))?;
        let mut found = self
            .client
            .query()
            .table_name(&self.names.goals)
            .index_name(index)
            .key_condition_expression("#user = :user")
            // Another program may store a user in other rows, too.
            .filter_expression("#item = :goal")
            .projection_expression("#id")
            .expression_attribute_names("#user", keys::USER_ID)
            .expression_attribute_names("#item", keys::ITEM)
            .expression_attribute_names("#id", keys::GOAL_ID)
            .expression_attribute_values(":user", text(user))
            .expression_attribute_values(":goal", text(keys::GOAL))
            .into_paginator()
            .items()
            .send();
        let id = |row: &Item| row.get(keys::GOAL_ID)?.as_s().ok()?.parse::<GoalId>().ok();
        let mut goals = Vec::new();
        while goals.len() < LISTED_GOALS {
            let Some(row) = found.next().await else { break };
            goals.extend(id(&row.map_err(unavailable(what()))?));
        }
        goals.sort();
        Ok(goals)
    }
}
