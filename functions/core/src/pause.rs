//! Pauses of launching: those of an operator, and those that the pipeline makes itself: while the AI is down, and when the
//! amount that it may cost in a day is spent.
//!
//! What a workflow's end says is decided when its capacity is released, and written with the release: what is released must
//! not be acquired by a workflow that fails for the same reason.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use goal_activity_events::{ExecutionArn, FailureCode, FinalStatus, Timestamp};
use serde::{Deserialize, Serialize};

use crate::admission::{Held, Shard};
use crate::daily::Day;
use crate::execution::{Ending, Execution};
use crate::limits::{LONGEST_PROBE_WAIT, MAX_REASON, PROBE_TIME, PROBE_WAIT};
use crate::ports::PauseChange;
use crate::price::micro_usd;

/// Launching is paused: no workflow acquires capacity. Requests are accepted and wait, and what holds capacity goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// Since when.
    pub since: Timestamp,
    /// Why, for the users whose workflows wait; cut to 2,000 characters.
    pub reason: String,
    /// How it ends by itself. Missing in a pause of an operator, which only an operator ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Ends>,
}

/// How a pause that the pipeline has made itself ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "with")]
pub enum Ends {
    /// With a workflow that the AI works for.
    Probe(Probe),
    /// At that moment.
    Time {
        /// When.
        at: Timestamp,
    },
}

/// The workflow that is launched during a pause to see whether the AI works again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// The name of the one that was launched last, until it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    /// From when on another one may be launched: the one before has failed, or is lost.
    pub next_at: Timestamp,
    /// How long the next one rests when this one fails, in seconds.
    pub wait_seconds: u32,
}

/// What a pause lets through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passage {
    /// Nothing.
    Closed,
    /// One workflow, with which the pause becomes this one.
    Probe(Pause),
    /// All: it is over, and the first that acquires capacity removes it.
    Over,
}

impl Pause {
    /// A pause of an operator from that moment on.
    pub fn new(since: Timestamp, reason: &str) -> Self {
        Self { since, reason: reason.trim().chars().take(MAX_REASON).collect(), ends: None }
    }

    /// The pause that begins when the AI is found to be down.
    pub fn while_the_ai_is_down(now: Timestamp) -> Self {
        let reason = "the AI is not available; launching goes on by itself when it is";
        let probe = Probe { execution: None, next_at: now.plus(PROBE_WAIT), wait_seconds: seconds(PROBE_WAIT * 2) };
        Self { ends: Some(Ends::Probe(probe)), ..Self::new(now, reason) }
    }

    /// The pause that begins when the day's amount is spent.
    pub fn for_the_day(now: Timestamp) -> Self {
        let at = Day::of(now).next().begin();
        let reason = format!("the amount for the AI is spent for today; launching goes on by itself at {at}");
        Self { ends: Some(Ends::Time { at }), ..Self::new(now, &reason) }
    }

    /// Returns `true` if the pipeline has made it itself.
    pub fn is_automatic(&self) -> bool {
        self.ends.is_some()
    }

    /// Returns `true` if it has ended by itself.
    pub fn is_over(&self, now: Timestamp) -> bool {
        matches!(self.ends, Some(Ends::Time { at }) if at <= now)
    }

    /// Returns `true` if the copy of it in another shard says the same. Which workflow is the probe only the first shard knows.
    pub fn agrees(&self, copy: &Self) -> bool {
        let is_same_end = match (&self.ends, &copy.ends) {
            (Some(Ends::Probe(_)), Some(Ends::Probe(_))) => true,
            (own, other) => own == other,
        };
        is_same_end && self.since == copy.since && self.reason == copy.reason
    }

    /// What it lets through when this workflow wants capacity in that shard. A probe is launched in the first: so there is one.
    pub fn passage(&self, shard: Shard, execution: &ExecutionArn, now: Timestamp) -> Passage {
        match &self.ends {
            Some(Ends::Time { at }) if *at <= now => Passage::Over,
            Some(Ends::Probe(probe)) if probe.next_at <= now && shard.is_first() => {
                let probe = Probe {
                    execution: Some(execution.name().to_owned()),
                    next_at: now.plus(PROBE_TIME),
                    wait_seconds: probe.wait_seconds,
                };
                Passage::Probe(Self { ends: Some(Ends::Probe(probe)), ..self.clone() })
            }
            _ => Passage::Closed,
        }
    }

