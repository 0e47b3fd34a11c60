//! The billed usage of a run, counted by the emulator; nothing is calculated from the size of the goal.

pub mod calls;
pub mod history;
pub mod logs;
mod rules;

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use goal_activity_events::{ExecutionArn, Timestamp};
use goal_activity_testkit::EventBridgeEvent;
use serde_json::json;

use crate::aws::{Aws, Service};
use crate::billing::calls::{Call, Caller, PublishedEvent, Units, Writes};
use crate::billing::history::MachineUsage;
use crate::billing::logs::Invocation;
use goal_activity_client::StackFile;

/// Scheduled regardless of workflows, and not counted as part of one.
pub const BY_THE_CLOCK: &str = "reconcile";
/// The maximum time to wait until all messages are processed.
const SETTLE: Duration = Duration::from_secs(20);
/// For how long no invocation may have ended by then.
const QUIET: Duration = Duration::from_millis(500);
/// The interval between checks.
const PAUSE: Duration = Duration::from_millis(100);
/// `EventBridge` and `SQS` count a request once for every 64 KiB.
const CHUNK: usize = 64 * 1024;

/// The units.
#[derive(Debug, Default, PartialEq)]
pub struct Usage {
    /// From the histories.
    pub machine: MachineUsage,
    /// By function, from their logs.
    pub functions: BTreeMap<String, FunctionUsage>,
    /// Messages that rules sent to queues.
    pub delivered: u64,
    /// Custom events by type.
    pub events: BTreeMap<String, u64>,
    /// The same, with large events counted more than once.
    pub event_chunks: u64,
    /// Rows in requests.
    pub writes: Writes,
    /// Request units of the tables, by caller.
    pub tables: BTreeMap<String, Units>,
    /// Requests to queues by Lambda's pollers that returned messages, and by functions.
    pub queue_requests: BTreeMap<String, u64>,
    /// Other billed calls, by operation: `PutObject`, `GetObject`, `Publish`.
    pub others: BTreeMap<String, u64>,
}

/// The usage of a function.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct FunctionUsage {
    /// How often it was invoked.
    pub invocations: u64,
    /// Their total duration.
    pub milliseconds: u64,
    /// Megabytes times milliseconds.
    pub megabyte_ms: u64,
    /// What it has logged.
    pub log_bytes: u64,
}

impl Usage {
    /// All invocations.
    pub fn invocations(&self) -> u64 {
        self.functions.values().map(|used| used.invocations).sum()
    }

    /// All request units of the tables.
    pub fn units(&self) -> Units {
        self.tables.values().fold(Units::default(), |sum, units| Units {
            read: sum.read + units.read,
            write: sum.write + units.write,
            refused: sum.refused + units.refused,
        })
    }
}

/// Counts the usage of the executions, while only they ran: since that time, or all. Call it when `settled` reports
/// that all messages are processed.
pub fn usage(aws: &Aws, stack: &StackFile, executions: &[ExecutionArn], since: Option<Timestamp>) -> Result<Usage> {
    let by_workflow = |call: &Call| !matches!(&call.by, Caller::Function(name) if name == BY_THE_CLOCK);
    let calls: Vec<Call> = calls::recorded(aws, since)?.into_iter().filter(by_workflow).collect();
    let mut invocations = logs::invocations(aws, since)?;
    invocations.retain(|one| one.function != BY_THE_CLOCK);
    let mut machine = MachineUsage::default();
    let mut statuses = Vec::new();
    for execution in executions {
        let used = history::machine_usage(&history::history(aws, execution)?);
        statuses.extend(used.statuses.iter().map(|status| status_event(stack, execution, status)));
        machine.transitions += used.transitions;
        machine.messages += used.messages;
        machine.events += used.events;
    }
    let mut usage = Usage { machine, ..of_functions(&calls, &invocations) };
    let rules = rules::to_queues(aws, stack)?;
    let published = calls::published_events(&calls);
    usage.delivered = published.iter().chain(&statuses).map(|event| rules::deliveries(&rules, event)).sum();
    Ok(usage)
}

/// The usage of functions, without that of other callers on their behalf.
pub fn of_functions(calls: &[Call], invocations: &[Invocation]) -> Usage {
    let mut usage = Usage::default();
    for invocation in invocations {
        let used = usage.functions.entry(invocation.function.clone()).or_default();
        used.invocations += 1;
        used.milliseconds += invocation.milliseconds;
        used.megabyte_ms += invocation.megabytes * invocation.milliseconds;
        used.log_bytes += invocation.log_bytes;
    }
    for call in calls {
        let by = match &call.by {
            Caller::Function(name) => name.as_str(),
            Caller::Poller => "",
            Caller::Somebody => continue,
        };
        match call.operation.as_str() {
            "ReceiveMessage" | "DeleteMessageBatch" | "ChangeMessageVisibility" | "SendMessage" => {
                let chunks = chunks(call.request["MessageBody"].as_str().map_or(0, str::len));
                *usage.queue_requests.entry(call.operation.clone()).or_default() += chunks;
            }
            "PutObject" | "GetObject" | "Publish" => {
                *usage.others.entry(call.operation.clone()).or_default() += 1;
            }
            _ => {}
        }
        if call.units != Units::default() {
            let units = usage.tables.entry(by.to_owned()).or_default();
            units.read += call.units.read;
            units.write += call.units.write;
            units.refused += call.units.refused;
        }
    }
    let by_functions = || calls.iter().filter(|call| matches!(call.by, Caller::Function(_)));
    let published = calls::published_events(by_functions());
    usage.writes = calls::writes(by_functions());
    usage.events = calls::by_type(&published);
    usage.event_chunks = published.iter().map(|event| chunks(event.event.to_string().len())).sum();
    usage
}

