//! Starts, cancels and other workflows. Mirrors `functions/src/steps/intake.rs`, `functions/src/handlers/api/start.rs` and
//! `functions/src/steps/cancel.rs`.

use goal_activity_core::goal::GoalStatus;

use crate::end::record_cancellation;
use crate::outside;
use crate::scope::Flaw;
use crate::state::{Cancel, Ending, Goal, Neighbour, Role, Row, Second, Starter, State, Stop, Waiter, Workflow};
use crate::steps::{Protocol, take_one};
use crate::view;

pub(crate) fn start(protocol: &Protocol, s: &mut State, i: usize) -> Option<()> {
    s.starters[i] = match s.starters[i] {
        Starter::Idle if i == 1 && !protocol.scope.second_start => return None,
        Starter::Idle => Starter::Tasks(as_read(protocol, s.goal)),
        Starter::Tasks(goal) => match view::may_start(&goal, running(protocol, s), &s.tasks) {
            true => Starter::Claim(goal),
            false => Starter::Done,
        },
        Starter::Claim(read) => claim(protocol, s, read),
        Starter::Record => {
            s.row = Some(Row::NEW);
            Starter::Announce
        }
        Starter::Announce => {
            s.queues.requested[Waiter::First as usize] = true;
            Starter::Done
        }
        Starter::Done => return None,
    };
    Some(())
}

/// Which workflow of the goal is open, by its record and by what is noted of its user.
fn running(protocol: &Protocol, s: &State) -> Option<Workflow> {
    match (s.row, s.second) {
        _ if protocol.has(Flaw::ClaimNotConditional) => None,
        (Some(row), _) if !row.ended() => Some(Workflow::First),
        (_, Second::Open | Second::Saved) => Some(Workflow::Second),
        _ => None,
    }
}

fn as_read(protocol: &Protocol, goal: Goal) -> Goal {
    if protocol.has(Flaw::ClaimNotConditional) { Goal { claim: None, ..goal } } else { goal }
}

/// Claims the goal and records the execution in one transaction, if the goal is as it was read, or free.
fn claim(protocol: &Protocol, s: &mut State, read: Goal) -> Starter {
    let free = (s.goal.claim.is_none() || s.goal.claim == read.claim)
        && !s.goal.status.is_closed()
        && s.goal.claims == read.claims;
    if !free && !protocol.has(Flaw::ClaimNotConditional) {
        // It is read and decided anew.
        return Starter::Tasks(as_read(protocol, s.goal));
    }
    let workflow = if s.goal.claims == 0 { Workflow::First } else { Workflow::Second };
    s.goal = Goal { claim: Some(workflow), claims: s.goal.claims + 1, status: GoalStatus::Processing };
    match workflow {
        Workflow::First if protocol.has(Flaw::RecordedApart) => Starter::Record,
        Workflow::First => {
            s.row = Some(Row::NEW);
            Starter::Announce
        }
        Workflow::Second => {
            s.second = Second::Open;
            Starter::Done
        }
    }
}

pub(crate) fn starter_dies(s: &mut State, i: usize) -> Option<()> {
    let at_work = !matches!(s.starters[i], Starter::Idle | Starter::Done);
    s.starters[i] = Starter::Done;
    at_work.then_some(())
}

/// The second workflow saves the tasks of all actions that have none, and ends.
pub(crate) fn second_goes_on(s: &mut State) -> Option<()> {
    s.second = match s.second {
        Second::Never | Second::Ended => return None,
        Second::Open => {
            s.tasks = s.tasks.map(|made| made.or(Some(Workflow::Second)));
            Second::Saved
        }
        Second::Saved => {
            if s.goal.claim == Some(Workflow::Second) {
                (s.goal.claim, s.goal.status) = (None, GoalStatus::Active);
            }
            Second::Ended
        }
    };
    Some(())
}

pub(crate) fn user_cancels(s: &mut State) -> Option<()> {
    take_one(&mut s.left.cancel)?;
    s.row.filter(|row| !row.ended())?;
    s.cancel = Cancel::Record;
    Some(())
}

/// The recorded cancellation decides the race with the natural end.
pub(crate) fn cancel(s: &mut State) -> Option<()> {
    s.cancel = match s.cancel {
        Cancel::No => return None,
        Cancel::Record => {
            record_cancellation(s);
            if s.row.is_some_and(|row| row.ended()) { Cancel::No } else { Cancel::Halt }
        }
        Cancel::Halt => {
            outside::stop(s);
            *s.ending(Role::Canceller) = Some(Ending::Find(Stop::Aborted));
            Cancel::No
        }
    };
    Some(())
}

pub(crate) fn cancel_dies(s: &mut State) -> Option<()> {
    (std::mem::replace(&mut s.cancel, Cancel::No) != Cancel::No).then_some(())
}

pub(crate) fn operator_stops(s: &mut State) -> Option<()> {
    take_one(&mut s.left.cancel)?;
    s.machine.runs().then(|| outside::stop(s))
}

pub(crate) fn neighbour_comes(protocol: &Protocol, s: &mut State) -> Option<()> {
    (protocol.scope.neighbour && s.neighbour == Neighbour::Away).then(|| {
        s.neighbour = Neighbour::Waits;
        s.queues.requested[Waiter::Neighbour as usize] = true;
    })
}

pub(crate) fn neighbour_ends(s: &mut State) -> Option<()> {
    (s.neighbour == Neighbour::Works).then(|| {
        s.neighbour = Neighbour::Ended;
        s.queues.completed[Waiter::Neighbour as usize] = true;
    })
}
