//! An account in use: admits what its quotas allow, and records what they do not.
//!
//! The effect on an excess request depends on its sender. The SDK retries a few times and then fails (as configured in
//! `functions/adapters/src/aws/mod.rs`), Step Functions and EventBridge delay their own requests (Step Functions
//! developer guide, "Quotas related to state throttling"; EventBridge quotas, "invocations"), an AI answers that it is
//! throttled.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use goal_activity_core::admission::Shard;
use goal_activity_core::ports::{PortResult, Unavailable};
use tokio::time::sleep;

use super::quotas::{Limit, PROVISIONED, Quota, Table};
use super::uses;
use crate::queues::Queue;
use crate::world::Sim;

/// The maximum number of attempts of the SDK, and its first wait in milliseconds, which doubles
/// (`functions/adapters/src/aws/mod.rs`).
const ATTEMPTS: u32 = 5;
const FIRST_WAIT: u64 = 50;
/// About how many milliseconds a poller waits before it retries the invocation of a function without free concurrency.
const INVOKED_AGAIN: u64 = 500;

/// The quotas of an account, and their use.
pub(crate) struct Account {
    gates: Mutex<BTreeMap<Quota, Gate>>,
    pub(crate) ai: Ai,
    /// How many batches one invocation of a worker gets at most.
    pub(crate) worker_batch: usize,
}

/// The AI, and how it is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ai {
    /// Its latency for one action, in milliseconds.
    pub(crate) latency: [u64; 2],
    /// How many requests it takes in a minute, if it counts them.
    pub(crate) requests_a_minute: Option<u32>,
    /// The other way to keep within its quota, for comparison: a worker waits for so long between two calls of a batch. The wait is a
    /// part of the call here, which a worker gives 120 s.
    pub(crate) pace: Duration,
    /// For comparison: workers ask for all actions at once, also where the quota is smaller than their workflow.
    pub(crate) at_once: bool,
}

struct Gate {
    limit: Limit,
    /// The remainder of a rate, or the current number.
    level: f64,
    /// The current size of a growing quota.
    allowed: f64,
    /// The time of the last update.
    at: Duration,
    used: Used,
}

/// The use of a quota.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Used {
    /// In the quota's units; for concurrency limits, in seconds.
    pub(crate) units: f64,
    /// The number of requests that were finally admitted.
    pub(crate) requests: u64,
    /// The total delay of these, in seconds.
    pub(crate) held_up: f64,
    /// How many requests were refused permanently.
    pub(crate) refused: u64,
    /// The maximum at a time.
    pub(crate) most: f64,
    /// When it was used first and last.
    pub(crate) first: Option<Duration>,
    pub(crate) last: Duration,
}

impl Account {
    /// An account with the documented quotas, some of them multiplied, and with provisioned pollers for the batch queue or
    /// without.
    pub(crate) fn new(raised: &[(Quota, f64)], provisioned: bool, ai: Ai, worker_batch: usize) -> Self {
        let factor = |quota| raised.iter().filter(|(q, _)| *q == quota).map(|(_, times)| times).product::<f64>();
        let all = Quota::ALL.into_iter().chain(Shard::all().map(Quota::CapacityRow));
        let limit = |quota: Quota| match quota {
            Quota::Pollers(Queue::Batch) if provisioned => PROVISIONED,
            _ => quota.documented().limit.times(factor(quota)),
        };
        let mut gates: BTreeMap<_, _> = all.map(|quota| (quota, Gate::new(limit(quota)))).collect();
        if let Some(burst) = ai.requests_a_minute.map(f64::from) {
            gates.insert(Quota::AiRequests, Gate::new(Limit::Rate { a_second: burst / 60.0, burst }));
        }
        Self { gates: Mutex::new(gates), ai, worker_batch }
    }

    fn gates(&self) -> MutexGuard<'_, BTreeMap<Quota, Gate>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the use of each quota.
    pub(crate) fn used(&self) -> BTreeMap<Quota, Used> {
        let mut all = BTreeMap::<_, Used>::new();
        for (quota, gate) in self.gates().iter() {
            let sum = all.entry(quota.reported()).or_default();
            sum.units += gate.used.units;
            sum.requests += gate.used.requests;
            sum.held_up += gate.used.held_up;
            sum.refused += gate.used.refused;
            sum.most = sum.most.max(gate.used.most);
            sum.first = sum.first.into_iter().chain(gate.used.first).min();
            sum.last = sum.last.max(gate.used.last);
        }
        all
    }

