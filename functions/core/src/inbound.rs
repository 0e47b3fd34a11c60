//! Messages as they are taken in: checked for what their types cannot say. Whatever reads a message checks it here, so that
//! the tool which looks at dead letters sees them as the functions do.

use goal_activity_events::{
    ActionId, BatchMessage, BatchProgressed, Detail, Envelope, EventId, ExecutionArn, ExecutionStatusChanged,
    FailureCode, GoalActivityCancelRequested, GoalActivityRequested, GoalActivityRetryRequested, GoalId, MAX_SOURCE,
    ReadError, SOURCE, Timestamp, Traceparent, WorkflowCompleted, is_source, read_json,
};

use crate::execution::BatchState;
use crate::ledger::MAX_MESSAGE;
use crate::limits::{ACTIONS_PER_BATCH, CLOCKS_DIFFER, HISTORY, MAX_BATCHES};

/// Why a message is not taken. Repeats nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Refused> {
    if holds { Ok(()) } else { Err(Refused(otherwise())) }
}

/// Why a message cannot be read at all. Repeats nothing of it but the type that its sender gave it.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// It is not the event that it should be.
    #[error(transparent)]
    Event(#[from] ReadError),
    /// It says what cannot be.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Its type is none of those that come to this queue.
    #[error("nothing is known of events of this type")]
    OtherType {
        /// The type that came. Anything: the sender chose it.
        found: String,
    },
}

/// A message of the launch queue.
#[derive(Debug)]
pub enum LaunchMessage {
    /// A request for a workflow.
    Request(GoalActivityRequested),
    /// A request to stop one.
    Cancel(GoalActivityCancelRequested),
    /// A request for a workflow after one.
    Retry(GoalActivityRetryRequested),
    /// A request that can only be rejected. Its id can be read, so that its sender can be answered.
    Invalid(ReadError),
    /// The end of a workflow, which makes room for those that wait.
    End(WorkflowCompleted),
}

impl LaunchMessage {
    /// The trace that it belongs to, if it says one that can be read.
    pub fn traceparent(&self) -> Option<&Traceparent> {
        match self {
            Self::Request(request) => request.traceparent.as_ref(),
            Self::Cancel(request) => request.traceparent.as_ref(),
            Self::Retry(request) => request.traceparent.as_ref(),
            Self::Invalid(_) => None,
            Self::End(end) => end.traceparent.as_ref(),
        }
    }
}

/// A message of the projection queue.
#[derive(Debug)]
pub enum ProjectionMessage {
    /// A batch's state so far.
    Progress(Box<BatchProgressed>, BatchState),
    /// A change of an execution's status.
    StatusChange(ExecutionStatusChanged),
}

/// Returns `true` if the event has a type of the pipeline or of Step Functions but another source: then another sender published
/// it under that name.
pub fn is_foreign(envelope: &Envelope) -> bool {
    match envelope.detail_type.as_str() {
        WorkflowCompleted::TYPE | BatchProgressed::TYPE => envelope.source != SOURCE,
        ExecutionStatusChanged::TYPE => envelope.source != ExecutionStatusChanged::SOURCE,
        _ => false,
    }
}

/// Reads a message of the launch queue.
///
/// # Errors
/// It cannot be read, and has no readable `eventId` to reject.
pub fn launch(envelope: &Envelope) -> Result<LaunchMessage, Malformed> {
    if envelope.detail_type == WorkflowCompleted::TYPE {
        return Ok(LaunchMessage::End(envelope.detail()?));
    }
    let request = match envelope.detail_type.as_str() {
        GoalActivityCancelRequested::TYPE => envelope.detail().map(LaunchMessage::Cancel),
        GoalActivityRetryRequested::TYPE => envelope.detail().map(LaunchMessage::Retry),
        _ => envelope.detail().map(LaunchMessage::Request),
    };
    match request {
        Ok(request) => Ok(request),
        // With the request's id its sender can be answered; without it only people can help.
        Err(e @ ReadError::BadDetail { .. }) if envelope.field::<EventId>("eventId").is_some() => {
            Ok(LaunchMessage::Invalid(e))
        }
        Err(e) => Err(e.into()),
    }
}

