//! The read models of executions, directly from the table: calling the API would add load to the measured functions.

use anyhow::{Context, Result};
use goal_activity_core::keys;
use goal_activity_events::{ExecutionArn, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::aws::{Aws, Service};
use crate::stack::Stack;

/// The attributes that a bench reads.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Execution {
    pub(crate) status: String,
    /// When the request was accepted.
    pub(crate) start_date: Timestamp,
    pub(crate) total_actions: u32,
    #[serde(default)]
    pub(crate) succeeded_actions: u32,
    /// When the end was published and notified, after it was recorded.
    pub(crate) published_at: Option<Timestamp>,
    /// When the last step was done.
    archived_at: Option<Timestamp>,
}

impl Execution {
    /// Returns `true` if nothing is left to do for it.
    pub(crate) fn is_done(&self) -> bool {
        self.archived_at.is_some()
    }

    /// Returns `true` if every action has its tasks.
    pub(crate) fn succeeded(&self) -> bool {
        self.status == "SUCCEEDED" && self.succeeded_actions == self.total_actions
    }
}

/// One of them.
pub(crate) fn find(aws: &Aws, stack: &Stack, execution: &ExecutionArn) -> Result<Execution> {
    let key = json!({keys::EXECUTION_ARN: {"S": execution.as_str()}, keys::ITEM: {"S": keys::EXECUTION}});
    let request = json!({"TableName": stack.output("ExecutionsTableName")?, "Key": key, "ConsistentRead": true});
    let mut answer = aws.call(Service::DynamoDb, "GetItem", &request)?;
    read(answer["Item"].take()).with_context(|| format!("{execution} is not in the table"))
}

/// All of them.
pub(crate) fn all(aws: &Aws, stack: &Stack) -> Result<Vec<Execution>> {
    let mut request = json!({
        "TableName": stack.output("ExecutionsTableName")?,
        "FilterExpression": "#item = :item",
        "ExpressionAttributeNames": {"#item": keys::ITEM},
        "ExpressionAttributeValues": {":item": {"S": keys::EXECUTION}},
    });
    let mut found = Vec::new();
    loop {
        let mut page = aws.call(Service::DynamoDb, "Scan", &request)?;
        for item in page["Items"].as_array_mut().into_iter().flatten() {
            found.push(read(item.take())?);
        }
        let next = page["LastEvaluatedKey"].take();
        if next.is_null() {
            return Ok(found);
        }
        request["ExclusiveStartKey"] = next;
    }
}

fn read(item: Value) -> Result<Execution> {
    let item: serde_dynamo::Item = serde_json::from_value(item)?;
    Ok(serde_dynamo::from_item(item)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_is_done_when_it_is_archived() {
        let mut item = json!({
            "status": {"S": "SUCCEEDED"}, "startDate": {"S": "2026-11-25T12:00:00.000Z"}, "totalActions": {"N": "8"},
            "succeededActions": {"N": "8"}, "publishedAt": {"S": "2026-11-25T12:00:01.500Z"}, "more": {"BOOL": true},
        });
        let told = read(item.clone()).unwrap();
        assert!(told.succeeded() && !told.is_done());
        assert_eq!(told.published_at.unwrap().since(told.start_date).as_millis(), 1_500);
        item["archivedAt"] = json!({"S": "2026-11-25T12:00:01.600Z"});
        assert!(read(item).unwrap().is_done());
    }
}
