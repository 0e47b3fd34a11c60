//! What a run used of what AWS bills, counted from what the emulator saw; nothing is calculated from the size of the goal.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use anyhow::Result;
use goal_activity_events::ExecutionArn;
use serde_json::{Value, json};

use crate::aws::{Aws, Service};
use crate::calls::{self, PublishedEvent, Writes};
use crate::rules;
use crate::stack::Stack;

/// How long to wait at most until nothing is on its way any more.
const SETTLE: Duration = Duration::from_secs(20);
/// How the first line of an invocation begins.
const BEGIN: &str = "START RequestId";
/// The most that one look-up in a log returns.
const LOG_PAGE: usize = 10_000;
/// How often to look.
const PAUSE: Duration = Duration::from_millis(250);

/// The units.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// From the histories.
    pub(crate) machine: MachineUsage,
    /// Invocations by function.
    pub(crate) invocations: BTreeMap<String, u64>,
    /// Messages that rules put on queues.
    pub(crate) delivered: u64,
    /// Custom events by type.
    pub(crate) events: BTreeMap<String, u64>,
    pub(crate) writes: Writes,
}

/// What the state machine did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct MachineUsage {
    /// States entered, and attempts after the first at one: AWS bills both.
    pub(crate) transitions: u64,
    /// Messages sent to the batch queue.
    pub(crate) messages: u64,
    /// The statuses that AWS announces as events.
    statuses: Vec<&'static str>,
}

/// Counts what the executions used. Call it when `settled` says that nothing is on its way.
pub(crate) fn usage(aws: &Aws, stack: &Stack, executions: &[ExecutionArn]) -> Result<Usage> {
    let published = calls::published_events(aws)?;
    let mut machine = MachineUsage::default();
    let mut events = published.clone();
    for execution in executions {
        let used = machine_usage(&history(aws, execution)?);
        events.extend(used.statuses.iter().map(|status| status_event(stack, execution, status)));
        machine.transitions += used.transitions;
        machine.messages += used.messages;
    }
    let rules = rules::to_queues(aws, stack)?;
    Ok(Usage {
        machine,
        invocations: invocations(aws)?,
        delivered: events.iter().map(|event| rules::deliveries(&rules, event)).sum(),
        events: calls::by_type(&published),
        writes: calls::writes(aws)?,
    })
}

/// Waits until every queue is empty and no function was invoked for a while, and says whether that happened in time.
pub(crate) fn settled(aws: &Aws, stack: &Stack) -> Result<bool> {
    let deadline = Instant::now() + SETTLE;
    let mut before = None;
    while Instant::now() < deadline {
        let now = (waiting_messages(aws, stack)?, invocations(aws)?);
        if now.0 == 0 && before.as_ref() == Some(&now) {
            return Ok(true);
        }
        before = Some(now);
        std::thread::sleep(PAUSE);
    }
    Ok(false)
}

fn waiting_messages(aws: &Aws, stack: &Stack) -> Result<u64> {
    let mut waiting = 0;
    for queue in ["LaunchQueueUrl", "BatchQueueUrl", "ProjectionQueueUrl"] {
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let request = json!({"QueueUrl": stack.output(queue)?, "AttributeNames": names});
        let answer = aws.call(Service::Sqs, "GetQueueAttributes", &request)?;
        waiting += names.iter().filter_map(|n| answer["Attributes"][n].as_str()?.parse::<u64>().ok()).sum::<u64>();
    }
    Ok(waiting)
}

fn history(aws: &Aws, execution: &ExecutionArn) -> Result<Vec<Value>> {
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

/// The emulator's history leaves out which states a Map's items enter, but not which tasks they schedule: those count here
/// like retries, so that the sum is AWS's for every run without a lost batch.
fn machine_usage(history: &[Value]) -> MachineUsage {
    let kinds = || history.iter().filter_map(|event| event["type"].as_str());
    let count = |matches: &dyn Fn(&str) -> bool| kinds().filter(|kind| matches(kind)).count() as u64;
    let attempts = count(&|kind| kind == "TaskScheduled" || kind == "LambdaFunctionScheduled");
    let retries = attempts.saturating_sub(count(&|kind| kind == "TaskStateEntered"));
    // AWS says so in `resourceType`, the emulator in `resource`.
    let to_queue = |event: &&Value| {
        let task = &event["taskScheduledEventDetails"];
        task["resourceType"] == "sqs" || task["resource"].as_str().is_some_and(|r| r.contains(":sqs:"))
    };
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
        messages: history.iter().filter(to_queue).count() as u64,
        statuses: kinds().filter_map(status).collect(),
    }
}

fn status_event(stack: &Stack, execution: &ExecutionArn, status: &str) -> PublishedEvent {
    let machine = stack.outputs.get("StateMachineArn");
    let detail = json!({"executionArn": execution.as_str(), "stateMachineArn": machine, "status": status});
    let event =
        json!({"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": detail});
    PublishedEvent { bus: "default".to_owned(), event }
}

/// How often each function was invoked: every invocation begins with a line in the function's log.
fn invocations(aws: &Aws) -> Result<BTreeMap<String, u64>> {
    let groups = aws.call(Service::Logs, "DescribeLogGroups", &json!({}))?;
    let mut counts = BTreeMap::new();
    for group in groups["logGroups"].as_array().into_iter().flatten() {
        let name = group["logGroupName"].as_str().unwrap_or_default();
        if let Some(function) = function_of(name) {
            counts.insert(function, invocations_in(aws, name)?);
        }
    }
    Ok(counts)
}

/// There are no page tokens: the next page begins with the time at which this one ended.
fn invocations_in(aws: &Aws, group: &str) -> Result<u64> {
    let mut request = json!({"logGroupName": group, "filterPattern": format!("\"{BEGIN}\""), "limit": LOG_PAGE});
    let mut seen = HashSet::new();
    loop {
        let page = aws.call(Service::Logs, "FilterLogEvents", &request)?;
        let events = page["events"].as_array().map_or(&[][..], Vec::as_slice);
        // The emulator's pattern also matches both words in any other line.
        let begins = events.iter().filter_map(|e| e["message"].as_str()).filter(|m| m.starts_with(BEGIN));
        seen.extend(begins.map(str::to_owned));
        let end = events.last().map_or(Value::Null, |event| event["timestamp"].clone());
        if events.len() < LOG_PAGE || request["startTime"] == end {
            return Ok(seen.len() as u64);
        }
        request["startTime"] = end;
    }
}

/// Whose log it is: `/aws/.../FunctionsApiLogsB43A8217` belongs to `api`, the construct around `Logs`.
fn function_of(log_group: &str) -> Option<String> {
    let (path, _) = log_group.rsplit('/').next()?.rsplit_once("Logs")?;
    Some(path[path.rfind(|c: char| c.is_ascii_uppercase())?..].to_lowercase())
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

    #[test]
    fn a_log_tells_whose_invocations_it_has() {
        let function = |group| function_of(group).unwrap_or_default();
        assert_eq!(function("/aws/cloudformation/GoalActivity/FunctionsApiLogsB43A8217"), "api");
        assert_eq!(function("/aws/cloudformation/GoalActivity/WorkflowFinalizeLogs449647CC"), "finalize");
        assert_eq!(function("/aws/vendedlogs/states/GoalActivity"), "");
    }
}
