//! The AI's quota: how many requests and tokens it takes in a minute. A capacity of batches alone does not keep within it: the
//! faster the AI answers, the more often it is asked.
//!
//! The quota is a token bucket in each row of the capacity, and what is stored of it is one moment: until when the shard's share
//! is used up (the theoretical arrival time of the generic cell rate algorithm). A workflow that is launched moves it on by the
//! time in which the share allows what the workflow is expected to ask; time alone fills the bucket, so nothing is written for
//! that. Whoever is launched need not fit: the bucket may be in debt, and nothing is launched until it is not. So a workflow of any
//! size has its turn. What was really asked is known when the workflow releases its capacity, and settled with that write.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use goal_activity_events::{Timestamp, Usage};

use crate::limits::{
    EXPECTED_INPUT_TOKENS, EXPECTED_OUTPUT_TOKENS, LONGEST_DRAW, QUOTA_PERIOD, QUOTA_SAVED, QUOTA_SAVED_AT_LEAST,
    batch_count,
};

/// What the AI takes in a minute, as far as that is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    requests: Option<NonZeroU32>,
    tokens: Option<NonZeroU64>,
    output_weight: NonZeroU32,
    saved: Duration,
}

impl Quota {
    /// None is known: the capacity alone decides.
    pub const NONE: Self = Self::new(None, None, NonZeroU32::MIN);

    /// So many requests and tokens. A token that the AI writes counts as `output_weight` of them.
    pub const fn new(requests: Option<NonZeroU32>, tokens: Option<NonZeroU64>, output_weight: NonZeroU32) -> Self {
        Self { requests, tokens, output_weight, saved: QUOTA_SAVED }
    }

    /// The same with so much saved up at most, for tests that compare.
    #[must_use]
    pub const fn saving(self, saved: Duration) -> Self {
        Self { saved, ..self }
    }

    /// How much of it is saved up at most, as time, where the largest workflow uses it up for so long.
    pub fn saved(self, largest: Duration) -> Duration {
        self.saved.min(QUOTA_PERIOD.saturating_sub(largest).max(QUOTA_SAVED_AT_LEAST))
    }

    /// Returns `true` if none is set.
    pub fn is_none(self) -> bool {
        self.requests.is_none() && self.tokens.is_none()
    }

    /// In how much time the whole quota allows this, in microseconds: both kinds at once, so the longer time.
    fn micros(self, calls: Calls) -> u64 {
        let time = |used: u64, a_minute: u64| u64::try_from((u128::from(used) * MINUTE).div_ceil(u128::from(a_minute)));
        let requests = self.requests.map(|most| time(calls.requests, u64::from(most.get())));
        let tokens = self.tokens.map(|most| time(calls.tokens, most.get()));
        [requests, tokens].into_iter().flatten().map(|time| time.unwrap_or(u64::MAX)).max().unwrap_or_default()
    }

    /// In how much time a part of it, `of` in `whole`, allows this. No more than [`LONGEST_DRAW`]: a quota that was set far too
    /// small must not keep everybody waiting after it is put right.
    pub fn time(self, calls: Calls, (of, whole): (u32, u32)) -> Duration {
        let millis = (u128::from(self.micros(calls)) * u128::from(whole)).div_ceil(1_000 * u128::from(of.max(1)));
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)).min(LONGEST_DRAW)
    }

    /// How long after another the calls for a batch are begun, of a workflow of so many actions whose batches are worked on side by
    /// side: at the rate of the quota, where that does not allow all of them at once. No wait otherwise.
    pub fn pace(self, actions: u32) -> Duration {
        const WHOLE: (u32, u32) = (1, 1);
        let at_once = QUOTA_PERIOD.saturating_sub(QUOTA_SAVED_AT_LEAST);
        if self.time(self.expected(actions), WHOLE) <= at_once {
            return Duration::ZERO;
        }
        self.time(self.expected(batch_count(usize::try_from(actions).unwrap_or(usize::MAX))), WHOLE)
    }

    /// By how many milliseconds more is used up than was drawn for what was expected. In proportion to what was drawn: by the quota
    /// and the part of it of that time, which may have been changed since.
    pub fn settlement(self, drawn: Duration, expected: Calls, used: Calls) -> i64 {
        let [expected, used] = [expected, used].map(|calls| i128::from(self.micros(calls)));
        let drawn = i128::try_from(drawn.as_millis()).unwrap_or_default();
        let more = drawn.saturating_mul(used - expected).checked_div(expected).unwrap_or_default();
        i64::try_from(more).unwrap_or_default()
    }

    /// What so many actions are expected to ask: each once.
    pub fn expected(self, actions: u32) -> Calls {
        self.of_calls(u64::from(actions))
    }

    /// What was asked. The second AI has a quota of its own, and an AI that does not tell its tokens has used what was expected.
    pub fn used(self, usage: &Usage) -> Calls {
        let first = u64::from(usage.attempts.saturating_sub(usage.fallback_attempts));
        let written = usage.output_tokens.saturating_mul(u64::from(self.output_weight.get()));
        let tokens = u128::from(usage.input_tokens.saturating_add(written)) * u128::from(first);
        match u64::try_from(tokens / u128::from(usage.attempts.max(1))) {
            Ok(0) => self.of_calls(first),
            tokens => Calls { requests: first, tokens: tokens.unwrap_or(u64::MAX) },
        }
    }

    fn of_calls(self, requests: u64) -> Calls {
        let one = EXPECTED_INPUT_TOKENS + EXPECTED_OUTPUT_TOKENS * u64::from(self.output_weight.get());
        Calls { requests, tokens: requests.saturating_mul(one) }
    }
}

