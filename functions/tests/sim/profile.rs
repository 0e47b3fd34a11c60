//! The faults of a run, and their frequency. Each profile isolates some kinds of faults, so that the guarantees under
//! them can be checked strictly; `wild` and `storm` have all of them at once.

use std::num::{NonZeroU16, NonZeroU32, NonZeroU64};
use std::time::Duration;

use fastrand::Rng;
use goal_activity_core::admission::Capacity;
use goal_activity_core::daily::DailyLimit;
use goal_activity_core::pause::DailyCost;
use goal_activity_core::quota::Quota;

/// How the AI behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It answers within 10 s; some actions fail, permanently or temporarily.
    Quick,
    /// As fast, but takes up to 115 s for some.
    Slow,
    /// Does not answer some at all.
    Overloaded,
}

/// How long a call hangs until the SDK times out: the operation's time limit in
/// `functions/adapters/src/aws/connection.rs`.
pub(crate) const OPERATION: Duration = Duration::from_secs(7);

/// How calls fail during an outage of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// At once.
    Fails,
    /// After the SDK's timeout.
    Hangs,
    /// After the SDK's retries, and not each of them.
    Throttles,
}

/// A time in which services do not answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outage {
    /// The affected kinds of calls: a bit for each of [`Outage::KINDS`].
    kinds: u16,
    pub(crate) manner: Manner,
    pub(crate) from: Duration,
    pub(crate) to: Duration,
}

impl Outage {
    /// The possible outages, from one table or action to a whole service.
    const KINDS: [&'static [&'static str]; 12] = [
        &["archive_execution", "read_archive"],
        &["start_execution", "stop_execution", "describe_execution", "answer", "heartbeat"],
        &["start_execution"],
        &["answer", "heartbeat"],
        &["publish"],
        &["notify"],
        &["end_execution", "claim_goal", "commit_group", "mark_archived", "write_chart"],
        &["seal_batch", "open_batch", "commit_group", "read_batch"],
        &[
            "find_execution",
            "find_archived",
            "record_started",
            "record_batches",
            "expire_batch",
            "record_cancellation",
            "mark_reported",
            "claim_notice",
            "release_notice",
            "accepted_before",
            "user_load",
        ],
        &["list_open", "list_goals", "load_goal", "remove_tasks", "find_tasks", "actions_with_tasks", "task_rows"],
        &[
            "acquire_capacity",
            "release_capacity",
            "find_load",
            "find_pause",
            "list_waiting",
            "move_waiting",
            "change_pause",
            "mark_admitted",
        ],
        &["hide", "delete"],
    ];
    /// The index of the archive in [`Self::KINDS`].
    const ARCHIVE: u16 = 1;
    /// The index of Step Functions.
    const STATES: u16 = 1 << 1;
    /// The index of `StartExecution`.
    const STARTS: u16 = 1 << 2;
    /// The index of the bus.
    const BUS: u16 = 1 << 4;
    /// The indexes of DynamoDB.
    const TABLES: u16 = 0b0111_1100_0000;

    fn draw(rng: &mut Rng) -> Self {
        let from = Duration::from_millis(rng.u64(0..120_000));
        let one = |rng: &mut Rng| 1 << rng.usize(0..Self::KINDS.len());
        let kinds = match rng.u8(0..10) {
            0 => Self::TABLES,
            1 => (1 << Self::KINDS.len()) - 1,
            2 | 3 => one(rng) | one(rng) | one(rng),
            _ => one(rng),
        };
        let manner = [Manner::Fails, Manner::Hangs, Manner::Hangs, Manner::Throttles][rng.usize(0..4)];
        let most = if rng.bool() { 600_000 } else { 1_500_000 };
        Self { kinds, manner, from, to: from + Duration::from_millis(rng.u64(1_000..most)) }
    }

    /// Returns `true` if a call at that time of the run fails.
    pub(crate) fn has(&self, call: &str, at: Duration) -> bool {
        let of = |n: usize| self.kinds & (1 << n) != 0 && Self::KINDS[n].contains(&call);
        (self.from..self.to).contains(&at) && (0..Self::KINDS.len()).any(of)
    }
}

