//! Admission control: load makes workflows wait, never fail. A workflow is launched only when the AI can work on its batches
//! soon; until then it waits, `PENDING`, in a line that is fair between users.
//!
//! What a workflow holds is noted under its name and summed up in the same row, so that taking and giving back count once
//! however often they are repeated.
//!
//! A capacity that is more than one row can count is divided into shards. Each is a row with a waiting list of its own, and
//! exact by itself. A workflow belongs to one shard at a time, which its record says: by the hash of its name at first, and
//! to another one when that has room for it earlier.

use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};
use std::str::FromStr;
use std::time::Duration;

use goal_activity_events::{ExecutionArn, FailedAction, FailureCode, PriorityClass, Timestamp};
use serde::{Deserialize, Serialize};

use crate::execution::Execution;
use crate::keys;
use crate::limits::{
    BATCHES_PER_SHARD, BULK_STEP, FAIR_ACROSS, FAIR_STEP, HANDOVER, MAX_ACTIONS, MAX_RUNNING_PER_USER, MAX_SHARDS,
    QUOTA_PERIOD,
};
use crate::ports::Waiting;
use crate::quota::{Bucket, Quota};

/// One part of the capacity, with the waiting list for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shard(u16);

impl Shard {
    /// The first, which there always is. Its row also says whether launching is paused: the others have copies of that.
    pub const FIRST: Self = Self(0);

    /// Returns `true` if it is the first.
    pub fn is_first(&self) -> bool {
        *self == Self::FIRST
    }

    /// All that there can be, whatever the capacity is.
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        (0..MAX_SHARDS).map(Self)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many batches may be worked on at once, each with up to eight calls of the AI at once; and how many calls the AI takes in a
/// minute, where that is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    batches: NonZeroU32,
    shards: NonZeroU16,
    quota: Quota,
}

/// A text that is no capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a number of batches from 1 up")]
pub struct InvalidCapacity;

impl FromStr for Capacity {
    type Err = InvalidCapacity;

    fn from_str(text: &str) -> Result<Self, InvalidCapacity> {
        text.parse().map(Self::new).map_err(|_| InvalidCapacity)
    }
}

impl Capacity {
    /// So many batches, in a shard for each [`BATCHES_PER_SHARD`] or part of them.
    #[allow(clippy::cast_possible_truncation, reason = "there are at most MAX_SHARDS, and no `try_from` in constants")]
    pub const fn new(batches: NonZeroU32) -> Self {
        let shards = batches.get().div_ceil(BATCHES_PER_SHARD);
        let shards = if shards < MAX_SHARDS as u32 { shards as u16 } else { MAX_SHARDS };
        // No number of batches is none: there is a first shard.
        let shards = match NonZeroU16::new(shards) {
            Some(shards) => shards,
            None => NonZeroU16::MIN,
        };
        Self { batches, shards, quota: Quota::NONE }
    }

    /// The AI's quota.
    pub const fn quota(self) -> Quota {
        self.quota
    }

    /// The same for an AI with that quota.
    #[must_use]
    pub const fn with_quota(self, quota: Quota) -> Self {
        Self { quota, ..self }
    }

    /// The same in so many shards, for tests; in fewer if not each would have a batch.
    #[must_use]
    pub const fn in_shards(self, shards: NonZeroU16) -> Self {
        let is_enough = shards.get() as u32 <= self.batches.get() && shards.get() <= MAX_SHARDS;
        if is_enough { Self { shards, ..self } } else { self }
    }

    /// In batches.
    pub fn batches(self) -> u32 {
        self.batches.get()
    }

    /// Its shards.
    pub fn shards(self) -> impl Iterator<Item = Shard> + Clone {
        (0..self.shards.get()).map(Shard)
    }

    /// Returns `true` if it has more than one shard.
    pub fn is_sharded(self) -> bool {
        self.shards > NonZeroU16::MIN
    }

    /// Returns `true` if it has that shard. It has not when there were more before the capacity was changed.
    pub fn has(self, shard: Shard) -> bool {
        shard.0 < self.shards.get()
    }

