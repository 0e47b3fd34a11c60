use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, TransactWriteItem};
use futures_util::future::try_join_all;
use goal_activity_core::keys;
use goal_activity_core::ledger::{ActionOutcome, BatchLedger};
use goal_activity_core::placement::TaskRow;
use goal_activity_core::ports::{
    ActionCommit, CommitGroup, Committed, Opened, PortResult, ReadLedger, SealLedger, Unavailable, WorkLedger,
};
use goal_activity_core::task::Task;
use goal_activity_events::{ActionId, ExecutionArn, GoalId, TaskId};

use super::dynamo::{Item, Transacted, attribute, get_row, item, number, read, text, transact};
use super::write::{Condition, Write};
use super::{Tables, unavailable};

/// The attributes of a ledger's row. As in [`BatchLedger`].
const OUTCOMES: &str = "outcomes";
pub(super) const SEALED: &str = "sealed";
const SEQUENCE: &str = "sequence";

impl Tables {
    /// A write of the ledger of a batch.
    pub(super) fn batch(&self, execution: &ExecutionArn, batch_index: u32) -> Write {
        self.execution_item(execution, &keys::batch(batch_index))
    }

    /// Records the outcomes, if the batch is open for work and none of the actions has one yet.
    fn record_outcomes(&self, group: &CommitGroup<'_>) -> PortResult<TransactWriteItem> {
        let open = self
            .batch(group.execution(), group.batch_index())
            .add(SEQUENCE, number(group.len()))
            .when(Condition::missing(SEALED))
            .when(Condition::exists(OUTCOMES));
        let recorded = group.commits().try_fold(open, |write, commit| {
            let outcome = [OUTCOMES, commit.action.as_str()];
            PortResult::Ok(write.set(outcome, stored(&commit.outcome)?).when(Condition::missing(outcome)))
        });
        recorded?.update()
    }

    /// Puts a task where there is none, or in the place of the one that it replaces.
    fn save_task(&self, task: &Task, replaced: Option<&TaskRow>) -> PortResult<TransactWriteItem> {
        let free = || Condition::missing(keys::GOAL_ID);
        self.task(&task.goal_id, &task.position).when(replaced.map_or_else(free, as_read)).put(item(task)?)
    }

    fn remove_task(&self, goal: &GoalId, row: &TaskRow) -> PortResult<TransactWriteItem> {
        self.task(goal, &row.position).when(as_read(row)).deletion()
    }
}

/// An outcome as it is stored: without numbers that are zero, which a reader takes them for when they are missing. Every KiB of
/// the ledger's row is billed twice at each of its writes, and the outcomes of a batch are about one.
fn stored(outcome: &ActionOutcome) -> PortResult<AttributeValue> {
    let mut stored = attribute(outcome)?;
    if let AttributeValue::M(fields) = &mut stored {
        let is_zero = |value: &AttributeValue| value.as_n().is_ok_and(|number| number == "0");
        fields.retain(|name, value| name == "tasks" || !is_zero(value));
    }
    Ok(stored)
}

/// The condition that a task is the one that was read: same id, action and status.
fn as_read(row: &TaskRow) -> Condition {
    let id = row.task_id.as_ref().map_or("", TaskId::as_str);
    let action = row.action_id.as_ref().map_or("", ActionId::as_str);
    let same = [("taskId", id), ("actionId", action), ("status", row.status.as_deref().unwrap_or_default())];
    let same = same.map(|(name, value)| Condition::equals(name, text(value)));
    let not_done = Condition::missing("completedAt").or(Condition::is_of_type("completedAt", "NULL"));
    Condition::All(same.into_iter().chain([not_done]).collect())
}

impl WorkLedger for Tables {
    async fn open_batch(&self, execution: &ExecutionArn, batch_index: u32) -> PortResult<Opened> {
        let open = self
            .batch(execution, batch_index)
            .set_once(OUTCOMES, AttributeValue::M(Item::new()))
            .when(Condition::missing(SEALED));
        let what = format!("opening batch {batch_index} of {execution}");
        match open.returning(ReturnValue::AllNew, &self.client, what).await? {
            Some(row) => Ok(Opened::Open(read(&self.names.executions, row)?)),
            None => Ok(Opened::Sealed),
        }
    }

    async fn commit_group(&self, group: &CommitGroup<'_>) -> PortResult<Vec<Committed>> {
        let mut items = vec![self.record_outcomes(group)?];
        // Of each further item, which of the group it belongs to.
        let mut owners = Vec::new();
        for (nth, commit) in group.commits().enumerate() {
            let replaced = |task: &Task| commit.replaces.iter().find(|row| row.position == task.position);
            for task in &commit.tasks {
                items.push(self.save_task(task, replaced(task))?);
                owners.push(nth);
            }
            for row in commit.removed() {
                items.push(self.remove_task(commit.goal, row)?);
                owners.push(nth);
            }
        }
        let actions: Vec<_> = group.commits().map(|commit| commit.action.as_str()).collect();
        let what = format!("saving {} of {}", actions.join(", "), group.execution());
        match transact(&self.client, &what, items).await? {
            Transacted::Written => Ok(vec![Committed::Yes; group.len()]),
            Transacted::Refused(refused) if refused.first() == Some(&true) => self.too_late(group).await,
            Transacted::Refused(refused) => {
                let of_tasks = owners.into_iter().zip(refused.into_iter().skip(1));
                let changed: HashSet<_> = of_tasks.filter(|(_, refused)| *refused).map(|(nth, _)| nth).collect();
                let answer = |nth| if changed.contains(&nth) { Committed::TasksChanged } else { Committed::HeldBack };
                Ok((0..group.len()).map(answer).collect())
            }
        }
    }

