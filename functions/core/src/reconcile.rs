//! What to do about a workflow that an event, a message or an invocation may have been lost for (promise P7).
//!
//! Nothing here is a way of its own: every repair is a step of the normal path, taken again.

use std::time::Duration;

use goal_activity_events::Timestamp;

use crate::admission::{Capacity, Held, Shard};
use crate::execution::{Execution, Status};
use crate::limits::{FORMER_SHARDS, HANDOVER, OVERDUE_GRACE, QUIET, RECONCILE_EVERY, WORKFLOW_SECONDS};
use crate::outcome::End;
use crate::ports::ExecutionState;

/// What is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// Nothing: it is on its way.
    None,
    /// It was not launched, though that was noted or tried: announce it again.
    Announce,
    /// It runs, and its record does not say so.
    RecordStart {
        /// Since when.
        at: Timestamp,
    },
    /// It has ended, and its record does not say so.
    End {
        /// How.
        end: End,
        /// When.
        at: Timestamp,
    },
    /// It has ended, and that was not published, or the operators were not notified.
    Report,
    /// It has ended, that was reported, and it is not archived. No service and no operator waits for it: this comes last.
    Archive,
}

/// Where a run of the reconciler begins in a list of that length. Each run begins elsewhere, so that workflows which take all
/// its time are not always the same ones, nor first.
pub fn first_place(now: Timestamp, length: usize) -> usize {
    // Fibonacci hashing: runs that follow each other begin far apart, whatever the length.
    let place = (u128::from(run(now).wrapping_mul(0x9e37_79b9_7f4a_7c15)) * length as u128) >> u64::BITS;
    usize::try_from(place).unwrap_or(0)
}

/// The shards that there may have been before the capacity was changed which a run looks at: [`FORMER_SHARDS`] of them. The next
/// run looks at the next ones, so that each has its turn within [`former_within`].
pub fn former_shards(capacity: Capacity, now: Timestamp) -> Vec<Shard> {
    let all: Vec<_> = capacity.former().collect();
    let parts: Vec<_> = all.chunks(FORMER_SHARDS).collect();
    let part = run(now).checked_rem(parts.len() as u64).and_then(|part| usize::try_from(part).ok());
    part.and_then(|part| parts.get(part)).map(|part| part.to_vec()).unwrap_or_default()
}

/// Within what time each shard that there may have been is looked at, if no run fails.
pub fn former_within(capacity: Capacity) -> Duration {
    let runs = capacity.former().count().div_ceil(FORMER_SHARDS);
    RECONCILE_EVERY.saturating_mul(u32::try_from(runs).unwrap_or(u32::MAX))
}

/// Which run of the reconciler this is, counted from the epoch.
fn run(now: Timestamp) -> u64 {
    u64::try_from(now.as_seconds()).unwrap_or(0) / RECONCILE_EVERY.as_secs()
}

/// Returns `true` if a workflow has been quiet for long enough to be checked, or should have ended by now: workers may go on
/// reporting after the end of an execution whose status event was lost.
pub fn is_quiet(execution: &Execution, now: Timestamp) -> bool {
    let all_time = Duration::from_secs(WORKFLOW_SECONDS.into());
    let is_due = !execution.has_ended() && execution.admitted_at.is_some_and(|at| now.since(at) >= all_time);
    is_due || now.since(execution.last_sign()) >= QUIET
}

/// How soon Step Functions is to be asked about a workflow that is quiet. It answers so many questions a second only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// In this run: it has ended or should have, is to be stopped, or all its batches are reported as done.
    Now,
    /// When others leave room, the longest quiet first: it may be working, or waiting for a worker.
    Later,
}

impl Urgency {
    /// Of a workflow that is quiet.
    pub fn of(execution: &Execution, now: Timestamp) -> Self {
        let is_done = execution.batches.len() >= usize::try_from(execution.batch_count()).unwrap_or(usize::MAX)
            && execution.batches.values().all(|batch| batch.processed() >= batch.total);
        let is_due = execution.admitted_at.is_some_and(|at| is_overdue(at, now));
        match execution.has_ended() || execution.cancellation.is_some() || is_done || is_due {
            true => Self::Now,
            false => Self::Later,
        }
    }
}

