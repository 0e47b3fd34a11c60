use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use goal_activity_core::archive::ArchiveKey;
use goal_activity_core::execution::{BatchState, Cancellation, Execution, Happening, Status, TimelineEntry};
use goal_activity_core::keys;
use goal_activity_core::ports::{
    AdmitExecution, CancelExecution, FindArchived, FindExecution, ListOpen, ListWaiting, OpenExecution, Outside,
    RecordProgress, Waiting,
};
use goal_activity_events::{EventId, ExecutionArn, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::dynamo::{Item, attribute, get_row, number, read, text, update_if};
use super::{Connection, unavailable};

/// The read models in the `WorkflowExecutions` table.
#[derive(Debug, Clone)]
pub struct Executions {
    pub(super) client: Client,
    pub(super) table: String,
}

/// Where an ended workflow is archived.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Archived {
    archived_as: ArchiveKey,
}

/// The condition under which anything may still be written to an execution: terminal is terminal.
pub(super) const IS_OPEN: &str = "#status IN (:pending, :running)";

/// The names that [`IS_OPEN`] speaks of.
pub(super) fn open_names() -> HashMap<String, String> {
    HashMap::from([("#status".to_owned(), "status".to_owned())])
}

/// The values that [`IS_OPEN`] speaks of.
pub(super) fn open_values() -> Outside<Item> {
    let [pending, running] = Status::OPEN.map(attribute);
    Ok(Item::from([(":pending".to_owned(), pending?), (":running".to_owned(), running?)]))
}

/// The condition that goes with [`IS_OPEN`] where a cancellation comes first: a cancelled workflow has one end only.
pub(super) const NOT_CANCELLED: &str = " AND attribute_not_exists(#cancellation)";

/// The names that [`NOT_CANCELLED`] speaks of.
pub(super) fn not_cancelled_names() -> [(String, String); 1] {
    [("#cancellation".to_owned(), "cancellation".to_owned())]
}

impl Executions {
    /// The table of that name.
    pub fn new(aws: &Connection, table: impl Into<String>) -> Self {
        Self { client: aws.dynamodb.clone(), table: table.into() }
    }

    async fn row<T: DeserializeOwned>(&self, arn: &ExecutionArn, item: &str) -> Outside<Option<T>> {
        let get = get_row(&self.client, &self.table, arn, item);
        let answer = get.send().await.map_err(unavailable(format!("reading execution {arn}")))?;
        answer.item.map(|row| read(&self.table, row)).transpose()
    }

    fn update(&self, execution: &ExecutionArn) -> Outside<UpdateItemFluentBuilder> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(keys::EXECUTION_ARN, text(execution))
            .key(keys::ITEM, text(keys::EXECUTION))
            .set_expression_attribute_names(Some(open_names()))
            .set_expression_attribute_values(Some(open_values()?));
        Ok(update)
    }
}

impl FindExecution for Executions {
    async fn find_execution(&self, arn: &ExecutionArn) -> Outside<Option<Execution>> {
        self.row(arn, keys::EXECUTION).await
    }
}

impl FindArchived for Executions {
    async fn find_archived(&self, execution: &ExecutionArn) -> Outside<Option<ArchiveKey>> {
        let found: Option<Archived> = self.row(execution, keys::ARCHIVE).await?;
        Ok(found.map(|a| a.archived_as))
    }
}

impl ListOpen for Executions {
    async fn list_open(&self, shard: &str, after: Option<&OpenExecution>, limit: u16) -> Outside<Vec<OpenExecution>> {
        let start = |after: &OpenExecution| {
            Item::from([
                (keys::OPEN_SHARD.to_owned(), text(shard)),
                (keys::START_DATE.to_owned(), text(after.start_date)),
                (keys::EXECUTION_ARN.to_owned(), text(&after.execution_arn)),
                (keys::ITEM.to_owned(), text(keys::EXECUTION)),
            ])
        };
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(keys::OPEN_INDEX)
            .key_condition_expression("#shard = :shard")
            .expression_attribute_names("#shard", keys::OPEN_SHARD)
            .expression_attribute_values(":shard", text(shard))
            .limit(i32::from(limit))
            .set_exclusive_start_key(after.map(start))
            .send()
            .await
            .map_err(unavailable(format!("listing the open executions of {shard}")))?;
        answer.items.unwrap_or_default().into_iter().map(|row| read(&self.table, row)).collect()
    }
}

