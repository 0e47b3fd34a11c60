//! Admission control: load makes workflows wait, never fail. A workflow is launched only when the AI can work on its batches
//! soon; until then it waits, `PENDING`, in a line that is fair between users.
//!
//! What a workflow holds is noted under its name and summed up in the same row, so that taking and giving back count once
//! however often they are repeated.

use std::num::NonZeroU32;
use std::str::FromStr;

use goal_activity_events::{ExecutionArn, Timestamp};

use crate::limits::{FAIR_STEP, HANDOVER, MAX_RUNNING_PER_USER};
use crate::ports::Waiting;

/// How many batches may be worked on at once: limited by the AI's quota; a batch makes up to eight calls at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity(NonZeroU32);

/// A text that is no capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a number of batches from 1 up")]
pub struct InvalidCapacity;

impl FromStr for Capacity {
    type Err = InvalidCapacity;

    fn from_str(text: &str) -> Result<Self, InvalidCapacity> {
        text.parse().map(Self).map_err(|_| InvalidCapacity)
    }
}

impl Capacity {
    /// So many batches.
    pub const fn new(batches: NonZeroU32) -> Self {
        Self(batches)
    }

    /// In batches.
    pub fn batches(self) -> u32 {
        self.0.get()
    }

    /// How much a workflow of that many batches takes. One that is larger than the whole takes all of it, and so runs alone:
    /// it must not wait for ever.
    pub fn share(self, batches: u32) -> u32 {
        batches.clamp(1, self.batches())
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

/// A workflow's place on the waiting list: the one with the earliest turn is launched first.
///
/// A user's n-th open workflow stands where one stands that was requested n times [`FAIR_STEP`] later. So no user waits behind
/// all that another user has requested at once; and since a turn never changes, a waiting workflow is overtaken by those only
/// that come within a bounded time after it. (Start-time fair queueing with a cost of [`FAIR_STEP`] for each.)
pub fn turn(requested: Timestamp, open_before: usize) -> Timestamp {
    let steps = u32::try_from(open_before.min(MAX_RUNNING_PER_USER)).unwrap_or(u32::MAX);
    requested.plus(FAIR_STEP.saturating_mul(steps))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

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

    #[test]
    fn a_workflow_takes_what_it_needs_and_never_more_than_there_is() {
        assert_eq!([1, 5, 8].map(|batches| capacity(8).share(batches)), [1, 5, 8]);
        assert_eq!(capacity(3).share(8), 3);
        assert_eq!(capacity(3).share(0), 1);
    }

    #[test]
    fn the_first_of_one_user_comes_before_the_second_of_another() {
        let first_of_late_comer = turn(at(60), 0);
        let flood: Vec<_> = (0..MAX_RUNNING_PER_USER).map(|n| turn(at(0), n)).collect();
        assert!(flood.is_sorted());
        assert_eq!(flood.iter().filter(|turn| **turn < first_of_late_comer).count(), 1);
    }

    #[test]
    fn what_holds_capacity_is_launched_before_whatever_has_an_earlier_turn() {
        let arn = |n: u32| format!("arn:aws:states:us-east-1:123456789012:execution:m:g-{n}").parse().unwrap();
        let waiting: Vec<_> = (1..=4).map(|n| Waiting { turn: at(n.into()), execution_arn: arn(n) }).collect();
        let held = |n: u32, since: i64| Held { execution: arn(n), batches: 8, since: at(since) };
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
        let last_of_many = turn(at(0), usize::MAX);
        assert_eq!(last_of_many.since(at(0)), longest);
        assert!(last_of_many < turn(at(0).plus(longest + Duration::from_secs(1)), 0));
    }
}
