//! What all tables have in common.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::get_item::builders::GetItemFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, TransactWriteItem};
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority};
use goal_activity_core::keys;
use goal_activity_core::ports::{PortResult, Unavailable};
use goal_activity_core::rows::Row;
use goal_activity_events::{GoalId, without_values};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::unavailable;

pub(super) type Item = HashMap<String, AttributeValue>;

/// A client that also retries what DynamoDB refuses only because another transaction is under way on the same item.
pub(super) fn client(config: &SdkConfig) -> Client {
    let config = aws_sdk_dynamodb::config::Builder::from(config).retry_classifier(Conflicts).build();
    Client::from_conf(config)
}

/// Lets the SDK retry conflicts of transactions, which it takes for final otherwise.
#[derive(Debug)]
struct Conflicts;

impl ClassifyRetry for Conflicts {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        let error = error.as_operation_error();
        let update = error.and_then(|e| e.downcast_ref::<UpdateItemError>());
        let transaction = error.and_then(|e| e.downcast_ref::<TransactWriteItemsError>());
        match (update, transaction) {
            (Some(UpdateItemError::TransactionConflictException(_)), _) => RetryAction::transient_error(),
            (_, Some(TransactWriteItemsError::TransactionCanceledException(e)))
                if e.cancellation_reasons().iter().any(is_passing) =>
            {
                RetryAction::transient_error()
            }
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "transaction conflicts"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// Returns `true` if a transaction was cancelled for a reason that passes by itself (DynamoDB API reference, `TransactWriteItems`).
fn is_passing(reason: &CancellationReason) -> bool {
    matches!(reason.code(), Some("TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded"))
}

/// How a transaction went.
pub(super) enum Transacted {
    /// All items are written.
    Written,
    /// Nothing is written; for each item `true` if its condition did not hold.
    Refused(Vec<bool>),
}

/// Writes all items or none.
pub(super) async fn transact(client: &Client, what: &str, items: Vec<TransactWriteItem>) -> PortResult<Transacted> {
    let Err(error) = client.transact_write_items().set_transact_items(Some(items)).send().await else {
        return Ok(Transacted::Written);
    };
    if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() {
        let refused: Vec<_> =
            cancelled.cancellation_reasons().iter().map(|r| r.code() == Some("ConditionalCheckFailed")).collect();
        if refused.contains(&true) {
            return Ok(Transacted::Refused(refused));
        }
    }
    Err(unavailable(what)(error))
}

/// Reads one row of `WorkflowExecutions`, as it is now.
pub(super) fn get_row(client: &Client, table: &str, key: impl ToString, item: &str) -> GetItemFluentBuilder {
    client
        .get_item()
        .table_name(table)
        .consistent_read(true)
        .key(keys::EXECUTION_ARN, text(key))
        .key(keys::ITEM, text(item))
}

/// All rows of a goal in a table whose partition key is the goal; only these attributes of each, when any are named.
pub(super) async fn rows_of_goal(
    client: &Client,
    table: &str,
    goal: &GoalId,
    attributes: &[&str],
) -> PortResult<Vec<Item>> {
    let mut query = client
        .query()
        .table_name(table)
        .consistent_read(true)
        .key_condition_expression("#goal = :goal")
        .expression_attribute_names("#goal", keys::GOAL_ID)
        .expression_attribute_values(":goal", text(goal));
    if !attributes.is_empty() {
        let names: Vec<_> = (0..attributes.len()).map(|i| format!("#attribute{i}")).collect();
        query = query.projection_expression(names.join(", "));
        for (name, attribute) in names.into_iter().zip(attributes) {
            query = query.expression_attribute_names(name, *attribute);
        }
    }
    let rows: Result<Vec<Item>, _> = query.into_paginator().items().send().collect().await;
    rows.map_err(unavailable(format!("reading goal {goal} in table {table}")))
}

/// A value as an attribute.
pub(super) fn attribute(value: impl Serialize) -> PortResult<AttributeValue> {
    serde_dynamo::to_attribute_value(value).map_err(|e| Unavailable::new("writing a DynamoDB attribute", e))
}

/// A value as an item.
pub(super) fn item(value: impl Serialize) -> PortResult<Item> {
    serde_dynamo::to_item(value).map_err(|e| Unavailable::new("writing a DynamoDB item", e))
}

/// An item as a value. An item that cannot be read is a defect of its writer: say which table and what is wrong, but
/// not what a user has written.
pub(super) fn read<T: DeserializeOwned>(table: &str, item: Item) -> PortResult<T> {
    let unreadable = |e| Unavailable::new(format!("reading a malformed item of table {table}"), without_values(&e));
    serde_dynamo::from_item(item).map_err(unreadable)
}

/// A row that another program may have written. What JSON has no word for, such as binary, is an empty object: no attribute
/// that is read from such a row accepts one.
pub(super) fn foreign_row(row: Item) -> Row {
    let value = |attribute| serde_dynamo::from_attribute_value(attribute).unwrap_or_else(|_| Row::new().into());
    row.into_iter().map(|(name, attribute)| (name, value(attribute))).collect()
}

/// A text as an attribute.
pub(super) fn text(value: impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

/// A number as an attribute.
pub(super) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::Blob;
    use goal_activity_core::ports::Stored;
    use goal_activity_core::rows::read_goal;

    use super::*;

    fn row(attributes: &[(&str, AttributeValue)]) -> Row {
        foreign_row(attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    #[test]
    fn attributes_of_every_type_beside_those_of_ours_are_passed_over() {
        let blob = || Blob::new([0, 255]);
        let other = [
            AttributeValue::B(blob()),
            AttributeValue::Bs(vec![blob()]),
            AttributeValue::Ss(vec!["a".to_owned()]),
            AttributeValue::Ns(vec!["1".to_owned(), "1E125".to_owned()]),
            AttributeValue::N("9.9999999999999999999999999999999999999E+125".to_owned()),
            AttributeValue::N("-123456789012345678901234567890".to_owned()),
            AttributeValue::L(vec![AttributeValue::B(blob())]),
            AttributeValue::M(Item::from([("a".to_owned(), AttributeValue::Bs(vec![blob()]))])),
            AttributeValue::Null(true),
            AttributeValue::Bool(false),
        ];
        let head = [("item", "GOAL"), ("goalId", "g"), ("userId", "u"), ("status", "DRAFT")].map(|(n, v)| (n, text(v)));
        for value in other {
            let claims = [("extra", value.clone()), (keys::CLAIMS, value.clone())];
            let Stored::Value(goal) = read_goal([row(&[&head[..], &claims[..]].concat())]).goal else {
                panic!("{value:?} makes it unreadable")
            };
            assert_eq!(goal.head.claims.0, 0, "{value:?}");
            let place = [("item", text("ACTION#1#1")), ("actionId", text("a")), ("title", value.clone())];
            let read = read_goal([row(&head), row(&place)]);
            let is_empty_cell = value == AttributeValue::Null(true);
            assert_eq!(read.left_out.is_empty(), is_empty_cell, "{value:?}");
            assert_eq!(read.goal.value().map(|goal| goal.actions), Some(vec![]), "{value:?}");
        }
    }
}