    /// Returns `true` if a workflow that wants capacity in the first shard would get through.
    pub fn lets_through(&self, now: Timestamp) -> bool {
        matches!(&self.ends, Some(Ends::Time { at } | Ends::Probe(Probe { next_at: at, .. })) if *at <= now)
    }

    /// The pause after that workflow has ended, if it is its probe: nothing if the AI works.
    fn after(&self, execution: &ExecutionArn, verdict: Verdict, now: Timestamp) -> Option<Self> {
        let Some(Ends::Probe(probe)) = &self.ends else { return Some(self.clone()) };
        if probe.execution.as_deref() != Some(execution.name()) {
            return Some(self.clone());
        }
        let wait = probe.wait_seconds;
        let probe = match verdict {
            Verdict::Works => return None,
            Verdict::Down => Probe {
                execution: None,
                next_at: now.plus(Duration::from_secs(wait.into())),
                wait_seconds: wait.saturating_mul(2).min(seconds(LONGEST_PROBE_WAIT)),
            },
            Verdict::Nothing => Probe { execution: None, next_at: now, wait_seconds: wait },
        };
        Some(Self { ends: Some(Ends::Probe(probe)), ..self.clone() })
    }
}

fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}

/// What a workflow's end says of the AI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It answers.
    Works,
    /// It is down, or refuses everything for load.
    Down,
    /// Nothing is known.
    Nothing,
}

/// Returns `true` if the AI itself has failed, and not for what it was asked. `AI_REJECTED` is not among these: what a user
/// has written can be the reason, and one user must not pause the workflows of all.
fn is_out(code: FailureCode) -> bool {
    matches!(code, FailureCode::AiUnavailable | FailureCode::AiTimeout | FailureCode::AiThrottled)
}

impl Verdict {
    /// Of a workflow that has ended: the AI is down if it was for at least half of the actions that it was asked for. What was
    /// cancelled says nothing: its successes are removed.
    pub fn of(end: &Ending) -> Self {
        if end.status == FinalStatus::Aborted {
            return Self::Nothing;
        }
        let count = |is: fn(FailureCode) -> bool| end.tally.failed.iter().filter(|f| is(f.code)).count();
        let succeeded = usize::try_from(end.tally.succeeded).unwrap_or(usize::MAX);
        let answered = succeeded.saturating_add(count(|code| code == FailureCode::AiInvalidAnswer));
        match (count(is_out), answered) {
            (0, 0) => Self::Nothing,
            (out, answered) if out >= answered => Self::Down,
            _ => Self::Works,
        }
    }
}

/// What the AI may cost on one day, if there is a limit, in millionths of a US dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyCost(Option<NonZeroU64>);

/// A text that is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an amount in US dollars such as 25 or 0.5")]
pub struct InvalidDailyCost;

impl FromStr for DailyCost {
    type Err = InvalidDailyCost;

    fn from_str(text: &str) -> Result<Self, InvalidDailyCost> {
        let amount = micro_usd(text).and_then(NonZeroU64::new);
        amount.map(|amount| Self(Some(amount))).ok_or(InvalidDailyCost)
    }
}

impl DailyCost {
    /// No limit.
    pub const NONE: Self = Self(None);

    /// So many millionths of a US dollar.
    pub const fn new(micro_usd: NonZeroU64) -> Self {
        Self(Some(micro_usd))
    }

    /// In millionths of a US dollar; nothing if there is no limit.
    pub fn micro_usd(self) -> Option<u64> {
        self.0.map(NonZeroU64::get)
    }
}

/// When the pipeline pauses launching itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pausing {
    /// While the AI is down.
    pub on_ai_failure: bool,
    /// When it has cost so much in a day.
    pub daily_cost: DailyCost,
}

/// What is known of one shard: of its capacity, of the pause and of the costs, all of one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    /// What executions hold, in no order.
    pub held: Vec<Held>,
    /// The pause, if there is one.
    pub pause: Option<Pause>,
    /// What the ended workflows of a day have cost, in millionths of a US dollar.
    pub costs: BTreeMap<Day, u64>,
    /// For the amount of how many millionths the pipeline has paused itself on a day: an operator who ends that pause wants to
    /// go on.
    pub paused_for: BTreeMap<Day, u64>,
    /// When the workflow began that began last of those that the AI worked for, as far as is known.
    pub worked_since: Option<Timestamp>,
    /// Until when the shard's share of the AI's quota is used up; of several shards, when the first of them is free.
    pub quota_used_until: Option<Timestamp>,
}