/// Reads a message of the projection queue.
///
/// # Errors
/// It cannot be read, or what it says is not possible.
pub fn projection(envelope: &Envelope) -> Result<ProjectionMessage, Malformed> {
    match envelope.detail_type.as_str() {
        BatchProgressed::TYPE => {
            let event = envelope.detail()?;
            let state = progress(&event)?;
            Ok(ProjectionMessage::Progress(Box::new(event), state))
        }
        ExecutionStatusChanged::TYPE => Ok(ProjectionMessage::StatusChange(ExecutionStatusChanged::read(envelope)?)),
        other => Err(Malformed::OtherType { found: other.to_owned() }),
    }
}

/// Reads a message of the batch queue.
pub fn batch(body: &str) -> Result<BatchMessage, Refused> {
    let batch: BatchMessage = read_json(body).map_err(|e| Refused(format!("not a batch: {e}")))?;
    let actions = &batch.action_ids;
    ensure((1..=ACTIONS_PER_BATCH).contains(&actions.len()), || {
        format!("a batch has 1 to {ACTIONS_PER_BATCH} actions, not {}", actions.len())
    })?;
    distinct(actions.iter())?;
    of_a_workflow(batch.batch_index, &batch.execution_arn, &batch.goal_id)?;
    ensure(!batch.task_token.reveal().is_empty(), || "the task token is empty".to_owned())?;
    Ok(batch)
}

/// Reads a batch's state from its event.
pub fn progress(event: &BatchProgressed) -> Result<BatchState, Refused> {
    let state = BatchState::from(event);
    let total = usize::try_from(state.total).unwrap_or(usize::MAX);
    ensure((1..=ACTIONS_PER_BATCH).contains(&total), || {
        format!("a batch has 1 to {ACTIONS_PER_BATCH} actions, not {total}")
    })?;
    ensure(state.processed() <= state.total, || {
        format!("{} of {} actions cannot be processed", state.processed(), state.total)
    })?;
    distinct(state.failed.iter().map(|f| &f.action_id))?;
    ensure(state.failed.iter().all(|f| f.message.chars().count() <= MAX_MESSAGE), || {
        format!("the message of a failed action has more than {MAX_MESSAGE} characters")
    })?;
    // Other services have to bear with codes that they do not know. Our own workers know ours.
    ensure(state.failed.iter().all(|f| f.code != FailureCode::Other), || "unknown code of a failed action".to_owned())?;
    of_a_workflow(event.batch_index, &event.execution_arn, &event.goal_id)?;
    Ok(state)
}

/// Checks that an event's source is one that can be recorded, logged and answered.
pub fn source(source: &str) -> Result<(), Refused> {
    ensure(is_source(source), || {
        format!("the source is not 1 to {MAX_SOURCE} bytes without control characters, or begins with aws.")
    })
}

/// Checks that a request is recent enough: a replay of old events must not begin anew what was long done. Requests are
/// remembered for [`REQUEST_MEMORY`](crate::limits::REQUEST_MEMORY); what is older would count as a new one.
pub fn age(occurred_at: Timestamp, now: Timestamp) -> Result<(), Refused> {
    ensure(now.since(occurred_at) < HISTORY, || {
        format!("occurredAt: the request is {} days old or older", HISTORY.as_secs() / (24 * 60 * 60))
    })?;
    // It would be recent for longer than it is remembered.
    ensure(occurred_at.since(now) <= CLOCKS_DIFFER, || {
        format!("occurredAt: the request is more than {} hours ahead", CLOCKS_DIFFER.as_secs() / (60 * 60))
    })
}

fn distinct<'a>(actions: impl Iterator<Item = &'a ActionId> + Clone) -> Result<(), Refused> {
    let mut rest = actions;
    while let Some(action) = rest.next() {
        ensure(!rest.clone().any(|other| other == action), || "an action is named twice".to_owned())?;
    }
    Ok(())
}