/// What a workflow needs, given what Step Functions knows of it. Its execution must be stopped as well when it still runs
/// after that: see [`must_stop`].
pub fn repair(execution: &Execution, machine: ExecutionState, now: Timestamp) -> Repair {
    if execution.has_ended() {
        return match (execution.is_reported(), execution.archived_at) {
            (false, _) => Repair::Report,
            (true, None) => Repair::Archive,
            (true, Some(_)) => Repair::None,
        };
    }
    if let Some(cancellation) = &execution.cancellation {
        return Repair::End { end: End::Aborted, at: cancellation.at };
    }
    match machine {
        ExecutionState::Ended { end, at } => Repair::End { end, at },
        // AWS ends an execution itself when its time is over; whatever runs an execution and does not is overruled.
        ExecutionState::Running { since } if is_overdue(since, now) => Repair::End { end: End::TimedOut, at: now },
        ExecutionState::Running { since } if execution.status() == Status::Pending => Repair::RecordStart { at: since },
        // The time of one that waits does not run yet.
        ExecutionState::Absent if execution.admitted_at.is_some_and(|since| is_overdue(since, now)) => {
            Repair::End { end: End::TimedOut, at: now }
        }
        ExecutionState::Absent if execution.status() == Status::Pending => Repair::Announce,
        ExecutionState::Running { .. } | ExecutionState::Absent => Repair::None,
    }
}

/// Returns `true` if the execution of a workflow runs on although the workflow has ended, or is about to.
pub fn must_stop(execution: &Execution, machine: ExecutionState) -> bool {
    matches!(machine, ExecutionState::Running { .. }) && (execution.has_ended() || execution.cancellation.is_some())
}

/// Returns `true` if capacity was acquired so long ago that its holder is to be checked: `launch` may only just have acquired
/// it, and be about to start the execution.
pub fn is_unattended(held: &Held, now: Timestamp) -> bool {
    now.since(held.since) > HANDOVER
}

/// How the workflow is that holds capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// It was launched and has not ended.
    Launched,
    /// Capacity acquired, launch not recorded.
    Unmarked,
    /// It runs, or ran, with other capacity: it was moved or had ended while a function that took it for one that waits
    /// acquired this.
    Surplus,
    /// It has ended, or is not recorded: no worker is at it.
    Gone,
}

impl Holder {
    /// Of a workflow as it is recorded, if it is, that holds this.
    pub fn of(execution: Option<&Execution>, held: &Held) -> Self {
        // What it was launched with is recorded with its launch.
        let is_surplus = |e: &Execution| e.admitted_at.is_some_and(|at| (at, e.shard) != (held.since, held.shard));
        match execution {
            Some(execution) if is_surplus(execution) => Self::Surplus,
            Some(execution) if execution.has_ended() => Self::Gone,
            Some(execution) if execution.is_waiting() => Self::Unmarked,
            Some(_) => Self::Launched,
            None => Self::Gone,
        }
    }
}

/// What a workflow needs whose launch was begun and not noted. Its time runs since it was its turn: one that cannot be
/// launched ends as well.
pub fn repair_launch(held: &Held, machine: ExecutionState, now: Timestamp) -> Repair {
    match machine {
        ExecutionState::Ended { end, at } => Repair::End { end, at },
        ExecutionState::Absent if is_overdue(held.since, now) => Repair::End { end: End::TimedOut, at: now },
        ExecutionState::Absent | ExecutionState::Running { .. } => Repair::Announce,
    }
}