    /// How many batches of it one shard has.
    pub fn of(self, shard: Shard) -> u32 {
        let (batches, shards) = (self.batches(), u32::from(self.shards.get()));
        let one_more = u32::from(shard.0) < batches % shards;
        if self.has(shard) { batches / shards + u32::from(one_more) } else { 0 }
    }

    /// What a shard has room for, whose share of the AI's quota is used up until then as far as is known.
    pub fn room(self, shard: Shard, used_until: Option<Timestamp>) -> Room {
        let holds = || self.quota.saved(self.draws(shard, MAX_ACTIONS_IN_U32));
        let bucket = (!self.quota.is_none()).then(|| Bucket { holds: holds(), used_until });
        Room { batches: self.of(shard), bucket }
    }

    /// For how long a workflow of so many actions is expected to use up a shard's share of the AI's quota.
    pub fn draws(self, shard: Shard, actions: u32) -> Duration {
        self.quota.time(self.quota.expected(actions), (self.of(shard), self.batches()))
    }

    /// By how many milliseconds later a shard's share of the quota is used up because a workflow asked the AI more than was drawn for
    /// it; earlier, if it asked less. 0 where nothing was drawn, and where nothing is known of what it asked.
    pub fn settlement(self, held: &Held, execution: Option<&Execution>) -> i64 {
        let Some((execution, end)) = execution.and_then(|execution| Some((execution, execution.end.as_ref()?))) else {
            return 0;
        };
        // Whether the AI was asked for these nobody has recorded: so it is taken to have been. To start and cancel must not get around
        // the quota.
        let is_unknown = |failed: &&FailedAction| {
            failed.attempts == 0 && matches!(failed.code, FailureCode::NotProcessed | FailureCode::Cancelled)
        };
        let unknown = end.tally.failed.iter().filter(is_unknown).count();
        let unknown = self.quota.expected(u32::try_from(unknown).unwrap_or(u32::MAX));
        let used = self.quota.used(&end.tally.usage).and(unknown);
        let expected = self.quota.expected(execution.total_actions);
        let more = self.quota.settlement(held.drawn, expected, used);
        if more >= 0 {
            return more;
        }
        // What was drawn for a time that is more than a minute ago, and not asked, is lost: to ask it now, beside what time allows by
        // itself, would be more than the provider takes.
        let unasked = u64::from(execution.total_actions).saturating_sub(used.requests);
        let all = used.and(self.quota.expected(u32::try_from(unasked).unwrap_or(u32::MAX)));
        let by_answers = self.quota.settlement(held.drawn, expected, all).min(0);
        let not_lost = (held.drawn + QUOTA_PERIOD).saturating_sub(end.stop_date.since(held.since));
        more.max(by_answers.saturating_sub(i64::try_from(not_lost.as_millis()).unwrap_or(i64::MAX)))
    }

    /// To which shard a workflow belongs at first.
    pub fn shard_of(self, execution: &ExecutionArn) -> Shard {
        Shard(keys::spread(execution, self.shards))
    }

    /// The other shards, beginning elsewhere for each workflow: so those that look for room at the same time look at different
    /// ones first.
    pub fn others(self, than: Shard, execution: &ExecutionArn) -> impl Iterator<Item = Shard> {
        let (shards, others) = (self.shards.get(), self.shards.get() - 1);
        let first = NonZeroU16::new(others).map_or(0, |others| keys::spread_anew(execution, others));
        (0..others).map(move |n| Shard((than.0 % shards + 1 + (first + n) % others) % shards))
    }

    /// The shards that there may have been before the capacity was changed.
    pub fn former(self) -> impl Iterator<Item = Shard> {
        Shard::all().filter(move |shard| !self.has(*shard))
    }

    /// How much a workflow of that many batches takes. One that is larger than the whole takes all of it, and so runs alone:
    /// it must not wait for ever.
    pub fn share(self, batches: u32) -> u32 {
        let smallest = self.batches() / u32::from(self.shards.get());
        batches.clamp(1, smallest.max(1))
    }
}

#[allow(clippy::cast_possible_truncation, reason = "it is small, and there is no `try_from` in constants")]
const MAX_ACTIONS_IN_U32: u32 = MAX_ACTIONS as u32;

