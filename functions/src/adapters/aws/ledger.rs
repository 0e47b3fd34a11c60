use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, ReturnValue, TransactWriteItem, Update};
use futures_util::future::try_join_all;
use goal_activity_core::keys;
use goal_activity_core::ledger::BatchLedger;
use goal_activity_core::placement::TaskRow;
use goal_activity_core::ports::{ActionCommit, Committed, Opened, Outside, SealLedger, Unavailable, WorkLedger};
use goal_activity_core::task::Task;
use goal_activity_events::{ActionId, ExecutionArn, GoalId, TaskId};

use super::dynamo::{Item, Transacted, attribute, get_row, item, number, read, text, transact, update_if};
use super::tasks::task_rows;
use super::{Connection, unavailable};

/// The ledger rows of `WorkflowExecutions`, and the tasks that are written together with them.
#[derive(Debug, Clone)]
pub struct Ledger {
    client: Client,
    executions: String,
    tasks: Option<String>,
}

impl Ledger {
    /// The ledger for sealing and reading only.
    pub fn new(aws: &Connection, executions: impl Into<String>) -> Self {
        Self { client: aws.dynamodb.clone(), executions: executions.into(), tasks: None }
    }

    /// The ledger for working, which writes tasks into that table.
    #[must_use]
    pub fn with_tasks(self, tasks: impl Into<String>) -> Self {
        Self { tasks: Some(tasks.into()), ..self }
    }

    fn tasks(&self) -> Outside<&str> {
        self.tasks.as_deref().ok_or_else(|| Unavailable::new("writing tasks", "this function has no Tasks table"))
    }

    fn update(&self, execution: &ExecutionArn, batch_index: u32) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.executions)
            .key(keys::EXECUTION_ARN, text(execution))
            .key(keys::ITEM, text(keys::batch(batch_index)))
            .return_values(ReturnValue::AllNew)
    }

    /// Records the outcome, if the batch is open for work and the action has none yet.
    fn record(&self, commit: &ActionCommit<'_>) -> Outside<Update> {
        Update::builder()
            .table_name(&self.executions)
            .key(keys::EXECUTION_ARN, text(commit.execution))
            .key(keys::ITEM, text(keys::batch(commit.batch_index)))
            .update_expression("SET #outcomes.#action = :outcome ADD #sequence :one")
            .condition_expression(
                "attribute_not_exists(#sealed) AND attribute_exists(#outcomes) \
                 AND attribute_not_exists(#outcomes.#action)",
            )
            .expression_attribute_names("#sealed", "sealed")
            .expression_attribute_names("#outcomes", "outcomes")
            .expression_attribute_names("#sequence", "sequence")
            .expression_attribute_names("#action", commit.action.as_str())
            .expression_attribute_values(":outcome", attribute(&commit.outcome)?)
            .expression_attribute_values(":one", number(1))
            .build()
            .map_err(|e| Unavailable::new("building an outcome", e))
    }

    /// Puts a task where there is none, or in the place of the one that it replaces.
    fn save_task(&self, task: &Task, replaced: Option<&TaskRow>) -> Outside<TransactWriteItem> {
        let put = Put::builder().table_name(self.tasks()?).set_item(Some(item(task)?));
        let put = match replaced {
            None => put
                .condition_expression("attribute_not_exists(#goal)")
                .expression_attribute_names("#goal", keys::GOAL_ID),
            Some(row) => {
                let AsRead { condition, names, values } = AsRead::of(row);
                put.condition_expression(condition)
                    .set_expression_attribute_names(Some(names))
                    .set_expression_attribute_values(Some(values))
            }
        };
        let put = put.build().map_err(|e| Unavailable::new("building a task", e))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    fn remove_task(&self, goal: &GoalId, row: &TaskRow) -> Outside<TransactWriteItem> {
        let AsRead { condition, names, values } = AsRead::of(row);
        let delete = Delete::builder()
            .table_name(self.tasks()?)
            .key(keys::GOAL_ID, text(goal))
            .key(keys::POSITION, text(&row.position))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .build()
            .map_err(|e| Unavailable::new("building the removal of a task", e))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }
}

/// The condition that a task is still the one that was read, and no further done.
struct AsRead {
    condition: &'static str,
    names: HashMap<String, String>,
    values: Item,
}

impl AsRead {
    fn of(row: &TaskRow) -> Self {
        let id = row.task_id.as_ref().map_or("", TaskId::as_str);
        let action = row.action_id.as_ref().map_or("", ActionId::as_str);
        let status = row.status.as_deref().unwrap_or_default();
        let names = [("#task", "taskId"), ("#action", "actionId"), ("#status", "status"), ("#done", "completedAt")];
        let values = [(":task", id), (":action", action), (":status", status), (":null", "NULL")];
        Self {
            condition: "#task = :task AND #action = :action AND #status = :status \
                        AND (attribute_not_exists(#done) OR attribute_type(#done, :null))",
            names: names.map(|(name, attribute)| (name.to_owned(), attribute.to_owned())).into(),
            values: values.map(|(name, value)| (name.to_owned(), text(value))).into(),
        }
    }
}