    async fn read_batch(&self, execution: &ExecutionArn, batch_index: u32) -> PortResult<BatchLedger> {
        let get = get_row(&self.client, &self.names.executions, execution, &keys::batch(batch_index));
        let answer = get.send().await.map_err(unavailable(format!("reading batch {batch_index} of {execution}")))?;
        answer.item.map_or_else(|| Ok(BatchLedger::default()), |row| read(&self.names.executions, row))
    }

    async fn task_rows(&self, goal: &GoalId) -> PortResult<Vec<TaskRow>> {
        self.rows_of_tasks(goal).await
    }
}

impl SealLedger for Tables {
    async fn seal_ledger(&self, execution: &ExecutionArn, batches: u32) -> PortResult<Vec<BatchLedger>> {
        let mut known = self.ledger_rows(execution).await?;
        let sealed = (0..batches).map(|index| {
            let known = known.remove(&keys::batch(index)).filter(|ledger| ledger.sealed);
            async move {
                match known {
                    Some(ledger) => Ok(ledger),
                    None => self.seal_batch(execution, index).await,
                }
            }
        });
        // Side by side: they are rows of their own, and a user may be waiting for the end.
        try_join_all(sealed).await
    }
}

impl ReadLedger for Tables {
    async fn read_ledger(&self, execution: &ExecutionArn, batches: u32) -> PortResult<Vec<Option<BatchLedger>>> {
        let mut known = self.ledger_rows(execution).await?;
        Ok((0..batches).map(|index| known.remove(&keys::batch(index))).collect())
    }
}

impl Tables {
    /// Which of a group are too late, after the ledger has refused it. Its reason does not say; what is read afterwards does, as
    /// neither an outcome nor a seal is ever taken back.
    async fn too_late(&self, group: &CommitGroup<'_>) -> PortResult<Vec<Committed>> {
        let ledger = match group.len() {
            1 => BatchLedger::default(),
            _ => self.read_batch(group.execution(), group.batch_index()).await?,
        };
        let is_late = |commit: &ActionCommit<'_>| ledger.outcomes.contains_key(commit.action);
        // Sealed, or not open for work: no worker has opened it, or its row has expired.
        let all = ledger.sealed || !group.commits().any(is_late);
        let answer = |commit| if all || is_late(commit) { Committed::TooLate } else { Committed::HeldBack };
        Ok(group.commits().map(answer).collect())
    }

    /// Sets the seal and answers what the batch holds in the same call: nothing can come in between.
    async fn seal_batch(&self, execution: &ExecutionArn, batch_index: u32) -> PortResult<BatchLedger> {
        let seal = self.batch(execution, batch_index).set(SEALED, AttributeValue::Bool(true));
        let what = format!("sealing batch {batch_index} of {execution}");
        let row = seal.returning(ReturnValue::AllNew, &self.client, &what).await?;
        // Not an empty ledger: what is not returned is not known to be sealed.
        let row = row.ok_or_else(|| Unavailable::new(&what, "DynamoDB did not return the row"))?;
        let ledger: BatchLedger = read(&self.names.executions, row)?;
        if ledger.sealed { Ok(ledger) } else { Err(Unavailable::new(what, "DynamoDB returned it without the seal")) }
    }

    /// The batches that have a row, by sort key. Sealing twice is common, so it reads before it writes.
    async fn ledger_rows(&self, execution: &ExecutionArn) -> PortResult<HashMap<String, BatchLedger>> {
        let rows: Result<Vec<Item>, _> = self
            .client
            .query()
            .table_name(&self.names.executions)
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
            Ok((key, read(&self.names.executions, row)?))
        };
        rows.into_iter().map(entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use goal_activity_core::ledger::Failure;
    use goal_activity_events::{FailureCode, Usage};

    use super::*;

    #[test]
    fn an_outcome_is_read_as_it_was_stored_and_zeros_are_not_stored() {
        let known = Usage { attempts: 2, input_tokens: 10, latency_ms: 1, cost_micro_usd: Some(3), ..Usage::default() };
        let names = |usage| {
            let succeeded = ActionOutcome::Succeeded { tasks: 3, replaced: 0, usage };
            for outcome in [&succeeded, &ActionOutcome::Failed(Failure::new(FailureCode::AiTimeout, "slow", usage))] {
                let read: ActionOutcome = serde_dynamo::from_attribute_value(stored(outcome).unwrap()).unwrap();
                assert_eq!(read, *outcome);
            }
            let AttributeValue::M(fields) = stored(&succeeded).unwrap() else { panic!() };
            let mut names: Vec<_> = fields.into_keys().collect();
            names.sort_unstable();
            names
        };
        assert_eq!(names(known), ["attempts", "costMicroUsd", "inputTokens", "latencyMs", "result", "tasks"]);
        assert_eq!(names(Usage::default()), ["result", "tasks"]);
    }
}
