//! Lambda: runs the real handlers, and kills them.
//!
//! A function may end at any moment, when its timeout expires, its memory is exhausted, or its host fails (Lambda
//! developer guide, "Understanding retry behavior"): then its future is dropped, at any await.

use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Poll;
use std::time::Duration;

use goal_activity_core::limits::BUDGET_MARGIN;
use goal_activity_core::pause::{DailyCost, Pausing};
use goal_activity_core::quota::Quota;
use goal_activity_events::{ActionId, ExecutionArn};
use goal_activity_functions::adapters::memory::samples;
use goal_activity_functions::handlers::api::{Api, GoalsAccess};
use goal_activity_functions::handlers::finalize::Finalize;
use goal_activity_functions::handlers::launch::Launch;
use goal_activity_functions::handlers::projector::Projector;
use goal_activity_functions::handlers::reconcile::Reconcile;
use goal_activity_functions::handlers::worker::{PriceList, Worker};
use goal_activity_functions::runtime::budget::Budget;
use goal_activity_functions::runtime::context::Context;
use goal_activity_functions::steps::admission::Admission;
use goal_activity_functions::steps::cancel::Cancel;
use goal_activity_functions::steps::ending::{Conclude, EndWorkflow};
use goal_activity_functions::steps::intake::Intake;
use tokio::time::sleep;

use crate::ai::PRICES;
use crate::charts::Chart;
use crate::flaw::Flaw;
use crate::ports::Ports;
use crate::queues::Queue;
use crate::scale::account;
use crate::world::Sim;

/// A function, with its timeout of `infra/lib/functions.ts` and `workflow.ts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Api,
    Launch,
    Worker,
    Finalize,
    Projector,
    Reconcile,
}

impl Function {
    pub(crate) const ALL: [Self; 6] =
        [Self::Api, Self::Launch, Self::Worker, Self::Finalize, Self::Projector, Self::Reconcile];

    /// For how long invocation is retried without free concurrency: a poller keeps its messages for as long as these
    /// are hidden (Lambda developer guide, "Backoff strategy for failed invocations").
    fn is_waited_for(self) -> Duration {
        match self {
            Self::Api => Duration::ZERO,
            Self::Launch => Queue::Launch.visibility(),
            Self::Worker => Queue::Batch.visibility(),
            Self::Projector => Queue::Projection.visibility(),
            Self::Finalize | Self::Reconcile => self.timeout(),
        }
    }

    /// The budget of an invocation that begins now.
    pub(crate) fn budget(self) -> Budget {
        Budget::of(self.timeout().saturating_sub(BUDGET_MARGIN))
    }

    pub(crate) fn timeout(self) -> Duration {
        Duration::from_secs(match self {
            Self::Api => 10,
            Self::Launch | Self::Finalize => 30,
            Self::Worker => 300,
            Self::Projector | Self::Reconcile => 60,
        })
    }
}

/// One invocation. Clones share it.
#[derive(Clone)]
pub(crate) struct Run(Arc<Inner>);

struct Inner {
    function: Function,
    number: u32,
    /// The batches that a worker processes.
    batches: Vec<(ExecutionArn, u32)>,
    /// The error of its clock in milliseconds.
    skew: i64,
    dead: AtomicBool,
    /// Of which messages the worker has shortened the time in which they are hidden.
    life: Mutex<BTreeSet<String>>,
    /// The first message that it wanted to lease.
    first_lease: OnceLock<String>,
    /// How many batches were ready to be answered.
    ready: AtomicUsize,
    /// The actions that had an outcome when the worker opened their batch.
    known: Mutex<BTreeSet<(ExecutionArn, ActionId)>>,
    /// The chart that the API is to write.
    chart: OnceLock<Chart>,
}

impl Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:?}#{}", self.0.function, self.0.number))
    }
}

impl Run {
    fn new(sim: &Sim, function: Function, batches: Vec<(ExecutionArn, u32)>) -> Self {
        let mut core = sim.core();
        core.invocations += 1;
        Self(Arc::new(Inner {
            function,
            number: core.invocations,
            batches,
            skew: core.rng.i64(-sim.profile.skew..=sim.profile.skew),
            dead: AtomicBool::new(false),
            life: Mutex::default(),
            first_lease: OnceLock::new(),
            ready: AtomicUsize::new(0),
            known: Mutex::default(),
            chart: OnceLock::new(),
        }))
    }

