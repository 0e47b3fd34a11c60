//! What is stored of a user in one cell: found by keys and indexes, copied to another cell, removed.
//!
//! Unlike `goalctl user`, which looks through everything, this costs only what the user has; and once for a cell its memory of
//! requests, which no index lists by user.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result, anyhow};
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use goal_activity_adapters::clock::SystemClock;
use goal_activity_cells::cell::Cell;
use goal_activity_core::keys;
use goal_activity_core::ports::Clock;
use goal_activity_events::publisher::reason;
use goal_activity_events::{ExecutionArn, StateMachineArn, Timestamp, UserId};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::failure::Failure;
use crate::stack::Stack;
use crate::user::{Row, Table};

/// How much is read or written at once.
const AT_ONCE: usize = 16;
/// The most keys of one request (DynamoDB, `BatchGetItem`).
const KEYS: usize = 100;
/// The attribute of a remembered request: the workflow that it was accepted as.
const ACCEPTED_AS: &str = "acceptedAs";

type Item = HashMap<String, AttributeValue>;

/// A cell, with its stack.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) cell: Cell,
    pub(super) stack: Stack,
    dynamodb: aws_sdk_dynamodb::Client,
    s3: aws_sdk_s3::Client,
    requests: Mutex<Option<Requests>>,
}

/// The requests that a cell remembers, by the workflow that each was accepted as.
#[derive(Debug)]
struct Requests {
    at: Timestamp,
    by_execution: HashMap<ExecutionArn, Vec<String>>,
}

/// What is stored of a user in a cell.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Belongings {
    pub(super) rows: BTreeMap<Row, Item>,
    /// The keys of the records of the archive.
    pub(super) records: BTreeSet<String>,
    pub(super) goals: BTreeSet<String>,
    pub(super) executions: BTreeSet<ExecutionArn>,
    /// The workflows that have not ended, or whose end is not archived.
    pub(super) open: BTreeSet<ExecutionArn>,
}

impl Opened {
    pub(super) fn new(cell: Cell, stack: Stack) -> Self {
        let (dynamodb, s3) = (aws_sdk_dynamodb::Client::new(&stack.sdk), aws_sdk_s3::Client::new(&stack.sdk));
        Self { cell, stack, dynamodb, s3, requests: Mutex::default() }
    }

    fn table(&self, table: Table) -> Result<&str> {
        self.stack.output(table.output())
    }

    fn bucket(&self) -> Result<&str> {
        self.stack.output("ArchiveBucketName")
    }

    /// Finds all that is stored of the user. The state machines of all cells: a user may have been in any of them before.
    pub(super) async fn find(&self, user: &UserId, machines: &[StateMachineArn]) -> Result<Belongings> {
        let mut found = Belongings::default();
        let own = keys::user(user);
        let mut named: BTreeSet<ExecutionArn> = BTreeSet::new();
        for (row, item) in self.partition(Table::Executions, &own).await? {
            let running = item.get(keys::RUNNING).and_then(|set| set.as_ss().ok()).into_iter().flatten();
            let running = running.map(|arn| arn.parse()).collect::<Result<BTreeSet<ExecutionArn>, _>>()?;
            named.extend(running.iter().cloned());
            found.open.extend(running);
            found.rows.insert(row, item);
        }
        let mut older = Vec::new();
        for goal in self.goals_of(user).await? {
            let rows = self.partition(Table::Goals, &goal).await?;
            let Some((_, head)) = rows.iter().find(|(row, _)| row.sort == keys::GOAL) else { continue };
            // The index may be behind.
            if text(head, keys::USER_ID) != Some(user.as_str()) {
                continue;
            }
            named.extend(text(head, keys::CLAIM).and_then(|arn| arn.parse().ok()));
            let claims = head.get(keys::CLAIMS).and_then(|n| n.as_n().ok()).and_then(|n| n.parse::<u64>().ok());
            for n in 1..=claims.unwrap_or(0) {
                older.extend(machines.iter().map(|machine| ExecutionArn::named(machine, &format!("{goal}-{n}"))));
            }
            found.rows.extend(rows);
            found.rows.extend(self.partition(Table::Tasks, &goal).await?);
            found.goals.insert(goal);
        }
        named.extend(self.executions_of(user).await?);
        older.retain(|arn| !named.contains(arn));
        let mut archived = self.archived(&older).await?;
        named.append(&mut archived);
        let read = stream::iter(named)
            .map(|arn| async move { anyhow::Ok((self.partition(Table::Executions, arn.as_str()).await?, arn)) });
        let read: Vec<_> = read.buffer_unordered(AT_ONCE).try_collect().await?;
        for (rows, arn) in read {
            if self.is_of(user, &rows).await? {
                found.add(arn, rows);
            }
        }
        for request in self.requests_of(&found).await? {
            found.rows.extend(self.partition(Table::Executions, &request).await?);
        }
        Ok(found)
    }

