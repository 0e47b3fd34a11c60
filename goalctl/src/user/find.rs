//! Finds what is stored of a user: in the tables by keys, indexes and scans, in the archive by reading it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result, anyhow};
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use goal_activity_core::keys;
use goal_activity_events::publisher::reason;
use goal_activity_events::{ExecutionArn, UserId};
use serde_json::Value;

use super::{Found, Row, Table, Version};
use crate::stack::Stack;

/// How many records are read at once.
const READ_AT_ONCE: usize = 32;
/// REQUEST rows: the workflow that a request was accepted as.
const ACCEPTED_AS: &str = "acceptedAs";

impl Table {
    pub(crate) fn output(self) -> &'static str {
        match self {
            Self::Goals => "GoalsTableName",
            Self::Tasks => "TasksTableName",
            Self::Executions => "ExecutionsTableName",
        }
    }

    /// Its partition key and its sort key.
    pub(crate) fn key(self) -> (&'static str, &'static str) {
        match self {
            Self::Goals => (keys::GOAL_ID, keys::ITEM),
            Self::Tasks => (keys::GOAL_ID, keys::POSITION),
            Self::Executions => (keys::EXECUTION_ARN, keys::ITEM),
        }
    }
}

/// The attributes of a row that say whose it is, as text. Others are not read.
type Attributes = BTreeMap<String, String>;

/// Finds what is stored of one user.
pub(super) struct Finder<'a> {
    pub(super) stack: &'a Stack,
    pub(super) user: &'a UserId,
    pub(super) dynamodb: aws_sdk_dynamodb::Client,
    pub(super) s3: aws_sdk_s3::Client,
    pub(super) cognito: aws_sdk_cognitoidentityprovider::Client,
    pub(super) bucket: &'a str,
}

impl<'a> Finder<'a> {
    pub(super) fn new(stack: &'a Stack, user: &'a UserId) -> Result<Self> {
        Ok(Self {
            stack,
            user,
            dynamodb: aws_sdk_dynamodb::Client::new(&stack.sdk),
            s3: aws_sdk_s3::Client::new(&stack.sdk),
            cognito: aws_sdk_cognitoidentityprovider::Client::new(&stack.sdk),
            bucket: stack.output("ArchiveBucketName")?,
        })
    }

    pub(super) async fn find(&self) -> Result<Found> {
        let own = self.own_or_requests().await?;
        let mut workflows = Workflows::default();
        for (row, of) in own.iter().filter(|(row, of)| row.sort == keys::EXECUTION && self.is_named_in(of)) {
            workflows.executions.insert(row.partition.parse()?);
            workflows.goals.extend(of.get(keys::GOAL_ID).cloned());
        }
        let versions = self.archive(&mut workflows).await?;
        let Workflows { executions, goals } = workflows;
        let (goals, mut rows) = self.goals(goals).await?;
        for goal in &goals {
            rows.extend(self.partition(Table::Tasks, goal).await?.into_iter().map(|(row, _)| row));
        }
        rows.extend(self.not_in_goals_of_others(self.rows_with_user(Table::Tasks).await?, &goals).await?);
        rows.extend(self.execution_rows(&executions, own).await?);
        Ok(Found { sign_in: self.sign_in().await?, goals, rows, open: self.open(&executions).await?, versions })
    }

    /// The name in the user pool, if the stack has one and the user is in it.
    async fn sign_in(&self) -> Result<Option<String>> {
        let Some(pool) = self.stack.find_output("UserPoolId") else { return Ok(None) };
        let id = self.user.as_str().replace('\\', "\\\\").replace('"', "\\\"");
        let list = self.cognito.list_users().user_pool_id(pool).filter(format!("sub = \"{id}\"")).send().await;
        let list = list.map_err(|e| anyhow!("cannot look for the sign-in: {}", reason(&e)))?;
        Ok(list.users().first().and_then(|user| user.username()).map(ToOwned::to_owned))
    }

    /// The rows of the executions that name the user, and the requests of all. Not from the index by user, which may be behind: what
    /// has just been started must not be deleted while it runs.
    async fn own_or_requests(&self) -> Result<Vec<(Row, Attributes)>> {
        let filter = format!("{} = :user OR #sort = :request", keys::USER_ID);
        self.scan(Table::Executions, &filter, &[(":request", keys::REQUEST)]).await
    }