/// The probabilities of all faults.
#[allow(clippy::struct_excessive_bools, reason = "each says whether one thing goes wrong")]
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub(crate) name: &'static str,
    /// A call fails, and nothing was done.
    pub(crate) fail: f64,
    /// A call fails, although it was done.
    pub(crate) applied: f64,
    /// A call is done, its answer lost, and the SDK sends it again.
    pub(crate) twice: f64,
    /// The function dies before or after a call.
    pub(crate) crash: f64,
    /// The function dies at any moment.
    pub(crate) kill: f64,
    /// A call takes up to 100 s.
    pub(crate) stall: f64,
    /// The one call, counted over the whole run, that fails in one of the ways above.
    pub(crate) nth: Option<u64>,
    /// Calls that all fail for a while.
    pub(crate) outage: Option<Outage>,
    /// The maximum error of a function's clock in milliseconds.
    pub(crate) skew: i64,
    /// Step Functions is minutes late with a state.
    pub(crate) late_state: f64,
    /// Step Functions does not end an execution when its time is over.
    pub(crate) no_timeout: f64,
    /// A worker dies once per batch, also before its first heartbeat.
    pub(crate) worker_dies: f64,
    /// A message or event is delivered twice.
    pub(crate) duplicate: f64,
    /// How late a message or event may be, in milliseconds.
    pub(crate) late: u64,
    /// A status change of Step Functions is lost.
    pub(crate) lose_status: f64,
    /// An event on the custom bus is lost after it was accepted.
    pub(crate) lose_event: f64,
    /// A tick of the reconciler is lost; as often, it runs twice.
    pub(crate) lose_tick: f64,
    /// The state machine cannot send a batch.
    pub(crate) lose_batch: f64,
    /// Step Functions answers with a slightly outdated state.
    pub(crate) stale: f64,
    pub(crate) mood: Mood,
    /// Whether the AI answers for several actions at the same time.
    pub(crate) in_step: bool,
    /// How many batches may be processed at once.
    pub(crate) capacity: Capacity,
    /// When that is changed, and to what.
    pub(crate) changed: Option<(Duration, Capacity)>,
    /// How many actions a user may ask for in a day.
    pub(crate) daily_limit: DailyLimit,
    /// What the AI may cost in a day.
    pub(crate) daily_cost: DailyCost,
    /// Whether the run begins minutes before the next day.
    pub(crate) evening: bool,
    /// Whether an operator pauses launching now and then.
    pub(crate) pauses: bool,
    /// Whether the goal app is active: goals and tasks change while workflows run.
    pub(crate) edits: bool,
    /// How long messages may wait for a poll, in milliseconds: the longer, the more of them are in one batch.
    pub(crate) poll: u64,
    /// How many batches one invocation of a worker gets at most.
    pub(crate) worker_batch: usize,
    /// When no worker can start.
    pub(crate) no_start: Option<(Duration, Duration)>,
    /// When the AI is down: every call fails.
    pub(crate) ai_down: Option<(Duration, Duration)>,
    /// Sending a notice fails, once per workflow.
    pub(crate) notify_fails: f64,
    /// Whether the run continues after months.
    pub(crate) long: bool,
    /// Whether there are many ended workflows that are not archived.
    pub(crate) backlog: bool,
    /// Whether every action that the AI could generate must have its tasks in the end.
    pub(crate) strict: bool,
    /// Whether the operators must be notified in time.
    pub(crate) prompt: bool,
}

const PLENTY: Capacity = Capacity::new(NonZeroU32::new(64).unwrap());
const SCARCE: Capacity = Capacity::new(NonZeroU32::new(2).unwrap());
/// In three shards, each with as much as the largest workflow takes, or with one batch.
const PLENTY_IN_SHARDS: Capacity = in_shards(24, 3);
const SCARCE_IN_SHARDS: Capacity = in_shards(3, 3);

