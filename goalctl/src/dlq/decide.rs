//! Decides what a retry does with a dead letter; `retry` performs it.
//!
//! SQS has its own redrive (`StartMessageMoveTask`). It is not used: it moves messages as they are and could not turn a
//! batch of an ended workflow into a new request, it cannot leave out a malformed one, and the local emulator lacks it.

use std::time::Duration;

use goal_activity_core::execution::{Execution, Status};
use goal_activity_core::goal::Goal;
use goal_activity_core::limits::{BATCH_SECONDS, DEADLINE_MARGIN};
use goal_activity_core::placement::TasksByAction;
use goal_activity_core::ports::Stored;
use goal_activity_core::start::{Scope, StartRejection, StartRequest, decide, existing};
use goal_activity_events::{
    ActionId, BatchMessage, EventId, ExecutionArn, FinalStatus, GoalActivityRequested, PriorityClass, Timestamp,
    Version,
};

use super::letter::{Contents, Dlq, MainQueue};

/// What a retry does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Sends the same body to that queue.
    SendTo(MainQueue),
    /// Emits a new request for the batch's failed actions. [`unless_rejected`] must check it first.
    Request(GoalActivityRequested),
    /// Only removes the message: there is nothing to do for it.
    Remove(String),
    /// Leaves it in the queue.
    Refuse(String),
}

/// Returns the plan for a message. `execution` is the recorded execution that the message names; only a batch needs it.
pub(crate) fn plan(contents: &Contents, execution: Option<&Execution>, force: bool, now: Timestamp) -> Plan {
    match (contents, contents.main_queue()) {
        (Contents::Malformed { .. }, Some(queue)) if force => Plan::SendTo(queue),
        (Contents::Malformed { reason, .. }, None) => {
            Plan::Refuse(format!("{reason}; there is no queue to send it to"))
        }
        (Contents::Malformed { reason, .. }, Some(queue)) => {
            let reader = queue.reader();
            Plan::Refuse(format!("{reason}; {reader} could only give it back: drop it, or send it with --force"))
        }
        // Not even with --force: `projector` drops it with a warning, and the message would be gone.
        (Contents::ForeignStatusChange { reason, .. }, _) => Plan::Refuse(format!("{reason}; drop it")),
        (Contents::Batch(batch), _) => of_batch(batch, execution, now),
        (_, Some(queue)) => Plan::SendTo(queue),
        (_, None) => Plan::Refuse("there is no queue to send it to".to_owned()),
    }
}

fn of_batch(batch: &BatchMessage, execution: Option<&Execution>, now: Timestamp) -> Plan {
    let Some(execution) = execution else {
        return Plan::Refuse("its workflow is not recorded: nothing is known of how it ended".to_owned());
    };
    if execution.goal_id != batch.goal_id || execution.user_id != batch.user_id {
        return Plan::Refuse("it names another goal or user than its workflow".to_owned());
    }
    let cancelled = || Plan::Refuse("its workflow was cancelled: its user does not want it any more".to_owned());
    match execution.status() {
        // A cancelled execution always ends as `ABORTED`.
        Status::Pending | Status::Running if execution.cancellation.is_some() => cancelled(),
        Status::Pending | Status::Running if time_is_over(batch, now) => Plan::Refuse(
            "its time is over but its workflow has not ended yet: a worker could only record its actions as failed. \
             Try again when the workflow has ended"
                .to_owned(),
        ),
        Status::Pending | Status::Running => Plan::SendTo(MainQueue::Batch),
        Status::Aborted => cancelled(),
        Status::Succeeded | Status::PartiallySucceeded | Status::Failed | Status::TimedOut => {
            anew(batch, execution, now)
        }
    }
}

/// Returns `true` if a worker that receives the batch now would fail its remaining actions at once.
fn time_is_over(batch: &BatchMessage, now: Timestamp) -> bool {
    now >= batch.enqueued_at.plus(Duration::from_secs(BATCH_SECONDS.into())).minus(DEADLINE_MARGIN)
}