/// What a shard has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// How many batches it has, those in use included.
    pub batches: u32,
    /// Its share of the AI's quota, if one is set.
    pub bucket: Option<Bucket>,
}

impl Room {
    /// So many batches, whatever the AI's quota is.
    pub const fn of(batches: u32) -> Self {
        Self { batches, bucket: None }
    }

    /// Returns `true` if the share of the AI's quota is used up.
    pub fn is_in_debt(&self, now: Timestamp) -> bool {
        self.bucket.is_some_and(|bucket| bucket.is_in_debt(now))
    }

    /// Returns `true` if there is some for so many batches more when so many are in use.
    pub fn fits(&self, in_use: u32, batches: u32, now: Timestamp) -> bool {
        in_use.saturating_add(batches) <= self.batches && !self.is_in_debt(now)
    }
}

/// What one workflow holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The workflow.
    pub execution: ExecutionArn,
    /// How many batches.
    pub batches: u32,
    /// Since when.
    pub since: Timestamp,
    /// In which shard.
    pub shard: Shard,
    /// For how long it was expected to use up the shard's share of the AI's quota. Nothing where no quota is set.
    pub drawn: Duration,
}

/// How much of the capacity is taken.
pub fn in_use(held: &[Held]) -> u32 {
    held.iter().fold(0, |sum, h| sum.saturating_add(h.batches))
}

/// In which order the workflows that wait are launched, as far as there is capacity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Those that hold capacity already and were not launched: what they hold must not lie idle, even if it is another workflow's turn.
    pub holders: Vec<ExecutionArn>,
    /// The others, in turn.
    pub in_turn: Vec<ExecutionArn>,
}

/// Decides in which order workflows are launched. Of those that wait and hold capacity, the one that the message is about
/// (`own`) comes first, then those whose capacity was acquired more than [`HANDOVER`] ago; the launch of the others is under
/// way elsewhere.
pub fn order(waiting: &[Waiting], held: &[Held], own: Option<&ExecutionArn>, now: Timestamp) -> Order {
    let since = |arn: &ExecutionArn| held.iter().find(|h| h.execution == *arn).map(|h| h.since);
    let arns = || waiting.iter().map(|w| &w.execution_arn);
    let own = own.filter(|own| since(own).is_some());
    let is_own = |arn: &ExecutionArn| own == Some(arn);
    let is_left = |arn: &&ExecutionArn| since(arn).is_some_and(|since| now.since(since) > HANDOVER) && !is_own(arn);
    Order {
        holders: own.into_iter().chain(arns().filter(is_left)).cloned().collect(),
        in_turn: arns().filter(|arn| since(arn).is_none()).cloned().collect(),
    }
}

/// Which workflow is launched next where there is room in a shard: those of its own list in turn, and those of other lists
/// whose turn is at least [`FAIR_ACROSS`] earlier, or that nobody stands before. So a shard for which nobody waits gives to the
/// others, and no list falls behind the others for long.
///
/// Each with the shard that it belongs to.
pub fn across(
    own: Shard,
    in_turn: Vec<ExecutionArn>,
    waiting: &[Waiting],
    others: Vec<(Shard, Waiting)>,
) -> Vec<(Shard, ExecutionArn)> {
    let turn = |arn: &ExecutionArn| waiting.iter().find(|w| w.execution_arn == *arn).map(|w| w.turn);
    let own = in_turn.into_iter().map(|arn| (turn(&arn), own, arn));
    let others = others.into_iter().map(|(shard, w)| (Some(w.turn.plus(FAIR_ACROSS)), shard, w.execution_arn));
    let mut all: Vec<_> = own.chain(others).collect();
    // Stable: of one list, those before stay before.
    all.sort_by_key(|(turn, ..)| *turn);
    all.into_iter().map(|(_, shard, arn)| (shard, arn)).collect()
}

