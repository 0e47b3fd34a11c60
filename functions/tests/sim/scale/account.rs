//! An account in use: lets through what its quotas allow, and notes what they did not.
//!
//! What happens to a request that is too much depends on who makes it. The SDK tries again a few times and then fails (as
//! `functions/src/aws/mod.rs` sets it), Step Functions and EventBridge hold back what they do themselves (Step Functions
//! developer guide, "Quotas related to state throttling"; EventBridge quotas, "invocations"), an AI answers that it is
//! throttled.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use goal_activity_core::ports::{Outside, Unavailable};
use tokio::time::sleep;

use super::quotas::{Limit, Quota};
use super::uses;
use crate::world::Sim;

/// How often the SDK sends a request at most, and its first wait in milliseconds, which doubles (`functions/src/aws/mod.rs`).
const ATTEMPTS: u32 = 5;
const FIRST_WAIT: u64 = 50;
/// How many milliseconds a poller waits about before it tries again to invoke a function that has no room.
const INVOKED_AGAIN: u64 = 500;

/// What an account has, and how it was used.
pub(crate) struct Account(Mutex<BTreeMap<Quota, Gate>>);

struct Gate {
    limit: Limit,
    /// What is left of a rate, or how many there are at a time.
    level: f64,
    /// Up to where something that grows has grown.
    allowed: f64,
    /// When it was looked at last.
    at: Duration,
    used: Used,
}

/// How much of a quota was asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Used {
    /// In the quota's units.
    pub(crate) units: f64,
    /// In requests.
    pub(crate) requests: u64,
    /// How many of these had to wait or were refused.
    pub(crate) held_up: u64,
    /// The most that there was at a time.
    pub(crate) most: f64,
}

impl Used {
    /// The part of all requests that was not let through at once.
    pub(crate) fn share_held_up(self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a share, to look at")]
        let share = self.held_up as f64 / self.requests.max(1) as f64;
        share
    }
}

impl Account {
    /// One with the documented quotas, some of them raised so many times.
    pub(crate) fn new(raised: &[(Quota, f64)]) -> Self {
        let factor = |quota| raised.iter().filter(|(q, _)| *q == quota).map(|(_, times)| times).product::<f64>();
        let gates = Quota::ALL.map(|quota| (quota, Gate::new(quota.documented().limit.times(factor(quota)))));
        Self(Mutex::new(gates.into()))
    }

    fn gates(&self) -> MutexGuard<'_, BTreeMap<Quota, Gate>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was asked of each quota.
    pub(crate) fn used(&self) -> BTreeMap<Quota, Used> {
        self.gates().iter().map(|(quota, gate)| (*quota, gate.used)).collect()
    }

    /// Notes a request, whatever becomes of it.
    fn count(&self, quota: Quota, units: f64, held_up: bool) {
        if let Some(gate) = self.gates().get_mut(&quota) {
            gate.used.units += units;
            gate.used.requests += 1;
            gate.used.held_up += u64::from(held_up);
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

    /// Takes that many units, if they are there.
    fn opens(&mut self, units: f64, now: Duration) -> bool {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        match self.limit {
            Limit::Rate { a_second, burst } => {
                self.at = now;
                self.level = (self.level + passed * a_second).min(burst);
                // One that is larger than the bucket goes through when that is full.
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
                    // It grows only while there is more to do: what lies longer back than a look counts as rest.
                    self.allowed = (self.allowed + passed.min(1.0) * a_second).min(to);
                }
                self.at = now;
                self.enters(units)
            }
        }
    }

    fn enters(&mut self, units: f64) -> bool {
        // A part of a place is none.
        let enters = self.level + units <= self.allowed.floor();
        if enters {
            self.level += units;
            self.used.most = self.used.most.max(self.level);
        }
        enters
    }
}

/// A place that is taken until this is dropped.
pub(crate) struct Place {
    sim: Sim,
    quota: Quota,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(account) = &self.sim.account
            && let Some(gate) = account.gates().get_mut(&self.quota)
        {
            gate.level -= 1.0;
        }
    }
}

