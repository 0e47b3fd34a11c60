use aws_sdk_sqs::types::Message;
use goal_activity_events::{ActionId, BatchAnswer, BatchMessage, TaskToken};
use serde_json::{Value, json};

/// A batch as a worker receives it: the raw JSON and the parsed message.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) raw: Value,
    pub(crate) message: BatchMessage,
}

/// One call of the finalize function.
#[derive(Debug)]
pub(crate) struct FinalizeCall {
    pub(crate) payload: Value,
    pub(crate) token: TaskToken,
}

impl Batch {
    pub(crate) fn read(message: &Message) -> Self {
        let body = message.body().expect("a message has a body");
        let raw = serde_json::from_str(body).expect("the body is JSON");
        Self { raw, message: serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: not a batch message: {body}")) }
    }

    pub(crate) fn action_ids(&self) -> Vec<&str> {
        self.message.action_ids.iter().map(ActionId::as_str).collect()
    }
}

impl FinalizeCall {
    pub(crate) fn read(message: &Message) -> Self {
        let mut payload: Value =
            serde_json::from_str(message.body().expect("a message has a body")).expect("it is JSON");
        let token =
            payload.as_object_mut().and_then(|fields| fields.remove("taskToken")).expect("the patch adds a token");
        Self { payload, token: TaskToken::new(token.as_str().expect("a token is a text")) }
    }
}

/// The answer of a worker that generated all tasks of a batch.
pub(crate) fn all_succeeded(batch: &Batch) -> BatchAnswer {
    let succeeded = u32::try_from(batch.message.action_ids.len()).expect("a batch is small");
    BatchAnswer { batch_index: batch.message.batch_index, succeeded, failed: 0 }
}

/// The result of finalize when that many actions have their tasks.
pub(crate) fn finalize_answer(succeeded: usize, total: usize) -> Value {
    let status = match succeeded {
        0 => "FAILED",
        n if n == total => "SUCCEEDED",
        _ => "PARTIALLY_SUCCEEDED",
    };
    json!({
        "status": status,
        "totalActions": total,
        "succeededActions": succeeded,
        "failedActions": total - succeeded,
    })
}
