use std::collections::HashSet;

use goal_activity_core::archive::{ArchiveKey, Record};
use goal_activity_core::ports::{ArchiveExecution, FindArchived, PortResult, ReadArchive, Unavailable};
use goal_activity_events::ExecutionArn;

use super::World;

impl World {
    /// Deletes all rows that have expired by now, as DynamoDB does within days.
    pub fn expire(&self) {
        let mut state = self.state();
        let now = state.now;
        let past: HashSet<_> = state.expiring.extract_if(|_, at| at.as_millis() <= now).map(|(arn, _)| arn).collect();
        state.executions.retain(|arn, _| !past.contains(arn));
        let expiring = &mut state.expiring_ledgers;
        let past: HashSet<_> = expiring.extract_if(|_, at| at.as_millis() <= now).map(|(key, _)| key).collect();
        state.ledgers.retain(|key, _| !past.contains(key));
    }
}

impl ArchiveExecution for World {
    async fn archive_execution(&self, record: &Record) -> PortResult<()> {
        let line = record.to_line().map_err(|e| Unavailable::new("archiving", e))?;
        self.call("archive_execution").await?.archive.entry(record.key()).or_insert(line);
        Ok(())
    }
}

impl FindArchived for World {
    async fn find_archived(&self, execution: &ExecutionArn) -> PortResult<Option<ArchiveKey>> {
        Ok(self.call("find_archived").await?.archived_as.get(execution).cloned())
    }
}

impl ReadArchive for World {
    async fn read_archive(&self, key: &ArchiveKey) -> PortResult<Record> {
        let state = self.call("read_archive").await?;
        let line = state.archive.get(key).ok_or_else(|| Unavailable::new("reading the archive", "it is not there"))?;
        Record::from_line(line.as_bytes()).map_err(|e| Unavailable::new("reading the archive", e))
    }
}