impl Load {
    /// The days that may be forgotten.
    pub fn past_days(&self, today: Day) -> Vec<Day> {
        let days = self.costs.keys().chain(self.paused_for.keys());
        days.copied().filter(|day| day.is_over(today)).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// What a workflow has cost, counted once, with the release of its capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// The day of its end.
    pub day: Day,
    /// In millionths of a US dollar.
    pub micro_usd: u64,
    /// The sum of the day that is not reached by this, as far as is known. Where it would be, nothing is released, and what is to
    /// be done is decided anew.
    pub below: Option<u64>,
}

/// What is known of all shards, each of its own moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loads(BTreeMap<Shard, Load>);

impl FromIterator<(Shard, Load)> for Loads {
    fn from_iter<T: IntoIterator<Item = (Shard, Load)>>(loads: T) -> Self {
        Self(loads.into_iter().collect())
    }
}

impl Loads {
    /// Each shard with what is known of it.
    pub fn iter(&self) -> impl Iterator<Item = (Shard, &Load)> {
        self.0.iter().map(|(shard, load)| (*shard, load))
    }

    /// What is known of one.
    pub fn of(&self, shard: Shard) -> Load {
        self.0.get(&shard).cloned().unwrap_or_default()
    }

    /// What is known of all together: what all hold, the sums of the costs, and what the first says of the pause.
    pub fn together(&self) -> Load {
        let first = self.of(Shard::FIRST);
        let mut costs = BTreeMap::new();
        for (day, cost) in self.0.values().flat_map(|load| &load.costs) {
            let sum: &mut u64 = costs.entry(*day).or_default();
            *sum = sum.saturating_add(*cost);
        }
        let held = self.0.values().flat_map(|load| load.held.iter().cloned()).collect();
        let worked_since = self.0.values().filter_map(|load| load.worked_since).max();
        let quota_used_until = self.0.values().map(|load| load.quota_used_until).min().flatten();
        let (pause, paused_for) = (first.pause, first.paused_for);
        Load { held, pause, costs, paused_for, worked_since, quota_used_until }
    }

    /// The pause that must begin because the day's amount is spent, if none has. With more than one shard each release knows the
    /// costs of the others as they were read: those of the same moment may pass the amount together.
    pub fn overspent(&self, pausing: Pausing, now: Timestamp) -> Option<PauseChange> {
        let (whole, today) = (self.together(), Day::of(now));
        let most = pausing.daily_cost.micro_usd()?;
        let is_known = whole.paused_for.get(&today).is_some_and(|for_| *for_ >= most);
        let is_paused = whole.pause.as_ref().is_some_and(|pause| !pause.is_over(now));
        let is_spent = whole.costs.get(&today).is_some_and(|sum| *sum >= most);
        (is_spent && !is_known && !is_paused).then(|| PauseChange {
            before: whole.pause,
            after: Some(Pause::for_the_day(now)),
            paused_for: Some((today, most)),
        })
    }

    /// What a workflow holds: once, or nothing. Twice it does for a moment if it was moved while it was launched.
    pub fn holding(&self, execution: &ExecutionArn) -> Vec<Held> {
        let all = self.0.values().flat_map(|load| &load.held);
        all.filter(|held| held.execution == *execution).cloned().collect()
    }
}

/// What is to be done when a workflow releases capacity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Releasing {
    /// Release it, and write what is decided with it.
    Now(Release),
    /// First pause launching in all shards, in the first one like this: what is released must not be acquired.
    PauseFirst(PauseChange),
}