    /// Marks the invocation as dead.
    fn mourn(&self, sim: &Sim, limit: Duration) {
        if !self.0.dead.load(Ordering::Relaxed) {
            sim.note(self, || format!("KILLED after {:.1} s", limit.as_secs_f64()));
            sim.count(format!("killed: {:?}", self.0.function));
        }
    }

    /// Never completes once the invocation is dead.
    pub(crate) async fn alive(&self) {
        if self.0.dead.load(Ordering::Relaxed) {
            pending::<()>().await;
        }
    }

    /// Ends the invocation here.
    pub(crate) async fn die<T>(&self, sim: &Sim, at: &str) -> T {
        sim.note(self, || format!("DIES {at}"));
        sim.count(format!("died: {:?} {}", self.0.function, at.split(' ').take(2).collect::<Vec<_>>().join(" ")));
        self.0.dead.store(true, Ordering::Relaxed);
        pending().await
    }

    pub(crate) fn number(&self) -> u32 {
        self.0.number
    }

    pub(crate) fn skew(&self) -> i64 {
        self.0.skew
    }

    pub(crate) fn shows_life(&self, receipt: &str) {
        self.0.life.lock().unwrap().insert(receipt.to_owned());
    }

    pub(crate) fn has_shown_life(&self, receipt: &str) -> bool {
        self.0.life.lock().unwrap().contains(receipt)
    }

    pub(crate) fn is_first_lease(&self, receipt: &str) -> bool {
        self.0.first_lease.get_or_init(|| receipt.to_owned()) == receipt
    }

    /// One more batch is ready to be answered. Tells whether all are.
    pub(crate) fn wants_to_answer(&self) -> impl Fn() -> bool {
        self.0.ready.fetch_add(1, Ordering::Relaxed);
        || self.0.ready.load(Ordering::Relaxed) >= self.0.batches.len()
    }

    pub(crate) fn is_worker(&self) -> bool {
        self.0.function == Function::Worker
    }

    pub(crate) fn is_api(&self) -> bool {
        self.0.function == Function::Api
    }

    pub(crate) fn is_reconciler(&self) -> bool {
        self.0.function == Function::Reconcile
    }

    pub(crate) fn puts(&self, chart: Chart) {
        let _first = self.0.chart.set(chart);
    }

    /// The chart that it is to write, if it is a call for that.
    pub(crate) fn chart(&self) -> Option<&Chart> {
        self.0.chart.get()
    }

    /// The workflows whose batches a worker processes.
    pub(crate) fn subjects(&self) -> BTreeSet<&ExecutionArn> {
        self.0.batches.iter().map(|(arn, _)| arn).collect()
    }

    pub(crate) fn knows<'a>(&self, arn: &ExecutionArn, actions: impl Iterator<Item = &'a ActionId>) {
        self.0.known.lock().unwrap().extend(actions.map(|action| (arn.clone(), action.clone())));
    }

    pub(crate) fn has_outcome_of(&self, arn: &ExecutionArn, action: &ActionId) -> bool {
        self.0.known.lock().unwrap().contains(&(arn.clone(), action.clone()))
    }
}

/// The work of a handler.
pub(crate) type Work<T> = Pin<Box<dyn Future<Output = T>>>;

