//! One simulated run: its clock, its randomness, its trace, and all state in AWS.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::Deref;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use goal_activity_core::admission::Capacity;
use goal_activity_events::{ActionId, ExecutionArn, GoalId, Timestamp};
use goal_activity_functions::adapters::memory::World;
use serde_json::Value;
use tokio::time::Instant;

use crate::ai::Script;
use crate::app::App;
use crate::charts::Charts;
use crate::check::Shadow;
use crate::flaw::Flaw;
use crate::later::Memories;
use crate::machine::Machines;
use crate::profile::{CALM, Profile};
use crate::queues::Queues;
use crate::scale::account::Account;

/// When every run begins: 2026-11-24T00:00:00Z.
const BEGIN: i64 = 1_795_478_400_000;
/// How much later the runs begin that reach the next day, in milliseconds: at 23:55.
const EVENING: i64 = (24 * 60 - 5) * 60 * 1_000;

/// A simulated run. Clones share it.
#[derive(Clone)]
pub(crate) struct Sim(Arc<Inner>);

impl Deref for Sim {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

pub(crate) struct Inner {
    /// The tables, and what was published.
    pub(crate) tables: World,
    pub(crate) profile: Profile,
    pub(crate) flaw: Option<Flaw>,
    /// The quotas of AWS; without one, nothing is limited.
    pub(crate) account: Option<Account>,
    begin: Instant,
    /// The skipped time, in milliseconds.
    leapt: AtomicI64,
    core: Mutex<Core>,
}

/// The mutable state of a run.
pub(crate) struct Core {
    pub(crate) rng: Rng,
    trace: Option<Vec<String>>,
    /// The violations found.
    pub(crate) violations: Vec<String>,
    /// Whether faults still occur.
    pub(crate) faulty: bool,
    /// The number of external calls of functions so far.
    pub(crate) calls: u64,
    /// The invocations of functions so far.
    pub(crate) invocations: u32,
    /// The functions that are running.
    pub(crate) in_flight: u32,
    /// The users and services that are not done.
    pub(crate) busy: u32,
    pub(crate) queues: Queues,
    pub(crate) machines: Machines,
    pub(crate) scripts: BTreeMap<(GoalId, ActionId), Script>,
    /// The number of drafts of each generation, by its number.
    pub(crate) generations: Vec<usize>,
    pub(crate) shadow: Shadow,
    pub(crate) app: App,
    pub(crate) charts: Charts,
    pub(crate) memories: Memories,
    /// The workflows that were hit by a fault without a promised recovery.
    pub(crate) excused: BTreeSet<ExecutionArn>,
    /// The workflows that the API has answered 202 for.
    pub(crate) accepted: BTreeSet<ExecutionArn>,
    /// The API's responses to the requests with a key, by the key of their record.
    pub(crate) answers: BTreeMap<String, Value>,
    /// The workflows that a user or an operator wanted to stop.
    pub(crate) unwanted: BTreeSet<ExecutionArn>,
    /// The requests that other services have put on the bus, by source and event id: all that was asked for under these.
    pub(crate) asked: BTreeMap<(String, String), Vec<String>>,
    /// The requests of services to stop or to retry a workflow: source and event id, and the workflow.
    pub(crate) followed_up: BTreeMap<(String, String), ExecutionArn>,
    /// The workflows with an attempt to notify the operators of their end.
    pub(crate) notified: BTreeSet<ExecutionArn>,
    pub(crate) stats: Stats,
}

/// The statistics of a run, for the summary.
#[derive(Default, Clone)]
pub(crate) struct Stats {
    /// The number of events, by name.
    pub(crate) counts: BTreeMap<String, u64>,
    /// The maximum values, by name.
    pub(crate) longest: BTreeMap<String, u64>,
}

impl Stats {
    pub(crate) fn count(&mut self, what: impl Into<String>) {
        *self.counts.entry(what.into()).or_default() += 1;
    }

    pub(crate) fn longest(&mut self, what: String, amount: u64) {
        let longest = self.longest.entry(what).or_default();
        *longest = amount.max(*longest);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (what, amount) in &other.longest {
            self.longest(what.clone(), *amount);
        }
        for (what, n) in &other.counts {
            *self.counts.entry(what.clone()).or_default() += n;
        }
    }
}

impl Sim {
    pub(crate) fn new(seed: u64, flaw: Option<Flaw>, traced: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let profile = Profile::draw(seed, &mut rng);
        Self::with(profile, rng, flaw, traced)
    }