const fn in_shards(batches: u32, shards: u16) -> Capacity {
    Capacity::new(NonZeroU32::new(batches).unwrap()).in_shards(NonZeroU16::new(shards).unwrap())
}

/// Little enough that most users reach it, and as much as the goals of `starts-fail` need.
const FEW_A_DAY: DailyLimit = DailyLimit::new(NonZeroU32::new(24).unwrap());
/// What about ten actions cost.
const SOME_A_DAY: DailyCost = DailyCost::new(NonZeroU64::new(110_000).unwrap());
/// In every run of so many there is a daily limit, and every second of these begins in the evening. Not a divisor of the
/// number of profiles, so that all have such runs.
const LIMITED: u64 = 5;
/// In every run of so many launching is paused. Not a divisor either.
const PAUSED: u64 = 4;
/// In every run of so many the AI has a quota. Not a divisor either.
const QUOTAS: u64 = 11;
/// In half of so many runs the capacity is in shards: also in such with a pause, and with a limit of a day's costs. In a fourth
/// of those it is changed.
const SHARDED: u64 = 8;

pub(crate) const CALM: Profile = Profile {
    name: "calm",
    fail: 0.0,
    applied: 0.0,
    twice: 0.0,
    crash: 0.0,
    kill: 0.0,
    stall: 0.0,
    nth: None,
    outage: None,
    skew: 0,
    late_state: 0.0,
    no_timeout: 0.0,
    worker_dies: 0.0,
    duplicate: 0.0,
    late: 300,
    lose_status: 0.0,
    lose_event: 0.0,
    lose_tick: 0.0,
    lose_batch: 0.0,
    stale: 0.0,
    mood: Mood::Quick,
    in_step: false,
    capacity: PLENTY,
    changed: None,
    daily_limit: DailyLimit::NONE,
    daily_cost: DailyCost::NONE,
    evening: false,
    pauses: false,
    edits: false,
    poll: 40,
    worker_batch: 1,
    no_start: None,
    ai_down: None,
    notify_fails: 0.0,
    long: false,
    backlog: false,
    strict: true,
    prompt: true,
};

const DUPLICATES: Profile = Profile { name: "duplicates", duplicate: 0.4, late: 20_000, ..CALM };
const SLOW_AI: Profile = Profile { name: "slow-ai", mood: Mood::Slow, ..CALM };
const DYING_WORKERS: Profile = Profile { name: "dying-workers", worker_dies: 0.7, ..CALM };
/// No status event at all arrives. Some executions run into their timeout.
const NO_STATUS: Profile =
    Profile { name: "no-status", lose_status: 1.0, stale: 0.2, late_state: 0.05, strict: false, ..CALM };
pub(crate) const LOSSES: Profile = Profile {
    name: "losses",
    lose_status: 0.5,
    lose_tick: 0.3,
    lose_event: 0.15,
    late: 60_000,
    stale: 0.2,
    prompt: false,
    ..CALM
};
const CRASHES: Profile = Profile {
    name: "crashes",
    crash: 0.03,
    kill: 0.03,
    duplicate: 0.05,
    lose_status: 0.1,
    strict: false,
    prompt: false,
    ..CALM
};
pub(crate) const WILD: Profile = Profile {
    name: "wild",
    fail: 0.02,
    applied: 0.015,
    twice: 0.015,
    crash: 0.008,
    kill: 0.02,
    stall: 0.004,
    duplicate: 0.15,
    late: 30_000,
    lose_status: 0.25,
    lose_event: 0.03,
    lose_tick: 0.2,
    lose_batch: 0.02,
    skew: 500,
    late_state: 0.03,
    no_timeout: 0.3,
    stale: 0.1,
    mood: Mood::Slow,
    strict: false,
    prompt: false,
    ..CALM
};
const STORM: Profile = Profile {
    name: "storm",
    fail: 0.12,
    applied: 0.06,
    twice: 0.05,
    crash: 0.03,
    kill: 0.1,
    stall: 0.015,
    duplicate: 0.4,
    late: 120_000,
    lose_status: 0.6,
    lose_event: 0.1,
    lose_tick: 0.4,
    lose_batch: 0.1,
    skew: 2_000,
    late_state: 0.1,
    stale: 0.3,
    mood: Mood::Overloaded,
    ..WILD
};