/// A minute in microseconds.
const MINUTE: u128 = 60_000_000;

/// What a quota counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calls {
    /// How often the AI is asked.
    pub requests: u64,
    /// What it reads and writes, as the provider counts that.
    pub tokens: u64,
}

impl Calls {
    /// These and others.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            tokens: self.tokens.saturating_add(other.tokens),
        }
    }
}

/// A shard's share of the quota, as a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// How much it holds, as the time in which it fills.
    pub holds: Duration,
    /// Until when it is in debt, or since when it fills, as far as is known.
    pub used_until: Option<Timestamp>,
}

/// The deepest debt that there can be: that of a settlement and of a draw after it.
const DEEPEST: Duration = QUOTA_PERIOD.saturating_add(LONGEST_DRAW);

impl Bucket {
    /// What is later than this is no debt: a clock was wrong, or a row. It counts as if nothing was known.
    pub fn beyond(now: Timestamp) -> Timestamp {
        now.plus(DEEPEST)
    }

    fn known(&self, now: Timestamp) -> Option<Timestamp> {
        self.used_until.filter(|until| *until <= Self::beyond(now))
    }

    /// Of what was asked beyond what was drawn, in milliseconds, what counts: a debt of [`QUOTA_PERIOD`] at most comes of it. Providers
    /// forget what is older than that, and an AI that tells a wrong number of tokens must not stop the launches. What was not asked
    /// counts in full.
    pub fn settled(&self, more: i64, now: Timestamp) -> i64 {
        let full = self.full_since(now);
        let from = self.known(now).unwrap_or(full).max(full);
        more.min(now.plus(QUOTA_PERIOD).as_millis().saturating_sub(from.as_millis()).max(0))
    }

    /// What was used up at this moment, or before, has made no difference by now: the bucket is full.
    pub fn full_since(&self, now: Timestamp) -> Timestamp {
        now.minus(self.holds)
    }

    /// Returns `true` if it is full.
    pub fn is_full(&self, now: Timestamp) -> bool {
        self.known(now).is_none_or(|until| until <= self.full_since(now))
    }

    /// Returns `true` if it is in debt.
    pub fn is_in_debt(&self, now: Timestamp) -> bool {
        self.known(now).is_some_and(|until| until > now)
    }

    /// The same after so much was taken out of it.
    #[must_use]
    pub fn after(self, drawn: Duration, now: Timestamp) -> Self {
        let full = self.full_since(now);
        Self { used_until: Some(self.known(now).unwrap_or(full).max(full).plus(drawn)), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU16;

    use goal_activity_events::{FailedAction, FailureCode, FinalStatus};
    use proptest::prelude::*;

    use crate::admission::{Capacity, Held, Shard};
    use crate::execution::Execution;
    use crate::limits::MAX_ACTIONS;
    use crate::samples;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + millis)
    }

    fn quota(requests: u32, tokens: u64) -> Quota {
        Quota::new(NonZeroU32::new(requests), NonZeroU64::new(tokens), NonZeroU32::new(5).unwrap())
    }

    const ALL: (u32, u32) = (1, 1);

    #[test]
    fn what_takes_longer_counts() {
        let chart = |quota: Quota| quota.time(quota.expected(64), ALL).as_millis();
        assert_eq!(chart(quota(640, 0)), 6_000, "64 of 640 requests");
        assert_eq!(chart(quota(0, 5_000_000)), 2_126, "64 of 1,032 + 5 x 347 tokens");
        assert_eq!((chart(quota(640, 5_000_000)), chart(quota(6_400, 5_000_000))), (6_000, 2_126));
        assert_eq!(chart(Quota::NONE), 0);
        let one = quota(640, 0).expected(1);
        assert_eq!(
            quota(640, 0).time(one, (333, 1_000)).as_millis(),
            282,
            "a third of the quota takes three times as long"
        );
    }

