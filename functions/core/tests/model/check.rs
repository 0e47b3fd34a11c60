//! What has to hold: of every step, and at rest.

use goal_activity_core::execution::Status;

use crate::scope::{Promise, Scope};
use crate::state::{Failed, Goal, Ledger, Machine, Neighbour, Outcome, Queues, Row, Second, State, Workflow};
use crate::view;

type Breach = Option<(Promise, &'static str)>;

fn broken(by: bool, promise: Promise, how: &'static str) -> Breach {
    by.then_some((promise, how))
}

/// What a step has broken.
pub(crate) fn step(scope: &Scope, before: &State, after: &State) -> Breach {
    one_at_a_time(after)
        .or_else(|| tasks_and_outcomes(before, after))
        .or_else(|| after_the_seal(before, after))
        .or_else(|| before.row.zip(after.row).and_then(|(b, a)| after_the_end(before, after, &b, &a)))
        .or_else(|| batches(scope, before, after))
        .or_else(|| after.row.and_then(|row| progress(before.row.as_ref(), after, &row)))
        .or_else(|| after.row.and_then(|row| marks(after, &row)))
        .or_else(|| {
            let used = view::used(after.held, after.neighbour_holds(), scope.capacity);
            broken(used > scope.capacity, Promise::Capacity, "more is in use than there is")
        })
}

fn one_at_a_time(s: &State) -> Breach {
    let first = s.row.is_some_and(|row| !row.ended());
    let second = matches!(s.second, Second::Open | Second::Saved);
    let claim = match (first, second) {
        (true, true) => return Some((Promise::P1, "two workflows of the goal are open")),
        (true, false) => Some(Workflow::First),
        (false, true) => Some(Workflow::Second),
        (false, false) => None,
    };
    broken(s.goal.claim != claim, Promise::P1, "the claim names another workflow than the open one")
}

fn tasks_and_outcomes(before: &State, after: &State) -> Breach {
    for (b, a) in before.ledger.iter().zip(&after.ledger) {
        if b.outcome.is_some() && b.outcome != a.outcome {
            return Some((Promise::P3, "an outcome has changed"));
        }
    }
    // The tasks of a workflow that is cancelled are removed, once nothing can be added.
    let removing = after.row.is_some_and(|row| row.cancelled) && after.ledger.iter().all(|l| l.sealed);
    for ((b, a), ledger) in before.tasks.iter().zip(&after.tasks).zip(&after.ledger) {
        let saved = ledger.outcome == Some(Outcome::Tasks);
        let breach = broken(*b == Some(Workflow::Second) && a != b, Promise::P3, "tasks of another workflow are gone")
            .or_else(|| broken(*a == Some(Workflow::First) && !saved, Promise::P3, "tasks without their outcome"))
            .or_else(|| {
                let missing = saved && *a != Some(Workflow::First);
                broken(missing && !removing, Promise::P3, "an outcome without its tasks")
            });
        if breach.is_some() {
            return breach;
        }
    }
    None
}

fn after_the_seal(before: &State, after: &State) -> Breach {
    let changed = |(b, a): (&Ledger, &Ledger)| b.sealed && b != a;
    let changed = before.ledger.iter().zip(&after.ledger).any(changed);
    broken(changed, Promise::P4, "a sealed ledger has changed")
}

fn after_the_end(before: &State, after: &State, b: &Row, a: &Row) -> Breach {
    let told = |row: &Row| (row.status, row.batches, row.end, row.cancelled);
    let own = |s: &State| s.tasks.map(|tasks| tasks == Some(Workflow::First));
    let ends = !b.ended() && a.ended();
    broken(b.ended() && told(b) != told(a), Promise::P4, "an end has changed")
        .or_else(|| broken(b.ended() && own(before) != own(after), Promise::P4, "tasks have changed after the end"))
        .or_else(|| broken(b.cancelled && !a.cancelled, Promise::P4, "a cancellation is lost"))
        .or_else(|| {
            let open = after.ledger.iter().any(|l| !l.sealed);
            broken(ends && open, Promise::P4, "ended before the ledger was sealed")
        })
        .or_else(|| {
            let ignored = a.cancelled != (a.status == Status::Aborted);
            broken(ends && ignored, Promise::P4, "the cancellation has not decided the end")
        })
}

/// One lost message or one dead worker is made good by another message.
fn batches(scope: &Scope, before: &State, after: &State) -> Breach {
    let in_time = after.left.late == scope.faults.late;
    let given_up = |(b, a): (&bool, &bool)| !b && *a;
    let given_up = before.given_up.iter().zip(&after.given_up).any(given_up);
    // Once the end is decided, no task token has to be answered.
    let goes_on = after.row.is_some_and(|row| !row.ended() && !row.cancelled);
    let runs = goes_on && matches!(after.machine, Machine::Batches(_));
    let lost =
        |(row, i): (&Row, usize)| row.end.is_some_and(|end| end[i] == Some(Failed::NotProcessed)) && !after.given_up[i];
    broken(in_time && runs && given_up, Promise::P5, "a batch is given up though nothing took too long").or_else(|| {
        let lost = after.row.as_ref().is_some_and(|row| (0..2).any(|i| lost((row, i))));
        broken(in_time && lost, Promise::P5, "an action is left out whose batch was not given up")
    })
}

fn progress(before: Option<&Row>, after: &State, row: &Row) -> Breach {
    let (processed, succeeded, percentage) = view::known(row).progress;
    let of_ledger = |outcome| after.ledger.iter().filter(|l| l.outcome == Some(outcome)).count();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let made = count(after.tasks.iter().filter(|t| **t == Some(Workflow::First)).count());
    if !row.ended() {
        let shrinks = before.is_some_and(|b| view::known(b).progress.0 > processed);
        return broken(shrinks, Promise::P6, "progress has shrunk")
            .or_else(|| broken(processed > 2, Promise::P6, "progress is over the total"))
            .or_else(|| broken(percentage > 99, Promise::P6, "100 percent before the end"));
    }
    if row.status == Status::Aborted {
        return broken(made > 0, Promise::P6, "tasks of a cancelled workflow are there")
            .or_else(|| broken(succeeded > 0, Promise::P6, "a cancelled workflow counts successes"));
    }
    broken(processed != 2, Promise::P6, "the final counts are not the total")
        .or_else(|| {
            broken(succeeded != count(of_ledger(Outcome::Tasks)), Promise::P6, "the counts are not the ledger's")
        })
        .or_else(|| broken(succeeded != made, Promise::P6, "the counts are not those of the tasks"))
}

/// A mark says what was done.
fn marks(s: &State, row: &Row) -> Breach {
    broken(row.archived && !s.archive, Promise::P7, "marked as archived and not there")
        .or_else(|| broken(row.published && !s.told, Promise::P7, "marked as published and not on the bus"))
        .or_else(|| {
            broken(row.notified && view::known(row).warns && !s.warned, Promise::P7, "marked as notified and not sent")
        })
}

/// Nothing is left over.
pub(crate) fn is_at_rest(s: &State) -> bool {
    let done = |row: Row| {
        view::known(&row).execution.is_complete() && s.told && s.archive && (s.warned || !view::known(&row).warns)
    };
    let Goal { claim, .. } = s.goal;
    claim.is_none()
        && s.row.is_none_or(done)
        && !s.held
        && matches!(s.neighbour, Neighbour::Away | Neighbour::Gone)
        && matches!(s.second, Second::Never | Second::Ended)
        && !s.machine.runs()
        && s.queues == Queues::default()
        && s.workers.iter().all(Option::is_none)
        && s.launchers.iter().all(Option::is_none)
        && s.endings.iter().all(Option::is_none)
}
