//! The injected faults. Each continues for as long as it is polled.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use fastrand::Rng;
use goal_activity_tests::Stack;
use tokio::time::sleep;

use crate::faults::FaultProxy;
use crate::leases::LeaseProxy;
use crate::tap::Tap;

/// Dead-letter queues, the queues of their messages, and the kind of these.
const DEAD_LETTERS: [(&str, &str, &str); 3] = [
    ("LaunchDlqUrl", "LaunchQueueUrl", "dead requests redriven"),
    ("BatchDlqUrl", "BatchQueueUrl", "dead batches redriven"),
    ("ProjectionDlqUrl", "ProjectionQueueUrl", "dead events redriven"),
];

/// What was done so far, by name.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<BTreeMap<&'static str, u64>>);

impl Tally {
    fn add(&self, what: &'static str, count: usize) {
        *self.0.lock().unwrap().entry(what).or_default() += count as u64;
    }

    pub(crate) fn text(&self) -> String {
        let counts = self.0.lock().unwrap();
        counts.iter().map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
    }
}

async fn pause(random: &mut Rng, milliseconds: std::ops::Range<u64>) {
    sleep(Duration::from_millis(random.u64(milliseconds))).await;
}

/// DynamoDB fails occasionally, and sometimes nearly always for a short time: longer than the SDK retries.
pub(crate) async fn faults(proxy: &FaultProxy, mut random: Rng) {
    loop {
        proxy.fail(3);
        pause(&mut random, 4_000..8_000).await;
        proxy.fail(80);
        pause(&mut random, 300..1_500).await;
    }
}

/// Nearly all calls of one service or of all hang for a while: longer than a call is retried. DynamoDB first, which
/// everything needs; then the others in turn; finally all together.
pub(crate) async fn hangs(services: &[(&'static str, &FaultProxy)], tally: &Tally, mut random: Rng) {
    let (dynamodb, others) = services.split_at(1);
    for hanging in [dynamodb, others, services] {
        pause(&mut random, 4_000..12_000).await;
        for (what, proxy) in hanging {
            proxy.hang(90);
            tally.add(what, 1);
        }
        pause(&mut random, 10_000..20_000).await;
        for (_, proxy) in hanging {
            proxy.hang(0);
        }
    }
    std::future::pending::<()>().await;
}

/// Workers are killed, some at a time, until one has died. Not indefinitely: each costs its batch the rest of its
/// lease, and the rounds of a run, of less than a hundred goals, are over before the batch of a killed worker is
/// received again.
pub(crate) async fn kills(leases: &LeaseProxy, times: usize, mut random: Rng) {
    let mut rounds = 0;
    while rounds < times || leases.killed() == 0 {
        pause(&mut random, 500..3_000).await;
        leases.doom(random.usize(2..7));
        pause(&mut random, 1_500..4_000).await;
        leases.doom(0);
        rounds += 1;
    }
    std::future::pending::<()>().await;
}

/// The rules that deliver events to the projector.
async fn rules(stack: &Stack) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for bus in ["default", stack.output("EventBusName")] {
        let list = stack.eventbridge().list_rules().event_bus_name(bus).send().await.unwrap();
        let names = list.rules().iter().filter_map(|r| r.name()).map(str::to_owned);
        let of_projector = names.filter(|n| n.contains("ExecutionStatusChanged") || n.contains("BatchProgressed"));
        found.extend(of_projector.map(|name| (bus.to_owned(), name)));
    }
    assert_eq!(found.len(), 2, "{found:?}");
    found
}

/// Enables the rules of the projector again.
pub(crate) async fn enable_rules(stack: &Stack) {
    for (bus, rule) in rules(stack).await {
        stack.eventbridge().enable_rule().event_bus_name(bus).name(rule).send().await.unwrap();
    }
}

/// For some time no event reaches the projector: these events are lost.
pub(crate) async fn losses(stack: &Stack, tally: &Tally, mut random: Rng) {
    loop {
        pause(&mut random, 3_000..10_000).await;
        for (bus, rule) in rules(stack).await {
            stack.eventbridge().disable_rule().event_bus_name(bus).name(rule).send().await.unwrap();
        }
        tally.add("times deaf", 1);
        pause(&mut random, 2_000..8_000).await;
        enable_rules(stack).await;
    }
}

/// Half of all events are delivered again, at once or after later events. Receives all events.
pub(crate) async fn echoes(stack: &Stack, tap: &Tap, tally: &Tally, mut random: Rng) {
    loop {
        for event in tap.listen().await {
            let queue = match event["detail-type"].as_str().unwrap() {
                "GoalActivityRequested" => "LaunchQueueUrl",
                "WorkflowCompleted" => continue,
                _ => "ProjectionQueueUrl",
            };
            if random.bool() {
                let again = stack.sqs().send_message().queue_url(stack.output(queue)).message_body(event.to_string());
                again.delay_seconds(random.i32(0..15)).send().await.unwrap();
                tally.add("events repeated", 1);
            }
        }
        pause(&mut random, 50..200).await;
    }
}

/// Batches that wait for a worker are delivered twice. Reading one counts as a receive.
pub(crate) async fn repeated_batches(stack: &Stack, tally: &Tally, mut random: Rng) {
    let (sqs, queue) = (stack.sqs(), stack.output("BatchQueueUrl"));
    loop {
        pause(&mut random, 500..4_000).await;
        let look = sqs.receive_message().queue_url(queue).visibility_timeout(0).send().await.unwrap();
        for message in look.messages.unwrap_or_default() {
            let copy = sqs.send_message().queue_url(queue).message_body(message.body().unwrap());
            copy.delay_seconds(random.i32(0..5)).send().await.unwrap();
            tally.add("batches repeated", 1);
        }
    }
}

/// An operator moves dead letters back to their queues.
pub(crate) async fn redrives(stack: &Stack, tally: &Tally) {
    let sqs = stack.sqs();
    loop {
        for (dead, source, what) in DEAD_LETTERS {
            let receive = sqs.receive_message().queue_url(stack.output(dead)).max_number_of_messages(10);
            for letter in receive.send().await.unwrap().messages.unwrap_or_default() {
                let back = sqs.send_message().queue_url(stack.output(source)).message_body(letter.body().unwrap());
                back.send().await.unwrap();
                let handle = letter.receipt_handle().unwrap();
                sqs.delete_message().queue_url(stack.output(dead)).receipt_handle(handle).send().await.unwrap();
                tally.add(what, 1);
            }
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// The reconciler runs more often than every minute, and twice concurrently.
pub(crate) async fn reconciliations(stack: &Stack, tally: &Tally) {
    loop {
        let (one, other) = futures_util::future::join(stack.reconcile(), stack.reconcile()).await;
        for run in [one, other] {
            tally.add("repairs", usize::try_from(run["repaired"].as_u64().unwrap_or(0)).unwrap());
        }
        sleep(Duration::from_secs(8)).await;
    }
}