    fn is_named_in(&self, of: &Attributes) -> bool {
        of.get(keys::USER_ID).is_some_and(|user| user == self.user.as_str())
    }

    /// Those of these workflows that have not ended, or whose end is not archived.
    pub(super) async fn open(&self, executions: &BTreeSet<ExecutionArn>) -> Result<BTreeSet<ExecutionArn>> {
        let mut open = BTreeSet::new();
        for execution in executions {
            let rows = self.partition(Table::Executions, execution.as_str()).await?;
            let is_open = |(row, of): &(Row, Attributes)| {
                // The mark of the archive: see `EndExecution::mark_archived`.
                row.sort == keys::EXECUTION && !of.contains_key(keys::EXPIRES_AT)
            };
            if rows.iter().any(is_open) {
                open.insert(execution.clone());
            }
        }
        Ok(open)
    }

    /// The user's goals, and all their rows. A goal of a workflow that is not there any more is the user's: its tasks may be left.
    async fn goals(&self, of_workflows: BTreeSet<String>) -> Result<(BTreeSet<String>, BTreeSet<Row>)> {
        let named = self.rows_with_user(Table::Goals).await?;
        let mut candidates = of_workflows;
        candidates.extend(named.iter().map(|row| row.partition.clone()));
        let (mut goals, mut rows) = (BTreeSet::new(), BTreeSet::new());
        for goal in candidates {
            let all = self.partition(Table::Goals, &goal).await?;
            match Owner::of(&all) {
                Owner::Known(owner) if owner == self.user.as_str() => {
                    rows.extend(all.into_iter().map(|(row, _)| row));
                    goals.insert(goal);
                }
                // Its other rows may still name who had it before.
                Owner::Known(_) => {}
                Owner::Unreadable => rows.extend(named.iter().filter(|row| row.partition == goal).cloned()),
                Owner::NoGoal => {
                    let is_of_another = |of: &Attributes| of.contains_key(keys::USER_ID) && !self.is_named_in(of);
                    rows.extend(all.into_iter().filter(|(_, of)| !is_of_another(of)).map(|(row, _)| row));
                    goals.insert(goal);
                }
            }
        }
        Ok((goals, rows))
    }

    /// The rows without those of goals that another user has now.
    async fn not_in_goals_of_others(&self, rows: BTreeSet<Row>, own: &BTreeSet<String>) -> Result<BTreeSet<Row>> {
        let goals: BTreeSet<_> =
            rows.iter().map(|row| row.partition.clone()).filter(|goal| !own.contains(goal)).collect();
        let mut of_others = BTreeSet::new();
        for goal in goals {
            if matches!(Owner::of(&self.partition(Table::Goals, &goal).await?), Owner::Known(_)) {
                of_others.insert(goal);
            }
        }
        Ok(rows.into_iter().filter(|row| !of_others.contains(&row.partition)).collect())
    }

    /// All rows of these workflows, of the requests that were accepted as one of them, and of the user.
    async fn execution_rows(
        &self,
        executions: &BTreeSet<ExecutionArn>,
        scanned: Vec<(Row, Attributes)>,
    ) -> Result<BTreeSet<Row>> {
        let mut rows = BTreeSet::new();
        let own = keys::user(self.user);
        for partition in executions.iter().map(ExecutionArn::as_str).chain([own.as_str()]) {
            rows.extend(self.partition(Table::Executions, partition).await?.into_iter().map(|(row, _)| row));
        }
        let is_own = |of: &Attributes| {
            let accepted = of.get(ACCEPTED_AS).and_then(|arn| arn.parse::<ExecutionArn>().ok());
            self.is_named_in(of) || accepted.is_some_and(|arn| executions.contains(&arn))
        };
        rows.extend(scanned.into_iter().filter(|(_, of)| is_own(of)).map(|(row, _)| row));
        Ok(rows)
    }

    async fn rows_with_user(&self, table: Table) -> Result<BTreeSet<Row>> {
        let rows = self.scan(table, &format!("{} = :user", keys::USER_ID), &[]).await?;
        Ok(rows.into_iter().map(|(row, _)| row).collect())
    }