/// The archive hangs while many workflows are not archived, and only the reconciler detects ends.
const ARCHIVE_HANGS: Profile = Profile {
    name: "archive-hangs",
    outage: Some(Outage {
        kinds: Outage::ARCHIVE,
        manner: Manner::Hangs,
        from: Duration::ZERO,
        to: Duration::from_secs(1_500),
    }),
    backlog: true,
    strict: false,
    ..NO_STATUS
};
/// Calls are done whose answers are lost. The SDK sends most of them again; few enough are given up that not every function that
/// takes up the end of a workflow within a minute meets one.
const LOST_ANSWERS: Profile = Profile { name: "lost-answers", twice: 0.4, applied: 0.01, ..CALM };
const NOTICE_FAILS: Profile = Profile { name: "notice-fails", notify_fails: 0.7, ..CALM };

/// All of DynamoDB and Step Functions hang for minutes, one after the other. For overload.
pub(crate) const TABLES_HANG: Profile = Profile {
    name: "tables-hang",
    outage: Some(Outage {
        kinds: Outage::TABLES,
        manner: Manner::Hangs,
        from: Duration::from_secs(60),
        to: Duration::from_secs(300),
    }),
    strict: false,
    prompt: false,
    ..CALM
};
pub(crate) const STATES_HANG: Profile = Profile {
    name: "states-hang",
    outage: Some(Outage {
        kinds: Outage::STATES,
        manner: Manner::Hangs,
        from: Duration::from_secs(20),
        to: Duration::from_secs(500),
    }),
    lose_event: 0.05,
    lose_status: 0.3,
    ..TABLES_HANG
};

/// No execution can be started for minutes, and there is capacity for two batches only.
const STARTS_FAIL: &str = "starts-fail";

/// The AI is down for [`AI_OUT`], and more is requested all the time than can be processed.
const AI_DOWN: &str = "ai-down";
/// For how long the AI is down in that profile.
const AI_OUT: Duration = Duration::from_secs(600);

/// For how long the bus does not answer, in the profile with only that fault.
const BUS_OUT: Duration = Duration::from_secs(600);

/// How many profiles there are, some more than once.
const PROFILES: u64 = 21;

impl Profile {
    /// The profile of a seed. Which one depends on the seed alone, so that any range of seeds has them all.
    pub(crate) fn draw(seed: u64, rng: &mut Rng) -> Self {
        let capacity = if rng.bool() { PLENTY } else { SCARCE };
        let (edits, poll) = (rng.bool(), if rng.u8(0..4) == 0 { 3_000 } else { 40 });
        let long = rng.u8(0..6) == 0;
        let daily_limit = if seed.is_multiple_of(LIMITED) { FEW_A_DAY } else { DailyLimit::NONE };
        let evening = seed.is_multiple_of(2 * LIMITED);
        let pauses = seed % PAUSED == 1;
        // The pause is over at midnight, which comes minutes after an evening begins.
        let daily_cost = if seed.is_multiple_of(4 * LIMITED) { SOME_A_DAY } else { DailyCost::NONE };
        let in_step = rng.bool();
        let worker_batch = [1, 4, 4, 10][rng.usize(0..4)];
        let of = Self::of(seed, rng);
        let drawn =
            Self { in_step, capacity, daily_limit, daily_cost, evening, pauses, edits, poll, worker_batch, long, ..of };
        let drawn = if (1..=4).contains(&(seed % SHARDED)) { drawn.in_shards(seed, rng) } else { drawn };
        let drawn = drawn.with_quota(seed, rng);
        match drawn.name {
            STARTS_FAIL => Self { capacity: SCARCE, changed: None, edits: false, ..drawn },
            // A cost that pauses would hide that the AI does. So would a quota, which this capacity has none of.
            AI_DOWN => {
                let (daily_limit, daily_cost) = (DailyLimit::NONE, DailyCost::NONE);
                let capacity = if drawn.capacity.is_sharded() { SCARCE_IN_SHARDS } else { SCARCE };
                Self { capacity, changed: None, edits: false, daily_limit, daily_cost, ..drawn }
            }
            _ => drawn,
        }
    }