/// Returns the plan for a batch of an ended workflow. Its task token is no longer valid, so only a new workflow can
/// help.
fn anew(batch: &BatchMessage, execution: &Execution, now: Timestamp) -> Plan {
    let failed = execution.failed_actions().iter().map(|f| &f.action_id);
    let action_ids: Vec<ActionId> = failed.filter(|a| batch.action_ids.contains(a)).cloned().collect();
    if action_ids.is_empty() {
        return Plan::Remove("its workflow has ended and none of its actions failed".to_owned());
    }
    Plan::Request(GoalActivityRequested {
        version: Version::V1,
        event_id: request_id(batch),
        occurred_at: now,
        execution_arn: None,
        goal_id: batch.goal_id.clone(),
        user_id: batch.user_id.clone(),
        action_ids: Some(action_ids),
        regenerate: batch.regenerate,
        // Its user has been waiting since the batch failed.
        priority_class: PriorityClass::Interactive,
        correlation_id: batch.correlation_id.clone(),
        traceparent: batch.traceparent.clone(),
    })
}

/// Returns the plan for a request, given the current state of the goal. `launch` decides in the same way: a request
/// that it would reject must not replace a dead letter, because both would be lost.
pub(crate) fn unless_rejected(
    request: GoalActivityRequested,
    goal: Stored<Goal>,
    running: Option<&ExecutionArn>,
    with_tasks: &TasksByAction,
) -> Plan {
    let goal = match existing(&request.goal_id, goal) {
        Ok(goal) => goal,
        Err(why) => return Plan::Refuse(why.to_string()),
    };
    // A request is rejected as a whole if the goal no longer has one of its actions.
    let wanted = request.action_ids.iter().flatten().cloned();
    let action_ids: Vec<ActionId> = wanted.filter(|a| goal.action(a).is_some()).collect();
    if action_ids.is_empty() {
        return Plan::Remove("its workflow has ended and its failed actions are no longer part of the goal".to_owned());
    }
    let start = StartRequest {
        goal_id: request.goal_id.clone(),
        user_id: request.user_id.clone(),
        scope: Scope::Actions(action_ids.clone()),
        regenerate: request.regenerate,
        class: request.priority_class,
    };
    match decide(&goal, running, with_tasks, &start) {
        Ok(_) => {
            // Another request than the one of before has an id of its own.
            let same = request.action_ids.as_ref() == Some(&action_ids);
            let event_id = if same { request.event_id.clone() } else { for_these(&request.event_id, &action_ids) };
            Plan::Request(GoalActivityRequested { event_id, action_ids: Some(action_ids), ..request })
        }
        Err(StartRejection::NothingToDo(_)) => {
            Plan::Remove("its workflow has ended and its failed actions have got their tasks since".to_owned())
        }
        Err(why @ StartRejection::AlreadyRunning(_)) => Plan::Refuse(format!("{why}. Try again when it has ended")),
        Err(why) => Plan::Refuse(why.to_string()),
    }
}

/// The id of a request for fewer actions than the one of that id.
fn for_these(id: &EventId, actions: &[ActionId]) -> EventId {
    let actions: Vec<_> = actions.iter().map(ActionId::as_str).collect();
    id.rejection("dead-letter", &actions.join(" "))
}

/// Returns the request id of a batch. All copies of its message and all retries share it (promise P2).
fn request_id(batch: &BatchMessage) -> EventId {
    EventId::derived(&batch.execution_arn, &format!("dead-letter/batch/{}", batch.batch_index))
}

