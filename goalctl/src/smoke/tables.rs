//! The rows of the sample goal and what is made of them.

use std::collections::HashMap;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, PutRequest, WriteRequest};
use goal_activity_core::goal::{Action, Goal, GoalHead, GoalStatus, Position, Revision, Side};
use goal_activity_core::keys;
use goal_activity_core::ports::Unavailable;
use goal_activity_core::rows::{Row, goal_rows};
use goal_activity_core::trial::Subject;
use goal_activity_events::{ClaimSequence, GoalId, UserId};

use crate::checks::{is_denial, not_permitted, refused};
use crate::failure::Failure;

/// How many actions the goal has: one batch.
pub(super) const ACTIONS: u8 = 8;
/// The most rows in one request (DynamoDB API reference, `BatchWriteItem`).
const ROWS_PER_WRITE: usize = 25;

type Item = HashMap<String, AttributeValue>;

/// A goal with 8 actions, of the sample action's texts.
pub(super) fn sample(id: &GoalId, user: &UserId, subject: Subject) -> Result<Vec<Row>> {
    let Subject { goal, sub_goal, action } = subject;
    let head = GoalHead {
        goal_id: id.clone(),
        user_id: user.clone(),
        status: GoalStatus::Draft,
        claimed_by: None,
        claims: ClaimSequence(0),
        revision: Revision(0),
        ..goal
    };
    let at = |place: u8| -> Result<Action> {
        let position = Position { sub_goal: Side::try_from(1)?, action: Side::try_from(place)? };
        let (action_id, title) = (format!("smoke-{place}").parse()?, format!("{} ({place}/{ACTIONS})", action.title));
        Ok(Action { action_id, position, title, ..action.clone() })
    };
    let actions = (1..=ACTIONS).map(at).collect::<Result<_>>()?;
    let goal = Goal { head, sub_goals: sub_goal.into_iter().collect(), actions, is_whole: true };
    goal_rows(&goal).context("the rows of the goal")
}

/// Stores rows.
pub(super) async fn put(dynamodb: &Client, table: &str, rows: &[Row]) -> Result<()> {
    let request = |row: &Row| -> Result<WriteRequest> {
        let item: Item = serde_dynamo::to_item(row)?;
        Ok(WriteRequest::builder().put_request(PutRequest::builder().set_item(Some(item)).build()?).build())
    };
    write(dynamodb, table, rows.iter().map(request).collect::<Result<_>>()?, "write the goal").await
}

/// Removes the rows with these keys. A row that is not there is removed.
pub(super) async fn remove(dynamodb: &Client, table: &str, all: Vec<Item>, what: &str) -> Result<()> {
    let request = |key: Item| -> Result<WriteRequest> {
        Ok(WriteRequest::builder().delete_request(DeleteRequest::builder().set_key(Some(key)).build()?).build())
    };
    write(dynamodb, table, all.into_iter().map(request).collect::<Result<_>>()?, what).await
}

async fn write(dynamodb: &Client, table: &str, requests: Vec<WriteRequest>, what: &str) -> Result<()> {
    for some in requests.chunks(ROWS_PER_WRITE) {
        let mut left = some.to_vec();
        while !left.is_empty() {
            let write = dynamodb.batch_write_item().request_items(table, left).send().await;
            let permission = format!("dynamodb:BatchWriteItem on the table {table}");
            let written = write.map_err(|error| refused(what, &permission, &error))?;
            // Those for which there was no capacity. The step has its deadline.
            left = written.unprocessed_items.and_then(|mut tables| tables.remove(table)).unwrap_or_default();
        }
    }
    Ok(())
}

/// The keys of a goal's rows.
pub(super) fn keys_of(rows: &[Row]) -> Result<Vec<Item>> {
    let key = |row: &Row| -> Result<Item> {
        let key: Row = [keys::GOAL_ID, keys::ITEM]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), row.get(name)?.clone())))
            .collect();
        Ok(serde_dynamo::to_item(key)?)
    };
    rows.iter().map(key).collect()
}

/// Removes all tasks of a goal. Returns how many there were.
pub(super) async fn remove_tasks(dynamodb: &Client, table: &str, goal: &GoalId) -> Result<usize> {
    let mut removed = 0;
    loop {
        let query = dynamodb.query().table_name(table).consistent_read(true).projection_expression("#goal, #position");
        let query = query.expression_attribute_names("#goal", keys::GOAL_ID);
        let query =
            query.expression_attribute_names("#position", keys::POSITION).key_condition_expression("#goal = :goal");
        let query = query.expression_attribute_values(":goal", AttributeValue::S(goal.to_string()));
        let page = query.send().await;
        let permission = format!("dynamodb:Query on the table {table}");
        let found = page.map_err(|error| refused("look for tasks", &permission, &error))?.items.unwrap_or_default();
        if found.is_empty() {
            return Ok(removed);
        }
        removed += found.len();
        remove(dynamodb, table, found, "remove the tasks").await?;
    }
}

/// Removes the row that counts what a user has asked for, unless a workflow of the user is open. Returns `false` then.
pub(super) async fn remove_user_row(dynamodb: &Client, table: &str, user: &UserId) -> Result<bool> {
    let text = |text: String| AttributeValue::S(text);
    let delete = dynamodb.delete_item().table_name(table).key(keys::EXECUTION_ARN, text(keys::user(user)));
    let delete =
        delete.key(keys::ITEM, text(keys::USER.to_owned())).condition_expression("attribute_not_exists(#running)");
    match delete.expression_attribute_names("#running", keys::RUNNING).send().await {
        Ok(_) => Ok(true),
        Err(e) if e.as_service_error().is_some_and(DeleteItemError::is_conditional_check_failed_exception) => Ok(false),
        Err(error) => {
            let permission = format!("dynamodb:DeleteItem on the table {table}");
            Err(refused("remove the user's row", &permission, &error).into())
        }
    }
}

/// The failure of a port.
pub(super) fn unavailable(what: &'static str, permission: String) -> impl FnOnce(Unavailable) -> Failure {
    move |error| match is_denial(&error.reason) {
        true => not_permitted(what, &permission),
        false => Failure::unavailable(format!("cannot {what}"), error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use goal_activity_core::ports::Stored;
    use goal_activity_core::rows::read_goal;

    #[test]
    fn the_sample_goal_is_one_that_the_pipeline_reads() {
        let (id, user): (GoalId, UserId) = ("smoke-1".parse().unwrap(), "u".parse().unwrap());
        let rows = sample(&id, &user, crate::ai::sample().unwrap()).unwrap();
        assert_eq!((rows.len(), keys_of(&rows).unwrap().len()), (10, 10));
        let read = read_goal(rows);
        let Stored::Value(goal) = read.goal else { panic!("{read:?}") };
        assert!(read.left_out.is_empty() && goal.is_whole);
        assert_eq!((goal.head.goal_id, goal.head.user_id, goal.head.status), (id, user, GoalStatus::Draft));
        assert!(goal.actions.len() == 8 && goal.actions.iter().all(|a| a.action_id.as_str().starts_with("smoke-")));
    }
}
