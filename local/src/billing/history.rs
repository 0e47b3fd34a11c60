//! The work of the state machine, from the histories of its executions.

use anyhow::Result;
use goal_activity_events::ExecutionArn;
use serde_json::{Value, json};

use crate::aws::{Aws, Service};

/// The work of the state machine.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct MachineUsage {
    /// States entered, and retries of a state: AWS bills both.
    pub transitions: u64,
    /// Messages sent to the batch queue.
    pub messages: u64,
    /// Lines of its history.
    pub events: u64,
    /// The statuses that AWS publishes as events.
    pub statuses: Vec<&'static str>,
}

/// Returns all events of an execution, the oldest first.
pub fn history(aws: &Aws, execution: &ExecutionArn) -> Result<Vec<Value>> {
    let mut request = json!({"executionArn": execution.as_str(), "maxResults": 1000});
    let mut events = Vec::new();
    loop {
        let mut page = aws.call(Service::StepFunctions, "GetExecutionHistory", &request)?;
        events.extend(page["events"].as_array().cloned().unwrap_or_default());
        let token = page["nextToken"].take();
        if token.is_null() {
            return Ok(events);
        }
        request["nextToken"] = token;
    }
}

/// The emulator's history omits the states that a Map's items enter, but not the tasks that they schedule: those count
/// here like retries, so that the sum equals AWS's for every run without a lost batch.
pub fn machine_usage(history: &[Value]) -> MachineUsage {
    let kinds = || history.iter().filter_map(|event| event["type"].as_str());
    let count = |matches: &dyn Fn(&str) -> bool| kinds().filter(|kind| matches(kind)).count() as u64;
    let attempts = count(&|kind| kind == "TaskScheduled" || kind == "LambdaFunctionScheduled");
    let retries = attempts.saturating_sub(count(&|kind| kind == "TaskStateEntered"));
    let status = |kind| match kind {
        "ExecutionStarted" => Some("RUNNING"),
        "ExecutionSucceeded" => Some("SUCCEEDED"),
        "ExecutionFailed" => Some("FAILED"),
        "ExecutionTimedOut" => Some("TIMED_OUT"),
        "ExecutionAborted" => Some("ABORTED"),
        _ => None,
    };
    MachineUsage {
        transitions: count(&|kind| kind.ends_with("StateEntered")) + retries,
        messages: history.iter().filter(|event| sends_batch(event)).count() as u64,
        events: history.len() as u64,
        statuses: kinds().filter_map(status).collect(),
    }
}

/// Returns `true` if this is the sending of a batch. AWS says so in `resourceType`, the emulator in `resource`.
pub fn sends_batch(event: &Value) -> bool {
    let task = &event["taskScheduledEventDetails"];
    task["resourceType"] == "sqs" || task["resource"].as_str().is_some_and(|r| r.contains(":sqs:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history_of(kinds: &[&str]) -> Vec<Value> {
        kinds.iter().map(|kind| json!({"type": kind})).collect()
    }

    #[test]
    fn every_state_entered_and_every_retry_is_a_transition() {
        let mut history = history_of(&["ExecutionStarted", "PassStateEntered", "PassStateExited", "MapStateEntered"]);
        for _ in 0..2 {
            history.push(json!({"type": "TaskStateEntered"}));
            history.push(json!({"type": "TaskScheduled", "taskScheduledEventDetails": {"resourceType": "sqs"}}));
        }
        history.extend(history_of(&["TaskFailed"]));
        history.push(json!({"type": "TaskScheduled", "taskScheduledEventDetails": {"resourceType": "sqs"}}));
        history.push(json!({"type": "TaskStateEntered"}));
        history.push(json!({"type": "TaskScheduled", "taskScheduledEventDetails": {"resourceType": "lambda"}}));
        history.extend(history_of(&["SucceedStateEntered", "ExecutionSucceeded"]));

        let used = machine_usage(&history);
        assert_eq!(used.transitions, 6 + 1, "pass, map, three tasks, succeed; one task was tried twice");
        assert_eq!(used.messages, 3);
        assert_eq!(used.statuses, ["RUNNING", "SUCCEEDED"]);
    }

    #[test]
    fn tasks_inside_a_map_count_once_whether_or_not_their_states_are_recorded() {
        let task = || json!({"type": "TaskScheduled", "taskScheduledEventDetails": {"resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken"}});
        let emulator = vec![json!({"type": "MapStateEntered"}), task(), task()];
        let mut aws = emulator.clone();
        aws.extend(history_of(&["TaskStateEntered", "TaskStateEntered"]));
        assert_eq!(machine_usage(&emulator).transitions, 3);
        assert_eq!(machine_usage(&aws).transitions, 3);
        assert_eq!(machine_usage(&aws).messages, 2);
    }
}
