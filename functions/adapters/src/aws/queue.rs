use std::time::Duration;

use aws_sdk_sqs::Client;
use goal_activity_core::ports::PortResult;

use super::{Connection, unavailable};
use goal_activity_core::ports::{DeleteMessage, HideMessage};

/// The queue that a function reads from.
#[derive(Debug, Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// The queue of that URL.
    pub fn new(aws: &Connection, url: impl Into<String>) -> Self {
        Self { client: Client::new(&aws.sdk), url: url.into() }
    }
}

impl DeleteMessage for Queue {
    async fn delete(&self, receipt_handle: &str) -> PortResult<()> {
        self.client
            .delete_message()
            .queue_url(&self.url)
            .receipt_handle(receipt_handle)
            .send()
            .await
            .map_err(unavailable("deleting a queue message that is done"))?;
        Ok(())
    }
}

impl HideMessage for Queue {
    async fn hide(&self, receipt_handle: &str, time: Duration) -> PortResult<()> {
        self.client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt_handle)
            .visibility_timeout(i32::try_from(time.as_secs()).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(unavailable("changing how long a queue message is hidden"))?;
        Ok(())
    }
}
