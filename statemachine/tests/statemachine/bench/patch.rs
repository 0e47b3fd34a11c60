use serde_json::{Value, json};

/// A change that one case makes to the definition before it is deployed, because the real value would take too long, or
/// because the case tests a path that is otherwise unreachable.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Patch {
    /// The first batch has this many seconds, and no heartbeat: that must be shorter than the timeout and would expire
    /// first. The others have the real times, as with [`Self::FirstBatchHeartbeat`]: a slow machine loses none of them.
    FirstBatchSeconds(u32),
    /// The first batch needs a heartbeat every so many seconds.
    FirstBatchHeartbeat(u32),
    /// The other batches need a heartbeat every so many seconds. Follows a patch of the first one.
    OtherBatchesHeartbeat(u32),
    /// At most this many batches at once.
    BatchesAtOnce(u32),
    /// The whole workflow has this many seconds.
    WorkflowSeconds(u32),
    /// One call of finalize has this many seconds, and no heartbeat.
    FinalizeSeconds(u32),
    /// Every retry follows after at most one second.
    ImpatientRetries,
    /// The first batch is retried without a heartbeat for the error name that both interpreters use: Moto names a missed
    /// heartbeat like a timeout, and `MiniStack` supports only the timeout.
    SilenceTimesOut,
    /// A failed batch is neither sent again nor caught, so that the whole Map fails.
    LostBatchesUncaught,
}

const PROCESSOR: &str = "/States/RunBatches/ItemProcessor";
const BATCH: &str = "/States/RunBatches/ItemProcessor/States/EnqueueBatch";
const OTHER_BATCH: &str = "/States/RunBatches/ItemProcessor/States/EnqueueOtherBatch";
const MAP: &str = "/States/RunBatches";
const FINALIZE: &str = "/States/SaveResults";

impl Patch {
    pub(crate) fn apply(self, definition: &mut Value) {
        match self {
            Self::FirstBatchSeconds(seconds) => {
                set_the_first_batch_apart(definition);
                set(definition, BATCH, "TimeoutSeconds", json!(seconds));
                remove(definition, BATCH, "HeartbeatSeconds");
            }
            Self::FirstBatchHeartbeat(seconds) => {
                set_the_first_batch_apart(definition);
                set(definition, BATCH, "HeartbeatSeconds", json!(seconds));
            }
            Self::OtherBatchesHeartbeat(seconds) => {
                set(definition, OTHER_BATCH, "HeartbeatSeconds", json!(seconds));
            }
            Self::BatchesAtOnce(batches) => set(definition, MAP, "MaxConcurrency", json!(batches)),
            Self::WorkflowSeconds(seconds) => set(definition, "", "TimeoutSeconds", json!(seconds)),
            Self::FinalizeSeconds(seconds) => {
                set(definition, FINALIZE, "TimeoutSeconds", json!(seconds));
                remove(definition, FINALIZE, "HeartbeatSeconds");
            }
            Self::ImpatientRetries => {
                for state in [BATCH, FINALIZE] {
                    for retrier in object(definition, state)["Retry"].as_array_mut().expect("retriers") {
                        set(retrier, "", "IntervalSeconds", json!(1));
                        set(retrier, "", "BackoffRate", json!(1.0));
                    }
                }
            }
            Self::SilenceTimesOut => {
                let retriers = object(definition, BATCH)["Retry"].as_array_mut().expect("retriers");
                let silence = &mut retriers[0]["ErrorEquals"];
                assert_eq!(*silence, json!(["States.HeartbeatTimeout"]), "the definition has changed under the patch");
                *silence = json!(["States.Timeout"]);
            }
            Self::LostBatchesUncaught => {
                remove(definition, BATCH, "Retry");
                remove(definition, BATCH, "Catch");
            }
        }
    }
}

/// Gives the other batches a state of their own, equal to that of the first. (`MiniStack` does not read
/// `TimeoutSecondsPath`, which would do.)
fn set_the_first_batch_apart(definition: &mut Value) {
    let other = object(definition, BATCH).clone();
    let first = json!({ "Variable": "$.batchIndex", "NumericEquals": 0, "Next": "EnqueueBatch" });
    let choice = json!({ "Type": "Choice", "Choices": [first], "Default": "EnqueueOtherBatch" });
    let processor = object(definition, PROCESSOR);
    processor["StartAt"] = json!("WhichBatch");
    processor["States"]["EnqueueOtherBatch"] = Value::Object(other);
    processor["States"]["WhichBatch"] = choice;
}

/// Lets the test answer as finalize: the same state sends the function's payload to a queue, with a token to answer.
/// The test's answer replaces the result of the Lambda integration, so everything after the call is the real
/// definition.
///
/// The heartbeat is for Moto: a retry there keeps its token, and without a heartbeat uses the first answer for the
/// second call.
pub(crate) fn finalize_through_queue(definition: &mut Value, queue_url: &str) {
    let state = object(definition, FINALIZE);
    let mut body = state["Parameters"]["Payload"].clone();
    body["taskToken.$"] = json!("$$.Task.Token");
    state.insert("HeartbeatSeconds".to_owned(), json!(30));
    set(definition, FINALIZE, "Resource", json!("arn:aws:states:::sqs:sendMessage.waitForTaskToken"));
    set(definition, FINALIZE, "Parameters", json!({ "QueueUrl": queue_url, "MessageBody": body }));
}

fn object<'a>(definition: &'a mut Value, at: &str) -> &'a mut serde_json::Map<String, Value> {
    definition.pointer_mut(at).and_then(Value::as_object_mut).unwrap_or_else(|| panic!("the definition has no {at}"))
}

/// Replaces a field. A missing field is a defect of the patch: the definition has changed.
fn set(definition: &mut Value, at: &str, field: &str, value: Value) {
    let slot = object(definition, at).get_mut(field).unwrap_or_else(|| panic!("{at} has no {field} to patch"));
    *slot = value;
}

fn remove(definition: &mut Value, at: &str, field: &str) {
    object(definition, at).remove(field).unwrap_or_else(|| panic!("{at} has no {field} to remove"));
}