    fn note(&self, quota: Quota, note: impl FnOnce(&mut Used)) {
        if let Some(gate) = self.gates().get_mut(&quota) {
            note(&mut gate.used);
        }
    }

    /// Records a request at that time.
    fn count(&self, quota: Quota, units: f64, came: Duration, now: Duration) {
        self.note(quota, |used| {
            used.units += units;
            used.requests += 1;
            used.held_up += now.saturating_sub(came).as_secs_f64();
            used.first.get_or_insert(now);
            used.last = now;
        });
    }

    fn put_back(&self, quota: Quota, units: f64) {
        if let Some(gate) = self.gates().get_mut(&quota) {
            gate.level += units;
        }
    }

    fn is_open(&self, quota: Quota, units: f64, now: Duration) -> bool {
        self.gates().get_mut(&quota).is_none_or(|gate| gate.opens(units, now))
    }
}

impl Gate {
    fn new(limit: Limit) -> Self {
        let (level, allowed) = match limit {
            Limit::Rate { burst, .. } => (burst, burst),
            Limit::AtOnce(most) => (0.0, most),
            Limit::Growing { from, .. } => (0.0, from),
        };
        Self { limit, level, allowed, at: Duration::ZERO, used: Used::default() }
    }

    /// Acquires that many units, if available.
    fn opens(&mut self, units: f64, now: Duration) -> bool {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        match self.limit {
            Limit::Rate { a_second, burst } => {
                self.at = now;
                self.level = (self.level + passed * a_second).min(burst);
                // A request larger than the bucket is admitted when the bucket is full.
                let opens = self.level >= units.min(burst);
                self.level -= if opens { units } else { 0.0 };
                opens
            }
            Limit::AtOnce(_) => self.enters(units),
            Limit::Growing { from, a_second, to } => {
                if self.level == 0.0 {
                    self.allowed = from;
                }
                if self.level + units > self.allowed {
                    // It grows only while there is more to do: a longer time since the last update counts as idle.
                    self.allowed = (self.allowed + passed.min(1.0) * a_second).min(to);
                }
                self.at = now;
                self.enters(units)
            }
        }
    }

    fn enters(&mut self, units: f64) -> bool {
        // A fraction of a slot does not count.
        let enters = self.level + units <= self.allowed.floor();
        if enters {
            self.level += units;
            self.used.most = self.used.most.max(self.level);
        }
        enters
    }
}

/// A slot that is occupied until this is dropped.
pub(crate) struct Place {
    sim: Sim,
    quota: Quota,
    since: Duration,
}

impl Place {
    fn take(sim: &Sim, quota: Quota) -> Option<Self> {
        let (account, since) = (sim.account.as_ref()?, sim.elapsed());
        account.is_open(quota, 1.0, since).then(|| Self { sim: sim.clone(), quota, since })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(account) = &self.sim.account
            && let Some(gate) = account.gates().get_mut(&self.quota)
        {
            gate.level -= 1.0;
            gate.used.units += self.sim.elapsed().saturating_sub(self.since).as_secs_f64();
        }
    }
}

/// Admits a call of the SDK, or fails like the SDK after too many refusals.
pub(crate) async fn call(sim: &Sim, name: &'static str) -> PortResult<()> {
    for (quota, units) in uses::of_call(name) {
        take(sim, name, *quota, *units).await?;
    }
    Ok(())
}

/// The same for a write of the row of a shard of the capacity, refused ones included.
pub(crate) async fn write_capacity(sim: &Sim, name: &'static str, shard: Shard) -> PortResult<()> {
    if sim.account.is_none() {
        return Ok(());
    }
    let units = uses::of_capacity(sim.tables.state().held_in(shard).len() as f64);
    take(sim, name, Quota::CapacityRow(shard), units).await?;
    take(sim, name, Quota::Writes(Table::Executions), units).await
}

/// The same for the writes of that many tasks.
pub(crate) async fn save_tasks(sim: &Sim, tasks: usize) -> PortResult<()> {
    take(sim, "commit_group", Quota::Writes(Table::Tasks), uses::of_tasks(tasks)).await
}

