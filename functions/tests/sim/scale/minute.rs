//! An AI that counts requests and tokens a minute: what it refuses when only the number of batches at once is bounded, when its
//! quota is a setting, and when workers pace their calls instead.

use std::num::{NonZeroU16, NonZeroU32, NonZeroU64};
use std::time::Duration;

use goal_activity_core::admission::Capacity;
use goal_activity_core::limits::QUOTA_SAVED;
use goal_activity_core::quota::Quota;

use super::account::Ai;
use super::load::{self, BURNDOWN, Load, Outcome};
use super::{BASE, BORNE, SOME_RUN, run};
use crate::setting;

/// The example's quota (`quotas.rs`), and as many requests as that is.
const TOKENS: u64 = 5_000_000;
const REQUESTS: u32 = 1_807;
/// An AI that answers in a fourth of the time: the same batches ask it four times as often.
const QUICK: Ai = Ai { latency: [3_000, 6_000], ..load::AI };
/// More batches than that for paced workers: as many as leave each call within the time that a worker allows it, the wait for its
/// turn included.
const PACED: u32 = 400;

struct Row {
    title: &'static str,
    /// How many times the base.
    times: f64,
    capacity: u32,
    rows: u16,
    ai: Ai,
    requests: u32,
    tokens: u64,
    /// How much of the quota is saved up.
    saved: Duration,
    /// How many tokens a minute the AI allows, or would with as many requests.
    allowed: u64,
}

const ROW: Row = Row {
    title: "",
    times: 10.0,
    capacity: BORNE,
    rows: 1,
    ai: QUICK,
    requests: 0,
    tokens: 0,
    saved: QUOTA_SAVED,
    allowed: TOKENS,
};
const COUNTS_REQUESTS: Ai = Ai { requests_a_minute: Some(REQUESTS), ..QUICK };

/// Which of them have the setting, and must keep within the quota. What follows is for comparison, with `SCALE=full`.
const KEEP: std::ops::Range<usize> = 3..11;

const ROWS: [Row; 17] = [
    Row { title: "as many batches as fit an AI of 15 to 25 s", ai: load::AI, ..ROW },
    Row { title: "the same, an AI of 3 to 6 s", ..ROW },
    Row { title: "the same, which counts 1,807 requests", ai: COUNTS_REQUESTS, ..ROW },
    Row { title: "`aiTokensPerMinute`", tokens: TOKENS, ..ROW },
    Row { title: "`aiRequestsPerMinute`", ai: COUNTS_REQUESTS, requests: REQUESTS, ..ROW },
    Row {
        title: "both, 1,000 batches",
        capacity: 1_000,
        ai: COUNTS_REQUESTS,
        requests: REQUESTS,
        tokens: TOKENS,
        ..ROW
    },
    Row {
        title: "`aiTokensPerMinute`, 1,000 batches, 15 to 25 s",
        capacity: 1_000,
        ai: load::AI,
        tokens: TOKENS,
        ..ROW
    },
    Row {
        title: "the same, 4,000 batches in four shards",
        capacity: SOME_RUN,
        rows: 4,
        ai: load::AI,
        tokens: TOKENS,
        ..ROW
    },
    Row {
        title: "the same, at a hundred times the base",
        times: 100.0,
        capacity: SOME_RUN,
        rows: 4,
        ai: load::AI,
        tokens: TOKENS,
        ..ROW
    },
    small("`aiRequestsPerMinute` of 60", 60, false),
    small("`aiRequestsPerMinute` of 20", 20, false),
    Row { title: "`aiTokensPerMinute`, 5 s saved up", tokens: TOKENS, saved: Duration::from_secs(5), ..ROW },
    Row { title: "`aiTokensPerMinute`, 60 s saved up", tokens: TOKENS, saved: Duration::from_secs(60), ..ROW },
    Row { title: "paced workers, 96 batches", ai: paced(BORNE), ..ROW },
    Row { title: "paced workers, 400 batches", capacity: PACED, ai: paced(PACED), ..ROW },
    Row { title: "the same without load", times: 0.25, capacity: PACED, ai: paced(PACED), ..ROW },
    small("`aiRequestsPerMinute` of 60, asked for all actions at once", 60, true),
];