    async fn partition(&self, table: Table, partition: &str) -> Result<Vec<(Row, Attributes)>> {
        let query = self.dynamodb.query().table_name(self.stack.output(table.output())?).consistent_read(true);
        let query = query.key_condition_expression("#key = :key").expression_attribute_names("#key", table.key().0);
        let query = query.expression_attribute_values(":key", AttributeValue::S(partition.to_owned()));
        let mut pages = query.into_paginator().items().send();
        let mut rows = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|e| anyhow!("cannot query {}: {}", table.output(), reason(&e)))?;
            rows.push(read(table, item)?);
        }
        Ok(rows)
    }

    /// The rows that pass the filter, which may compare with `:user` and, as `#sort`, with the sort key.
    async fn scan(&self, table: Table, filter: &str, more: &[(&str, &str)]) -> Result<Vec<(Row, Attributes)>> {
        let scan = self.dynamodb.scan().table_name(self.stack.output(table.output())?).filter_expression(filter);
        let scan = scan.consistent_read(true);
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let scan = scan.expression_attribute_values(":user", text(self.user.as_str()));
        let scan = match filter.contains("#sort") {
            true => scan.expression_attribute_names("#sort", table.key().1),
            false => scan,
        };
        let scan = more.iter().fold(scan, |scan, (name, value)| scan.expression_attribute_values(*name, text(value)));
        let mut pages = scan.into_paginator().items().send();
        let mut rows = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|e| anyhow!("cannot scan {}: {}", table.output(), reason(&e)))?;
            rows.push(read(table, item)?);
        }
        Ok(rows)
    }

    /// All versions of the user's records. Adds the workflows that they are of.
    async fn archive(&self, workflows: &mut Workflows) -> Result<BTreeSet<Version>> {
        let known: BTreeSet<_> = workflows.executions.iter().map(|arn| arn.name().to_owned()).collect();
        let records = self.records().await?;
        let read = stream::iter(records).map(|(key, record)| {
            let is_known = known.contains(name_of(&key));
            async move { anyhow::Ok((self.read_record(&key, &record, is_known).await?, key, record)) }
        });
        let read: Vec<_> = read.buffer_unordered(READ_AT_ONCE).try_collect().await?;
        let mut versions = BTreeSet::new();
        for (own, key, record) in read {
            let Some(own) = own else { continue };
            workflows.executions.extend(own.executions);
            workflows.goals.extend(own.goals);
            versions.extend(record.all.into_iter().map(|id| Version { key: key.clone(), id }));
        }
        Ok(versions)
    }

    /// The workflow of a record, or `None` for a record of another user.
    async fn read_record(&self, key: &str, versions: &Versions, is_known: bool) -> Result<Option<Workflows>> {
        // Only marks of deletions are left, which are named like the workflow: they go with what is known of it.
        let Some(version) = &versions.newest else { return Ok(is_known.then(Workflows::default)) };
        let get = self.s3.get_object().bucket(self.bucket).key(key).version_id(version).send().await;
        let object = get.map_err(|e| anyhow!("cannot read the record {key}: {}", reason(&e)))?;
        let line = object.body.collect().await.with_context(|| format!("the record {key} breaks off"))?;
        let line = line.into_bytes();
        let Ok(record) = serde_json::from_slice::<Value>(&line) else {
            // Written by hand: it is the user's if it has the id anywhere.
            let has_id = names(&String::from_utf8_lossy(&line), self.user.as_str());
            return Ok((is_known || has_id).then(Workflows::default));
        };
        if !is_known && record[keys::USER_ID] != self.user.as_str() {
            return Ok(None);
        }
        let text = |name: &str| record[name].as_str();
        Ok(Some(Workflows {
            executions: text(keys::EXECUTION_ARN).and_then(|arn| arn.parse().ok()).into_iter().collect(),
            goals: text(keys::GOAL_ID).map(ToOwned::to_owned).into_iter().collect(),
        }))
    }

    /// The versions of every record, by its key.
    async fn records(&self) -> Result<BTreeMap<String, Versions>> {
        let mut records: BTreeMap<String, Versions> = BTreeMap::new();
        let (mut key, mut version) = (None, None);
        loop {
            let list = self.s3.list_object_versions().bucket(self.bucket).prefix(keys::ARCHIVED_EXECUTIONS);
            let list = list.set_key_marker(key.take()).set_version_id_marker(version.take()).send().await;
            let list = list.map_err(|e| anyhow!("cannot list the versions in {}: {}", self.bucket, reason(&e)))?;
            for object in list.versions() {
                if let (Some(key), Some(id)) = (object.key(), object.version_id()) {
                    let record = records.entry(key.to_owned()).or_default();
                    // The newest comes first.
                    record.newest.get_or_insert_with(|| id.to_owned());
                    record.all.insert(id.to_owned());
                }
            }
            for mark in list.delete_markers() {
                if let (Some(key), Some(id)) = (mark.key(), mark.version_id()) {
                    records.entry(key.to_owned()).or_default().all.insert(id.to_owned());
                }
            }
            if list.is_truncated() != Some(true) {
                return Ok(records);
            }
            (key, version) = (list.next_key_marker, list.next_version_id_marker);
        }
    }
}

