//! Parses a dead letter as the function that reads from its queue does.

use clap::ValueEnum;
use goal_activity_core::inbound::{self, LaunchMessage, ProjectionMessage};
use goal_activity_events::{
    BatchMessage, BatchProgressed, Detail, Envelope, ExecutionArn, ExecutionStatusChanged, GoalActivityCancelRequested,
    GoalActivityRequested, GoalActivityRetryRequested, GoalId, StateMachineArn, WorkflowCompleted,
};
use serde::Serialize;

use super::redact;

/// A dead-letter queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Dlq {
    /// Requests, and ends that release capacity, which launch could not handle
    Launch,
    /// Batches that no worker could handle
    Batch,
    /// Events that projector could not handle
    Projection,
    /// Events that a rule could not deliver to a queue
    Undelivered,
}

/// A queue that a function reads from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum MainQueue {
    Launch,
    Batch,
    Projection,
}

impl Dlq {
    pub(crate) const ALL: [Self; 4] = [Self::Launch, Self::Batch, Self::Projection, Self::Undelivered];

    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Launch => "launch",
            Self::Batch => "batch",
            Self::Projection => "projection",
            Self::Undelivered => "undelivered",
        }
    }

    /// The stack's output that holds its URL.
    pub(crate) fn output(self) -> &'static str {
        match self {
            Self::Launch => "LaunchDlqUrl",
            Self::Batch => "BatchDlqUrl",
            Self::Projection => "ProjectionDlqUrl",
            Self::Undelivered => "UndeliveredDlqUrl",
        }
    }
}

impl MainQueue {
    /// Its name in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Launch => "launch",
            Self::Batch => "batch",
            Self::Projection => "projection",
        }
    }

    /// The function that reads from it.
    pub(crate) fn reader(self) -> &'static str {
        match self {
            Self::Launch => "launch",
            Self::Batch => "worker",
            Self::Projection => "projector",
        }
    }

    /// The stack's output that holds its URL.
    pub(crate) fn output(self) -> &'static str {
        match self {
            Self::Launch => "LaunchQueueUrl",
            Self::Batch => "BatchQueueUrl",
            Self::Projection => "ProjectionQueueUrl",
        }
    }
}

/// The content of a message, without texts and secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Contents {
    /// A request to turn a goal's actions into tasks.
    Request {
        goal_id: Option<GoalId>,
        execution_arn: Option<ExecutionArn>,
        /// What is wrong with it, if `launch` can only reject it. A rejection is a response too: such a request can be
        /// retried.
        invalid: Option<String>,
    },
    /// The end of a workflow, which releases capacity for waiting ones.
    End { goal_id: GoalId, execution_arn: ExecutionArn },
    /// A batch of a workflow.
    Batch(BatchMessage),
    /// A batch's state so far.
    Progress { goal_id: GoalId, execution_arn: ExecutionArn, batch_index: u32 },
    /// A change of an execution's status.
    StatusChange { execution_arn: ExecutionArn },
    /// The same for an execution of another state machine. `projector` would drop it with a warning.
    ForeignStatusChange { execution_arn: ExecutionArn, reason: String },
    /// A message that its function cannot read.
    Malformed {
        reason: String,
        /// Its intended queue, if known.
        meant_for: Option<MainQueue>,
    },
}

impl Contents {
    /// Reads a message of that dead-letter queue. `machine` is the state machine of the queue's stack.
    pub(crate) fn read(queue: Dlq, body: &str, machine: &StateMachineArn) -> Self {
        let own = match queue {
            Dlq::Launch => Some(MainQueue::Launch),
            Dlq::Batch => Some(MainQueue::Batch),
            Dlq::Projection => Some(MainQueue::Projection),
            Dlq::Undelivered => None,
        };
        let malformed = |reason, meant_for| Self::Malformed { reason, meant_for };
        if own == Some(MainQueue::Batch) {
            return inbound::batch(body).map_or_else(|e| malformed(e.to_string(), own), Self::Batch);
        }
        let envelope = match Envelope::parse(body) {
            Ok(envelope) => envelope,
            Err(e) => return malformed(redact::unreadable(&e), own),
        };
        // An undelivered event names no queue, but its rule matches this type.
        let target = own.or_else(|| rule_target(&envelope.detail_type));
        let contents = match target {
            Some(MainQueue::Launch) => inbound::launch(&envelope).map(|message| to_launch(&envelope, message)),
            Some(MainQueue::Projection) => inbound::projection(&envelope).map(|message| to_project(message, machine)),
            Some(MainQueue::Batch) | None => Err(inbound::Malformed::OtherType { found: envelope.detail_type.clone() }),
        };
        contents.unwrap_or_else(|error| malformed(redact::malformed(&error), target))
    }