    /// Returns `true` if these rows are those of a workflow of the user. An old one has only its record.
    async fn is_of(&self, user: &UserId, rows: &[(Row, Item)]) -> Result<bool> {
        if let Some((_, execution)) = rows.iter().find(|(row, _)| row.sort == keys::EXECUTION) {
            return Ok(text(execution, keys::USER_ID) == Some(user.as_str()));
        }
        let key =
            rows.iter().find_map(|(row, item)| (row.sort == keys::ARCHIVE).then(|| text(item, keys::ARCHIVED_AS))?);
        let Some(key) = key else { return Ok(false) };
        let record: Value = serde_json::from_slice(&self.record(key).await?).unwrap_or_default();
        Ok(record[keys::USER_ID] == user.as_str())
    }

    async fn goals_of(&self, user: &UserId) -> Result<BTreeSet<String>> {
        let query = self.dynamodb.query().table_name(self.table(Table::Goals)?).index_name(keys::GOALS_BY_USER_INDEX);
        let query = query.key_condition_expression("userId = :user");
        let query = query.expression_attribute_values(":user", AttributeValue::S(user.to_string()));
        let mut pages = query.into_paginator().items().send();
        let mut goals = BTreeSet::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|e| match e.code() {
                Some("ValidationException") => {
                    let title = format!(
                        "the goals of cell {} belong to another program: no index lists them by user",
                        self.cell.id
                    );
                    anyhow::Error::from(Failure::usage(title, "that program has to move them"))
                }
                _ => anyhow!("cannot list the goals of a user in cell {}: {}", self.cell.id, reason(&e)),
            })?;
            goals.extend(text(&item, keys::GOAL_ID).map(ToOwned::to_owned));
        }
        Ok(goals)
    }

    /// All users who have a goal or a workflow here. Looks through both tables.
    pub(super) async fn users(&self) -> Result<BTreeSet<UserId>> {
        let mut users = BTreeSet::new();
        for table in [Table::Goals, Table::Executions] {
            let scan = self.dynamodb.scan().table_name(self.table(table)?).filter_expression("attribute_exists(#user)");
            let scan = scan.projection_expression("#user").expression_attribute_names("#user", keys::USER_ID);
            let mut pages = scan.into_paginator().items().send();
            while let Some(item) = pages.next().await {
                let item = item.map_err(|e| {
                    anyhow!("cannot look through {} of cell {}: {}", table.output(), self.cell.id, reason(&e))
                })?;
                users.extend(text(&item, keys::USER_ID).and_then(|user| user.parse::<UserId>().ok()));
            }
        }
        Ok(users)
    }

    async fn executions_of(&self, user: &UserId) -> Result<BTreeSet<ExecutionArn>> {
        let query = self.dynamodb.query().table_name(self.table(Table::Executions)?).index_name(keys::BY_USER_INDEX);
        let query = query.key_condition_expression("userId = :user");
        let query = query.expression_attribute_values(":user", AttributeValue::S(user.to_string()));
        let mut pages = query.into_paginator().items().send();
        let mut executions = BTreeSet::new();
        while let Some(item) = pages.next().await {
            let item = item
                .map_err(|e| anyhow!("cannot list the workflows of a user in cell {}: {}", self.cell.id, reason(&e)))?;
            executions.extend(text(&item, keys::EXECUTION_ARN).and_then(|arn| arn.parse::<ExecutionArn>().ok()));
        }
        Ok(executions)
    }

    /// Those that are archived. Their other rows may have expired.
    async fn archived(&self, executions: &[ExecutionArn]) -> Result<BTreeSet<ExecutionArn>> {
        let table = self.table(Table::Executions)?;
        let mut found = BTreeSet::new();
        for some in executions.chunks(KEYS) {
            let mut asked = KeysAndAttributes::builder().consistent_read(true);
            for arn in some {
                asked = asked.keys(key_of(Table::Executions, arn.as_str(), keys::ARCHIVE));
            }
            let mut left = Some(HashMap::from([(table.to_owned(), asked.build()?)]));
            while let Some(request) = left.take().filter(|left| !left.is_empty()) {
                let got = self.dynamodb.batch_get_item().set_request_items(Some(request)).send().await;
                let got = got.map_err(|e| {
                    anyhow!("cannot look for archived workflows in cell {}: {}", self.cell.id, reason(&e))
                })?;
                let items = got.responses.unwrap_or_default().remove(table).unwrap_or_default();
                found.extend(
                    items.iter().filter_map(|item| text(item, keys::EXECUTION_ARN)?.parse::<ExecutionArn>().ok()),
                );
                left = got.unprocessed_keys;
            }
        }
        Ok(found)
    }

    /// The keys of the remembered requests that were accepted as one of the workflows. Read once for a cell, and again where a
    /// workflow was started after that.
    async fn requests_of(&self, found: &Belongings) -> Result<Vec<String>> {
        let newest = found.rows.iter().filter(|(row, _)| row.sort == keys::EXECUTION);
        let newest: Option<Timestamp> = newest.filter_map(|(_, item)| text(item, keys::START_DATE)?.parse().ok()).max();
        let mut requests = self.requests.lock().await;
        // A minute for the difference between clocks.
        let is_current = |requests: &Requests| newest.is_none_or(|at| requests.at.since(at).as_secs() > 60);
        if !requests.as_ref().is_some_and(is_current) {
            *requests = Some(self.all_requests().await?);
        }
        let by_execution = requests.as_ref().map(|requests| &requests.by_execution);
        let of = |arn: &ExecutionArn| by_execution.and_then(|all| all.get(arn)).cloned().unwrap_or_default();
        Ok(found.executions.iter().flat_map(of).collect())
    }

    async fn all_requests(&self) -> Result<Requests> {
        let at = SystemClock.now();
        let scan = self.dynamodb.scan().table_name(self.table(Table::Executions)?).consistent_read(true);
        let scan = scan.filter_expression("#item = :request").projection_expression("#key, #accepted");
        let scan = scan
            .expression_attribute_names("#item", keys::ITEM)
            .expression_attribute_names("#key", keys::EXECUTION_ARN);
        let scan = scan.expression_attribute_names("#accepted", ACCEPTED_AS);
        let scan = scan.expression_attribute_values(":request", AttributeValue::S(keys::REQUEST.to_owned()));
        let mut pages = scan.into_paginator().items().send();
        let mut by_execution: HashMap<ExecutionArn, Vec<String>> = HashMap::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|e| {
                anyhow!("cannot read the requests that cell {} remembers: {}", self.cell.id, reason(&e))
            })?;
            if let (Some(key), Some(arn)) = (text(&item, keys::EXECUTION_ARN), text(&item, ACCEPTED_AS)) {
                by_execution.entry(arn.parse()?).or_default().push(key.to_owned());
            }
        }
        Ok(Requests { at, by_execution })
    }

    async fn partition(&self, table: Table, partition: &str) -> Result<Vec<(Row, Item)>> {
        let query = self.dynamodb.query().table_name(self.table(table)?).consistent_read(true);
        let query = query.key_condition_expression("#key = :key").expression_attribute_names("#key", table.key().0);
        let query = query.expression_attribute_values(":key", AttributeValue::S(partition.to_owned()));
        let mut pages = query.into_paginator().items().send();
        let mut rows = Vec::new();
        while let Some(item) = pages.next().await {
            let item =
                item.map_err(|e| anyhow!("cannot query {} of cell {}: {}", table.output(), self.cell.id, reason(&e)))?;
            let sort = text(&item, table.key().1).context("a row without its key")?.to_owned();
            rows.push((Row { table, partition: partition.to_owned(), sort }, item));
        }
        Ok(rows)
    }

    async fn record(&self, key: &str) -> Result<Vec<u8>> {
        let get = self.s3.get_object().bucket(self.bucket()?).key(key).send().await;
        let object =
            get.map_err(|e| anyhow!("cannot read the record {key} of cell {}: {}", self.cell.id, reason(&e)))?;
        let body = object.body.collect().await.with_context(|| format!("the record {key} breaks off"))?;
        Ok(body.into_bytes().into())
    }

    /// Refuses if a goal of the user is another user's here.
    pub(super) async fn check(&self, user: &UserId, belongings: &Belongings) -> Result<()> {
        for goal in &belongings.goals {
            let get = self.dynamodb.get_item().table_name(self.table(Table::Goals)?).consistent_read(true);
            let get = get.set_key(Some(key_of(Table::Goals, goal, keys::GOAL))).send().await;
            let got = get.map_err(|e| anyhow!("cannot read a goal of cell {}: {}", self.cell.id, reason(&e)))?;
            if got.item.is_some_and(|item| text(&item, keys::USER_ID) != Some(user.as_str())) {
                let title = format!("goal {goal} is another user's in cell {}", self.cell.id);
                return Err(Failure::not_done(title)
                    .advising("see both rows in the Goals tables: one of them needs another id")
                    .into());
            }
        }
        Ok(())
    }

    /// Writes all this, goals last: without its goal nothing can be started. `step` is called from time to time.
    pub(super) async fn copy(
        &self,
        from: &Self,
        belongings: &Belongings,
        step: impl AsyncFn() -> Result<()>,
    ) -> Result<()> {
        let records: Vec<_> = belongings.records.iter().collect();
        for some in records.chunks(AT_ONCE) {
            let copied = stream::iter(some).map(|key| async move {
                let put = self.s3.put_object().bucket(self.bucket()?).key(*key).body(from.record(key).await?.into());
                let put = put.content_type("application/json").send().await;
                put.map(drop)
                    .map_err(|e| anyhow!("cannot write the record {key} to cell {}: {}", self.cell.id, reason(&e)))
            });
            copied.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
            step().await?;
        }
        for table in [Table::Executions, Table::Tasks, Table::Goals] {
            let rows: Vec<_> = belongings.rows.iter().filter(|(row, _)| row.table == table).collect();
            for some in rows.chunks(20 * AT_ONCE) {
                let copied = stream::iter(some).map(|(_, item)| async move {
                    let put = self.dynamodb.put_item().table_name(self.table(table)?).set_item(Some((*item).clone()));
                    let put = put.send().await;
                    put.map(drop).map_err(|e| {
                        anyhow!("cannot write to {} of cell {}: {}", table.output(), self.cell.id, reason(&e))
                    })
                });
                copied.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
                step().await?;
            }
        }
        Ok(())
    }

    /// Removes all this, goals first. A goal that was claimed since it was read stays, and everything else with it.
    pub(super) async fn remove(&self, belongings: &Belongings, step: impl AsyncFn() -> Result<()>) -> Result<()> {
        for table in [Table::Goals, Table::Tasks, Table::Executions] {
            // The goal's own row is the first of all: the others of a goal that is claimed would be missed.
            let mut rows: Vec<_> = belongings.rows.iter().filter(|(row, _)| row.table == table).collect();
            rows.sort_by_key(|(row, _)| row.sort != keys::GOAL);
            for some in rows.chunks(20 * AT_ONCE) {
                let removed = stream::iter(some).map(|(row, item)| self.remove_row(row, item));
                // The first one alone: it may be refused.
                removed.buffer_unordered(if table == Table::Goals { 1 } else { AT_ONCE }).try_collect::<()>().await?;
                step().await?;
            }
        }
        for key in &belongings.records {
            self.remove_record(key).await?;
        }
        Ok(())
    }

    async fn remove_row(&self, row: &Row, item: &Item) -> Result<()> {
        let delete = self.dynamodb.delete_item().table_name(self.table(row.table)?);
        let mut delete = delete.set_key(Some(key_of(row.table, &row.partition, &row.sort)));
        if row.table == Table::Goals && row.sort == keys::GOAL {
            let condition = match item.get(keys::CLAIMS) {
                Some(claims) => {
                    delete = delete.expression_attribute_values(":claims", claims.clone());
                    format!("attribute_not_exists({}) OR {} = :claims", keys::GOAL_ID, keys::CLAIMS)
                }
                None => format!("attribute_not_exists({})", keys::CLAIMS),
            };
            delete = delete.condition_expression(condition);
        }
        match delete.send().await {
            Err(e) if e.code() == Some("ConditionalCheckFailedException") => {
                let title =
                    format!("goal {} was started in cell {} itself, after it was copied", row.partition, self.cell.id);
                Err(Failure::not_done(title).advising(STARTED_HERE).into())
            }
            other => other.map(drop).map_err(|e| {
                anyhow!("cannot delete a row of {} of cell {}: {}", row.table.output(), self.cell.id, reason(&e))
            }),
        }
    }

    async fn remove_record(&self, key: &str) -> Result<()> {
        let cannot = |e: String| anyhow!("cannot delete the record {key} of cell {}: {e}", self.cell.id);
        let list = self.s3.list_object_versions().bucket(self.bucket()?).prefix(key).send().await;
        let list = list.map_err(|e| cannot(reason(&e)))?;
        let versions = list
            .versions()
            .iter()
            .filter(|version| version.key() == Some(key))
            .filter_map(|version| version.version_id());
        let marks =
            list.delete_markers().iter().filter(|mark| mark.key() == Some(key)).filter_map(|mark| mark.version_id());
        for version in versions.chain(marks) {
            let delete = self.s3.delete_object().bucket(self.bucket()?).key(key).version_id(version).send().await;
            delete.map_err(|e| cannot(reason(&e)))?;
        }
        Ok(())
    }
}

