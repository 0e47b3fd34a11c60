//! What to do about a workflow that an event, a message or an invocation may have been lost for (promise P7).
//!
//! Nothing here is a way of its own: every repair is a step of the normal path, taken again.

use std::time::Duration;

use goal_activity_events::Timestamp;

use crate::execution::{Execution, Status};
use crate::limits::{OVERDUE_GRACE, QUIET, WORKFLOW_SECONDS};
use crate::outcome::End;
use crate::ports::Machine;

/// What is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// Nothing: it is on its way.
    None,
    /// It was never launched: announce it again.
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
    /// It has ended, and not everybody knows, or it is not archived.
    Settle,
}

/// Whether a workflow has been quiet for long enough to be worth a look.
pub fn is_quiet(execution: &Execution, now: Timestamp) -> bool {
    now.since(execution.last_sign()) >= QUIET
}

/// What a workflow needs, given what Step Functions knows of it. Its execution must be stopped as well when it still runs
/// after that: see [`must_stop`].
pub fn repair(execution: &Execution, machine: Machine, now: Timestamp) -> Repair {
    if execution.status.ended().is_some() {
        return if execution.is_settled() { Repair::None } else { Repair::Settle };
    }
    if let Some(cancellation) = &execution.cancellation {
        return Repair::End { end: End::Aborted, at: cancellation.at };
    }
    match machine {
        Machine::Ended { end, at } => Repair::End { end, at },
        // AWS ends an execution itself when its time is over; whatever runs an execution and does not is overruled.
        Machine::Running { since } if is_overdue(since, now) => Repair::End { end: End::TimedOut, at: now },
        Machine::Running { since } if execution.status == Status::Pending => Repair::RecordStart { at: since },
        Machine::Absent if is_overdue(execution.start_date, now) => Repair::End { end: End::TimedOut, at: now },
        Machine::Absent if execution.status == Status::Pending => Repair::Announce,
        Machine::Running { .. } | Machine::Absent => Repair::None,
    }
}

/// Whether the execution of a workflow runs on although the workflow has ended, or is about to.
pub fn must_stop(execution: &Execution, machine: Machine) -> bool {
    matches!(machine, Machine::Running { .. })
        && (execution.status.ended().is_some() || execution.cancellation.is_some())
}

fn is_overdue(since: Timestamp, now: Timestamp) -> bool {
    now.since(since) > Duration::from_secs(WORKFLOW_SECONDS.into()) + OVERDUE_GRACE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::Cancellation;
    use crate::samples;

    fn after(seconds: u64) -> Timestamp {
        Timestamp::from_millis(samples::START_MILLIS).plus(Duration::from_secs(seconds))
    }

    fn execution(status: Status) -> Execution {
        Execution { status, ..samples::execution() }
    }

    #[test]
    fn a_workflow_that_was_never_launched_is_announced_until_its_time_is_over() {
        let pending = execution(Status::Pending);
        assert_eq!(repair(&pending, Machine::Absent, after(30)), Repair::Announce);
        assert_eq!(repair(&pending, Machine::Absent, after(960)), Repair::Announce);
        let end = Repair::End { end: End::TimedOut, at: after(961) };
        assert_eq!(repair(&pending, Machine::Absent, after(961)), end);
    }

    #[test]
    fn what_step_functions_knows_is_taken_over() {
        let running = Machine::Running { since: after(10) };
        assert_eq!(repair(&execution(Status::Pending), running, after(30)), Repair::RecordStart { at: after(10) });
        assert_eq!(repair(&execution(Status::Running), running, after(30)), Repair::None);
        for status in Status::OPEN {
            for end in [End::Finished, End::TimedOut, End::Aborted] {
                let machine = Machine::Ended { end, at: after(20) };
                assert_eq!(repair(&execution(status), machine, after(30)), Repair::End { end, at: after(20) });
            }
        }
    }

    #[test]
    fn the_time_of_a_workflow_counts_from_when_it_began_to_run() {
        let machine = Machine::Running { since: after(500) };
        assert_eq!(repair(&execution(Status::Running), machine, after(1460)), Repair::None);
        let end = Repair::End { end: End::TimedOut, at: after(1461) };
        assert_eq!(repair(&execution(Status::Running), machine, after(1461)), end);
    }

    #[test]
    fn a_cancelled_workflow_ends_as_cancelled_whatever_its_execution_did() {
        let cancellation = Some(Cancellation::from_outside(after(5)));
        let cancelled = Execution { cancellation, ..execution(Status::Running) };
        let end = Repair::End { end: End::Aborted, at: after(5) };
        let finished = Machine::Ended { end: End::Finished, at: after(6) };
        for machine in [Machine::Absent, Machine::Running { since: after(0) }, finished] {
            assert_eq!(repair(&cancelled, machine, after(30)), end);
        }
        assert!(must_stop(&cancelled, Machine::Running { since: after(0) }));
        assert!(!must_stop(&execution(Status::Running), Machine::Running { since: after(0) }));
        assert!(!must_stop(&cancelled, finished));
    }

    #[test]
    fn an_end_is_settled_when_everybody_knows_and_it_is_archived() {
        let ended = execution(Status::Succeeded);
        assert_eq!(repair(&ended, Machine::Absent, after(30)), Repair::Settle);
        let published = Execution { published_at: Some(after(1)), ..ended };
        assert_eq!(repair(&published, Machine::Absent, after(30)), Repair::Settle);
        let told = Execution { notified_at: Some(after(1)), ..published };
        assert_eq!(repair(&told, Machine::Absent, after(30)), Repair::Settle);
        let archived = Execution { archived_at: Some(after(2)), ..told };
        assert_eq!(repair(&archived, Machine::Absent, after(30)), Repair::None);
    }

    #[test]
    fn only_a_quiet_workflow_is_looked_at() {
        let mut running = execution(Status::Running);
        assert!(!is_quiet(&running, after(14)));
        assert!(is_quiet(&running, after(15)));
        running.stop_date = Some(after(10));
        assert!(!is_quiet(&running, after(24)));
    }
}