/// A quota of less than one goal's requests, and a few more goals than that is enough for.
const fn small(title: &'static str, requests: u32, at_once: bool) -> Row {
    Row {
        title,
        times: requests as f64 / 1_500.0,
        capacity: 1_000,
        ai: Ai { requests_a_minute: Some(requests), at_once, ..QUICK },
        requests,
        allowed: TOKENS * requests as u64 / REQUESTS as u64,
        ..ROW
    }
}

/// So many batches at once, each with its part of the quota.
const fn paced(batches: u32) -> Ai {
    Ai { pace: Duration::from_millis(batches as u64 * 60_000 / REQUESTS as u64), ..load::AI }
}

fn is_full() -> bool {
    setting::<String>("SCALE").is_some_and(|size| size == "full")
}

impl Row {
    fn load(&self) -> Load {
        let lasts = Duration::from_secs_f64(if is_full() { 180.0 } else { 60.0 } * 10.0 / self.times);
        let quota = Quota::new(
            NonZeroU32::new(self.requests),
            NonZeroU64::new(self.tokens),
            NonZeroU32::new(u32::try_from(BURNDOWN).unwrap()).unwrap(),
        );
        let quota = quota.saving(self.saved);
        let capacity = Capacity::new(NonZeroU32::new(self.capacity).unwrap())
            .in_shards(NonZeroU16::new(self.rows).unwrap())
            .with_quota(quota);
        Load {
            goals_a_second: BASE * self.times,
            lasts,
            capacity,
            raised: Vec::new(),
            provisioned: false,
            ai: self.ai,
            worker_batch: 4,
        }
    }

    /// A row of the table of `docs/SCALING.md`.
    fn report(&self, outcome: &Outcome) -> String {
        let [_, half] = outcome.within(0.5);
        let [_, last] = outcome.within(1.0);
        format!(
            "| {} | {} | {:.2} % | {:.1} % | {:.0} % | {half:.0} s, {last:.0} s | {:.0} |",
            self.title,
            outcome.goals(),
            100.0 * outcome.ai_refused(),
            100.0 * outcome.whole(),
            100.0 * outcome.ai_used(self.allowed as f64),
            outcome.workers_at_once(),
        )
    }
}

#[test]
fn an_ai_is_asked_as_often_as_it_allows() {
    // One of them by hand: each is a run of its own, the same every time.
    if let Some(row) = setting::<usize>("SCALE_ROW").and_then(|row| ROWS.get(row.checked_sub(1)?)) {
        let outcome = row.load().run();
        println!("{} {:?} {:?} open {}", row.report(&outcome), outcome.failed, outcome.ended, outcome.open);
        return;
    }
    let rows = if is_full() { &ROWS[..] } else { &ROWS[..KEEP.end] };
    let outcomes = run(&rows.iter().map(Row::load).collect::<Vec<_>>());
    println!(
        "\n| Bounded by | Goals | Refused (429) | With all tasks | Of the quota | Half, all ended after | Invocations at once |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (row, outcome) in rows.iter().zip(&outcomes) {
        println!("{}", row.report(outcome));
    }
    for (row, outcome) in rows.iter().zip(&outcomes) {
        assert_eq!((outcome.open, outcome.turned_away), (0, 0), "{}: every workflow ends", row.title);
    }
    for before in &outcomes[1..3] {
        assert!(before.ai_refused() > 0.2, "batches at once bound no requests a minute: {}", before.ai_refused());
    }
    if is_full() {
        let at_once = &outcomes[ROWS.len() - 1];
        assert!(at_once.ai_refused() > 0.1 && !at_once.is_whole(), "a small quota needs workers that keep it");
    }
    for (row, outcome) in KEEP.map(|at| (&rows[at], &outcomes[at])) {
        let (title, refused, used) = (row.title, outcome.ai_refused(), outcome.ai_used(row.allowed as f64));
        assert!(refused < 0.01 && outcome.is_whole(), "{title}: {refused} refused");
        assert!(used >= 0.9, "{title}: {used} of the quota used");
    }
}