/// What to do about a workflow that was started past the router.
pub(super) const STARTED_HERE: &str = "who starts workflows past the API in front, such as a service that emits events to the old cell's bus, \
    has to use the new one; cancel that workflow in the old cell, remove its goal there with `goalctl user`, and run this again";

impl Belongings {
    fn add(&mut self, arn: ExecutionArn, rows: Vec<(Row, Item)>) {
        for (row, item) in rows {
            if row.sort == keys::EXECUTION && !item.contains_key(keys::EXPIRES_AT) {
                self.open.insert(arn.clone());
            }
            if row.sort == keys::ARCHIVE {
                self.records.extend(text(&item, keys::ARCHIVED_AS).map(ToOwned::to_owned));
            }
            self.rows.insert(row, item);
        }
        self.executions.insert(arn);
    }

    /// Goals and workflows that are here and not there.
    pub(super) fn beyond(&self, other: &Self) -> Option<String> {
        let goal = self.goals.difference(&other.goals).next().map(|goal| format!("goal {goal}"));
        goal.or_else(|| self.executions.difference(&other.executions).next().map(|arn| format!("workflow {arn}")))
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.rows.is_empty() && self.records.is_empty()
    }
}

fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

fn key_of(table: Table, partition: &str, sort: &str) -> Item {
    let (partition_name, sort_name) = table.key();
    let text = |value: &str| AttributeValue::S(value.to_owned());
    HashMap::from([(partition_name.to_owned(), text(partition)), (sort_name.to_owned(), text(sort))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_in_one_cell_is_named() {
        let of = |goals: &[&str]| Belongings {
            goals: goals.iter().map(ToString::to_string).collect(),
            ..Belongings::default()
        };
        assert_eq!(of(&["a"]).beyond(&of(&["a", "b"])), None);
        assert_eq!(of(&["a", "b"]).beyond(&of(&["a"])), Some("goal b".to_owned()));
    }
}
