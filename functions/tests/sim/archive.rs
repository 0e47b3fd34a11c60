//! The archive: S3 keeps what it has acknowledged and shows it at once (S3 user guide, "Amazon S3 data consistency
//! model"), and writes under a key only once if requested (`If-None-Match`). DynamoDB deletes expired rows within days
//! (developer guide, "Time to Live").

use goal_activity_core::archive::{ArchiveKey, Record};
use goal_activity_core::execution::Execution;
use goal_activity_core::ports::{ArchiveExecution, FindArchived, PortResult, ReadArchive};
use goal_activity_events::ExecutionArn;
use goal_activity_functions::adapters::memory::State;

use crate::check::{self, Found, Write};
use crate::flaw::Flaw;
use crate::ports::Ports;

impl ArchiveExecution for Ports {
    async fn archive_execution(&self, record: &Record) -> PortResult<()> {
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
    async fn find_archived(&self, execution: &ExecutionArn) -> PortResult<Option<ArchiveKey>> {
        let find = || async {
            let found = self.sim.tables.find_archived(execution).await?;
            Ok(found.filter(|_| !self.sim.has(Flaw::NameUsedAgain)))
        };
        self.call("find_archived", execution.name(), find).await
    }
}

impl ReadArchive for Ports {
    async fn read_archive(&self, key: &ArchiveKey) -> PortResult<Record> {
        self.call("read_archive", key, || self.sim.tables.read_archive(key)).await
    }
}

/// Nothing may expire that is not archived; and a record permanently agrees with the row and the sealed ledger.
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
    let expiring = |index: &u32| state.expiring_ledgers.contains_key(&(arn.clone(), *index));
    let batches = 0..execution.batch_count();
    if stored.is_none() && batches.clone().any(|index| expiring(&index)) {
        found.push(("P7", format!("the ledger of {name} may be deleted before it is archived")));
    }
    if execution.archived_at.is_some() && !batches.clone().all(|index| expiring(&index)) {
        found.push(("P7", format!("{name} is off the list, and its ledger never expires")));
    }
    if execution.archived_at.is_some() && !(execution.is_reported() && state.expiring.contains_key(arn)) {
        found.push(("P7", format!("{name} is off the list, though there is something left to do")));
    }
}
