//! The read models of executions, directly from the table: calling the API would add load to the measured functions.

use anyhow::{Context, Result};
use goal_activity_client::StackFile;
use goal_activity_core::execution::{Execution, Status};
use goal_activity_core::keys;
use goal_activity_events::ExecutionArn;
use goal_activity_local::aws::{Aws, Service};
use serde_json::{Value, json};

/// Returns `true` if every action has its tasks.
pub(crate) fn has_all_tasks(execution: &Execution) -> bool {
    execution.status() == Status::Succeeded && execution.progress().succeeded == execution.total_actions
}

/// One of them.
pub(crate) fn find(aws: &Aws, stack: &StackFile, execution: &ExecutionArn) -> Result<Execution> {
    let key = json!({keys::EXECUTION_ARN: {"S": execution.as_str()}, keys::ITEM: {"S": keys::EXECUTION}});
    let request = json!({"TableName": stack.output("ExecutionsTableName")?, "Key": key, "ConsistentRead": true});
    let mut answer = aws.call(Service::DynamoDb, "GetItem", &request)?;
    read(answer["Item"].take()).with_context(|| format!("{execution} is not in the table"))
}

/// All of them.
pub(crate) fn all(aws: &Aws, stack: &StackFile) -> Result<Vec<Execution>> {
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
