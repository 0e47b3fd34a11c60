//! How often and how soon a call is made again that failed for a reason which passes.

use std::time::Duration;

use crate::failure::Failure;

/// The number of attempts for transient errors.
pub(crate) const ATTEMPTS: u32 = 4;
/// The wait before the second attempt; doubled each time.
pub(crate) const FIRST_WAIT: Duration = Duration::from_millis(300);

/// How long a call is repeated that failed for a reason which passes.
#[derive(Debug)]
pub(crate) struct Persistence {
    repeatable: bool,
    attempt: u32,
    wait: Duration,
}

impl Persistence {
    pub(crate) fn new(repeatable: bool) -> Self {
        Self { repeatable, attempt: 1, wait: FIRST_WAIT }
    }

    /// Returns `true` if the call is to be made again. Without an answer it may have been processed.
    pub(crate) fn tries_again(&self, failure: &Failure) -> bool {
        // The limit of running workflows does not clear within seconds.
        let is_passing = failure.retryable && failure.status != Some(429);
        is_passing && (self.repeatable || failure.status.is_some()) && self.attempt < ATTEMPTS
    }

    pub(crate) async fn pause(&mut self) {
        tokio::time::sleep(self.wait).await;
        self.wait *= 2;
        self.attempt += 1;
    }
}