    #[test]
    fn calls_are_spread_where_a_workflow_is_more_than_a_minute_s_quota() {
        let pace = |requests, tokens, actions| quota(requests, tokens).pace(actions).as_millis();
        assert_eq!((pace(60, 0, 64), pace(50, 0, 64)), (8_000, 9_600), "8 batches side by side");
        assert_eq!((pace(60, 0, 45), pace(60, 0, 46)), (0, 6_000), "a minute's quota, less what may be saved up");
        assert_eq!((pace(60, 0, 8), pace(8, 0, 8), pace(100, 0, 64)), (0, 7_500, 0));
        assert_eq!(pace(0, 166_020, 64), 8_000, "60 calls of 2,767 tokens");
        assert_eq!(Quota::NONE.pace(64), Duration::ZERO);
    }

    #[test]
    fn a_quota_that_is_far_too_small_keeps_nobody_waiting_for_long() {
        for tiny in [quota(1, 1), quota(0, 1), quota(1, u64::MAX)] {
            assert_eq!(tiny.time(tiny.expected(u32::MAX), (1, u32::MAX)), LONGEST_DRAW);
        }
        assert_eq!(quota(1, 1).time(Calls { requests: u64::MAX, tokens: u64::MAX }, (0, 1)), LONGEST_DRAW);
    }

    #[test]
    fn what_was_used_is_what_the_first_ai_was_asked() {
        let usage = |attempts, input_tokens, output_tokens, fallback_attempts| Usage {
            attempts,
            input_tokens,
            output_tokens,
            fallback_attempts,
            ..Usage::default()
        };
        let used = |usage: Usage| {
            let Calls { requests, tokens } = quota(1, 1).used(&usage);
            (requests, tokens)
        };
        assert_eq!(used(usage(10, 1_000, 100, 0)), (10, 1_500));
        assert_eq!(used(usage(10, 1_000, 100, 4)), (6, 900), "the second AI has a quota of its own");
        assert_eq!(used(usage(2, 0, 0, 0)), (2, 2 * 2_767), "it does not tell its tokens");
        assert_eq!((used(usage(0, 0, 0, 0)), used(usage(3, 30, 3, 3))), ((0, 0), (0, 0)));
        assert_eq!(used(usage(u32::MAX, u64::MAX, u64::MAX, 0)).0, u64::from(u32::MAX));
    }

    #[test]
    fn a_bucket_fills_with_time_and_holds_no_more_than_it_does() {
        let (holds, second) = (Duration::from_secs(30), Duration::from_secs(1));
        let new = Bucket { holds, used_until: None };
        assert!(new.is_full(at(0)) && !new.is_in_debt(at(0)));
        let used = new.after(20 * second, at(0));
        assert!(!used.is_full(at(0)) && !used.is_in_debt(at(0)));
        let debt = used.after(20 * second, at(0));
        assert_eq!(debt.used_until, Some(at(10_000)));
        assert!(debt.is_in_debt(at(9_999)) && !debt.is_in_debt(at(10_000)));
        assert!(!debt.is_full(at(39_999)) && debt.is_full(at(40_000)));
        assert_eq!(debt.after(second, at(1_000_000)), new.after(second, at(1_000_000)));
    }

    #[test]
    fn a_debt_of_what_was_asked_too_often_is_a_minute_at_most() {
        let now = at(0);
        let bucket = |until| Bucket { holds: Duration::from_secs(30), used_until: until };
        assert_eq!(bucket(None).settled(i64::MAX, now), 90_000, "from full");
        assert_eq!(bucket(Some(at(-10_000))).settled(i64::MAX, now), 70_000);
        assert_eq!(bucket(Some(at(59_000))).settled(5_000, now), 1_000);
        assert_eq!(bucket(Some(at(300_000))).settled(5_000, now), 0, "it was drawn, and is deeper");
        assert_eq!(bucket(Some(at(59_000))).settled(-5_000, now), -5_000);
        assert_eq!(bucket(None).settled(900, now), 900);
    }

    #[test]
    fn a_moment_that_no_workflow_can_have_caused_stops_nothing() {
        let (holds, now) = (Duration::from_secs(30), at(0));
        let deepest = Bucket { holds, used_until: Some(at(960_000)) };
        assert!(deepest.is_in_debt(now) && !deepest.is_full(now));
        let wrong = Bucket { holds, used_until: Some(at(960_001)) };
        assert!(!wrong.is_in_debt(now) && wrong.is_full(now));
        assert_eq!(wrong.after(holds, now), Bucket { holds, used_until: Some(now) });
        assert_eq!(wrong.settled(i64::MAX, now), 90_000);
    }

