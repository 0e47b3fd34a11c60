//! SQS standard queues, and Lambda's pollers on them.
//!
//! At-least-once delivery and best-effort ordering: a message may be delivered twice, and after later ones (SQS
//! developer guide, "Amazon SQS standard queues"). A received message is hidden for the visibility timeout, which
//! `ChangeMessageVisibility` resets by receipt handle; an older handle may or may not still work. After
//! `maxReceiveCount` receives the next one moves it to the dead-letter queue, from where a redrive puts it back as a
//! new message. If a function's batch fails as a whole, none of it is deleted; if the function names its failures, all
//! others are deleted (`ReportBatchItemFailures`).

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use goal_activity_core::ports::{PortResult, Unavailable};
use goal_activity_events::{BatchMessage, ExecutionArn};
use goal_activity_functions::runtime::queue::handle_batch;
use tokio::time::sleep;

use crate::check;
use crate::flaw::Flaw;
use crate::lambda::{self, Function, Run, invoke};
use crate::scale::account;
use crate::world::Sim;

/// `maxReceiveCount` of `infra/lib/messaging.ts`.
pub(crate) const MAX_RECEIVES: u32 = 10;
/// The maximum size of a message: ids only, far from the 256 KiB of a message (promise P10). The largest is an end with
/// the failure reasons of 64 actions.
const LARGEST: usize = 16 * 1024;

/// A queue, with its settings of `infra/lib/messaging.ts` and its source's of `functions.ts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Queue {
    Launch,
    Batch,
    Projection,
}

impl Queue {
    pub(crate) const ALL: [Self; 3] = [Self::Launch, Self::Batch, Self::Projection];

    pub(crate) fn visibility(self) -> Duration {
        Duration::from_secs(match self {
            Self::Launch => 180,
            Self::Batch => 330,
            Self::Projection => 360,
        })
    }

    pub(crate) const fn batch_size(self) -> usize {
        if matches!(self, Self::Batch) { 4 } else { 10 }
    }

    /// How many messages an invocation gets at most in this run: that of the batch queue is a setting.
    fn most(self, sim: &Sim) -> usize {
        if self == Self::Batch { sim.profile.worker_batch } else { self.batch_size() }
    }

    pub(crate) fn window(self) -> Duration {
        Duration::from_secs(u64::from(self == Self::Projection))
    }

    pub(crate) fn retention(self) -> Duration {
        Duration::from_secs(if self == Self::Batch { 60 * 60 } else { 4 * 24 * 60 * 60 })
    }

    fn function(self) -> Function {
        match self {
            Self::Launch => Function::Launch,
            Self::Batch => Function::Worker,
            Self::Projection => Function::Projector,
        }
    }
}

/// Everything in the queues.
#[derive(Default)]
pub(crate) struct Queues {
    last: u64,
    messages: BTreeMap<u64, Stored>,
    visible: BTreeMap<Queue, Vec<u64>>,
    /// The bodies in the dead-letter queues.
    pub(crate) dead: Vec<(Queue, String)>,
    /// How often a worker received a batch, by workflow and batch.
    pub(crate) deliveries: BTreeMap<(ExecutionArn, u32), u32>,
    /// The batches of which a worker was made to die once.
    killed: std::collections::BTreeSet<(ExecutionArn, u32)>,
}

struct Stored {
    queue: Queue,
    body: String,
    receives: u32,
    expires: i64,
    /// Increases whenever its visibility time is set: earlier settings are void.
    timer: u64,
    visible_since: Duration,
}

impl Queues {
    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}

/// Sends a message, which may be delivered late and twice.
pub(crate) fn send(sim: &Sim, queue: Queue, body: &str) {
    if body.len() > LARGEST {
        sim.violated("P10", format!("a message of {} bytes to the {queue:?} queue", body.len()));
    }
    let copies = 1 + u32::from(sim.goes_wrong(sim.profile.duplicate, "a message comes twice"));
    for _ in 0..copies {
        let delay = if sim.chance(0.5) { sim.some_millis(1, 100) } else { sim.some_millis(1, sim.profile.late.max(1)) };
        let late = if sim.core().faulty { delay } else { sim.some_millis(1, 100) };
        let id = {
            let mut core = sim.core();
            core.queues.last += 1;
            let expires = sim.millis() + i64::try_from(queue.retention().as_millis()).unwrap();
            let (body, visible_since) = (body.to_owned(), sim.elapsed());
            let stored = Stored { queue, body, receives: 0, expires, timer: 0, visible_since };
            let id = core.queues.last;
            core.queues.messages.insert(id, stored);
            id
        };
        becomes_visible(sim, id, late);
    }
}

