//! The reconciler. Mirrors `functions/src/handlers/reconcile`. A look that finds nothing to do changes nothing and is no step; apart
//! from that it may come at any moment.

use crate::end::{self, change};
use crate::launch::is_unattended;
use crate::scope::Flaw;
use crate::state::{Ending, Look, Neighbour, Role, Row, State, Waiter};
use crate::steps::{Protocol, take_late};
use crate::view::{self, Need};

/// The row, if the reconciler lists it and is free.
fn listed(protocol: &Protocol, s: &State) -> Option<Row> {
    let free = s.endings[Role::Reconciler as usize].is_none() && s.look == Look::No;
    let told = |row: &Row| protocol.has(Flaw::ListedUntilReported) && view::known(row).execution.is_reported();
    s.row.filter(|row| free && !view::is_waiting(row) && !row.archived && !told(row))
}

/// Reads the execution and Step Functions, and takes the step that is missing.
pub(crate) fn repair(protocol: &Protocol, s: &mut State) -> Option<()> {
    let row = listed(protocol, s)?;
    make(protocol, s, &row)
}

/// Reads the execution, and goes on later.
pub(crate) fn reads(protocol: &Protocol, s: &mut State) -> Option<()> {
    take_late(s)?;
    s.look = Look::Read(listed(protocol, s)?);
    Some(())
}

pub(crate) fn asks(protocol: &Protocol, s: &mut State) -> Option<()> {
    let Look::Read(row) = std::mem::replace(&mut s.look, Look::No) else { return None };
    make(protocol, s, &row).or(Some(()))
}

fn make(protocol: &Protocol, s: &mut State, row: &Row) -> Option<()> {
    let need = view::repair(row, s.machine, s.overdue);
    perform(protocol, s, row, need)
}

fn perform(protocol: &Protocol, s: &mut State, row: &Row, need: Need) -> Option<()> {
    let runs = s.machine.runs();
    match need {
        Need::Nothing => return None,
        Need::Announce => s.queues.requested[Waiter::First as usize] = true,
        Need::RecordStart => change(s, |row| row.status = view::known(row).started),
        Need::End(stop) => begin(s, runs, Some(Ending::Find(stop))),
        // What still runs is stopped first; what is left to do goes by what was read.
        Need::Report | Need::Archive if view::stops(row, runs) => begin(s, runs, Some(Ending::Halt(*row))),
        Need::Report | Need::Archive => begin(s, runs, end::after_mark(protocol, row)),
    }
    Some(())
}

fn begin(s: &mut State, runs: bool, ending: Option<Ending>) {
    s.saw_it_run = runs && ending.is_some();
    *s.ending(Role::Reconciler) = ending;
}

/// A launch takes less time than after which the reconciler looks.
fn launches_are_quiet(s: &State) -> bool {
    s.launchers.iter().all(Option::is_none)
}

/// Looks at one that holds capacity.
pub(crate) fn holder(protocol: &Protocol, s: &mut State, waiter: Waiter) -> Option<()> {
    let kept = protocol.has(Flaw::CapacityKept) || protocol.has(Flaw::HoldersNotChecked);
    match waiter {
        Waiter::Neighbour => (s.neighbour == Neighbour::Ended && !kept).then(|| s.neighbour = Neighbour::Gone),
        Waiter::First if !s.held || !is_unattended(s, None) => None,
        Waiter::First => match view::attend(s.row.as_ref(), s.machine, s.overdue) {
            None if kept => None,
            None => {
                s.held = false;
                Some(())
            }
            // It comes after the readings of one workflow: not while another is repaired.
            Some(Need::End(_)) if s.endings[Role::Reconciler as usize].is_some() || s.look != Look::No => None,
            Some(Need::Announce) if !launches_are_quiet(s) || protocol.has(Flaw::HoldersNotChecked) => None,
            Some(need) => {
                let row = s.row?;
                perform(protocol, s, &row, need)
            }
        },
    }
}

/// Announces who waits first, when there is room.
pub(crate) fn line(protocol: &Protocol, s: &mut State) -> Option<()> {
    let most = protocol.scope.capacity;
    let room = view::used(s.held, s.neighbour_holds(), most) < most;
    if !room || protocol.has(Flaw::LineNotChecked) || !launches_are_quiet(s) {
        return None;
    }
    let first = match s.row {
        _ if s.neighbour == Neighbour::Waits => Waiter::Neighbour,
        Some(row) if view::is_waiting(&row) => Waiter::First,
        _ => return None,
    };
    s.queues.requested[first as usize] = true;
    Some(())
}
