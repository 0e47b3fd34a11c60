use goal_activity_core::admission::Shard;
use goal_activity_core::archive::ArchiveKey;
use goal_activity_core::execution::{BatchReports, Cancellation, Change, Execution};
use goal_activity_core::keys;
use goal_activity_core::ports::{
    AdmitExecution, CancelExecution, FindArchived, FindExecution, ListOpen, ListWaiting, MoveWaiting, OpenExecution,
    PortResult, RecordProgress, Waiting,
};
use goal_activity_events::{ExecutionArn, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::dynamo::{Item, get_row, read, text};
use super::write::Write;
use super::{Tables, unavailable};

/// Where an ended workflow is archived.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Archived {
    archived_as: ArchiveKey,
}

impl Tables {
    async fn find_row<T: DeserializeOwned>(&self, arn: &ExecutionArn, item: &str) -> PortResult<Option<T>> {
        let get = get_row(&self.client, &self.names.executions, arn, item);
        let answer = get.send().await.map_err(unavailable(format!("reading execution {arn}")))?;
        answer.item.map(|row| read(&self.names.executions, row)).transpose()
    }

    /// A write of any item of `WorkflowExecutions`.
    pub(super) fn execution_item(&self, key: impl ToString, item: &str) -> Write {
        Write::of(&self.names.executions, [(keys::EXECUTION_ARN, text(key)), (keys::ITEM, text(item))])
    }

    /// A write of an execution's own row.
    pub(super) fn execution(&self, execution: &ExecutionArn) -> Write {
        self.execution_item(execution, keys::EXECUTION)
    }
}

impl FindExecution for Tables {
    async fn find_execution(&self, arn: &ExecutionArn) -> PortResult<Option<Execution>> {
        self.find_row(arn, keys::EXECUTION).await
    }
}

impl FindArchived for Tables {
    async fn find_archived(&self, execution: &ExecutionArn) -> PortResult<Option<ArchiveKey>> {
        let found: Option<Archived> = self.find_row(execution, keys::ARCHIVE).await?;
        Ok(found.map(|a| a.archived_as))
    }
}

impl ListOpen for Tables {
    async fn list_open(
        &self,
        shard: &str,
        after: Option<&OpenExecution>,
        limit: u16,
    ) -> PortResult<Vec<OpenExecution>> {
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
            .table_name(&self.names.executions)
            .index_name(keys::OPEN_INDEX)
            .key_condition_expression("#shard = :shard")
            .expression_attribute_names("#shard", keys::OPEN_SHARD)
            .expression_attribute_values(":shard", text(shard))
            .limit(i32::from(limit))
            .set_exclusive_start_key(after.map(start))
            .send()
            .await
            .map_err(unavailable(format!("listing the open executions of {shard}")))?;
        answer.items.unwrap_or_default().into_iter().map(|row| read(&self.names.executions, row)).collect()
    }
}

impl ListWaiting for Tables {
    async fn list_waiting(&self, shard: Shard, limit: u16) -> PortResult<Vec<Waiting>> {
        let answer = self
            .client
            .query()
            .table_name(&self.names.executions)
            .index_name(keys::WAITING_INDEX)
            .key_condition_expression("#waiting = :line")
            .expression_attribute_names("#waiting", keys::WAITING)
            .expression_attribute_values(":line", text(keys::waiting_list(shard)))
            .limit(i32::from(limit))
            .send()
            .await
            .map_err(unavailable("listing the executions that wait"))?;
        answer.items.unwrap_or_default().into_iter().map(|row| read(&self.names.executions, row)).collect()
    }
}

impl AdmitExecution for Tables {
    async fn mark_admitted(&self, execution: &ExecutionArn, at: Timestamp, shard: Shard) -> PortResult<bool> {
        let write = self.change(execution, &Change::Admitted { at, shard })?;
        write.send(&self.client, format!("recording that {execution} was launched")).await
    }
}

impl MoveWaiting for Tables {
    async fn move_waiting(&self, execution: &ExecutionArn, from: Shard, to: Shard) -> PortResult<bool> {
        let write = self.change(execution, &Change::Moved { from, to })?;
        write.send(&self.client, format!("letting {execution} wait for shard {to} of the capacity")).await
    }
}

impl CancelExecution for Tables {
    async fn record_cancellation(&self, execution: &ExecutionArn, cancellation: &Cancellation) -> PortResult<bool> {
        let write = self.change(execution, &Change::Cancelled(cancellation))?;
        write.send(&self.client, format!("recording the cancellation of {execution}")).await
    }
}

impl RecordProgress for Tables {
    async fn record_started(&self, execution: &ExecutionArn, event: &str, at: Timestamp) -> PortResult<bool> {
        let write = self.change(execution, &Change::Started { event, at })?;
        write.send(&self.client, format!("recording that {execution} runs")).await
    }

    async fn record_batches(&self, execution: &ExecutionArn, reports: &BatchReports) -> PortResult<bool> {
        let write = self.change(execution, &Change::Progressed(reports))?;
        let batches: Vec<_> = reports.latest().map(|report| report.batch_index.to_string()).collect();
        write.send(&self.client, format!("recording batches {} of {execution}", batches.join(", "))).await
    }
}