async fn take(sim: &Sim, name: &'static str, quota: Quota, units: f64) -> PortResult<()> {
    let Some(account) = &sim.account else { return Ok(()) };
    let (came, mut wait, mut attempt) = (sim.elapsed(), FIRST_WAIT, 1);
    while !account.is_open(quota, units, sim.elapsed()) {
        if attempt == ATTEMPTS {
            account.note(quota, |used| used.refused += 1);
            return Err(Unavailable::new(name, "throttled"));
        }
        attempt += 1;
        sleep(sim.some_millis(0, wait)).await;
        wait *= 2;
    }
    account.count(quota, units, came, sim.elapsed());
    Ok(())
}

/// Delays a service's own request until the quota allows it.
pub(crate) async fn hold_back(sim: &Sim, quota: Quota, units: f64) {
    let Some(account) = &sim.account else { return };
    let came = sim.elapsed();
    while !account.is_open(quota, units, sim.elapsed()) {
        sleep(sim.some_millis(10, 200)).await;
    }
    account.count(quota, units, came, sim.elapsed());
}

/// Returns `true` if the AI accepts a request.
pub(crate) fn ai_takes(sim: &Sim, tokens: f64) -> bool {
    let Some(account) = &sim.account else { return true };
    let now = sim.elapsed();
    // A request that is refused for its tokens does not count as one.
    let asked = account.is_open(Quota::AiRequests, 1.0, now);
    let takes = asked && account.is_open(Quota::AiTokens, tokens, now);
    match takes {
        true => account.count(Quota::AiTokens, tokens, now, now),
        false if asked => {
            account.put_back(Quota::AiRequests, 1.0);
            account.note(Quota::AiTokens, |used| used.refused += 1);
        }
        false => account.note(Quota::AiTokens, |used| used.refused += 1),
    }
    takes
}

/// A slot to run a function, for which the caller waits up to that time. Without limits no slot is needed.
pub(crate) async fn place_to_run(sim: &Sim, patience: Duration) -> Result<Option<Place>, ()> {
    let Some(account) = &sim.account else { return Ok(None) };
    let (quota, came) = (Quota::LambdaConcurrency, sim.elapsed());
    loop {
        let now = sim.elapsed();
        let place = Place::take(sim, quota);
        if place.is_some() {
            account.count(quota, 0.0, came, now);
            return Ok(place);
        }
        if now.saturating_sub(came) >= patience {
            account.note(quota, |used| used.refused += 1);
            return Err(());
        }
        sleep(sim.some_millis(INVOKED_AGAIN / 2, INVOKED_AGAIN * 3 / 2)).await;
    }
}

/// Returns a free poller, if any.
pub(crate) fn free_poller(sim: &Sim, queue: Queue) -> Option<Place> {
    Place::take(sim, Quota::Pollers(queue))
}

/// Records that a poller has received a message that was available since then.
pub(crate) fn polled(sim: &Sim, queue: Queue, since: Duration) {
    if let Some(account) = &sim.account {
        account.count(Quota::Pollers(queue), 0.0, since, sim.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_rate_lets_a_burst_through_and_then_so_many_a_second() {
        let mut gate = Gate::new(Limit::Rate { a_second: 10.0, burst: 30.0 });
        assert!((0..30).all(|_| gate.opens(1.0, seconds(0))));
        assert!(!gate.opens(1.0, seconds(0)));
        assert!((0..10).all(|_| gate.opens(1.0, seconds(1))));
        assert!(!gate.opens(1.0, seconds(1)));
        // After any idle time, at most the size of the bucket.
        assert!((0..30).all(|_| gate.opens(1.0, seconds(1_000))));
        assert!(!gate.opens(1.0, seconds(1_000)));
    }

    #[test]
    fn what_grows_does_so_only_while_there_is_more_to_do() {
        let mut gate = Gate::new(Limit::Growing { from: 5.0, a_second: 5.0, to: 12.0 });
        let fill = |gate: &mut Gate, now| (0..100).filter(|_| gate.opens(1.0, seconds(now))).count();
        assert_eq!(fill(&mut gate, 0), 5);
        assert_eq!(fill(&mut gate, 1), 5);
        // A long time without an update causes no growth, and growth is limited.
        assert_eq!(fill(&mut gate, 60), 2);
        assert_eq!(fill(&mut gate, 61), 0);
    }
}
