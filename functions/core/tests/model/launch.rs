//! `launch`: takes capacity for whose turn it is, starts executions, gives capacity back. Mirrors
//! `functions/src/steps/admission.rs`.

use goal_activity_core::execution::Status;

use crate::message::Message;
use crate::outside;
use crate::scope::Flaw;
use crate::state::{Batch, Job, Launch, Line, Machine, Neighbour, Row, State, Waiter};
use crate::steps::Protocol;
use crate::view;

/// A message comes: what it reads first is read with it. To die before its first write is not to have received it.
pub(crate) fn receive(protocol: &Protocol, s: &mut State, job: Job) -> Option<()> {
    let busy = s.launchers.iter().flatten().count();
    let i = s.launchers.iter().position(Option::is_none).filter(|_| busy < protocol.scope.launchers)?;
    let waits = s.row.as_ref().is_some_and(view::is_waiting);
    let to = match (job, s.row) {
        (Job::Completed(_), _) => {
            release(protocol, s, job);
            Some(Launch::List)
        }
        (Job::Requested(Waiter::Neighbour), _) if s.neighbour == Neighbour::Waits => list(protocol, s, i, job),
        (Job::Requested(Waiter::First), Some(row)) if is_over(&row) => Some(Launch::Halt(None)),
        (Job::Requested(Waiter::First), Some(_)) if waits => list(protocol, s, i, job),
        (Job::Requested(Waiter::First), Some(row)) if row.status == Status::Pending => Some(Launch::StartAgain),
        _ => None,
    };
    s.launchers[i] = to.map(|to| (job, to));
    Some(())
}

pub(crate) fn dies(s: &mut State, i: usize) -> Option<()> {
    let (job, _) = s.launchers[i].take()?;
    Message::Launch(job).put(s);
    Some(())
}

/// Whether no launch is under way, apart from that one. A launch takes less than the handover time.
pub(crate) fn is_unattended(s: &State, but: Option<usize>) -> bool {
    let launches = |(i, launcher): (usize, &Option<(Job, Launch)>)| {
        Some(i) != but && matches!(launcher, Some((_, Launch::Start(_) | Launch::Mark(_))))
    };
    !s.launchers.iter().enumerate().any(launches)
}

/// Nothing may run for it any more: `is_over` of `admission.rs`.
fn is_over(row: &Row) -> bool {
    row.cancelled || matches!(row.status, Status::Aborted | Status::TimedOut)
}

pub(crate) fn step(protocol: &Protocol, s: &mut State, i: usize) -> Option<()> {
    let (job, at) = s.launchers[i]?;
    let own = job == Job::Requested(Waiter::First);
    let to = match at {
        Launch::List => list(protocol, s, i, job),
        Launch::Acquire(rest) => acquire(protocol, s, own, is_unattended(s, Some(i)), rest),
        Launch::Start(rest) => {
            start(s);
            Some(Launch::Mark(rest))
        }
        Launch::StartAgain => {
            start(s);
            None
        }
        Launch::Mark(rest) => {
            let row = s.row.as_mut()?;
            let unmarked = !row.ended() && !row.cancelled && !row.admitted;
            row.admitted |= unmarked;
            // Cancelled between the reading and the start, when there was nothing to stop.
            match !unmarked && is_over(row) {
                true => Some(Launch::Halt(Some(rest))),
                false => next(protocol, s, rest),
            }
        }
        Launch::Halt(rest) => {
            outside::stop(s);
            Some(Launch::ReleaseOver(rest))
        }
        Launch::ReleaseOver(rest) => {
            release(protocol, s, Job::Completed(Waiter::First));
            rest.and_then(|rest| next(protocol, s, rest))
        }
    };
    s.launchers[i] = to.map(|to| (job, to));
    Some(())
}

/// Reads who waits, and goes through them.
fn list(protocol: &Protocol, s: &mut State, i: usize, job: Job) -> Option<Launch> {
    let own = job == Job::Requested(Waiter::First);
    let waits = s.row.as_ref().is_some_and(view::is_waiting);
    let line = line(protocol, s, i, own, waits);
    next(protocol, s, line)
}

/// The next of the line. It may be behind; the record is not.
fn next(protocol: &Protocol, s: &mut State, mut line: Line) -> Option<Launch> {
    while let Some(waiter) = line.0[0] {
        line = line.rest();
        match waiter {
            Waiter::Neighbour if !neighbour(protocol, s) => return None,
            Waiter::First if s.row.as_ref().is_some_and(view::is_waiting) => return Some(Launch::Acquire(line)),
            Waiter::Neighbour | Waiter::First => {}
        }
    }
    None
}

fn release(protocol: &Protocol, s: &mut State, job: Job) {
    if protocol.has(Flaw::CapacityKept) {
        return;
    }
    match job {
        Job::Completed(Waiter::First) => s.held = false,
        Job::Completed(Waiter::Neighbour) if s.neighbour == Neighbour::Ended => s.neighbour = Neighbour::Gone,
        Job::Completed(Waiter::Neighbour) | Job::Requested(_) => {}
    }
}

/// Who holds capacity already comes first: the newcomer, or one that nobody launches. Then the others in turn.
fn line(protocol: &Protocol, s: &State, i: usize, own: bool, waits: bool) -> Line {
    let neighbour = s.neighbour == Neighbour::Waits;
    if protocol.has(Flaw::HolderNotFirst) {
        return view::order(own || waits, neighbour, false, own, true);
    }
    view::order(own || waits, neighbour, s.held, own, is_unattended(s, Some(i)))
}

/// Launches the neighbour, all at once, if there is room for it. `false` when there is none: the others wait as well.
fn neighbour(protocol: &Protocol, s: &mut State) -> bool {
    let most = protocol.scope.capacity;
    if s.neighbour != Neighbour::Waits {
        return true;
    }
    let room = view::used(s.held, true, most) <= most || protocol.has(Flaw::CapacityIgnored);
    if room {
        s.neighbour = Neighbour::Works;
    }
    room
}

fn acquire(protocol: &Protocol, s: &mut State, own: bool, unattended: bool, rest: Line) -> Option<Launch> {
    let most = protocol.scope.capacity;
    if s.held {
        // Unless another function is about to launch it.
        return if own || unattended { Some(Launch::Start(rest)) } else { next(protocol, s, rest) };
    }
    let room = view::used(true, s.neighbour_holds(), most) <= most || protocol.has(Flaw::CapacityIgnored);
    s.held |= room;
    room.then_some(Launch::Start(rest))
}

/// One that was started before is left alone.
fn start(s: &mut State) {
    if s.machine == Machine::Absent {
        s.machine = Machine::Batches([Batch::Waits(1); 2]);
        s.queues.started = true;
        for work in &mut s.queues.work {
            work[0] = true;
        }
    }
}
