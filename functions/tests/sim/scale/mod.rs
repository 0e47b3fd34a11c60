//! How much load one account in one region can process: the same handlers and models, with AWS's quotas as limits.
//! `docs/SCALING.md` shows the results.
//!
//! Whole mandala charts are started at a steady rate, suddenly, on an idle account. The base is slightly below the
//! example's AI quota; a hundred times the base is run with one quota after the other raised.
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers to look at, of a few thousand goals"
)]

pub(crate) mod account;
mod documented;
pub(crate) mod load;
mod minute;
pub(crate) mod quotas;
mod report;
mod uses;

use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use goal_activity_core::admission::{Capacity, Shard};

use crate::queues::Queue;
use crate::setting;
use load::{Load, Outcome};
use quotas::{Quota, Table};

/// How many goals a second are the base.
const BASE: f64 = 0.4;

/// A load and its account.
struct Step {
    title: &'static str,
    /// How many times the base.
    times: f64,
    /// For how many seconds: in the tests, and with `SCALE=full`.
    lasts: [u64; 2],
    /// `concurrentBatches`; by default no workflow has to wait.
    capacity: u32,
    /// In how many rows, if not in as many as that has.
    rows: Option<u16>,
    /// The multiple of each quota's default.
    raised: &'static [(Quota, f64)],
    /// Whether the batch queue has provisioned pollers.
    provisioned: bool,
    /// How many batches one invocation of a worker gets at most: `workerBatchSize`.
    worker_batch: usize,
}

const BASE_LOAD: Step = Step {
    title: "1x",
    times: 1.0,
    lasts: [120, 600],
    capacity: u32::MAX,
    rows: Some(1),
    raised: &[],
    provisioned: false,
    worker_batch: Queue::Batch.batch_size(),
};
const TEN: Step = Step { title: "10x", times: 10.0, lasts: [40, 180], ..BASE_LOAD };
const HUNDRED: Step = Step { title: "100x", times: 100.0, lasts: [13, 40], capacity: ALL_RUN, rows: None, ..BASE_LOAD };

/// What the AI's default quota allows, at 8 batches of 27 s per goal.
const BORNE: u32 = 96;
/// As many batches as run at a hundred times the base, and some more.
const ALL_RUN: u32 = 10_000;
/// Less than half of them: more wait for longer than they run.
const SOME_RUN: u32 = 4_000;
const AI: (Quota, f64) = (Quota::AiTokens, 100.0);
const WORKERS: [(Quota, f64); 2] = [(Quota::Pollers(Queue::Batch), 10.0), (Quota::LambdaConcurrency, 10.0)];
const WRITES: [(Quota, f64); 2] = [(Quota::Writes(Table::Tasks), 10.0), (Quota::Writes(Table::Executions), 10.0)];
/// A hundred times the base with all quotas raised that can be.
const RAISED: Step = Step { raised: &[AI, WORKERS[0], WORKERS[1], WRITES[0], WRITES[1]], ..HUNDRED };

const STEPS: [Step; 12] = [
    BASE_LOAD,
    TEN,
    Step { title: "10x, `concurrentBatches` 96", capacity: BORNE, ..TEN },
    Step { title: "10x, AI raised", raised: &[(Quota::AiTokens, 10.0)], ..TEN },
    Step { title: "100x, AI raised, `concurrentBatches` 10,000", raised: &[AI], ..HUNDRED },
    Step { title: "100x, the same, but a batch in each invocation", raised: &[AI], worker_batch: 1, ..HUNDRED },
    Step { title: "100x, pollers and Lambda raised as well", raised: &[AI, WORKERS[0], WORKERS[1]], ..HUNDRED },
    Step { title: "100x, DynamoDB warmed as well", ..RAISED },
    Step { title: "100x, all this, but `CAPACITY` in one row", rows: Some(1), ..RAISED },
    Step { title: "100x, all this, `concurrentBatches` 4,000", capacity: SOME_RUN, ..RAISED },
    Step { title: "100x, the same, but `CAPACITY` in one row", capacity: SOME_RUN, rows: Some(1), ..RAISED },
    Step {
        title: "100x, all this, with provisioned pollers",
        capacity: SOME_RUN,
        raised: &[AI, WORKERS[1], WRITES[0], WRITES[1]],
        provisioned: true,
        ..HUNDRED
    },
];