fn chunks(bytes: usize) -> u64 {
    bytes.div_ceil(CHUNK).max(1) as u64
}

/// Waits until every queue is empty and no function has ended for a while. Returns whether that happened in time.
pub fn settled(aws: &Aws, stack: &StackFile) -> Result<bool> {
    let deadline = Instant::now() + SETTLE;
    while Instant::now() < deadline {
        #[allow(clippy::disallowed_methods, reason = "the emulator's log tells the time of this machine's clock")]
        let recently = Timestamp::from(SystemTime::now()).minus(QUIET);
        if waiting_messages(aws, stack)? == 0 && logs::invocations(aws, Some(recently))?.is_empty() {
            return Ok(true);
        }
        std::thread::sleep(PAUSE);
    }
    Ok(false)
}

fn waiting_messages(aws: &Aws, stack: &StackFile) -> Result<u64> {
    let mut waiting = 0;
    for queue in ["LaunchQueueUrl", "BatchQueueUrl", "ProjectionQueueUrl"] {
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let request = json!({"QueueUrl": stack.output(queue)?, "AttributeNames": names});
        let answer = aws.call(Service::Sqs, "GetQueueAttributes", &request)?;
        waiting += names.iter().filter_map(|n| answer["Attributes"][n].as_str()?.parse::<u64>().ok()).sum::<u64>();
    }
    Ok(waiting)
}

fn status_event(stack: &StackFile, execution: &ExecutionArn, status: &str) -> PublishedEvent {
    let machine = stack.outputs.get("StateMachineArn");
    let detail = json!({"executionArn": execution.as_str(), "stateMachineArn": machine, "status": status});
    PublishedEvent { bus: "default".to_owned(), event: EventBridgeEvent::of_step_functions(&detail).into() }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "few whole numbers and halves add up exactly")]
mod tests {
    use super::*;
    use serde_json::Value;

    fn call(operation: &str, by: Caller, request: Value, units: Units) -> Call {
        Call { operation: operation.to_owned(), by, request, units }
    }

    #[test]
    fn what_functions_used_is_the_sum_of_their_invocations_and_calls() {
        let worker = || Caller::Function("worker".to_owned());
        let write = |write, refused| Units { read: 0.0, write, refused };
        let detail = json!({"x": "a".repeat(CHUNK)}).to_string();
        let event = json!({"Entries": [{"Source": "s", "DetailType": "T", "Detail": detail}]});
        let calls = [
            call("UpdateItem", worker(), json!({}), write(2.5, 0)),
            call("TransactWriteItems", worker(), json!({"TransactItems": [{}, {}]}), write(4.0, 1)),
            call(
                "Query",
                Caller::Function("launch".to_owned()),
                json!({}),
                Units { read: 1.5, write: 0.0, refused: 0 },
            ),
            call("PutEvents", worker(), event, Units::default()),
            call("ChangeMessageVisibility", worker(), json!({}), Units::default()),
            call("ReceiveMessage", Caller::Poller, json!({}), Units::default()),
            call("ReceiveMessage", Caller::Poller, json!({}), Units::default()),
            call("PutObject", worker(), json!({}), Units::default()),
            call("UpdateItem", Caller::Somebody, json!({}), write(100.0, 0)),
        ];
        let invocation = Invocation {
            function: "worker".to_owned(),
            milliseconds: 100,
            megabytes: 256,
            log_bytes: 10,
            lines: Vec::new(),
        };
        let used = of_functions(&calls, &[invocation.clone(), invocation]);
        assert_eq!(used.invocations(), 2);
        assert_eq!(
            used.functions["worker"],
            FunctionUsage { invocations: 2, milliseconds: 200, megabyte_ms: 2 * 25_600, log_bytes: 20 }
        );
        assert_eq!(used.units(), Units { read: 1.5, write: 6.5, refused: 1 });
        assert_eq!(used.tables["launch"].read, 1.5);
        assert_eq!(used.writes, Writes { alone: 1, in_transactions: 2 });
        assert_eq!(
            used.queue_requests,
            [("ChangeMessageVisibility".to_owned(), 1), ("ReceiveMessage".to_owned(), 2)].into()
        );
        assert_eq!(used.others, [("PutObject".to_owned(), 1)].into());
        assert_eq!((used.events["T"], used.event_chunks), (1, 2), "65 KiB count twice");
    }
}