/// A workflow's place on the waiting list: the one with the earliest turn is launched first.
///
/// A user's n-th open workflow stands where one stands that was requested n times [`FAIR_STEP`] later. So no user waits behind
/// all that another user has requested at once; and since a turn never changes, a waiting workflow is overtaken by those only
/// that come within a bounded time after it. (Start-time fair queueing with a cost of [`FAIR_STEP`] for each.) One of bulk
/// stands [`BULK_STEP`] behind, so it cannot starve either.
pub fn turn(requested: Timestamp, open_before: usize, class: PriorityClass) -> Timestamp {
    let steps = u32::try_from(open_before.min(MAX_RUNNING_PER_USER)).unwrap_or(u32::MAX);
    let behind = match class {
        PriorityClass::Interactive => Duration::ZERO,
        PriorityClass::Bulk => BULK_STEP,
    };
    requested.plus(FAIR_STEP.saturating_mul(steps)).plus(behind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_BATCHES;

    const INTERACTIVE: PriorityClass = PriorityClass::Interactive;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + seconds * 1_000)
    }

    fn capacity(batches: u32) -> Capacity {
        Capacity::new(NonZeroU32::new(batches).unwrap())
    }

    #[test]
    fn a_capacity_is_a_whole_number_from_1_up() {
        assert_eq!("64".parse(), Ok(capacity(64)));
        for text in ["", "0", "-1", "1.5", "many", "4294967296"] {
            assert_eq!(text.parse::<Capacity>(), Err(InvalidCapacity), "{text}");
        }
    }

    fn named(n: u32) -> ExecutionArn {
        format!("arn:aws:states:us-east-1:123456789012:execution:m:g-{n}-1").parse().unwrap()
    }

    #[test]
    fn a_capacity_is_in_one_shard_for_each_thousand_batches_or_part_of_them() {
        let shards = |batches| capacity(batches).shards().count();
        assert_eq!([1, 64, 1_000, 1_001, 10_000, 20_000, u32::MAX].map(shards), [1, 1, 1, 2, 10, 20, 20]);
        let smallest = (1_001..30_000).map(|batches| capacity(batches).share(u32::MAX)).min().unwrap();
        assert!(smallest >= 8 * MAX_BATCHES, "{smallest}: a workflow of the largest size is a small part of a shard");
    }

    #[test]
    fn the_shards_have_the_whole_capacity_and_no_more() {
        for batches in (1..200).chain([999, 1_001, 4_321, 19_999]) {
            for shards in 1..=MAX_SHARDS {
                let capacity = capacity(batches).in_shards(NonZeroU16::new(shards).unwrap());
                let parts: Vec<_> = Shard::all().map(|shard| capacity.of(shard)).collect();
                assert_eq!(parts.iter().sum::<u32>(), batches);
                let parts: Vec<_> = capacity.shards().map(|shard| capacity.of(shard)).collect();
                let (least, most) = (parts.iter().min().unwrap(), parts.iter().max().unwrap());
                assert!(*least >= capacity.share(u32::MAX) && most - least <= 1, "{parts:?}");
                assert_eq!(capacity.former().count() + parts.len(), usize::from(MAX_SHARDS));
            }
        }
    }

    #[test]
    fn executions_spread_over_the_shards_and_each_looks_at_the_others_in_its_own_order() {
        let capacity = capacity(10_000);
        let mut counts = [0_u32; 10];
        let mut firsts = [0_u32; 10];
        for n in 0..10_000 {
            let own = capacity.shard_of(&named(n));
            counts[usize::from(own.0)] += 1;
            let others: Vec<_> = capacity.others(own, &named(n)).collect();
            assert!(others.len() == 9 && !others.contains(&own));
            firsts[usize::from((others[0].0 + 10 - own.0) % 10)] += 1;
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
        assert!(firsts[1..].iter().all(|count| (950..1_300).contains(count)), "{firsts:?}");
    }

    #[test]
    fn those_of_other_shards_come_first_if_they_have_waited_for_much_longer() {
        let wait = |n: u32, turn: i64| Waiting { turn: at(turn), execution_arn: named(n) };
        let waiting = [wait(1, 100), wait(2, 200)];
        let in_turn = || vec![named(1), named(2)];
        let other = Shard(1);
        let (much, little) = (100 - 16, 100 - 14);
        let order = |others: Vec<Waiting>, in_turn| {
            let others = others.into_iter().map(|waiting| (other, waiting)).collect();
            let order = across(Shard::FIRST, in_turn, &waiting, others);
            order.into_iter().map(|(shard, arn)| (shard == other, arn)).collect::<Vec<_>>()
        };
        let own = |n| (false, named(n));
        assert_eq!(order(vec![], in_turn()), [own(1), own(2)]);
        assert_eq!(order(vec![wait(3, little)], in_turn()), [own(1), (true, named(3)), own(2)]);
        let expected = [(true, named(3)), own(1), (true, named(4)), own(2)];
        assert_eq!(order(vec![wait(3, much), wait(4, little)], in_turn()), expected);
        assert_eq!(order(vec![wait(3, 900)], vec![]), [(true, named(3))], "nobody waits for it");
    }

    #[test]
    fn a_workflow_takes_what_it_needs_and_never_more_than_there_is() {
        assert_eq!([1, 5, 8].map(|batches| capacity(8).share(batches)), [1, 5, 8]);
        assert_eq!(capacity(3).share(8), 3);
        assert_eq!(capacity(3).share(0), 1);
    }

    #[test]
    fn the_first_of_one_user_comes_before_the_second_of_another() {
        let first_of_late_comer = turn(at(60), 0, INTERACTIVE);
        let flood: Vec<_> = (0..MAX_RUNNING_PER_USER).map(|n| turn(at(0), n, INTERACTIVE)).collect();
        assert!(flood.is_sorted());
        assert_eq!(flood.iter().filter(|turn| **turn < first_of_late_comer).count(), 1);
    }

    #[test]
    fn bulk_waits_for_whoever_comes_within_the_hour_and_for_nobody_else() {
        let bulk = turn(at(0), 0, PriorityClass::Bulk);
        assert!(turn(at(3_599), 0, INTERACTIVE) < bulk && bulk < turn(at(3_601), 0, INTERACTIVE));
        assert!(bulk < turn(at(1), 0, PriorityClass::Bulk));
    }

    #[test]
    fn what_holds_capacity_is_launched_before_whatever_has_an_earlier_turn() {
        let arn = |n: u32| format!("arn:aws:states:us-east-1:123456789012:execution:m:g-{n}").parse().unwrap();
        let waiting: Vec<_> = (1..=4).map(|n| Waiting { turn: at(n.into()), execution_arn: arn(n) }).collect();
        let held = |n: u32, since: i64| Held {
            execution: arn(n),
            batches: 8,
            since: at(since),
            shard: Shard::FIRST,
            drawn: Duration::ZERO,
        };
        let held = [held(3, 0), held(4, 95), held(9, 0)];
        let launched = |own: Option<u32>| {
            let own = own.map(arn);
            let order = order(&waiting, &held, own.as_ref(), at(100));
            (order.holders, order.in_turn)
        };
        assert_eq!(launched(None), (vec![arn(3)], vec![arn(1), arn(2)]), "4 is being launched elsewhere");
        assert_eq!(launched(Some(1)), launched(None));
        assert_eq!(launched(Some(4)), (vec![arn(4), arn(3)], vec![arn(1), arn(2)]), "this is about 4");
        assert_eq!(launched(Some(3)), launched(None));
        assert_eq!(launched(Some(9)).0, [arn(9), arn(3)], "held, though the list does not show it yet");
    }

    #[test]
    fn no_workflow_is_overtaken_after_a_bounded_time() {
        let longest = FAIR_STEP * u32::try_from(MAX_RUNNING_PER_USER).unwrap();
        let last_of_many = turn(at(0), usize::MAX, INTERACTIVE);
        assert_eq!(last_of_many.since(at(0)), longest);
        assert!(last_of_many < turn(at(0).plus(longest + Duration::from_secs(1)), 0, INTERACTIVE));
        let last_of_bulk = turn(at(0), usize::MAX, PriorityClass::Bulk);
        assert_eq!(last_of_bulk.since(at(0)), longest + BULK_STEP);
    }
}
