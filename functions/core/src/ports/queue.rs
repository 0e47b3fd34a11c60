//! The queue that a function receives its messages from.

use std::time::Duration;

use super::PortResult;

/// Deletes messages that are done, before the invocation ends that received them.
pub trait DeleteMessage: Sync {
    /// Deletes the message that was received under this handle.
    fn delete(&self, receipt_handle: &str) -> impl Future<Output = PortResult<()>> + Send;
}

/// Sets when a message may be received again.
pub trait HideMessage: Sync {
    /// Makes the message that was received under this handle visible again after that time, counted from now.
    fn hide(&self, receipt_handle: &str, time: Duration) -> impl Future<Output = PortResult<()>> + Send;
}