    fn capacity(batches: u32, shards: u16, quota: Quota) -> Capacity {
        let capacity = Capacity::new(NonZeroU32::new(batches).unwrap());
        capacity.in_shards(NonZeroU16::new(shards).unwrap()).with_quota(quota)
    }

    fn held(drawn: Duration) -> Held {
        Held { execution: samples::execution().execution_arn, batches: 8, since: at(0), shard: Shard::FIRST, drawn }
    }

    fn ended(actions: u32, attempts: u32, failed: &[FailureCode]) -> Execution {
        let failed = failed.iter().zip(0..).map(|(code, n)| FailedAction {
            action_id: format!("action-{n}").parse().unwrap(),
            code: *code,
            message: String::new(),
            attempts: u32::from(*code == FailureCode::AiTimeout),
        });
        let mut execution = samples::ended(FinalStatus::Succeeded, at(0), failed.collect());
        execution.end.as_mut().unwrap().tally.usage = Usage::of_attempts(attempts);
        Execution { total_actions: actions, ..execution }
    }

    #[test]
    fn without_a_quota_nothing_is_drawn_and_nothing_settled() {
        let capacity = capacity(64, 1, Quota::NONE);
        assert_eq!(capacity.draws(Shard::FIRST, 64), Duration::ZERO);
        assert_eq!(
            capacity.room(Shard::FIRST, Some(at(1_000_000))).bucket,
            None,
            "also where the row still says something"
        );
        assert_eq!(capacity.settlement(&held(Duration::ZERO), Some(&ended(64, 64, &[]))), 0);
        assert_eq!(
            capacity.settlement(&held(Duration::from_secs(9)), Some(&ended(64, 64, &[]))),
            0,
            "of when there was one"
        );
    }

    #[test]
    fn what_was_asked_is_settled_and_what_is_not_known_counts_as_asked() {
        use FailureCode::{AiTimeout, Cancelled, NotProcessed};
        let capacity = capacity(64, 1, quota(60, 0));
        let eight = held(Duration::from_secs(8));
        let settled = |attempts, failed: &[FailureCode]| capacity.settlement(&eight, Some(&ended(8, attempts, failed)));
        assert_eq!((settled(8, &[]), settled(11, &[]), settled(2, &[])), (0, 3_000, -6_000));
        assert_eq!(settled(8, &[AiTimeout]), 0, "counted with its attempts");
        assert_eq!(settled(0, &[NotProcessed; 8]), 0, "the worker may have died after it had asked");
        assert_eq!(settled(3, &[Cancelled; 8]), 3_000, "to start and cancel does not get around it");
        assert_eq!(capacity.settlement(&eight, None), 0);
        assert_eq!(capacity.settlement(&eight, Some(&samples::execution())), 0, "it has not ended");
        assert_eq!(
            capacity.settlement(&held(Duration::ZERO), Some(&ended(8, 8, &[]))),
            0,
            "of when there was no quota"
        );
    }

    #[test]
    fn what_was_drawn_a_minute_ago_and_not_asked_is_lost() {
        let capacity = capacity(64, 1, quota(60, 24_000));
        let told = |seconds: i64, attempts: u32, tokens: u64| {
            let mut ended = ended(8, attempts, &[]);
            let end = ended.end.as_mut().unwrap();
            (end.stop_date, end.tally.usage.input_tokens) = (at(1_000 * seconds), tokens);
            capacity.settlement(&held(Duration::from_secs(8)), Some(&ended))
        };
        let expected = quota(60, 24_000).expected(8).tokens;
        // It was to be asked within 8 s.
        let quarter = |seconds| told(seconds, 2, expected / 4);
        assert_eq!([0, 62, 65, 68, 900].map(quarter), [-6_000, -6_000, -3_000, 0, 0]);
        assert_eq!((told(60, 0, 0), told(68, 0, 0)), (-8_000, 0));
        assert_eq!((told(60, 11, 0), told(900, 11, 0)), (3_000, 3_000));
        assert_eq!(told(900, 4, 2 * expected), 8_000, "what was lost adds no debt");
        // What was asked and took less is known by now only, so it is given back: else an AI that is slow would be asked too seldom.
        assert_eq!(told(900, 8, expected / 2), -4_000);
        assert_eq!(told(900, 4, expected / 4), -2_000, "half of it lost, of the rest half given back");
    }