    /// The queue of the function that handles it.
    pub(crate) fn main_queue(&self) -> Option<MainQueue> {
        match self {
            Self::Request { .. } | Self::End { .. } => Some(MainQueue::Launch),
            Self::Batch(_) => Some(MainQueue::Batch),
            Self::Progress { .. } | Self::StatusChange { .. } | Self::ForeignStatusChange { .. } => {
                Some(MainQueue::Projection)
            }
            Self::Malformed { meant_for, .. } => *meant_for,
        }
    }

    /// Its kind, in a word or two. Part of the JSON output: never changed.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Request { .. } => "request",
            Self::End { .. } => "end",
            Self::Batch(_) => "batch",
            Self::Progress { .. } => "progress",
            Self::StatusChange { .. } | Self::ForeignStatusChange { .. } => "statusChange",
            Self::Malformed { .. } => "malformed",
        }
    }

    /// Its goal.
    pub(crate) fn goal_id(&self) -> Option<&GoalId> {
        match self {
            Self::Request { goal_id, .. } => goal_id.as_ref(),
            Self::Batch(batch) => Some(&batch.goal_id),
            Self::Progress { goal_id, .. } | Self::End { goal_id, .. } => Some(goal_id),
            Self::StatusChange { .. } | Self::ForeignStatusChange { .. } | Self::Malformed { .. } => None,
        }
    }

    /// Its workflow.
    pub(crate) fn execution_arn(&self) -> Option<&ExecutionArn> {
        match self {
            Self::Request { execution_arn, .. } => execution_arn.as_ref(),
            Self::Batch(batch) => Some(&batch.execution_arn),
            Self::Progress { execution_arn, .. }
            | Self::End { execution_arn, .. }
            | Self::StatusChange { execution_arn }
            | Self::ForeignStatusChange { execution_arn, .. } => Some(execution_arn),
            Self::Malformed { .. } => None,
        }
    }

    /// Its batch.
    pub(crate) fn batch_index(&self) -> Option<u32> {
        match self {
            Self::Batch(batch) => Some(batch.batch_index),
            Self::Progress { batch_index, .. } => Some(*batch_index),
            Self::Request { .. }
            | Self::End { .. }
            | Self::StatusChange { .. }
            | Self::ForeignStatusChange { .. }
            | Self::Malformed { .. } => None,
        }
    }

    /// What is wrong with it.
    pub(crate) fn problem(&self) -> Option<&str> {
        match self {
            Self::Malformed { reason, .. } | Self::ForeignStatusChange { reason, .. } => Some(reason),
            Self::Request { invalid, .. } => invalid.as_deref(),
            Self::Batch(_) | Self::End { .. } | Self::Progress { .. } | Self::StatusChange { .. } => None,
        }
    }
}

/// The queue to which the rules deliver events of that type (`infra/lib/messaging.ts`).
fn rule_target(detail_type: &str) -> Option<MainQueue> {
    match detail_type {
        GoalActivityRequested::TYPE
        | GoalActivityCancelRequested::TYPE
        | GoalActivityRetryRequested::TYPE
        | WorkflowCompleted::TYPE => Some(MainQueue::Launch),
        BatchProgressed::TYPE | ExecutionStatusChanged::TYPE => Some(MainQueue::Projection),
        _ => None,
    }
}

fn to_launch(envelope: &Envelope, message: LaunchMessage) -> Contents {
    match message {
        LaunchMessage::Request(request) => {
            let (goal_id, execution_arn) = (Some(request.goal_id), request.execution_arn);
            Contents::Request { goal_id, execution_arn, invalid: None }
        }
        LaunchMessage::Cancel(GoalActivityCancelRequested { execution_arn, .. })
        | LaunchMessage::Retry(GoalActivityRetryRequested { execution_arn, .. }) => {
            Contents::Request { goal_id: None, execution_arn: Some(execution_arn), invalid: None }
        }
        LaunchMessage::Invalid(why) => Contents::Request {
            goal_id: envelope.field("goalId"),
            execution_arn: envelope.field("executionArn"),
            invalid: Some(redact::unreadable(&why)),
        },
        LaunchMessage::End(end) => Contents::End { goal_id: end.goal_id, execution_arn: end.execution_arn },
    }
}

fn to_project(message: ProjectionMessage, machine: &StateMachineArn) -> Contents {
    match message {
        ProjectionMessage::Progress(event, _) => {
            let BatchProgressed { goal_id, execution_arn, batch_index, .. } = *event;
            Contents::Progress { goal_id, execution_arn, batch_index }
        }
        ProjectionMessage::StatusChange(change) => status_change(change.execution_arn, machine),
    }
}

