use serde_json::{Value, json};

/// A message as Lambda reads it from a queue
/// (<https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>), received for the first time.
#[derive(Debug, Clone, PartialEq)]
pub struct SqsRecord(Value);

impl SqsRecord {
    /// Returns a message with that id and that body, whose receipt handle is `receipt`.
    pub fn new(id: impl Into<String>, body: impl Into<Value>) -> Self {
        Self(json!({
            "messageId": id.into(), "receiptHandle": "receipt", "body": body.into(),
            "attributes": { "ApproximateReceiveCount": "1" }, "messageAttributes": {},
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3", "eventSource": "aws:sqs", "awsRegion": "us-east-1",
            "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:queue",
        }))
    }

    /// Returns the same message with another receipt handle.
    #[must_use]
    pub fn handle(mut self, receipt_handle: impl Into<String>) -> Self {
        self.0["receiptHandle"] = receipt_handle.into().into();
        self
    }

    /// Returns the same message, received that many times by now.
    #[must_use]
    pub fn receives(mut self, times: u32) -> Self {
        self.0["attributes"]["ApproximateReceiveCount"] = times.to_string().into();
        self
    }
}

/// Returns what Lambda hands to a function that has received these messages.
pub fn sqs_event(messages: impl IntoIterator<Item = SqsRecord>) -> Value {
    json!({ "Records": messages.into_iter().map(|message| message.0).collect::<Vec<_>>() })
}