fn becomes_visible(sim: &Sim, id: u64, after: Duration) {
    let timer = {
        let mut core = sim.core();
        let Some(message) = core.queues.messages.get_mut(&id) else { return };
        message.timer += 1;
        message.timer
    };
    let sim = sim.clone();
    tokio::task::spawn_local(async move {
        sleep(after).await;
        let queue = {
            let mut core = sim.core();
            let Some(message) = core.queues.messages.get_mut(&id).filter(|m| m.timer == timer) else { return };
            let queue = message.queue;
            message.visible_since = sim.elapsed();
            core.queues.visible.entry(queue).or_default().push(id);
            queue
        };
        sleep(queue.window()).await;
        sleep(sim.some_millis(1, sim.profile.poll)).await;
        match &sim.account {
            None => poll(&sim, queue).await,
            Some(_) => wake(&sim, queue),
        }
    });
}

/// Starts free pollers while there are messages.
pub(crate) fn wake(sim: &Sim, queue: Queue) {
    let left = || sim.core().queues.visible.get(&queue).is_some_and(|v| !v.is_empty());
    while left() {
        let Some(poller) = account::free_poller(sim, queue) else { return };
        let ids = take(sim, queue);
        for id in &ids {
            let since = sim.core().queues.messages.get(id).map(|m| m.visible_since);
            account::polled(sim, queue, since.unwrap_or(sim.elapsed()));
        }
        let sim = sim.clone();
        tokio::task::spawn_local(async move {
            receive_and_deliver(&sim, queue, ids).await;
            drop(poller);
            wake(&sim, queue);
        });
    }
}

/// One poll: receives the available messages, up to a batch, in any order.
async fn poll(sim: &Sim, queue: Queue) {
    {
        let mut core = sim.core();
        let core = &mut *core;
        core.rng.shuffle(core.queues.visible.entry(queue).or_default());
    }
    let ids = take(sim, queue);
    receive_and_deliver(sim, queue, ids).await;
}

fn take(sim: &Sim, queue: Queue) -> Vec<u64> {
    let most = queue.most(sim);
    let mut core = sim.core();
    let visible = core.queues.visible.entry(queue).or_default();
    visible.drain(..visible.len().min(most)).collect()
}

async fn receive_and_deliver(sim: &Sim, queue: Queue, ids: Vec<u64>) {
    let event: Vec<_> = ids.into_iter().filter_map(|id| receive(sim, id)).collect();
    if !event.is_empty() {
        deliver(sim, queue, event).await;
    }
}

/// The faults of a queue.
fn receives_at_most(sim: &Sim) -> u32 {
    if sim.has(Flaw::FewReceives) { 3 } else { MAX_RECEIVES }
}

fn receive(sim: &Sim, id: u64) -> Option<SqsMessage> {
    let mut letter = None;
    let message = {
        let mut core = sim.core();
        let now = sim.millis();
        let stored = core.queues.messages.get_mut(&id)?;
        stored.receives += 1;
        let (expired, worn) = (stored.expires < now, stored.receives > receives_at_most(sim));
        if expired || worn {
            let stored = core.queues.messages.remove(&id)?;
            if worn {
                core.stats.count(format!("dead letter: {:?}", stored.queue));
                letter = Some((stored.queue, stored.body.clone()));
                core.queues.dead.push((stored.queue, stored.body));
            }
            None
        } else {
            let mut message = SqsMessage::default();
            message.message_id = Some(id.to_string());
            message.receipt_handle = Some(format!("{id}:{}", stored.receives));
            message.body = Some(stored.body.clone());
            message.attributes.insert("ApproximateReceiveCount".to_owned(), stored.receives.to_string());
            Some((message, stored.queue))
        }
    };
    if let Some((queue, body)) = letter {
        check::dead_letter(sim, queue, &body);
    }
    let Some((message, queue)) = message else {
        sim.note("sqs", || format!("message {id} is dead-lettered or expired"));
        return None;
    };
    becomes_visible(sim, id, queue.visibility());
    Some(message)
}

async fn deliver(sim: &Sim, queue: Queue, messages: Vec<SqsMessage>) {
    let ids: Vec<String> = messages.iter().filter_map(|m| m.message_id.clone()).collect();
    let bodies: Vec<String> = messages.iter().filter_map(|m| m.body.clone()).collect();
    sim.note("sqs", || format!("{queue:?} delivers {}", ids.join(" ")));
    let mut event = SqsEvent::default();
    event.records = messages;
    let batches: Vec<(u64, BatchMessage)> = match queue {
        Queue::Batch => {
            let read = |(id, body): (&String, &String)| Some((id.parse().ok()?, serde_json::from_str(body).ok()?));
            ids.iter().zip(&bodies).filter_map(read).collect()
        }
        Queue::Launch | Queue::Projection => Vec::new(),
    };
    let dies = batches_delivered(sim, &batches);
    let worked_on: Vec<_> =
        batches.iter().map(|(id, batch)| (*id, (batch.execution_arn.clone(), batch.batch_index))).collect();
    let subjects = worked_on.iter().map(|(_, batch)| batch.clone()).collect();
    for body in bodies.iter().filter(|_| queue == Queue::Launch) {
        crate::flaw::take_forged_end(sim, body).await;
    }
    let done = invoke(sim, queue.function(), subjects, dies, |p| {
        Box::pin(async move {
            let budget = queue.function().budget();
            match queue {
                Queue::Launch => handle_batch(&lambda::launch(&p), &p, event, budget).await,
                Queue::Batch => handle_batch(&lambda::worker(&p), &p, event, budget).await,
                Queue::Projection => handle_batch(&lambda::projector(&p), &p, event, budget).await,
            }
        })
    });
    let Some(response) = done.await else {
        if dies.is_some_and(|after| after > SHOWS_LIFE) {
            for (id, batch) in worked_on {
                is_taken_over(sim, id, batch);
            }
        }
        return;
    };
    let failed: Vec<_> = response.batch_item_failures.iter().map(|f| f.item_identifier.as_str()).collect();
    for (id, body) in ids.iter().zip(&bodies).filter(|(id, _)| !failed.contains(&id.as_str())) {
        if queue == Queue::Projection {
            check::projected(sim, body);
        }
        if !sim.goes_wrong(sim.profile.duplicate / 10.0, "a deleted message comes again") {
            sim.core().queues.messages.remove(&id.parse().unwrap());
        }
    }
}

