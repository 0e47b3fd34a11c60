//! Reading an SQS batch: each message is handled by itself, and only those that failed go back to the queue.

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use goal_activity_core::ports::Unavailable;

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

/// Handles one message's body.
pub trait HandleMessage: Sync {
    /// Handles it; doing so twice must change nothing.
    fn handle(&self, body: &str) -> impl Future<Output = Result<(), MessageError>> + Send;
}

/// Handles a batch of messages one after the other, and names those that failed.
pub async fn handle_batch(handler: &impl HandleMessage, event: SqsEvent) -> SqsBatchResponse {
    let received = event.records.len();
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        if let Err(error) = handler.handle(message.body.as_deref().unwrap_or_default()).await {
            log_failure(&message, &error);
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message.message_id.unwrap_or_default();
            response.batch_item_failures.push(failure);
        }
    }
    tracing::info!(received, failed = response.batch_item_failures.len(), "handled queue messages");
    response
}

fn log_failure(message: &SqsMessage, error: &MessageError) {
    let id = message.message_id.as_deref().unwrap_or_default();
    let receives = message.attributes.get("ApproximateReceiveCount").map_or("?", String::as_str);
    match error {
        MessageError::Malformed(_) => tracing::error!(message_id = id, receives, %error, "message not handled"),
        MessageError::Unavailable(_) => tracing::warn!(message_id = id, receives, %error, "message not handled"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Picky;

    impl HandleMessage for Picky {
        async fn handle(&self, body: &str) -> Result<(), MessageError> {
            match body {
                "bad" => Err(MessageError::Malformed("it says bad".into())),
                "busy" => Err(Unavailable::new("a test", "busy").into()),
                _ => Ok(()),
            }
        }
    }

    #[tokio::test]
    async fn only_failed_messages_go_back() {
        let messages = ["good", "bad", "busy", "good"].iter().enumerate();
        let records: Vec<_> =
            messages.map(|(i, body)| serde_json::json!({ "messageId": i.to_string(), "body": body })).collect();
        let event = serde_json::from_value(serde_json::json!({ "Records": records })).unwrap();
        let response = handle_batch(&Picky, event).await;
        let failed: Vec<_> = response.batch_item_failures.iter().map(|f| f.item_identifier.as_str()).collect();
        assert_eq!(failed, ["1", "2"]);
    }
}