    /// A run of that profile.
    pub(crate) fn with(profile: Profile, rng: Rng, flaw: Option<Flaw>, traced: bool) -> Self {
        Self::make(profile, rng, flaw, traced, None)
    }

    /// A run without faults other than the account's limits, with that many batches processed at once.
    pub(crate) fn within(account: Account, capacity: Capacity) -> Self {
        let profile = Profile { capacity, worker_batch: account.worker_batch, ..CALM };
        Self::make(profile, Rng::with_seed(0), None, false, Some(account))
    }

    fn make(profile: Profile, rng: Rng, flaw: Option<Flaw>, traced: bool, account: Option<Account>) -> Self {
        let core = Core {
            rng,
            trace: traced.then(Vec::new),
            violations: Vec::new(),
            faulty: true,
            calls: 0,
            invocations: 0,
            in_flight: 0,
            busy: 0,
            queues: Queues::default(),
            machines: Machines::default(),
            scripts: BTreeMap::new(),
            generations: Vec::new(),
            shadow: Shadow::default(),
            app: App::default(),
            charts: Charts::default(),
            memories: Memories::default(),
            excused: BTreeSet::new(),
            accepted: BTreeSet::new(),
            answers: BTreeMap::new(),
            unwanted: BTreeSet::new(),
            asked: BTreeMap::new(),
            followed_up: BTreeMap::new(),
            notified: BTreeSet::new(),
            stats: Stats::default(),
        };
        let (tables, begin) = (World::default(), Instant::now());
        let leapt = AtomicI64::new(0);
        Self(Arc::new(Inner { tables, profile, flaw, account, begin, leapt, core: Mutex::new(core) }))
    }
}

impl Inner {
    /// The mutable state. Never locked over an await, nor while the tables are locked.
    pub(crate) fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    pub(crate) fn millis(&self) -> i64 {
        let begin = if self.profile.evening { BEGIN + EVENING } else { BEGIN };
        begin + self.leapt.load(Ordering::Relaxed) + i64::try_from(self.elapsed().as_millis()).unwrap()
    }

    /// How many batches may be processed at once: in some runs it is changed while workflows run.
    pub(crate) fn capacity(&self) -> Capacity {
        match self.profile.changed {
            Some((at, capacity)) if self.elapsed() >= at => capacity,
            _ => self.profile.capacity,
        }
    }

    /// Returns `true` if the capacity was changed, or is to be.
    pub(crate) fn is_changed(&self) -> bool {
        self.profile.changed.is_some()
    }

    /// Lets time pass without events.
    pub(crate) fn leap(&self, time: Duration) {
        self.leapt.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
        self.tables.state().now = self.millis();
    }

    /// Returns `true` if months have passed.
    pub(crate) fn has_leapt(&self) -> bool {
        self.leapt.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis())
    }

    /// Returns `true` with that probability.
    pub(crate) fn chance(&self, probability: f64) -> bool {
        probability > 0.0 && self.core().rng.f64() < probability
    }

    /// Returns `true` with that probability while faults occur, and `false` once they have stopped.
    pub(crate) fn goes_wrong(&self, probability: f64, what: &str) -> bool {
        let wrong = probability > 0.0 && self.core().faulty && self.chance(probability);
        if wrong {
            self.core().stats.count(format!("fault: {what}"));
        }
        wrong
    }

    pub(crate) fn between(&self, low: u64, high: u64) -> u64 {
        self.core().rng.u64(low..=high)
    }

    pub(crate) fn some_millis(&self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }

    pub(crate) fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// Records an actor's action and its outcome. The text is only created if a trace is kept.
    pub(crate) fn note(&self, who: impl Display, text: impl FnOnce() -> String) {
        let mut core = self.core();
        if core.trace.is_some() {
            let (seconds, text) = (self.elapsed().as_secs_f64(), text());
            core.trace.as_mut().unwrap().push(format!("{seconds:9.3}  {who:<14} {text}"));
        }
    }

    pub(crate) fn violated(&self, promise: &str, what: String) {
        self.note("CHECK", || format!("{promise} VIOLATED: {what}"));
        self.core().violations.push(format!("{promise}: {what}"));
    }

    pub(crate) fn count(&self, what: impl Into<String>) {
        self.core().stats.count(what);
    }

    pub(crate) fn take_trace(&self) -> Vec<String> {
        self.core().trace.take().unwrap_or_default()
    }
}