impl Releasing {
    /// Decides what is done when a workflow releases what it holds in that shard. With one shard, all is one write.
    pub fn decide(
        (arn, shard): (&ExecutionArn, Shard),
        execution: Option<&Execution>,
        loads: &Loads,
        pausing: Pausing,
        now: Timestamp,
    ) -> Self {
        let whole = loads.together();
        let own = loads.of(shard);
        let since = own.held.iter().find(|held| held.execution == *arn).map(|held| held.since);
        let release = Release { shard, since, ..Release::decide(arn, execution, &whole, pausing, now) };
        if loads.0.len() <= 1 {
            return Self::Now(release);
        }
        let since = |pause: &Option<Pause>| pause.as_ref().map(|pause| pause.since);
        if release.after.is_some() && since(&release.after) != since(&release.before) {
            let Release { before, after, paused_for, .. } = release;
            return Self::PauseFirst(PauseChange { before, after, paused_for });
        }
        let of_others = |day: Day| {
            let [all, own] = [&whole, &own].map(|load| load.costs.get(&day).copied().unwrap_or_default());
            all.saturating_sub(own)
        };
        // Only the own row's sum can be a condition of the write.
        let cost = release.cost.map(|cost| {
            let below = cost.below.map(|below| below.saturating_sub(of_others(cost.day)));
            Cost { below, ..cost }
        });
        let mut past_days = own.past_days(Day::of(now));
        past_days.retain(|day| cost.is_none_or(|cost| cost.day != *day));
        let (before, after) = match shard.is_first() {
            true => (release.before, release.after),
            // The first shard's is the pause; this is a copy of it, which [`agreement`](crate::agreement) changes.
            false => (own.pause.clone(), own.pause),
        };
        Self::Now(Release { cost, past_days, before, after, paused_for: None, ..release })
    }
}

/// A release of capacity, with what is decided at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The workflow.
    pub execution: ExecutionArn,
    /// Where it holds what it releases.
    pub shard: Shard,
    /// When it acquired what it releases, where that is known. What it has acquired anew since is not released.
    pub since: Option<Timestamp>,
    /// What it has cost, where that is known.
    pub cost: Option<Cost>,
    /// The pause that this was decided with. Where it is another by now, nothing is released.
    pub before: Option<Pause>,
    /// The pause from then on.
    pub after: Option<Pause>,
    /// The amount that a pause for this day begins with.
    pub paused_for: Option<(Day, u64)>,
    /// The days that may be forgotten.
    pub past_days: Vec<Day>,
    /// When the workflow began, if the AI worked for it and for none that began later.
    pub worked_since: Option<Timestamp>,
    /// By how many milliseconds the shard's share of the AI's quota is used up later, or earlier, because of what was really asked:
    /// see [`Capacity::settlement`](crate::admission::Capacity::settlement).
    pub settled: i64,
}

impl Release {
    /// Of what a workflow holds beside what it runs with: it says nothing, and has asked the AI nothing.
    pub fn of_surplus(held: &Held, pause: Option<Pause>) -> Self {
        Self {
            execution: held.execution.clone(),
            shard: held.shard,
            since: Some(held.since),
            cost: None,
            after: pause.clone(),
            before: pause,
            paused_for: None,
            past_days: Vec::new(),
            worked_since: None,
            settled: i64::try_from(held.drawn.as_millis()).unwrap_or_default().saturating_neg(),
        }
    }