/// Returns the probable reason why a message was dead-lettered.
pub(crate) fn hint(queue: Dlq, contents: &Contents, execution: Option<&Execution>) -> String {
    if queue == Dlq::Undelivered {
        return "EventBridge could not put it into the queue of its rule; ERROR_CODE tells why".to_owned();
    }
    match contents {
        Contents::Malformed { reason, .. } => format!("the message cannot be read: {reason}"),
        Contents::Request { invalid: Some(reason), .. } => {
            format!("launch could not tell its sender that it is malformed: {reason}")
        }
        Contents::Batch(_) => {
            let state = match execution.map(|e| e.status().ended()) {
                None => "its workflow is not recorded",
                Some(None) => "its workflow has not ended",
                Some(Some(FinalStatus::Aborted)) => "its workflow was cancelled",
                Some(Some(FinalStatus::TimedOut)) => {
                    "its workflow has timed out: its state machine no longer waits for it"
                }
                Some(Some(_)) => "its workflow has ended: its state machine no longer waits for it",
            };
            format!("{}; {state}", gave_up(MainQueue::Batch))
        }
        Contents::ForeignStatusChange { reason, .. } => {
            format!("{reason}; the rule of this stack lets no such event through: something else put it into the queue")
        }
        Contents::Request { invalid: None, .. } | Contents::End { .. } => gave_up(MainQueue::Launch),
        Contents::Progress { .. } | Contents::StatusChange { .. } => gave_up(MainQueue::Projection),
    }
}

fn gave_up(queue: MainQueue) -> String {
    format!("{} could not finish it; the function's log tells why, by this message id", queue.reader())
}

#[cfg(test)]
mod tests {
    use super::*;
    use goal_activity_adapters::memory::samples;
    use goal_activity_core::execution::Cancellation;
    use goal_activity_core::goal::GoalClaim;
    use goal_activity_core::placement::ActionTasks;
    use serde_json::{Value, json};

    const ARN: &str = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:g-1";
    const ENQUEUED: &str = "2026-11-24T09:30:00.000Z";

    fn batch(regenerate: bool) -> BatchMessage {
        let batch = json!({
            "version": "1", "executionArn": ARN, "goalId": "g", "userId": "u", "batchIndex": 1,
            "actionIds": ["a-1", "a-2", "a-3"], "regenerate": regenerate, "enqueuedAt": ENQUEUED, "taskToken": "t",
        });
        serde_json::from_value(batch).unwrap()
    }

    /// Returns an execution of that status in which those actions failed.
    fn execution(status: &str, failed: &[(&str, &str)]) -> Execution {
        let failure =
            |(action, code): &(&str, &str)| json!({ "actionId": action, "code": code, "message": "", "attempts": 1 });
        let failed: Vec<Value> = failed.iter().map(failure).collect();
        let mut execution = json!({
            "executionArn": ARN, "goalId": "g", "userId": "u", "requestId": "r",
            "startDate": ENQUEUED, "turn": ENQUEUED, "actionIds": ["a-0", "a-1", "a-2", "a-3"], "totalActions": 4,
            "goalBefore": { "withTasks": 0, "leftOut": 0 },
        });
        match status {
            "PENDING" => {}
            "RUNNING" => execution["startedAt"] = json!(ENQUEUED),
            ended => {
                let succeeded = 4 - failed.len();
                execution["end"] = json!({
                    "status": ended, "stopDate": ENQUEUED, "succeededActions": succeeded, "failedActions": failed,
                });
            }
        }
        serde_json::from_value(execution).unwrap()
    }

    fn now(seconds: u64) -> Timestamp {
        ENQUEUED.parse::<Timestamp>().unwrap().plus(Duration::from_secs(seconds))
    }

    fn of(execution: Option<&Execution>, seconds: u64) -> Plan {
        plan(&Contents::Batch(batch(false)), execution, false, now(seconds))
    }

    fn is_refused(plan: &Plan, part: &str) -> bool {
        matches!(plan, Plan::Refuse(reason) if reason.contains(part))
    }

    #[test]
    fn a_batch_that_is_awaited_goes_back_to_the_workers_while_they_have_time() {
        for status in ["PENDING", "RUNNING"] {
            let open = execution(status, &[]);
            assert_eq!(of(Some(&open), 0), Plan::SendTo(MainQueue::Batch));
            assert_eq!(of(Some(&open), 284), Plan::SendTo(MainQueue::Batch));
            assert!(is_refused(&of(Some(&open), 285), "when the workflow has ended"));
        }
    }