/// After how long a worker has certainly acquired its lease, if no call is slow.
const SHOWS_LIFE: Duration = Duration::from_secs(2);
/// When another worker has the batch of one that died: the lease, plus a margin.
const TAKEN_OVER: Duration = Duration::from_secs(65);

/// A batch whose worker dies during its work is soon received by another one. One that was done is deleted.
fn is_taken_over(sim: &Sim, id: u64, batch: (ExecutionArn, u32)) {
    let times = |sim: &Sim| sim.core().queues.deliveries.get(&batch).copied();
    let (before, sim, batch) = (times(sim), sim.clone(), batch.clone());
    tokio::task::spawn_local(async move {
        sleep(TAKEN_OVER).await;
        let now = sim.core().queues.deliveries.get(&batch).copied();
        let sealed = sim.tables.state().ledgers.get(&batch).is_some_and(|l| l.sealed);
        let is_left = sim.core().queues.messages.contains_key(&id);
        if now == before && !sealed && is_left {
            sim.violated("P5", format!("{}/{} has lost its worker and is left alone", batch.0.name(), batch.1));
        }
    });
}

/// Records that a worker gets these batches. Returns when that worker will die, in a profile of dying workers: once for each
/// batch.
fn batches_delivered(sim: &Sim, batches: &[(u64, BatchMessage)]) -> Option<Duration> {
    let keys: Vec<_> = batches.iter().map(|(_, batch)| (batch.execution_arn.clone(), batch.batch_index)).collect();
    for (key, (_, batch)) in keys.iter().zip(batches) {
        *sim.core().queues.deliveries.entry(key.clone()).or_default() += 1;
        check::delivered(sim, batch);
    }
    if !keys.is_empty() {
        sim.count(format!("invocations of a worker with {} batches", keys.len()));
    }
    let again = keys.is_empty() || keys.iter().any(|key| sim.core().queues.killed.contains(key));
    if again || !sim.goes_wrong(sim.profile.worker_dies, "a worker dies") {
        return None;
    }
    sim.core().queues.killed.extend(keys);
    Some(sim.some_millis(1, 15_000))
}

/// `DeleteMessage`. Some that are deleted come again nevertheless.
pub(crate) fn delete(sim: &Sim, receipt: &str) {
    let (id, _) = receipt.split_once(':').expect("a receipt handle");
    if !sim.goes_wrong(sim.profile.duplicate / 10.0, "a deleted message comes again") {
        sim.core().queues.messages.remove(&id.parse().unwrap());
    }
}

/// `ChangeMessageVisibility`.
pub(crate) fn hide(sim: &Sim, run: &Run, receipt: &str, time: Duration) -> PortResult<()> {
    if run.is_worker() && !crate::flaw::lease(sim, run, receipt, time) {
        return Ok(());
    }
    let refused = |why: &str| Err(Unavailable::new("changing the visibility of a message", why));
    let (id, receives): (u64, u32) =
        receipt.split_once(':').and_then(|(i, r)| Some((i.parse().ok()?, r.parse().ok()?))).expect("a receipt handle");
    let old = {
        let core = sim.core();
        let Some(message) = core.queues.messages.get(&id) else { return refused("it was deleted") };
        if core.queues.visible.get(&message.queue).is_some_and(|v| v.contains(&id)) {
            return refused("MessageNotInflight");
        }
        message.receives != receives
    };
    if old && sim.chance(0.5) {
        return refused("ReceiptHandleIsInvalid");
    }
    becomes_visible(sim, id, time);
    Ok(())
}

/// A redrive of all dead letters, as the console does it.
pub(crate) fn redrive(sim: &Sim) {
    let dead = std::mem::take(&mut sim.core().queues.dead);
    for (queue, body) in dead {
        sim.note("operator", || format!("redrives a letter to {queue:?}"));
        sim.count("dead letters redriven");
        send(sim, queue, &body);
    }
}
