//! The archive of ended workflows.

use goal_activity_events::ExecutionArn;

use super::PortResult;
use crate::archive::{ArchiveKey, Record};

/// Keeps ended workflows for good.
pub trait ArchiveExecution: Sync {
    /// Stores the record under its key. One that is there stays: it says the same.
    fn archive_execution(&self, record: &Record) -> impl Future<Output = PortResult<()>> + Send;
}

/// Knows what is archived.
pub trait FindArchived: Sync {
    /// Where the workflow is archived, when it is.
    fn find_archived(&self, execution: &ExecutionArn) -> impl Future<Output = PortResult<Option<ArchiveKey>>> + Send;
}

/// Reads the archive.
pub trait ReadArchive: Sync {
    /// Returns what is stored under a key of [`FindArchived`]. A missing object is a failure.
    fn read_archive(&self, key: &ArchiveKey) -> impl Future<Output = PortResult<Record>> + Send;
}