    #[test]
    fn an_ended_workflow_is_asked_again_for_exactly_the_failed_actions_of_the_batch() {
        let failed = [("a-0", "AI_TIMEOUT"), ("a-2", "NOT_PROCESSED"), ("a-3", "AI_TIMEOUT")];
        for status in ["PARTIALLY_SUCCEEDED", "FAILED", "TIMED_OUT"] {
            for regenerate in [false, true] {
                let ended = execution(status, &failed);
                let Plan::Request(request) = plan(&Contents::Batch(batch(regenerate)), Some(&ended), false, now(9))
                else {
                    panic!("{status} gives no request")
                };
                let wanted = ["a-2", "a-3"].map(|a| a.parse::<ActionId>().unwrap());
                assert_eq!(request.action_ids.as_deref(), Some(wanted.as_slice()), "a-0 is of another batch");
                assert_eq!((request.goal_id.as_str(), request.user_id.as_str()), ("g", "u"));
                assert_eq!(
                    (request.regenerate, request.execution_arn, request.occurred_at),
                    (regenerate, None, now(9))
                );
            }
        }
    }

    #[test]
    fn p2_a_batch_asks_always_with_the_same_event_id_and_each_batch_with_its_own() {
        let ended = execution("FAILED", &[("a-1", "NOT_PROCESSED")]);
        let id = |batch: BatchMessage, seconds| match plan(&Contents::Batch(batch), Some(&ended), false, now(seconds)) {
            Plan::Request(request) => request.event_id,
            other => panic!("{other:?}"),
        };
        assert_eq!(id(batch(false), 1), id(batch(false), 2));
        assert_ne!(id(batch(false), 1), id(BatchMessage { batch_index: 2, ..batch(false) }, 1));
    }

    #[test]
    fn a_batch_without_anything_to_do_is_removed() {
        for failed in [&[][..], &[("a-0", "AI_TIMEOUT")]] {
            let ended = execution("PARTIALLY_SUCCEEDED", failed);
            assert!(matches!(of(Some(&ended), 0), Plan::Remove(_)), "{failed:?}");
        }
    }

    /// Returns the plan for a request for these actions, of which `a-1-2` has tasks. `change` is applied to the goal
    /// first.
    fn checked(actions: &[&str], regenerate: bool, change: impl FnOnce(&mut Goal)) -> Plan {
        let mut goal = samples::goal("g", "u", 2);
        change(&mut goal);
        let request = GoalActivityRequested {
            version: Version::V1,
            event_id: "e".parse().unwrap(),
            occurred_at: now(0),
            execution_arn: None,
            goal_id: "g".parse().unwrap(),
            user_id: "u".parse().unwrap(),
            action_ids: Some(actions.iter().map(|a| a.parse().unwrap()).collect()),
            regenerate,
            priority_class: PriorityClass::default(),
            correlation_id: None,
            traceparent: None,
        };
        let running = goal.head.claimed_by.as_ref().and_then(GoalClaim::execution);
        unless_rejected(
            request,
            Stored::Value(goal),
            running.as_ref(),
            &TasksByAction::from([("a-1-2".parse().unwrap(), ActionTasks::default())]),
        )
    }

    fn requested(plan: Plan) -> Vec<String> {
        match plan {
            Plan::Request(request) => request.action_ids.unwrap().iter().map(ToString::to_string).collect(),
            other => panic!("not requested: {other:?}"),
        }
    }

    #[test]
    fn a_request_leaves_out_actions_that_the_goal_has_lost() {
        assert_eq!(requested(checked(&["gone", "a-1-1"], false, |_| {})), ["a-1-1"]);
        assert!(matches!(checked(&["gone"], false, |_| {}), Plan::Remove(_)));
    }

    #[test]
    fn actions_that_have_tasks_by_now_need_nothing_unless_they_are_to_be_replaced() {
        assert!(matches!(checked(&["a-1-2"], false, |_| {}), Plan::Remove(_)));
        assert_eq!(requested(checked(&["a-1-2"], true, |_| {})), ["a-1-2"]);
    }