/// Lets a call of the SDK through, or fails as it does when it was refused too often.
pub(crate) async fn call(sim: &Sim, name: &'static str) -> Outside<()> {
    let Some(account) = &sim.account else { return Ok(()) };
    for (quota, units) in uses::of_call(name) {
        let (mut held_up, mut wait) = (false, FIRST_WAIT);
        let mut attempt = 1;
        let passed = loop {
            if account.is_open(*quota, *units, sim.elapsed()) {
                break true;
            }
            held_up = true;
            if attempt == ATTEMPTS {
                break false;
            }
            attempt += 1;
            sleep(sim.some_millis(0, wait)).await;
            wait *= 2;
        };
        account.count(*quota, *units, held_up);
        if !passed {
            sim.count(format!("given up: {}", quota.name()));
            return Err(Unavailable::new(name, "throttled"));
        }
    }
    Ok(())
}

/// Holds back what a service does itself until there is room.
pub(crate) async fn hold_back(sim: &Sim, quota: Quota, units: f64) {
    let Some(account) = &sim.account else { return };
    let mut held_up = false;
    while !account.is_open(quota, units, sim.elapsed()) {
        held_up = true;
        sleep(sim.some_millis(10, 200)).await;
    }
    account.count(quota, units, held_up);
}

/// Whether the AI takes a request.
pub(crate) fn ai_takes(sim: &Sim, tokens: f64) -> bool {
    let Some(account) = &sim.account else { return true };
    let takes = account.is_open(Quota::AiTokens, tokens, sim.elapsed());
    account.count(Quota::AiTokens, tokens, !takes);
    takes
}

/// A place to run a function. Those who wait for it give up after a while; nobody who does not wait at all gets `None` from
/// an account without limits.
pub(crate) async fn place_to_run(sim: &Sim, patience: Duration) -> Result<Option<Place>, ()> {
    let Some(account) = &sim.account else { return Ok(None) };
    let (quota, last) = (Quota::LambdaConcurrency, sim.elapsed() + patience);
    let mut held_up = false;
    loop {
        if account.is_open(quota, 1.0, sim.elapsed()) {
            account.count(quota, 1.0, held_up);
            return Ok(Some(Place { sim: sim.clone(), quota }));
        }
        held_up = true;
        if sim.elapsed() >= last {
            account.count(quota, 1.0, true);
            sim.count("invocations given up, for want of concurrency");
            return Err(());
        }
        sleep(sim.some_millis(INVOKED_AGAIN / 2, INVOKED_AGAIN * 3 / 2)).await;
    }
}

/// A poller that is free, if there is one.
pub(crate) fn free_poller(sim: &Sim, quota: Quota) -> Option<Place> {
    let account = sim.account.as_ref()?;
    account.is_open(quota, 1.0, sim.elapsed()).then(|| Place { sim: sim.clone(), quota })
}

/// Notes that a poller took messages, and whether these had to wait for it.
pub(crate) fn polled(sim: &Sim, quota: Quota, held_up: bool) {
    if let Some(account) = &sim.account {
        account.count(quota, 1.0, held_up);
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
        // However long the rest, no more than the bucket holds.
        assert!((0..30).all(|_| gate.opens(1.0, seconds(1_000))));
        assert!(!gate.opens(1.0, seconds(1_000)));
    }

    #[test]
    fn what_grows_does_so_only_while_there_is_more_to_do() {
        let mut gate = Gate::new(Limit::Growing { from: 5.0, a_second: 5.0, to: 12.0 });
        let fill = |gate: &mut Gate, now| (0..100).filter(|_| gate.opens(1.0, seconds(now))).count();
        assert_eq!(fill(&mut gate, 0), 5);
        assert_eq!(fill(&mut gate, 1), 5);
        // A long time without a look is no growth, and there is an end to it.
        assert_eq!(fill(&mut gate, 60), 2);
        assert_eq!(fill(&mut gate, 61), 0);
    }
}