    /// Decides what is written when a workflow that holds capacity releases it, with one shard.
    pub fn decide(
        arn: &ExecutionArn,
        execution: Option<&Execution>,
        load: &Load,
        pausing: Pausing,
        now: Timestamp,
    ) -> Self {
        let today = Day::of(now);
        let end = execution.and_then(|e| e.end.as_ref());
        let verdict = end.map_or(Verdict::Nothing, Verdict::of);
        let began = load.held.iter().find(|held| held.execution == *arn).map(|held| held.since);
        // What a user has written may be the reason why the AI takes too long or fails. It is not down if it has worked for a
        // workflow that began later and has ended already.
        let is_down = verdict == Verdict::Down && load.worked_since <= began.or(load.worked_since);
        let mut after = match &load.pause {
            Some(pause) => pause.after(arn, verdict, now).filter(|pause| !pause.is_over(now)),
            None if pausing.on_ai_failure && is_down => Some(Pause::while_the_ai_is_down(now)),
            None => None,
        };
        let worked_since = began.filter(|began| verdict == Verdict::Works && Some(*began) > load.worked_since);
        let counted = |day| load.costs.get(&day).copied().unwrap_or_default();
        let cost = end
            .and_then(|end| Some((Day::of(end.stop_date), end.tally.usage.cost_micro_usd.filter(|cost| *cost > 0)?)));
        let sum = counted(today).saturating_add(cost.filter(|(day, _)| *day == today).map_or(0, |(_, cost)| cost));
        // One amount pauses a day once: after that an operator has decided to go on.
        let most =
            pausing.daily_cost.micro_usd().filter(|most| load.paused_for.get(&today).is_none_or(|for_| for_ < most));
        let mut paused_for = None;
        if let (Some(most), None) = (most.filter(|most| sum >= *most), &after) {
            after = Some(Pause::for_the_day(now));
            paused_for = Some((today, most));
        }
        let below = most.filter(|most| sum < *most);
        let cost = cost.map(|(day, micro_usd)| Cost { day, micro_usd, below: below.filter(|_| day == today) });
        let (before, mut past_days) = (load.pause.clone(), load.past_days(today));
        // A day cannot be counted and forgotten in one write.
        past_days.retain(|day| cost.is_none_or(|cost| cost.day != *day));
        let (shard, settled) = (Shard::FIRST, 0);
        Self {
            execution: arn.clone(),
            shard,
            since: began,
            cost,
            before,
            after,
            paused_for,
            past_days,
            worked_since,
            settled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use goal_activity_events::{FailedAction, Usage};

    const ON: Pausing = Pausing { on_ai_failure: true, daily_cost: DailyCost::NONE };
    /// 2026-11-24T09:00:00Z.
    const NINE: i64 = 1_795_510_800_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(NINE + 1_000 * seconds)
    }

    fn arn(n: u32) -> ExecutionArn {
        format!("arn:aws:states:us-east-1:123456789012:execution:goal-activity:goal-{n}").parse().unwrap()
    }

    /// A workflow of 64 actions of which that many failed for that reason.
    fn ended(failed: &[(FailureCode, usize)]) -> Execution {
        let codes = failed.iter().flat_map(|(code, count)| std::iter::repeat_n(*code, *count));
        let failed = codes.zip(0..).map(|(code, n)| FailedAction {
            action_id: format!("action-{n}").parse().unwrap(),
            code,
            message: String::new(),
            attempts: 3,
        });
        samples::ended(FinalStatus::Failed, at(0), failed.collect())
    }

    fn verdict(failed: &[(FailureCode, usize)]) -> Verdict {
        Verdict::of(&ended(failed).end.unwrap())
    }

    fn with_cost(micro_usd: u64) -> Execution {
        let mut execution = ended(&[]);
        execution.end.as_mut().unwrap().tally.usage = Usage { cost_micro_usd: Some(micro_usd), ..Usage::default() };
        execution
    }

    fn paused(pause: Option<Pause>) -> Load {
        Load { pause, ..Load::default() }
    }

    fn probing() -> Pause {
        match Pause::while_the_ai_is_down(at(0)).passage(Shard::FIRST, &arn(1), at(30)) {
            Passage::Probe(pause) => pause,
            other => panic!("{other:?}"),
        }
    }

    fn next_probe(pause: Option<&Pause>) -> (Option<&str>, Timestamp) {
        match pause.and_then(|pause| pause.ends.as_ref()) {
            Some(Ends::Probe(probe)) => (probe.execution.as_deref(), probe.next_at),
            other => panic!("{other:?}"),
        }
    }

    fn after(load: &Load, arn: &ExecutionArn, ended: &Execution, now: Timestamp) -> Option<Pause> {
        Release::decide(arn, Some(ended), load, ON, now).after
    }

    #[test]
    fn the_ai_is_down_when_it_was_for_half_of_what_it_was_asked() {
        use FailureCode::{AiInvalidAnswer, AiRejected, AiThrottled, AiTimeout, AiUnavailable, NotProcessed};
        for code in [AiUnavailable, AiTimeout, AiThrottled] {
            assert_eq!(verdict(&[(code, 32)]), Verdict::Down, "{code}");
            assert_eq!(verdict(&[(code, 31)]), Verdict::Works, "{code}");
        }
        assert_eq!(verdict(&[(AiUnavailable, 30), (AiInvalidAnswer, 34)]), Verdict::Works, "it has answered");
        assert_eq!(verdict(&[(AiUnavailable, 1), (NotProcessed, 63)]), Verdict::Down, "nothing else is known");
        assert_eq!(verdict(&[(AiRejected, 64)]), Verdict::Nothing, "a user's text can be the reason");
        assert_eq!(verdict(&[(NotProcessed, 64)]), Verdict::Nothing);
        let mut cancelled = ended(&[(AiUnavailable, 64)]).end.unwrap();
        cancelled.status = FinalStatus::Aborted;
        assert_eq!(Verdict::of(&cancelled), Verdict::Nothing);
    }

    #[test]
    fn a_workflow_that_the_ai_has_failed_pauses_launching_and_any_other_does_not() {
        let down = ended(&[(FailureCode::AiUnavailable, 64)]);
        let pause = after(&paused(None), &arn(1), &down, at(0)).unwrap();
        assert!(pause.is_automatic() && pause.since == at(0));
        assert_eq!(next_probe(Some(&pause)), (None, at(30)));
        assert_eq!(after(&paused(None), &arn(1), &ended(&[]), at(0)), None);
        let off = Pausing { on_ai_failure: false, ..ON };
        assert_eq!(Release::decide(&arn(1), Some(&down), &paused(None), off, at(0)).after, None);
        assert_eq!(Release::decide(&arn(1), None, &paused(None), ON, at(0)).after, None);
        // Others that fail at the same time change nothing.
        assert_eq!(after(&paused(Some(pause.clone())), &arn(2), &down, at(9)), Some(pause));
    }

    /// Of two workflows that began at these moments the first has failed, and the AI has worked for the other.
    fn began(failed: i64, worked: i64) -> (Load, Option<Pause>) {
        let held = |n, since| Held {
            execution: arn(n),
            batches: 1,
            since: at(since),
            shard: Shard::FIRST,
            drawn: Duration::ZERO,
        };
        let load = Load { held: vec![held(1, failed), held(2, worked)], ..Load::default() };
        let works = Release::decide(&arn(2), Some(&ended(&[])), &load, ON, at(50));
        let load = Load { worked_since: works.worked_since, ..load };
        let pause = after(&load, &arn(1), &ended(&[(FailureCode::AiTimeout, 64)]), at(60));
        (load, pause)
    }

    #[test]
    fn a_user_for_whom_alone_the_ai_fails_pauses_nothing() {
        let (load, pause) = began(0, 10);
        assert_eq!((load.worked_since, pause), (Some(at(10)), None), "it has worked for one that began later");
        assert!(began(10, 10).1.is_some() && began(20, 10).1.is_some(), "it may be down since");
        let before = Release::decide(&arn(1), Some(&ended(&[])), &load, ON, at(60));
        assert_eq!(before.worked_since, None, "what began earlier says no more");
        let nothing = ended(&[(FailureCode::AiRejected, 64)]);
        assert_eq!(Release::decide(&arn(2), Some(&nothing), &began(0, 10).0, ON, at(60)).worked_since, None);
        let later = Load { worked_since: None, ..load };
        assert_eq!(Release::decide(&arn(2), Some(&nothing), &later, ON, at(60)).worked_since, None);
    }

    #[test]
    fn one_workflow_gets_through_from_time_to_time_and_its_end_decides() {
        let pause = Pause::while_the_ai_is_down(at(0));
        assert_eq!(pause.passage(Shard::FIRST, &arn(1), at(29)), Passage::Closed);
        assert!(!pause.lets_through(at(29)) && pause.lets_through(at(30)));
        let probing = probing();
        assert_eq!(next_probe(Some(&probing)), (Some("goal-1"), at(30 + 360)));
        assert_eq!(probing.passage(Shard::FIRST, &arn(2), at(31)), Passage::Closed);
        let (load, down) = (paused(Some(probing.clone())), ended(&[(FailureCode::AiTimeout, 64)]));

        assert_eq!(after(&load, &arn(1), &ended(&[]), at(40)), None, "it works");
        assert_eq!(after(&load, &arn(2), &ended(&[]), at(40)), Some(probing), "not the probe");
        assert_eq!(next_probe(after(&load, &arn(1), &down, at(40)).as_ref()), (None, at(40 + 60)));
        let nothing = ended(&[(FailureCode::ActionGone, 64)]);
        assert_eq!(next_probe(after(&load, &arn(1), &nothing, at(40)).as_ref()), (None, at(40)));
        // One that was lost is not waited for.
        let Some(Passage::Probe(second)) = load.pause.map(|pause| pause.passage(Shard::FIRST, &arn(2), at(391))) else {
            panic!()
        };
        assert_eq!(next_probe(Some(&second)).0, Some("goal-2"));
    }

    #[test]
    fn probes_become_rarer_up_to_one_in_some_minutes() {
        let (mut pause, mut now) = (Pause::while_the_ai_is_down(at(0)), at(0));
        let mut waits = Vec::new();
        for _ in 0..5 {
            let (_, next) = next_probe(Some(&pause));
            waits.push(next.since(now).as_secs());
            now = next;
            let Passage::Probe(probing) = pause.passage(Shard::FIRST, &arn(1), now) else { panic!() };
            pause = after(&paused(Some(probing)), &arn(1), &ended(&[(FailureCode::AiTimeout, 64)]), now).unwrap();
        }
        assert_eq!(waits, [30, 60, 120, 240, 240]);
    }

    #[test]
    fn an_operators_pause_is_ended_by_nothing_here() {
        let pause = Pause::new(at(0), "x");
        assert_eq!(pause.passage(Shard::FIRST, &arn(1), at(1_000_000)), Passage::Closed);
        assert!(!pause.is_over(at(1_000_000)) && !pause.lets_through(at(1_000_000)));
        for execution in [ended(&[]), ended(&[(FailureCode::AiTimeout, 64)])] {
            assert_eq!(after(&paused(Some(pause.clone())), &arn(1), &execution, at(5)), Some(pause.clone()));
        }
        assert_eq!(serde_json::to_value(&pause).unwrap()["ends"], serde_json::Value::Null, "as before");
    }

    #[test]
    fn the_days_amount_pauses_until_midnight_and_once_a_day() {
        let pausing = Pausing { daily_cost: "0.1".parse().unwrap(), ..ON };
        let today = Day::of(at(0));
        let of = |cost, spent| {
            let load = Load { costs: [(today, spent)].into(), ..Load::default() };
            Release::decide(&arn(1), Some(&with_cost(cost)), &load, pausing, at(0))
        };
        let below = of(40_000, 59_999);
        assert_eq!((below.after, below.paused_for), (None, None));
        assert_eq!(below.cost, Some(Cost { day: today, micro_usd: 40_000, below: Some(100_000) }));
        let spent = of(40_000, 60_000);
        let pause = spent.after.unwrap();
        let midnight = today.next().begin();
        assert_eq!(spent.paused_for, Some((today, 100_000)));
        assert_eq!(spent.cost, Some(Cost { day: today, micro_usd: 40_000, below: None }));
        assert!(!pause.is_over(midnight.minus(Duration::from_millis(1))) && pause.is_over(midnight));
        assert_eq!(pause.passage(Shard::FIRST, &arn(1), midnight), Passage::Over);

        // An operator has ended it: it does not begin again, unless for a greater amount.
        let resumed =
            Load { costs: [(today, 100_000)].into(), paused_for: [(today, 100_000)].into(), ..Load::default() };
        let decide = |daily_cost: &str, now| {
            let pausing = Pausing { daily_cost: daily_cost.parse().unwrap(), ..ON };
            Release::decide(&arn(1), Some(&with_cost(150_000)), &resumed, pausing, now).after
        };
        assert_eq!(decide("0.1", at(0)), None);
        assert!(decide("0.2", at(0)).is_some());
        assert_eq!(decide("0.1", midnight), None, "a cost of the day before");
    }

    #[test]
    fn an_amount_that_is_spent_while_the_ai_is_down_pauses_when_it_works_again() {
        let pausing = Pausing { daily_cost: "0.1".parse().unwrap(), ..ON };
        let load = Load { pause: Some(probing()), costs: [(Day::of(at(0)), 99_999)].into(), ..Load::default() };
        let release = Release::decide(&arn(1), Some(&with_cost(1)), &load, pausing, at(40));
        assert!(matches!(release.after.unwrap().ends, Some(Ends::Time { .. })));
        let operators = Load { pause: Some(Pause::new(at(0), "x")), ..load };
        let release = Release::decide(&arn(1), Some(&with_cost(1)), &operators, pausing, at(40));
        assert_eq!((release.after, release.paused_for), (operators.pause, None));
    }

    fn second() -> Shard {
        Shard::all().nth(1).unwrap()
    }

    /// Two shards, of which a workflow holds capacity in the second.
    fn loads(first: Load, second_: Load) -> Loads {
        let held = vec![Held { execution: arn(1), batches: 1, since: at(0), shard: second(), drawn: Duration::ZERO }];
        [(Shard::FIRST, first), (second(), Load { held, ..second_ })].into_iter().collect()
    }

    fn releasing(execution: &Execution, loads: &Loads, pausing: Pausing) -> Releasing {
        Releasing::decide((&arn(1), second()), Some(execution), loads, pausing, at(60))
    }

    #[test]
    fn with_several_shards_launching_is_paused_in_all_before_anything_is_released() {
        let down = ended(&[(FailureCode::AiTimeout, 64)]);
        let Releasing::PauseFirst(change) = releasing(&down, &loads(Load::default(), Load::default()), ON) else {
            panic!("released");
        };
        assert_eq!((change.before, change.paused_for), (None, None));
        let pause = change.after.unwrap();
        // Then it is released where it is held, and the copy of the pause there stays.
        let copied = |copy: Option<Pause>| loads(paused(Some(pause.clone())), paused(copy));
        for copy in [Some(pause.clone()), None] {
            let Releasing::Now(release) = releasing(&down, &copied(copy.clone()), ON) else { panic!("paused again") };
            assert_eq!((release.shard, &release.before, &release.after), (second(), &copy, &copy));
        }
        // The AI has worked for one that began later, in the other shard.
        let worked = Load { worked_since: Some(at(1)), ..Load::default() };
        let Releasing::Now(release) = releasing(&down, &loads(worked, Load::default()), ON) else { panic!("paused") };
        assert_eq!((release.before, release.after), (None, None));
    }

    #[test]
    fn the_costs_of_all_shards_count_and_what_others_add_meanwhile_is_seen_by_the_next() {
        let pausing = Pausing { daily_cost: "0.1".parse().unwrap(), ..ON };
        let today = Day::of(at(0));
        let of = |first, second| {
            let spent = |cost| Load { costs: [(today, cost)].into(), ..Load::default() };
            loads(spent(first), spent(second))
        };
        let Releasing::Now(release) = releasing(&with_cost(10_000), &of(50_000, 39_999), pausing) else { panic!() };
        assert_eq!(release.cost, Some(Cost { day: today, micro_usd: 10_000, below: Some(50_000) }), "of the own row");
        let Releasing::PauseFirst(change) = releasing(&with_cost(10_000), &of(50_000, 40_000), pausing) else {
            panic!()
        };
        assert_eq!(change.paused_for, Some((today, 100_000)));
        // What two releases of the same moment have passed together.
        let change = of(60_000, 50_000).overspent(pausing, at(60)).unwrap();
        assert_eq!((change.before, change.paused_for), (None, Some((today, 100_000))));
        assert_eq!(of(60_000, 39_999).overspent(pausing, at(60)), None);
        let known = Load { costs: [(today, 200_000)].into(), paused_for: [(today, 100_000)].into(), ..Load::default() };
        assert_eq!(loads(known, Load::default()).overspent(pausing, at(60)), None, "an operator has ended that pause");
    }

    #[test]
    fn a_copy_of_a_pause_agrees_whichever_workflow_is_the_probe() {
        let pause = Pause::while_the_ai_is_down(at(0));
        assert!(pause.agrees(&probing()) && probing().agrees(&pause));
        for other in [Pause::while_the_ai_is_down(at(1)), Pause::for_the_day(at(0)), Pause::new(at(0), "x")] {
            assert!(!pause.agrees(&other) && !other.agrees(&pause));
        }
        assert!(!Pause::new(at(0), "x").agrees(&Pause::new(at(0), "y")));
        assert_eq!(pause.passage(second(), &arn(1), at(30)), Passage::Closed, "the first shard has the probe");
    }

    #[test]
    fn days_that_are_over_are_forgotten() {
        let today = Day::of(at(0));
        let days = |n: i64| Day::of(at(-n * 24 * 60 * 60));
        let costs = (0..4).map(|n| (days(n), 1)).collect();
        let load = Load { costs, paused_for: [(days(3), 1)].into(), ..Load::default() };
        assert_eq!(load.past_days(today), [days(3), days(2)]);
    }

    #[test]
    fn a_pause_is_stored_with_what_older_versions_know() {
        let stored = serde_json::to_value(probing()).unwrap();
        let expected = serde_json::json!({
            "since": "2026-11-24T09:00:00.000Z",
            "reason": "the AI is not available; launching goes on by itself when it is",
            "ends": { "with": "probe", "execution": "goal-1", "nextAt": "2026-11-24T09:06:30.000Z", "waitSeconds": 60 },
        });
        assert_eq!(stored, expected);
        assert_eq!(serde_json::from_value::<Pause>(stored).unwrap(), probing());
    }

    #[test]
    fn an_amount_is_read_in_us_dollars() {
        assert_eq!("25".parse::<DailyCost>().unwrap().micro_usd(), Some(25_000_000));
        assert_eq!("0.000001".parse::<DailyCost>().unwrap().micro_usd(), Some(1));
        for text in ["", "0", "-1", "1e3", "much", "0.0000001"] {
            assert_eq!(text.parse::<DailyCost>(), Err(InvalidDailyCost), "{text}");
        }
    }
}