/// Runs a function. Returns `None` if it died.
pub(crate) async fn invoke<T>(
    sim: &Sim,
    function: Function,
    batches: Vec<(ExecutionArn, u32)>,
    dies_after: Option<Duration>,
    work: impl FnOnce(Ports) -> Work<T>,
) -> Option<T> {
    // Held until the end. A call of the API does not wait.
    let Ok(_place) = account::place_to_run(sim, function.is_waited_for()).await else { return None };
    let cannot = sim.profile.no_start.is_some_and(|(from, to)| (from..to).contains(&sim.elapsed()));
    if function == Function::Worker && cannot && sim.goes_wrong(1.0, "a worker cannot start") {
        // Its messages stay hidden for the queue's visibility timeout.
        return None;
    }
    sim.core().in_flight += 1;
    let run = Run::new(sim, function, batches);
    sleep(sim.some_millis(2, 60)).await;
    let timeout = function.timeout();
    let killed = sim.goes_wrong(sim.profile.kill, "a function is killed");
    let limit = match dies_after {
        Some(after) => after,
        None if killed => sim.some_millis(0, u64::try_from(timeout.as_millis().min(40_000)).unwrap()),
        None => timeout,
    };
    let mut work = work(Ports { sim: sim.clone(), run: run.clone() });
    let mut over = Box::pin(sleep(limit));
    let done = poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if run.0.dead.load(Ordering::Relaxed) => Poll::Ready(None),
        Poll::Pending => over.as_mut().poll(cx).map(|()| None),
    })
    .await;
    drop(work);
    if done.is_none() {
        run.mourn(sim, limit);
    }
    sim.core().in_flight -= 1;
    done
}

/// Counting is a line on standard output: no network that could fail, no interleaving.
fn context(p: &Ports) -> Context {
    Context::new(p.clone(), Arc::new(p.sim.tables.clone()))
}

fn pausing(p: &Ports) -> Pausing {
    let daily_cost = if p.sim.has(Flaw::CostIgnored) { DailyCost::NONE } else { p.sim.profile.daily_cost };
    Pausing { on_ai_failure: !p.sim.has(Flaw::AiFailureIgnored), daily_cost }
}

fn intake(p: &Ports) -> Intake<Ports> {
    let (state_machine, daily_limit) = (samples::state_machine(), p.sim.profile.daily_limit);
    Intake { db: p.clone(), state_machine, capacity: p.sim.capacity(), daily_limit, context: context(p) }
}

fn ending(p: &Ports) -> EndWorkflow<Ports, Ports> {
    EndWorkflow { db: p.clone(), bus: p.clone(), context: context(p) }
}

fn conclude(p: &Ports) -> Conclude<Ports, Ports, Ports, Ports> {
    Conclude { ending: ending(p), topic: p.clone(), archive: p.clone() }
}

pub(crate) fn api(p: &Ports) -> Api<Ports, Ports, Ports, Ports> {
    let cancel = Cancel { sfn: p.clone(), ending: ending(p) };
    let goals = GoalsAccess { is_listed: true, is_own: true };
    Api { db: p.clone(), intake: intake(p), bus: p.clone(), cancel, archive: p.clone(), goals }
}

pub(crate) fn launch(p: &Ports) -> Launch<Ports, Ports, Ports> {
    let (state_machine, capacity) = (samples::state_machine(), p.sim.capacity());
    let admission =
        Admission { db: p.clone(), sfn: p.clone(), state_machine, capacity, pausing: pausing(p), context: context(p) };
    Launch { intake: intake(p), admission, bus: p.clone() }
}

pub(crate) fn worker(p: &Ports) -> Worker<Ports, Ports, Ports, Ports, Ports> {
    let [db, sfn, bus, ai, queue] = [(); 5].map(|()| p.clone());
    let at_once = p.sim.account.as_ref().is_some_and(|account| account.ai.at_once);
    let quota = if at_once { Quota::NONE } else { p.sim.capacity().quota() };
    let prices = PriceList { first: Some(PRICES), fallback: None };
    Worker { db, sfn, bus, ai, quota, prices, queue, context: context(p) }
}

pub(crate) fn finalize(p: &Ports) -> Finalize<Ports> {
    Finalize { db: p.clone() }
}

pub(crate) fn projector(p: &Ports) -> Projector<Ports, Ports, Ports, Ports> {
    Projector { db: p.clone(), conclude: conclude(p) }
}

pub(crate) fn reconcile(p: &Ports) -> Reconcile<Ports, Ports, Ports, Ports, Ports> {
    let [db, sfn, bus] = [(); 3].map(|()| p.clone());
    let (state_machine, capacity) = (samples::state_machine(), p.sim.capacity());
    Reconcile { db, sfn, bus, state_machine, capacity, pausing: pausing(p), conclude: conclude(p), context: context(p) }
}
