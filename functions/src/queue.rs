//! Reading an SQS batch: each message is handled by itself, and only those that failed go back to the queue.

use std::time::Duration;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use goal_activity_core::ports::{Outside, Unavailable};

/// How long a message rests after its first failure.
const FIRST_RETRY: Duration = Duration::from_secs(5);
/// How long a message rests after its later failures.
const LATER_RETRY: Duration = Duration::from_secs(60);

/// Why a message was not handled. Either way it goes back to the queue, and after too many receives to its dead-letter
/// queue: a malformed one because people must see it, an unavailable one because it may work next time.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// It will never be readable.
    #[error("malformed message, it will end in the dead-letter queue: {0}")]
    Malformed(String),
    /// It may work next time.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A message as it was received.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// What it says.
    pub body: &'a str,
    /// By what the queue knows this receipt of it.
    pub receipt_handle: &'a str,
}

/// Handles one message.
pub trait HandleMessage: Sync {
    /// Handles it; doing so twice must change nothing.
    fn handle(&self, message: Message<'_>) -> impl Future<Output = Result<(), MessageError>> + Send;
}

/// Decides when a message may be received again.
pub trait HideMessage: Sync {
    /// Makes the message that was received under this handle visible again after that time, counted from now.
    fn hide(&self, receipt_handle: &str, time: Duration) -> impl Future<Output = Outside<()>> + Send;
}

/// Handles a batch of messages one after the other, and names those that failed.
pub async fn handle_batch(handler: &impl HandleMessage, queue: &impl HideMessage, event: SqsEvent) -> SqsBatchResponse {
    let received = event.records.len();
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        let received = Message {
            body: message.body.as_deref().unwrap_or_default(),
            receipt_handle: message.receipt_handle.as_deref().unwrap_or_default(),
        };
        if let Err(error) = handler.handle(received).await {
            give_back(queue, &message, &error).await;
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message.message_id.unwrap_or_default();
            response.batch_item_failures.push(failure);
        }
    }
    tracing::info!(received, failed = response.batch_item_failures.len(), "handled queue messages");
    response
}

/// Logs a failure and sets when the message comes back: without that it would be after the queue's visibility timeout, which
/// is made for crashes and long.
async fn give_back(queue: &impl HideMessage, message: &SqsMessage, error: &MessageError) {
    let id = message.message_id.as_deref().unwrap_or_default();
    let receives: u32 =
        message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1);
    let wait = match error {
        // No use in waiting: the sooner it is in the dead-letter queue, the sooner somebody sees it.
        MessageError::Malformed(_) => Duration::ZERO,
        // Soon for a hiccup, later for an outage.
        MessageError::Unavailable(_) if receives <= 1 => FIRST_RETRY,
        MessageError::Unavailable(_) => LATER_RETRY,
    };
    match error {
        MessageError::Malformed(_) => tracing::error!(message_id = id, receives, %error, "message not handled"),
        MessageError::Unavailable(_) => tracing::warn!(message_id = id, receives, %error, "message not handled"),
    }
    if let Err(error) = queue.hide(message.receipt_handle.as_deref().unwrap_or_default(), wait).await {
        tracing::warn!(message_id = id, %error, "it comes back after the queue's own visibility timeout");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    struct Picky;

    impl HandleMessage for Picky {
        async fn handle(&self, message: Message<'_>) -> Result<(), MessageError> {
            match message.body {
                "bad" => Err(MessageError::Malformed("it says bad".into())),
                "busy" => Err(Unavailable::new("a test", "busy").into()),
                _ => Ok(()),
            }
        }
    }

    #[derive(Default)]
    struct Queue(Mutex<Vec<(String, u64)>>);

    impl HideMessage for Queue {
        async fn hide(&self, receipt_handle: &str, wait: Duration) -> Outside<()> {
            self.0.lock().unwrap().push((receipt_handle.to_owned(), wait.as_secs()));
            Err(Unavailable::new("a test", "a queue that cannot hide changes nothing else"))
        }
    }

    #[tokio::test]
    async fn only_failed_messages_go_back_each_when_it_makes_sense() {
        let messages = [("good", 1), ("bad", 1), ("busy", 1), ("busy", 2), ("good", 1)].iter().enumerate();
        let record = |(i, (body, receives)): (usize, &(&str, u32))| {
            let attributes = serde_json::json!({ "ApproximateReceiveCount": receives.to_string() });
            let (id, handle) = (i.to_string(), format!("handle-{i}"));
            serde_json::json!({ "messageId": id, "receiptHandle": handle, "body": body, "attributes": attributes })
        };
        let records: Vec<_> = messages.map(record).collect();
        let event = serde_json::from_value(serde_json::json!({ "Records": records })).unwrap();
        let queue = Queue::default();
        let response = handle_batch(&Picky, &queue, event).await;
        let failed: Vec<_> = response.batch_item_failures.iter().map(|f| f.item_identifier.as_str()).collect();
        assert_eq!(failed, ["1", "2", "3"]);
        let waits = [("handle-1", 0), ("handle-2", 5), ("handle-3", 60)].map(|(h, w)| (h.to_owned(), w));
        assert_eq!(queue.0.into_inner().unwrap(), waits);
    }
}