fn status_change(execution_arn: ExecutionArn, ours: &StateMachineArn) -> Contents {
    let theirs = execution_arn.state_machine();
    if theirs == *ours {
        return Contents::StatusChange { execution_arn };
    }
    let reason = format!("foreign: it is about an execution of {theirs}, and this stack's state machine is {ours}");
    Contents::ForeignStatusChange { execution_arn, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use goal_activity_testkit::EventBridgeEvent;
    use goal_activity_testkit::mutate::{mutated, text};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const ARN: &str = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:g-1";

    fn batch(actions: usize) -> Value {
        let actions: Vec<_> = (0..actions).map(|i| format!("a-{i}")).collect();
        json!({
            "version": "1", "executionArn": ARN, "goalId": "g", "userId": "u", "batchIndex": 2, "actionIds": actions,
            "regenerate": false, "enqueuedAt": "2026-11-24T09:30:00.000Z", "taskToken": "s3cr3t",
        })
    }

    fn event(detail_type: &str, detail: Value) -> Value {
        EventBridgeEvent::new("test", detail_type, &detail).into()
    }

    fn requested() -> Value {
        json!({
            "version": "1", "eventId": "e-1", "occurredAt": "2026-11-24T09:30:00.000Z", "goalId": "g", "userId": "u",
        })
    }

    fn progressed(succeeded: u32) -> Value {
        json!({
            "version": "1", "eventId": "e-2", "occurredAt": "2026-11-24T09:30:00.000Z", "executionArn": ARN,
            "goalId": "g", "userId": "u", "batchIndex": 3, "sequence": 1, "totalActions": 8,
            "succeededActions": succeeded, "failedActions": [],
        })
    }

    fn completed() -> Value {
        json!({
            "version": "1", "eventId": "e-3", "occurredAt": "2026-11-24T09:31:00.000Z", "executionArn": ARN,
            "goalId": "g", "userId": "u", "status": "SUCCEEDED", "startDate": "2026-11-24T09:30:00.000Z",
            "stopDate": "2026-11-24T09:31:00.000Z", "durationMs": 60000, "totalActions": 8, "succeededActions": 8,
            "failedActions": [],
        })
    }

    fn status_changed() -> Value {
        event(ExecutionStatusChanged::TYPE, json!({ "executionArn": ARN, "status": "FAILED" }))
    }

    fn machine() -> StateMachineArn {
        ARN.parse::<ExecutionArn>().unwrap().state_machine()
    }

    fn read(queue: Dlq, body: &Value) -> Contents {
        Contents::read(queue, &body.to_string(), &machine())
    }

    #[test]
    fn a_status_event_of_another_state_machine_is_named_as_foreign() {
        let theirs = "arn:aws:states:us-east-1:000000000000:execution:nightly-report:g-1";
        let event = event(ExecutionStatusChanged::TYPE, json!({ "executionArn": theirs, "status": "FAILED" }));
        for queue in [Dlq::Projection, Dlq::Undelivered] {
            let contents = read(queue, &event);
            assert_eq!(
                (contents.kind(), contents.execution_arn().map(ExecutionArn::as_str)),
                ("statusChange", Some(theirs))
            );
            let problem = contents.problem().unwrap_or_default();
            for part in ["foreign", "stateMachine:nightly-report,", "stateMachine:goal-activity"] {
                assert!(problem.contains(part), "{part:?} is missing in: {problem}");
            }
        }
    }

    #[test]
    fn each_queue_holds_its_kinds_of_messages() {
        let request = event(GoalActivityRequested::TYPE, requested());
        let progress = event(BatchProgressed::TYPE, progressed(8));
        let cases = [
            (Dlq::Launch, request.clone(), "request", Some(MainQueue::Launch)),
            (Dlq::Launch, progress.clone(), "malformed", Some(MainQueue::Launch)),
            (Dlq::Batch, batch(8), "batch", Some(MainQueue::Batch)),
            (Dlq::Batch, batch(0), "malformed", Some(MainQueue::Batch)),
            (Dlq::Batch, batch(9), "malformed", Some(MainQueue::Batch)),
            (Dlq::Batch, request.clone(), "malformed", Some(MainQueue::Batch)),
            (Dlq::Projection, progress.clone(), "progress", Some(MainQueue::Projection)),
            (Dlq::Projection, event(BatchProgressed::TYPE, progressed(9)), "malformed", Some(MainQueue::Projection)),
            (Dlq::Projection, status_changed(), "statusChange", Some(MainQueue::Projection)),
            (Dlq::Projection, request.clone(), "malformed", Some(MainQueue::Projection)),
            (Dlq::Launch, event(WorkflowCompleted::TYPE, completed()), "end", Some(MainQueue::Launch)),
            (Dlq::Launch, event(WorkflowCompleted::TYPE, json!({})), "malformed", Some(MainQueue::Launch)),
            (Dlq::Undelivered, event(WorkflowCompleted::TYPE, completed()), "end", Some(MainQueue::Launch)),
            (Dlq::Undelivered, request, "request", Some(MainQueue::Launch)),
            (Dlq::Undelivered, progress, "progress", Some(MainQueue::Projection)),
            (Dlq::Undelivered, status_changed(), "statusChange", Some(MainQueue::Projection)),
            (Dlq::Undelivered, event(BatchProgressed::TYPE, json!({})), "malformed", Some(MainQueue::Projection)),
            (Dlq::Undelivered, event("Tea", json!({})), "malformed", None),
            (Dlq::Undelivered, batch(1), "malformed", None),
        ];
        for (queue, body, kind, target) in cases {
            let contents = read(queue, &body);
            assert_eq!((contents.kind(), contents.main_queue()), (kind, target), "{queue:?}: {body}");
            assert_eq!(contents.problem().is_some(), kind == "malformed", "{contents:?}");
        }
    }

    #[test]
    fn a_letter_tells_what_it_is_about() {
        let batch = read(Dlq::Batch, &batch(1));
        assert_eq!(batch.goal_id().map(GoalId::as_str), Some("g"));
        assert_eq!((batch.execution_arn().map(ExecutionArn::as_str), batch.batch_index()), (Some(ARN), Some(2)));
        let progress = read(Dlq::Projection, &event(BatchProgressed::TYPE, progressed(0)));
        assert_eq!((progress.goal_id().map(GoalId::as_str), progress.batch_index()), (Some("g"), Some(3)));
        assert_eq!(read(Dlq::Projection, &status_changed()).execution_arn().map(ExecutionArn::as_str), Some(ARN));
    }

    #[test]
    fn a_request_that_launch_can_answer_is_not_a_dead_end() {
        let mut detail = requested();
        detail["actionIds"] = json!(7);
        let contents = read(Dlq::Launch, &event(GoalActivityRequested::TYPE, detail.clone()));
        assert_eq!(contents.kind(), "request");
        assert!(contents.problem().is_some_and(|p| p.contains("a sequence")), "{contents:?}");
        detail["eventId"] = Value::Null;
        assert_eq!(read(Dlq::Launch, &event(GoalActivityRequested::TYPE, detail)).kind(), "malformed");
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange_to_be_read(text in text()) {
            for queue in Dlq::ALL {
                prop_assert_eq!(Contents::read(queue, &text, &machine()).kind(), "malformed");
            }
        }

        /// Any message in a queue can be read, shown and decided on, and a batch is read as the worker reads it.
        #[test]
        fn every_letter_can_be_shown(
            batch in mutated(batch(3)),
            request in mutated(event(GoalActivityRequested::TYPE, requested())),
            progress in mutated(event(BatchProgressed::TYPE, progressed(1))),
            status in mutated(status_changed()),
        ) {
            for body in [&batch, &request, &progress, &status] {
                redact::body(body);
                for queue in Dlq::ALL {
                    let contents = Contents::read(queue, body, &machine());
                    prop_assert!(!contents.problem().unwrap_or_default().contains("s3cr3t"), "{:?}", contents);
                }
            }
            let taken = matches!(Contents::read(Dlq::Batch, &batch, &machine()), Contents::Batch(_));
            prop_assert_eq!(taken, inbound::batch(&batch).is_ok());
        }

        /// The reason does not repeat an unexpected value.
        #[test]
        fn a_reason_never_repeats_what_a_message_says(field in 0..9_usize, wrong in 0..4_usize) {
            const SECRET: &str = "s3cr3t, expected \\ a `token`";
            let mut body = batch(1);
            let fields: Vec<String> = body.as_object().unwrap().keys().cloned().collect();
            body[&fields[field]] = [json!(SECRET), json!([SECRET]), json!({ SECRET: SECRET }), json!(-1.5)][wrong].clone();
            let contents = read(Dlq::Batch, &body);
            prop_assert!(!contents.problem().unwrap_or_default().contains("s3cr3t"), "{:?}", contents);
            let mut detail = progressed(1);
            let fields: Vec<String> = detail.as_object().unwrap().keys().cloned().collect();
            detail[&fields[field]] = json!({ SECRET: SECRET });
            let contents = read(Dlq::Projection, &event(BatchProgressed::TYPE, detail));
            prop_assert!(!contents.problem().unwrap_or_default().contains("s3cr3t"), "{:?}", contents);
        }
    }
}