    #[test]
    fn a_request_that_launch_would_reject_is_not_made() {
        let running = |goal: &mut Goal| goal.head.claimed_by = Some(ARN.to_owned().into());
        assert!(is_refused(&checked(&["a-1-1"], false, running), "Try again when it has ended"));
        let paused = |goal: &mut Goal| goal.head.status = goal_activity_core::goal::GoalStatus::Paused;
        assert!(is_refused(&checked(&["a-1-1"], false, paused), "reopen it first"));
        let sold = |goal: &mut Goal| goal.head.user_id = "other".parse().unwrap();
        assert!(is_refused(&checked(&["a-1-1"], false, sold), "another user"));
        let Plan::Request(request) = checked(&["a-1-1"], false, |_| {}) else { panic!("otherwise it is") };
        assert!(is_refused(&unless_rejected(request, Stored::Nothing, None, &TasksByAction::new()), "no goal g"));
    }

    #[test]
    fn what_is_not_wanted_or_not_understood_is_refused() {
        assert!(is_refused(&of(Some(&execution("ABORTED", &[("a-1", "NOT_PROCESSED")])), 0), "cancelled"));
        for status in ["PENDING", "RUNNING"] {
            let mut stopping = execution(status, &[]);
            stopping.cancellation = Some(Cancellation::from_outside(now(0)));
            assert!(is_refused(&of(Some(&stopping), 0), "cancelled"), "{status}");
        }
        assert!(is_refused(&of(None, 0), "not recorded"));
        for field in ["goal", "user"] {
            let mut other = execution("FAILED", &[("a-1", "AI_TIMEOUT")]);
            match field {
                "goal" => other.goal_id = "other".parse().unwrap(),
                _ => other.user_id = "other".parse().unwrap(),
            }
            assert!(is_refused(&of(Some(&other), 0), "another goal or user"), "p9: {field}");
        }
    }

    #[test]
    fn a_malformed_message_is_sent_only_when_forced_and_only_where_it_was_meant_to_go() {
        let malformed = |meant_for| Contents::Malformed { reason: "too short".into(), meant_for };
        let queue = Some(MainQueue::Projection);
        assert!(is_refused(&plan(&malformed(queue), None, false, now(0)), "too short; projector could only"));
        assert_eq!(plan(&malformed(queue), None, true, now(0)), Plan::SendTo(MainQueue::Projection));
        assert!(is_refused(&plan(&malformed(None), None, true, now(0)), "no queue to send it to"));
    }

    #[test]
    fn a_foreign_status_event_is_refused_even_when_forced() {
        let foreign =
            Contents::ForeignStatusChange { execution_arn: ARN.parse().unwrap(), reason: "foreign: not ours".into() };
        for force in [false, true] {
            assert!(is_refused(&plan(&foreign, None, force, now(0)), "foreign: not ours; drop it"), "{force}");
        }
        assert!(hint(Dlq::Projection, &foreign, None).contains("foreign: not ours; the rule of this stack"));
    }

    #[test]
    fn requests_and_events_go_to_the_queue_of_their_function() {
        let execution_arn: goal_activity_events::ExecutionArn = ARN.parse().unwrap();
        let cases = [
            (Contents::Request { goal_id: None, execution_arn: None, invalid: Some("bad".into()) }, MainQueue::Launch),
            (Contents::StatusChange { execution_arn: execution_arn.clone() }, MainQueue::Projection),
            (
                Contents::Progress { goal_id: "g".parse().unwrap(), execution_arn, batch_index: 0 },
                MainQueue::Projection,
            ),
        ];
        for (contents, queue) in cases {
            assert_eq!(plan(&contents, None, false, now(9999)), Plan::SendTo(queue));
        }
    }

    #[test]
    fn the_hint_for_a_batch_says_what_became_of_its_workflow() {
        let hint = |execution: Option<&Execution>| hint(Dlq::Batch, &Contents::Batch(batch(false)), execution);
        assert!(hint(Some(&execution("TIMED_OUT", &[]))).contains("timed out"));
        assert!(hint(Some(&execution("FAILED", &[]))).contains("no longer waits"));
        assert!(hint(Some(&execution("RUNNING", &[]))).contains("not ended"));
        assert!(hint(None).contains("not recorded"));
    }
}