impl Step {
    fn load(&self) -> Load {
        let full = setting::<String>("SCALE").is_some_and(|size| size == "full");
        let lasts = Duration::from_secs(self.lasts[usize::from(full)]);
        let capacity = Capacity::new(NonZeroU32::new(self.capacity).expect("some capacity"));
        let capacity = match self.rows.and_then(NonZeroU16::new) {
            Some(rows) => capacity.in_shards(rows),
            None => capacity,
        };
        let (raised, provisioned, worker_batch) = (self.raised.to_vec(), self.provisioned, self.worker_batch);
        Load { goals_a_second: BASE * self.times, lasts, capacity, raised, provisioned, ai: load::AI, worker_batch }
    }
}

/// Runs the loads in parallel, on all cores.
fn run(loads: &[Load]) -> Vec<Outcome> {
    let next = Mutex::new(loads.iter().enumerate());
    let done = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let Some((at, load)) = next.lock().unwrap().next() else { return };
                    let outcome = load.run();
                    done.lock().unwrap().push((at, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

#[test]
fn the_quotas_break_in_the_order_that_is_documented() {
    let begin = Instant::now();
    let outcomes = run(&STEPS.each_ref().map(Step::load));
    let paper = outcomes[0].on_paper();
    println!("\n{}\n{}", report::paper(&paper), report::HEAD);
    for (step, outcome) in STEPS.iter().zip(&outcomes) {
        println!("{}", outcome.row(step.title, &step.load()));
    }
    println!();
    for (step, outcome) in STEPS.iter().zip(&outcomes).filter(|(_, outcome)| outcome.late_by(1.0) > 0.0) {
        let [half, most, last] = [0.5, 0.99, 1.0].map(|part| outcome.late_by(part));
        println!(
            "later than in the order of turns: {half:.1} s, 99 % {most:.1} s, at most {last:.1} s: {}",
            step.title
        );
    }
    println!("{} goals in {:.1} s", outcomes.iter().map(Outcome::goals).sum::<usize>(), begin.elapsed().as_secs_f64());

    for (step, outcome) in STEPS.iter().zip(&outcomes) {
        assert_eq!(outcome.open, 0, "{}: every workflow ends", step.title);
    }
    let [
        base,
        ten,
        ten_waits,
        ten_raised,
        hundred,
        singly,
        hundred_workers,
        hundred_all,
        one_row,
        waits,
        _,
        provisioned,
    ] = &outcomes[..]
    else {
        panic!("twelve steps");
    };
    // Where workers write more than new tables take, starts do not get through either.
    let others = outcomes.iter().filter(|outcome| !std::ptr::eq(*outcome, hundred_workers));
    assert_eq!(others.map(|outcome| outcome.turned_away).sum::<usize>(), 0, "every start is answered");
    assert!(base.is_whole() && base.held_up_by().is_empty() && base.ai_refused() < f64::EPSILON, "the base is carried");
    assert!(ten.ai_refused() > 0.5 && ten.failed.keys().eq(["AI_THROTTLED"]), "the AI's quota is the first to end");
    assert!(ten_waits.is_whole() && ten_waits.ai_refused() < f64::EPSILON, "what waits for the AI does not fail");
    assert!(ten_raised.is_whole(), "ten times the base needs nothing but more AI");
    let first = |outcome: &Outcome| outcome.held_up_by().first().map(|(quota, _)| *quota);
    assert_eq!(first(ten_raised), Some(Quota::Pollers(Queue::Batch)), "what takes longest is that pollers become more");
    assert_eq!(first(hundred), Some(Quota::Pollers(Queue::Batch)), "the pollers end next");
    let too_late = |code: &str| ["NOT_PROCESSED", "BATCH_DEADLINE"].contains(&code);
    let is_late = !singly.failed.is_empty() && singly.failed.keys().all(|code| too_late(code.as_ref()));
    assert!(is_late, "batches that wait too long for a worker have too little time, or are lost");
    assert!(hundred.whole() > singly.whole(), "a worker that takes several batches carries more");
    assert!(hundred_workers.within(1.0) < hundred.within(1.0), "and more workers are sooner done");
    assert!(hundred_all.is_whole(), "nothing else stands in the way of a hundred times the base");
    let of_row = |outcome: &Outcome| outcome.refused(Quota::CapacityRow(Shard::FIRST));
    assert!(of_row(one_row) > 100, "one row cannot count that many");
    for outcome in [hundred_all, waits, provisioned] {
        assert!(outcome.is_whole(), "as deployed, a hundred times the base is carried");
        assert_eq!(outcome.refused(Quota::DescribeExecution), 0, "the reconciler asks no more than it may");
        // The load begins from one moment to the next: what a row refuses then is done when its message returns.
        assert!(of_row(outcome) <= 200, "the rows of the capacity carry that");
    }
    assert!(waits.late_by(0.5) < 5.0 && waits.late_by(1.0) < 60.0, "the shards' lists advance side by side");
    documented::compare(&paper);
}