fn is_overdue(since: Timestamp, now: Timestamp) -> bool {
    now.since(since) > Duration::from_secs(WORKFLOW_SECONDS.into()) + OVERDUE_GRACE
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use goal_activity_events::FinalStatus;

    use crate::execution::Cancellation;
    use crate::samples;

    fn after(seconds: u64) -> Timestamp {
        Timestamp::from_millis(samples::START_MILLIS).plus(Duration::from_secs(seconds))
    }

    fn pending() -> Execution {
        samples::execution()
    }

    fn running() -> Execution {
        Execution { started_at: Some(after(0)), ..pending() }
    }

    fn held(shard: Shard, since: u64) -> Held {
        Held {
            execution: samples::execution().execution_arn,
            batches: 8,
            since: after(since),
            shard,
            drawn: Duration::ZERO,
        }
    }

    fn ended() -> Execution {
        samples::ended(FinalStatus::Succeeded, after(0), vec![])
    }

    #[test]
    fn a_workflow_whose_launch_came_to_nothing_is_announced_until_its_time_is_over() {
        let pending = Execution { admitted_at: Some(after(1_000)), ..pending() };
        assert_eq!(repair(&pending, ExecutionState::Absent, after(1_030)), Repair::Announce);
        assert_eq!(repair(&pending, ExecutionState::Absent, after(1_960)), Repair::Announce);
        let end = Repair::End { end: End::TimedOut, at: after(1_961) };
        assert_eq!(repair(&pending, ExecutionState::Absent, after(1_961)), end);
    }

    #[test]
    fn no_workflow_times_out_by_waiting() {
        let waiting = pending();
        assert_eq!(repair(&waiting, ExecutionState::Absent, after(1_000_000)), Repair::Announce);
    }

    #[test]
    fn who_has_just_taken_capacity_is_left_alone() {
        let held = held(Shard::FIRST, 0);
        assert!(!is_unattended(&held, after(30)));
        assert!(is_unattended(&held, after(31)));
    }

    #[test]
    fn what_a_workflow_holds_is_its_own_until_it_has_ended() {
        let waiting = pending();
        let launched = Execution { admitted_at: Some(after(0)), ..waiting.clone() };
        let held = held(Shard::FIRST, 0);
        assert_eq!(Holder::of(Some(&launched), &held), Holder::Launched);
        assert_eq!(Holder::of(Some(&waiting), &held), Holder::Unmarked);
        assert_eq!(Holder::of(Some(&ended()), &held), Holder::Gone);
        assert_eq!(Holder::of(None, &held), Holder::Gone);
    }

    #[test]
    fn a_launch_that_was_begun_is_finished_or_given_up_in_the_end() {
        let held = Held {
            execution: samples::execution().execution_arn,
            batches: 8,
            since: after(500),
            shard: Shard::FIRST,
            drawn: Duration::ZERO,
        };
        assert_eq!(repair_launch(&held, ExecutionState::Absent, after(1_460)), Repair::Announce);
        assert_eq!(repair_launch(&held, ExecutionState::Running { since: after(501) }, after(9_999)), Repair::Announce);
        let end = Repair::End { end: End::TimedOut, at: after(1_461) };
        assert_eq!(repair_launch(&held, ExecutionState::Absent, after(1_461)), end);
        let ended = ExecutionState::Ended { end: End::Finished, at: after(600) };
        assert_eq!(repair_launch(&held, ended, after(700)), Repair::End { end: End::Finished, at: after(600) });
    }

    #[test]
    fn what_step_functions_knows_is_taken_over() {
        let machine = ExecutionState::Running { since: after(10) };
        assert_eq!(repair(&pending(), machine, after(30)), Repair::RecordStart { at: after(10) });
        assert_eq!(repair(&running(), machine, after(30)), Repair::None);
        for execution in [pending(), running()] {
            for end in [End::Finished, End::TimedOut, End::Aborted] {
                let machine = ExecutionState::Ended { end, at: after(20) };
                assert_eq!(repair(&execution, machine, after(30)), Repair::End { end, at: after(20) });
            }
        }
    }

    #[test]
    fn the_time_of_a_workflow_counts_from_when_it_began_to_run() {
        let machine = ExecutionState::Running { since: after(500) };
        assert_eq!(repair(&running(), machine, after(1460)), Repair::None);
        let end = Repair::End { end: End::TimedOut, at: after(1461) };
        assert_eq!(repair(&running(), machine, after(1461)), end);
    }

    #[test]
    fn a_cancelled_workflow_ends_as_cancelled_whatever_its_execution_did() {
        let cancellation = Some(Cancellation::from_outside(after(5)));
        let cancelled = Execution { cancellation, ..running() };
        let end = Repair::End { end: End::Aborted, at: after(5) };
        let finished = ExecutionState::Ended { end: End::Finished, at: after(6) };
        for machine in [ExecutionState::Absent, ExecutionState::Running { since: after(0) }, finished] {
            assert_eq!(repair(&cancelled, machine, after(30)), end);
        }
        assert!(must_stop(&cancelled, ExecutionState::Running { since: after(0) }));
        assert!(!must_stop(&running(), ExecutionState::Running { since: after(0) }));
        assert!(!must_stop(&cancelled, finished));
    }

    #[test]
    fn a_workflow_that_has_ended_is_reported_first_and_archived_last() {
        let ended = ended();
        assert_eq!(repair(&ended, ExecutionState::Absent, after(30)), Repair::Report);
        let published = Execution { published_at: Some(after(1)), ..ended };
        assert_eq!(repair(&published, ExecutionState::Absent, after(30)), Repair::Report);
        let reported = Execution { notified_at: Some(after(1)), ..published };
        assert_eq!(repair(&reported, ExecutionState::Absent, after(30)), Repair::Archive);
        let archived = Execution { archived_at: Some(after(2)), ..reported };
        assert_eq!(repair(&archived, ExecutionState::Absent, after(30)), Repair::None);
    }

    #[test]
    fn runs_begin_at_places_all_over_a_list() {
        for length in [1, 2, 7, 31, 62, 124, 248, 1_000] {
            let places: Vec<_> = (0..4_000).map(|run| first_place(after(30 * run), length)).collect();
            assert!(places.iter().all(|place| *place < length));
            let mut seen = places.clone();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), length);
            let near = places.windows(2).filter(|two| two[0].abs_diff(two[1]) < length / 10).count();
            assert_eq!(near, 0, "of {length}");
        }
        assert_eq!(first_place(after(0), 0), 0);
    }

    #[test]
    fn each_former_shard_has_its_turn_in_time() {
        for batches in [8, 1_000, 1_001, 2_500, 16_001, 19_000, 19_001, 20_000] {
            let capacity = Capacity::new(NonZeroU32::new(batches).unwrap());
            let runs = former_within(capacity).as_secs() / RECONCILE_EVERY.as_secs();
            for first in 0..40 {
                let looks = (first..first + runs).map(|run| former_shards(capacity, after(30 * run)));
                let mut seen: Vec<_> =
                    looks.inspect(|looked| assert!(looked.len() <= FORMER_SHARDS)).flatten().collect();
                seen.sort_unstable();
                assert_eq!(seen, capacity.former().collect::<Vec<_>>(), "of {batches} from run {first}");
            }
        }
        assert_eq!(former_within(Capacity::new(NonZeroU32::new(8).unwrap())), Duration::from_secs(150));
    }

    #[test]
    fn step_functions_is_asked_at_once_about_what_is_known_to_be_due() {
        let admitted = Execution { admitted_at: Some(after(0)), ..running() };
        let batch = |succeeded| crate::execution::BatchState {
            sequence: 1,
            total: 8,
            succeeded,
            failed: vec![],
            usage: goal_activity_events::Usage::default(),
            updated_at: after(1),
        };
        let with = |last| Execution {
            batches: (0..8).map(|n: u32| (n.to_string(), batch(if n == 7 { last } else { 8 }))).collect(),
            ..admitted.clone()
        };
        assert_eq!(Urgency::of(&with(8), after(30)), Urgency::Now);
        assert_eq!(Urgency::of(&with(7), after(30)), Urgency::Later);
        assert_eq!(Urgency::of(&admitted, after(30)), Urgency::Later);
        assert_eq!(Urgency::of(&admitted, after(961)), Urgency::Now);
        assert_eq!(Urgency::of(&ended(), after(30)), Urgency::Now);
        let cancellation = Some(Cancellation::from_outside(after(5)));
        assert_eq!(Urgency::of(&Execution { cancellation, ..admitted }, after(30)), Urgency::Now);
    }

    #[test]
    fn what_is_held_in_another_shard_than_where_it_runs_is_surplus() {
        let waiting = pending();
        let other = Shard::all().nth(1).unwrap();
        let launched = Execution { admitted_at: Some(after(0)), shard: other, ..waiting.clone() };
        let held = |shard, since| Held {
            execution: waiting.execution_arn.clone(),
            batches: 1,
            since: after(since),
            shard,
            drawn: Duration::ZERO,
        };
        assert_eq!(Holder::of(Some(&launched), &held(other, 0)), Holder::Launched);
        assert_eq!(Holder::of(Some(&launched), &held(Shard::FIRST, 0)), Holder::Surplus);
        let moved = Execution { shard: other, ..waiting.clone() };
        assert_eq!(Holder::of(Some(&moved), &held(Shard::FIRST, 9)), Holder::Unmarked, "it may run already");
        assert_eq!(Holder::of(Some(&ended()), &held(other, 0)), Holder::Gone);
    }

    #[test]
    fn what_is_acquired_beside_what_it_was_launched_with_is_surplus() {
        let launched = Execution { admitted_at: Some(after(5)), ..ended() };
        for (since, what) in [(4, Holder::Surplus), (5, Holder::Gone), (6, Holder::Surplus)] {
            assert_eq!(Holder::of(Some(&launched), &held(Shard::FIRST, since)), what, "{since}");
        }
    }

    #[test]
    fn only_a_quiet_workflow_is_looked_at() {
        let running = running();
        assert!(!is_quiet(&running, after(14)));
        assert!(is_quiet(&running, after(15)));
        let ended = samples::ended(FinalStatus::Succeeded, after(10), vec![]);
        assert!(!is_quiet(&ended, after(24)));
    }
}
