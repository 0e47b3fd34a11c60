//! The archive: S3 keeps what it has acknowledged and shows it at once (S3 user guide, "Amazon S3 data consistency
//! model"), and writes under a key once where it is asked to (`If-None-Match`). DynamoDB deletes expired rows within days
//! (developer guide, "Time to Live").

use std::time::Duration;

use goal_activity_core::archive::{ArchiveKey, Record};
use goal_activity_core::execution::Execution;
use goal_activity_core::limits::HISTORY;
use goal_activity_core::ports::{ArchiveExecution, FindArchived, Outside, ReadArchive};
use goal_activity_events::ExecutionArn;
use goal_activity_functions::memory::State;
use serde_json::Value;

use crate::api;
use crate::check::{self, Found, Write};
use crate::flaw::Flaw;
use crate::ports::Ports;
use crate::world::Sim;

impl ArchiveExecution for Ports {
    async fn archive_execution(&self, record: &Record) -> Outside<()> {
        if self.sim.has(Flaw::ArchiveForgotten) {
            return Ok(());
        }
        let write = || async {
            self.sim.tables.archive_execution(record).await?;
            check::observe(&self.sim, &record.execution_arn, &Write::Other);
            Ok(())
        };
        self.call("archive_execution", record.execution_arn.name(), write).await
    }
}

impl FindArchived for Ports {
    async fn find_archived(&self, execution: &ExecutionArn) -> Outside<Option<ArchiveKey>> {
        self.call("find_archived", execution.name(), || self.sim.tables.find_archived(execution)).await
    }
}

impl ReadArchive for Ports {
    async fn read_archive(&self, key: &ArchiveKey) -> Outside<Record> {
        self.call("read_archive", key, || self.sim.tables.read_archive(key)).await
    }
}

/// Nothing may expire that is not archived; and what is archived is what the row and the sealed ledger say, for good.
pub(crate) fn check(state: &State, execution: &Execution, found: &mut Found) {
    let (arn, name) = (&execution.execution_arn, execution.execution_arn.name());
    let ledger = |index| state.ledgers.get(&(arn.clone(), index)).cloned().unwrap_or_default();
    let ledgers: Vec<_> = (0..execution.batch_count()).map(ledger).collect();
    let record = Record::of(execution, &ledgers);
    let stored = record.as_ref().and_then(|r| state.archive.get(&r.key()));
    let expected = record.as_ref().map(|r| r.to_line().expect("a record"));
    if stored.is_some() && stored != expected.as_ref() {
        found.push(("P7", format!("{name} is archived as something else than it is")));
    }
    let pointed_to = state.archived_as.get(arn) == record.map(|r| r.key()).as_ref();
    if state.expiring.contains_key(arn) && (stored.is_none() || !pointed_to) {
        found.push(("P7", format!("{name} may be deleted before it is archived")));
    }
    if execution.archived_at.is_some() && !(execution.is_told() && state.expiring.contains_key(arn)) {
        found.push(("P7", format!("{name} is off the list, though there is something left to do")));
    }
}

/// When all rows have expired, the API tells of every workflow what it told before.
pub(crate) async fn afterwards(sim: &Sim) {
    let mut all: Vec<_> = sim.tables.state().executions.values().cloned().collect();
    all.sort_by(|a, b| a.execution_arn.cmp(&b.execution_arn));
    let mut before = Vec::new();
    for execution in &all {
        before.push(told(sim, execution).await);
    }
    let later = sim.now().plus(HISTORY).plus(Duration::from_secs(60));
    sim.tables.state().now = later.as_millis();
    sim.tables.expire();
    let left = {
        let state = sim.tables.state();
        state.executions.len() + state.ledgers.len()
    };
    if left > 0 {
        sim.violated("P7", format!("{left} rows never expire"));
    }
    for (execution, before) in all.iter().zip(before) {
        if told(sim, execution).await != before {
            sim.violated("P7", format!("{} is not what it was before it expired", execution.execution_arn.name()));
        }
    }
    (0..all.len()).for_each(|_| sim.count("workflows read from the archive"));
}

/// What the API tells its user of a workflow.
async fn told(sim: &Sim, execution: &Execution) -> [Option<Value>; 2] {
    [told_by(sim, execution, "status").await, told_by(sim, execution, "timeline").await]
}

/// Asked a second time when there is no answer: the one fault of a run may come this late.
async fn told_by(sim: &Sim, execution: &Execution, route: &str) -> Option<Value> {
    let (user, arn) = (execution.user_id.as_str(), &execution.execution_arn);
    for _ in 0..2 {
        if let Some((200, body)) = api::workflow(sim, user, "GET", route, arn).await {
            return Some(body);
        }
    }
    sim.violated("P7", format!("the {route} of {} is not told", arn.name()));
    None
}