impl WorkLedger for Ledger {
    async fn open_batch(&self, execution: &ExecutionArn, batch_index: u32) -> Outside<Opened> {
        let open = self
            .update(execution, batch_index)
            .update_expression("SET #outcomes = if_not_exists(#outcomes, :empty)")
            .condition_expression("attribute_not_exists(#sealed)")
            .expression_attribute_names("#outcomes", "outcomes")
            .expression_attribute_names("#sealed", "sealed")
            .expression_attribute_values(":empty", AttributeValue::M(Item::new()));
        match update_if(format!("opening batch {batch_index} of {execution}"), open).await? {
            Some(answer) => Ok(Opened::Open(read(&self.executions, answer.attributes.unwrap_or_default())?)),
            None => Ok(Opened::Sealed),
        }
    }

    async fn commit_action(&self, commit: &ActionCommit<'_>) -> Outside<Committed> {
        let mut items = vec![TransactWriteItem::builder().update(self.record(commit)?).build()];
        let replaced = |task: &Task| commit.replaces.iter().find(|row| row.position == task.position);
        for task in &commit.tasks {
            items.push(self.save_task(task, replaced(task))?);
        }
        // A failure replaces nothing.
        let old = commit.replaces.iter().filter(|_| !commit.tasks.is_empty());
        for row in old.filter(|row| commit.tasks.iter().all(|t| t.position != row.position)) {
            items.push(self.remove_task(commit.goal, row)?);
        }
        let what = format!("saving action {} of {}", commit.action, commit.execution);
        Ok(match transact(&self.client, &what, items).await? {
            Transacted::Written => Committed::Yes,
            Transacted::Refused(refused) if refused.first() == Some(&true) => Committed::TooLate,
            Transacted::Refused(_) => Committed::TasksChanged,
        })
    }

    async fn read_batch(&self, execution: &ExecutionArn, batch_index: u32) -> Outside<BatchLedger> {
        let get = get_row(&self.client, &self.executions, execution, &keys::batch(batch_index));
        let answer = get.send().await.map_err(unavailable(format!("reading batch {batch_index} of {execution}")))?;
        answer.item.map_or_else(|| Ok(BatchLedger::default()), |row| read(&self.executions, row))
    }

    async fn task_rows(&self, goal: &GoalId) -> Outside<Vec<TaskRow>> {
        task_rows(&self.client, self.tasks()?, goal).await
    }
}

impl SealLedger for Ledger {
    async fn seal_ledger(&self, execution: &ExecutionArn, batches: u32) -> Outside<Vec<BatchLedger>> {
        let mut known = self.read_ledger(execution).await?;
        let sealed = (0..batches).map(|index| {
            let known = known.remove(&keys::batch(index)).filter(|ledger| ledger.sealed);
            async move {
                match known {
                    Some(ledger) => Ok(ledger),
                    None => self.seal_batch(execution, index).await,
                }
            }
        });
        // Side by side: they are rows of their own, and somebody may be waiting for the end.
        try_join_all(sealed).await
    }
}

impl Ledger {
    /// Sets the seal and answers what the batch holds in the same call: nothing can come in between.
    async fn seal_batch(&self, execution: &ExecutionArn, batch_index: u32) -> Outside<BatchLedger> {
        let answer = self
            .update(execution, batch_index)
            .update_expression("SET #sealed = :true")
            .expression_attribute_names("#sealed", "sealed")
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .send()
            .await
            .map_err(unavailable(format!("sealing batch {batch_index} of {execution}")))?;
        read(&self.executions, answer.attributes.unwrap_or_default())
    }

    /// The batches that have a row, by sort key. Sealing twice is common, so it reads before it writes.
    async fn read_ledger(&self, execution: &ExecutionArn) -> Outside<HashMap<String, BatchLedger>> {
        let rows: Result<Vec<Item>, _> = self
            .client
            .query()
            .table_name(&self.executions)
            .consistent_read(true)
            .key_condition_expression("#arn = :arn AND begins_with(#item, :batch)")
            .expression_attribute_names("#arn", keys::EXECUTION_ARN)
            .expression_attribute_names("#item", keys::ITEM)
            .expression_attribute_values(":arn", text(execution))
            .expression_attribute_values(":batch", text(keys::BATCH_PREFIX))
            .into_paginator()
            .items()
            .send()
            .collect()
            .await;
        let rows = rows.map_err(unavailable(format!("reading the ledger of {execution}")))?;
        let entry = |row: Item| {
            let key = row.get(keys::ITEM).and_then(|k| k.as_s().ok()).cloned().unwrap_or_default();
            Ok((key, read(&self.executions, row)?))
        };
        rows.into_iter().map(entry).collect()
    }
}