    /// The same with the capacity in shards. In some runs it is in another number of shards after a while.
    fn in_shards(self, seed: u64, rng: &mut Rng) -> Self {
        let [many, few] = if self.capacity == PLENTY {
            [PLENTY_IN_SHARDS, in_shards(24, [1, 2][rng.usize(0..2)])]
        } else {
            [SCARCE_IN_SHARDS, in_shards(3, [1, 2][rng.usize(0..2)])]
        };
        let (capacity, after) = if rng.bool() { (many, few) } else { (few, many) };
        match (seed / SHARDED).is_multiple_of(4) {
            true => Self { capacity, changed: Some((Duration::from_millis(rng.u64(0..240_000)), after)), ..self },
            false => Self { capacity: many, ..self },
        }
    }

    /// The same with an AI that has a quota, in some runs: so small that a workflow of a few actions uses it up for some seconds.
    fn with_quota(self, seed: u64, rng: &mut Rng) -> Self {
        if seed % QUOTAS != 3 {
            return self;
        }
        let (requests, tokens) = (rng.u32(20..=150), rng.u64(40_000..=200_000));
        let (requests, tokens) = [(requests, 0), (0, tokens), (requests, tokens)][rng.usize(0..3)];
        let quota = Quota::new(NonZeroU32::new(requests), NonZeroU64::new(tokens), NonZeroU32::MIN);
        let changed = self.changed.map(|(at, capacity)| (at, capacity.with_quota(quota)));
        Self { capacity: self.capacity.with_quota(quota), changed, ..self }
    }

    /// Returns `true` if its goals are requested so that a workflow with capacity competes with one of an earlier turn
    /// that does not fit beside it.
    pub(crate) fn is_about_holders(&self) -> bool {
        self.name == STARTS_FAIL
    }

    fn of(seed: u64, rng: &mut Rng) -> Self {
        match seed % PROFILES {
            0 => CALM,
            1 => DUPLICATES,
            2 => SLOW_AI,
            3 => DYING_WORKERS,
            4 => LOSSES,
            5 => CRASHES,
            6..=8 => Self { name: "one-fault", nth: Some(rng.u64(0..600)), prompt: false, ..CALM },
            9 | 10 => WILD,
            11 => STORM,
            // This profile is by far the slowest.
            13 if seed % (2 * PROFILES) == 13 => ARCHIVE_HANGS,
            12 if seed % (2 * PROFILES) == 12 => LOST_ANSWERS,
            12 | 13 => NO_STATUS,
            14 if seed % (2 * PROFILES) == 14 => {
                let from = Duration::from_millis(rng.u64(5_000..60_000));
                let outage = Some(Outage { kinds: Outage::BUS, manner: Manner::Hangs, from, to: from + BUS_OUT });
                Self { name: "bus-hangs", outage, strict: false, ..CALM }
            }
            14 => NOTICE_FAILS,
            15 => {
                let from = Duration::from_millis(rng.u64(0..60_000));
                let no_start = Some((from, from + Duration::from_millis(rng.u64(5_000..60_000))));
                Self { name: "no-start", no_start, ..CALM }
            }
            16 => {
                let (manner, to) = (Manner::Fails, Duration::from_secs(rng.u64(40..400)));
                let outage = Some(Outage { kinds: Outage::STARTS, manner, from: Duration::ZERO, to });
                Self { name: STARTS_FAIL, outage, strict: false, prompt: false, ..CALM }
            }
            20 => {
                let from = Duration::from_millis(rng.u64(20_000..60_000));
                Self { name: AI_DOWN, ai_down: Some((from, from + AI_OUT)), strict: false, ..CALM }
            }
            _ => {
                let outage = Some(Outage::draw(rng));
                Self { name: "outage", outage, late: 5_000, strict: false, prompt: false, ..CALM }
            }
        }
    }
}