impl ListWaiting for Executions {
    async fn list_waiting(&self, limit: u16) -> Outside<Vec<Waiting>> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(keys::WAITING_INDEX)
            .key_condition_expression("#waiting = :line")
            .expression_attribute_names("#waiting", keys::WAITING)
            .expression_attribute_values(":line", text(keys::LINE))
            .limit(i32::from(limit))
            .send()
            .await
            .map_err(unavailable("listing the executions that wait"))?;
        answer.items.unwrap_or_default().into_iter().map(|row| read(&self.table, row)).collect()
    }
}

impl AdmitExecution for Executions {
    async fn mark_admitted(&self, execution: &ExecutionArn, at: Timestamp) -> Outside<bool> {
        let mut names = open_names();
        names.extend(not_cancelled_names());
        let update = self
            .update(execution)?
            .update_expression("SET #admitted = :at, #openShard = :shard REMOVE #waiting")
            .condition_expression(format!("{IS_OPEN}{NOT_CANCELLED} AND attribute_not_exists(#admitted)"))
            .set_expression_attribute_names(Some(names))
            .expression_attribute_names("#admitted", "admittedAt")
            .expression_attribute_names("#openShard", keys::OPEN_SHARD)
            .expression_attribute_names("#waiting", keys::WAITING)
            .expression_attribute_values(":at", text(at))
            .expression_attribute_values(":shard", text(keys::open_shard(execution)));
        Ok(update_if(format!("noting that {execution} was launched"), update).await?.is_some())
    }
}

impl CancelExecution for Executions {
    async fn record_cancellation(&self, execution: &ExecutionArn, cancellation: &Cancellation) -> Outside<bool> {
        let entry = TimelineEntry { at: cancellation.at, what: Happening::Cancelled };
        let mut names = open_names();
        names.extend(not_cancelled_names());
        let record = self
            .update(execution)?
            // Whoever waits does not any more: what is left to do is found among the open ones.
            .update_expression(
                "SET #cancellation = :cancellation, #timeline.#entry = :entry, #openShard = :shard REMOVE #waiting",
            )
            .condition_expression(format!("{IS_OPEN}{NOT_CANCELLED}"))
            .set_expression_attribute_names(Some(names))
            .expression_attribute_names("#openShard", keys::OPEN_SHARD)
            .expression_attribute_names("#waiting", keys::WAITING)
            .expression_attribute_values(":shard", text(keys::open_shard(execution)))
            .expression_attribute_names("#timeline", "timeline")
            .expression_attribute_names("#entry", keys::CANCELLATION_ENTRY)
            .expression_attribute_values(":cancellation", attribute(cancellation)?)
            .expression_attribute_values(":entry", attribute(entry)?);
        Ok(update_if(format!("recording the cancellation of {execution}"), record).await?.is_some())
    }
}

impl RecordProgress for Executions {
    async fn record_started(&self, execution: &ExecutionArn, event: &str, at: Timestamp) -> Outside<bool> {
        let update = self
            .update(execution)?
            .update_expression("SET #status = :running, #timeline.#event = :entry")
            .condition_expression("#status = :pending")
            .expression_attribute_names("#timeline", "timeline")
            .expression_attribute_names("#event", event)
            .expression_attribute_values(":entry", attribute(TimelineEntry { at, what: Happening::Started })?);
        Ok(update_if(format!("recording that {execution} runs"), update).await?.is_some())
    }

    async fn record_batch(
        &self,
        execution: &ExecutionArn,
        event: &EventId,
        batch_index: u32,
        state: &BatchState,
    ) -> Outside<bool> {
        let mut set = "SET #status = :running, #batches.#batch = :state".to_owned();
        let mut update = self
            .update(execution)?
            .condition_expression(format!(
                "{IS_OPEN} AND (attribute_not_exists(#batches.#batch) OR #batches.#batch.#sequence < :sequence)"
            ))
            .expression_attribute_names("#batches", "batches")
            .expression_attribute_names("#batch", batch_index.to_string())
            .expression_attribute_names("#sequence", "sequence")
            .expression_attribute_values(":state", attribute(state)?)
            .expression_attribute_values(":sequence", number(state.sequence));
        if let Some(what) = state.happening(batch_index) {
            set.push_str(", #timeline.#event = :entry");
            update = update
                .expression_attribute_names("#timeline", "timeline")
                .expression_attribute_names("#event", event.as_str())
                .expression_attribute_values(":entry", attribute(TimelineEntry { at: state.updated_at, what })?);
        }
        let update = update.update_expression(set);
        Ok(update_if(format!("recording batch {batch_index} of {execution}"), update).await?.is_some())
    }
}