/// Whose a goal is, by its rows.
enum Owner<'a> {
    Known(&'a str),
    /// Its own row names no user.
    Unreadable,
    /// It has no row of its own.
    NoGoal,
}

impl<'a> Owner<'a> {
    fn of(rows: &'a [(Row, Attributes)]) -> Self {
        match rows.iter().find(|(row, _)| row.sort == keys::GOAL) {
            Some((_, of)) => of.get(keys::USER_ID).map_or(Self::Unreadable, |owner| Self::Known(owner)),
            None => Self::NoGoal,
        }
    }
}

/// Returns `true` if the text has this id, and not only as a part of a longer one.
fn names(text: &str, id: &str) -> bool {
    let is_of_id = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    text.match_indices(id).any(|(at, _)| {
        let (before, after) = (text.get(..at), text.get(at + id.len()..));
        !before.is_some_and(|text| text.ends_with(is_of_id)) && !after.is_some_and(|text| text.starts_with(is_of_id))
    })
}

/// Workflows, and their goals.
#[derive(Debug, Default)]
struct Workflows {
    executions: BTreeSet<ExecutionArn>,
    goals: BTreeSet<String>,
}

/// The versions of one record.
#[derive(Debug, Default)]
struct Versions {
    /// The newest with contents.
    newest: Option<String>,
    all: BTreeSet<String>,
}

/// The name of the workflow in the key of its record.
fn name_of(key: &str) -> &str {
    let file = key.rsplit('/').next().unwrap_or(key);
    file.strip_suffix(".json").unwrap_or(file)
}

fn read(table: Table, item: HashMap<String, AttributeValue>) -> Result<(Row, Attributes)> {
    let text = |value: AttributeValue| match value {
        AttributeValue::S(text) | AttributeValue::N(text) => Some(text),
        _ => None,
    };
    let of: Attributes = item.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect();
    let (partition, sort) = table.key();
    let key = |name: &str| of.get(name).cloned().with_context(|| format!("a row of {} has no {name}", table.output()));
    Ok((Row { table, partition: key(partition)?, sort: key(sort)? }, of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_named_like_its_workflow() {
        assert_eq!(name_of("executions/date=2026-11-24/goal-1-1.json"), "goal-1-1");
    }

    #[test]
    fn a_record_that_cannot_be_read_is_the_users_whose_whole_id_it_has() {
        assert!(names("{\"userId\":\"ann\",", "ann") && names("ann", "ann") && names("joann ann", "ann"));
        assert!(!names("{\"userId\":\"joanna\",", "ann") && !names("ann-1", "ann"));
    }

    #[test]
    fn a_row_is_known_by_its_key() {
        let item = [("goalId", "g"), ("item", "GOAL"), ("userId", "u")];
        let item = item.map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())));
        let (row, of) = read(Table::Goals, item.clone().into()).unwrap();
        assert_eq!((row.partition.as_str(), row.sort.as_str(), of["userId"].as_str()), ("g", "GOAL", "u"));
        assert!(read(Table::Tasks, item.into()).is_err(), "no position");
    }
}
