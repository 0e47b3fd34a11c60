//! The queue that a function receives its messages from.

use std::time::Duration;

use super::PortResult;

/// Sets when a message may be received again.
pub trait HideMessage: Sync {
    /// Makes the message that was received under this handle visible again after that time, counted from now.
    fn hide(&self, receipt_handle: &str, time: Duration) -> impl Future<Output = PortResult<()>> + Send;
}