fn of_a_workflow(batch_index: u32, execution: &ExecutionArn, goal: &GoalId) -> Result<(), Refused> {
    ensure(batch_index < MAX_BATCHES, || {
        format!("a workflow has at most {MAX_BATCHES} batches, no batch {batch_index}")
    })?;
    // What is written is found by the execution, what is read by the goal: both must be of one workflow (promise P9).
    ensure(execution.belongs_to(goal), || "executionArn names an execution of another goal".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const ARN: &str = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:g-1";

    fn batch_with(field: &str, value: Value) -> Result<BatchMessage, String> {
        let mut message = json!({
            "version": "1", "executionArn": ARN, "goalId": "g", "userId": "u", "batchIndex": 7, "actionIds": ["a", "b"],
            "enqueuedAt": "2026-11-24T09:30:00.000Z", "taskToken": "t",
        });
        message[field] = value;
        batch(&message.to_string()).map_err(|e| e.to_string())
    }

    fn progress_with(field: &str, value: Value) -> Result<BatchState, String> {
        let mut event = json!({
            "version": "1", "eventId": "e", "occurredAt": "2026-11-24T09:30:00.000Z", "executionArn": ARN, "goalId": "g",
            "userId": "u", "batchIndex": 7, "sequence": 2, "totalActions": 8, "succeededActions": 7, "failedActions": [],
        });
        event[field] = value;
        progress(&serde_json::from_value(event).unwrap()).map_err(|e| e.to_string())
    }

    fn failed(action: &str, message: &str) -> Value {
        json!({ "actionId": action, "code": FailureCode::AiTimeout, "message": message, "attempts": 3 })
    }

    #[test]
    fn a_batch_is_part_of_a_workflow_of_its_goal() {
        assert!(batch_with("batchIndex", json!(0)).is_ok());
        for (field, value, reason) in [
            ("actionIds", json!([]), "a batch has 1 to 8 actions, not 0"),
            ("actionIds", json!(["a", "b", "a"]), "an action is named twice"),
            ("batchIndex", json!(8), "a workflow has at most 8 batches, no batch 8"),
            ("goalId", json!("h"), "executionArn names an execution of another goal"),
            ("taskToken", json!(""), "the task token is empty"),
        ] {
            assert_eq!(batch_with(field, value).unwrap_err(), reason, "{field}");
        }
    }

    #[test]
    fn p6_a_report_that_cannot_be_is_not_taken() {
        assert_eq!(progress_with("failedActions", json!([failed("a", "")])).unwrap().processed(), 8);
        for (field, value, reason) in [
            ("failedActions", json!([failed("a", ""), failed("b", "")]), "9 of 8 actions cannot be processed"),
            ("succeededActions", json!(u32::MAX), "4294967295 of 8 actions cannot be processed"),
            ("totalActions", json!(u32::MAX), "a batch has 1 to 8 actions, not 4294967295"),
            ("totalActions", json!(0), "a batch has 1 to 8 actions, not 0"),
            ("batchIndex", json!(u32::MAX), "a workflow has at most 8 batches, no batch 4294967295"),
            ("goalId", json!("h"), "executionArn names an execution of another goal"),
        ] {
            assert_eq!(progress_with(field, value).unwrap_err(), reason, "{field}");
        }
        let long = failed("a", &"x".repeat(MAX_MESSAGE + 1));
        assert!(progress_with("failedActions", json!([long])).is_err());
        let (total, mut state) = (u32::MAX, progress_with("sequence", json!(1)).unwrap());
        (state.succeeded, state.total) = (total, total);
        state.failed = vec![serde_json::from_value(failed("a", "")).unwrap()];
        assert_eq!(state.processed(), u32::MAX);
    }

    #[test]
    fn a_source_has_a_sensible_length() {
        let accepted =
            ["", "a", "com.example/サービス #1", "a\nb", &"s".repeat(256), &"s".repeat(257)].map(|s| source(s).is_ok());
        assert_eq!(accepted, [false, true, true, false, true, false]);
    }
}