    #[test]
    fn another_quota_or_number_of_shards_changes_nothing_of_what_was_drawn() {
        let (ended, drawn) = (ended(8, 12, &[]), held(Duration::from_secs(8)));
        for (batches, shards, requests) in [(64, 1, 60), (24, 3, 60), (64, 1, 1), (64, 1, 1_000_000)] {
            let capacity = capacity(batches, shards, quota(requests, 0));
            assert_eq!(capacity.settlement(&drawn, Some(&ended)), 4_000, "{shards} shards, {requests} requests");
        }
        let most = Calls { requests: u64::MAX, tokens: u64::MAX };
        let none = Calls { requests: 0, tokens: 0 };
        assert_eq!(quota(1, 1).settlement(LONGEST_DRAW, none, most), 0);
        assert!(quota(1, 1).settlement(LONGEST_DRAW, most, none) == -900_000);
    }

    #[test]
    fn the_shards_have_the_whole_quota_and_no_more() {
        for (batches, shards) in [(8, 1), (24, 3), (3, 3), (1_001, 2), (9_999, 10), (20_000, 20)] {
            let capacity = capacity(batches, shards, quota(100_000, 0));
            let rate = |shard| 1.0 / capacity.draws(shard, 64).as_secs_f64();
            let all: f64 = capacity.shards().map(rate).sum();
            let whole = 100_000.0 / 60.0 / 64.0;
            assert!(all <= whole && all > 0.9 * whole, "{batches} in {shards}: {all} of {whole}");
            assert!(
                capacity.former().all(|shard| !capacity.draws(shard, 64).is_zero()),
                "what is released there is settled"
            );
        }
    }

    #[test]
    fn what_is_saved_up_and_the_largest_workflow_are_a_minutes_quota_unless_it_is_small() {
        for requests in 1..2_000 {
            let capacity = capacity(64, 1, quota(requests, 0));
            let holds = capacity.room(Shard::FIRST, None).bucket.unwrap().holds;
            let largest = capacity.draws(Shard::FIRST, u32::try_from(MAX_ACTIONS).unwrap());
            let is_least = holds == QUOTA_SAVED_AT_LEAST && requests < 86;
            assert!(holds <= QUOTA_SAVED && (is_least || holds + largest <= QUOTA_PERIOD), "{requests}");
            assert_eq!(holds == QUOTA_SAVED, requests >= 128, "{requests}");
        }
    }

    proptest! {
        /// Workflows of all sizes come, wait in turn, and ask more or less often than was expected.
        #[test]
        fn no_more_is_launched_than_the_quota_allows_and_nobody_waits_for_longer_than_that(
            requests in 1..5_000_u32,
            shards in 1..4_u16,
            steps in prop::collection::vec((0..40_000_i64, 1..=64_u32, 0..192_u32), 1..60),
        ) {
            let capacity = capacity(24, shards, quota(requests, 0));
            let (shard, mut now, mut used_until) = (Shard::FIRST, 0_i64, None);
            // What was launched and settled: when, and for how long it uses up the quota.
            let mut counted: Vec<(i64, i64)> = Vec::new();
            for (waited, actions, attempts) in steps {
                now += waited;
                let drawn = capacity.draws(shard, actions);
                let mut bucket = capacity.room(shard, used_until).bucket.unwrap();
                if bucket.is_in_debt(at(now)) {
                    // Whoever is next is launched at that moment, however large.
                    now = bucket.used_until.unwrap().as_millis() - at(0).as_millis();
                    prop_assert!(!bucket.is_in_debt(at(now)));
                }
                let holds = i64::try_from(bucket.holds.as_millis()).unwrap();
                bucket = bucket.after(drawn, at(now));
                prop_assert!(bucket.used_until.unwrap() <= at(now).plus(drawn), "the next waits for this one at most");
                counted.push((now, i64::try_from(drawn.as_millis()).unwrap()));
                for (since, _) in &counted {
                    let launched = counted.iter().filter(|(at, _)| at >= since).map(|(_, drawn)| drawn).sum::<i64>();
                    let most = now - since + holds + i64::try_from(drawn.as_millis()).unwrap();
                    prop_assert!(launched <= most, "{launched} ms since {since}, {most} are allowed at {now}");
                }
                let more = capacity.settlement(&held(drawn), Some(&ended(actions, attempts, &[])));
                let settled = bucket.settled(more, at(now));
                counted.push((now, settled));
                let until = bucket.used_until.unwrap().as_millis().saturating_add(settled);
                used_until = Some(Timestamp::from_millis(until));
            }
        }
    }
}
