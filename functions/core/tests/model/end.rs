//! The end of a workflow, by the projector, the reconciler or a cancel: sealed, written, published, told, archived. Mirrors
//! `functions/src/steps/ending.rs` and what calls it.

use crate::message::Message;
use crate::outside;
use crate::scope::Flaw;
use crate::state::{Ending, Machine, Outcome, Role, Row, State, Stop, Waiter, Workflow};
use crate::steps::{Protocol, take_one};
use crate::view;

/// The projector hears of an end. To die before its first write is not to have heard.
pub(crate) fn receive(protocol: &Protocol, s: &mut State) -> Option<()> {
    let Machine::Ended(stop) = s.machine else { return None };
    if s.ending(Role::Projector).is_some() {
        return None;
    }
    *s.ending(Role::Projector) = find(protocol, s, Role::Projector, stop);
    Some(())
}

/// Where it dies in the middle of sealing or removing, the first batch is done.
pub(crate) fn dies(s: &mut State, role: Role, halfway: bool) -> Option<()> {
    let at = s.ending(role).take()?;
    match at {
        Ending::Seal(_) if halfway => s.ledger[0].sealed = true,
        Ending::Remove(_) if halfway && s.tasks[0] == Some(Workflow::First) => s.tasks[0] = None,
        _ if halfway => return None,
        _ => {}
    }
    comes_back(s, role);
    Some(())
}

fn comes_back(s: &mut State, role: Role) {
    if role == Role::Projector {
        Message::Ended.put(s);
    }
}

/// SNS does not take the notice.
pub(crate) fn notice_fails(s: &mut State, role: Role) -> Option<()> {
    take_one(&mut s.left.crash)?;
    let ending = s.ending(role).as_mut().filter(|e| **e == Ending::Notify)?;
    *ending = Ending::ReleaseNotice;
    Some(())
}

pub(crate) fn step(protocol: &Protocol, s: &mut State, role: Role) -> Option<()> {
    let at = (*s.ending(role))?;
    let row = s.row?;
    let to = match at {
        Ending::Find(stop) => find(protocol, s, role, stop),
        Ending::RecordCancellation => {
            record_cancellation(s);
            find(protocol, s, role, Stop::Aborted)
        }
        Ending::Seal(stop) => {
            let reading = s.ledger.map(|ledger| ledger.outcome);
            if protocol.has(Flaw::SealedAfterReading) {
                Some(Ending::SealRead(stop, reading))
            } else {
                seal(protocol, s);
                Some(sealed(protocol, stop, reading))
            }
        }
        Ending::SealRead(stop, reading) => {
            seal(protocol, s);
            Some(sealed(protocol, stop, reading))
        }
        Ending::Remove(reading) => {
            let all = protocol.has(Flaw::TasksOfOthersRemoved);
            for tasks in s.tasks.iter_mut().filter(|t| all || **t == Some(Workflow::First)) {
                if !protocol.has(Flaw::TasksLeftBehind) {
                    *tasks = None;
                }
            }
            match protocol.has(Flaw::TasksRemovedAfterEnd) {
                true => find(protocol, s, role, Stop::Aborted),
                false => Some(Ending::Write(Stop::Aborted, reading)),
            }
        }
        Ending::Write(stop, reading) => write(protocol, s, role, stop, &reading),
        Ending::FreeGoal => {
            free_goal(s);
            find(protocol, s, role, Stop::Finished)
        }
        Ending::Halt(row) => {
            outside::stop(s);
            after_mark(protocol, &row)
        }
        Ending::Publish => {
            s.told |= view::known(&row).tells && !protocol.has(Flaw::EndNotPublished);
            s.queues.completed[Waiter::First as usize] = true;
            let everybody = row.notified || !view::known(&row).warns;
            Some(if everybody { Ending::MarkReported } else { Ending::MarkPublished })
        }
        Ending::ClaimNotice => {
            let claimed = claim_notice(s);
            if claimed { Some(Ending::Notify) } else { (!row.published).then_some(Ending::Publish) }
        }
        Ending::Notify => {
            s.warned = true;
            Some(Ending::MarkNotified)
        }
        Ending::ReleaseNotice => {
            s.notice_claimed = false;
            comes_back(s, role);
            (!row.published).then_some(Ending::Publish)
        }
        Ending::MarkNotified => {
            if !protocol.has(Flaw::MarkForgotten) {
                change(s, |row| row.notified = true);
            }
            Some(if row.published { Ending::MarkReported } else { Ending::Publish })
        }
        Ending::MarkPublished => {
            if !protocol.has(Flaw::MarkForgotten) {
                change(s, |row| row.published = true);
            }
            None
        }
        Ending::MarkReported => {
            if !protocol.has(Flaw::MarkForgotten) {
                change(s, |row| (row.published, row.notified) = (true, true));
            }
            // A cancel leaves the archive to the others, the reconciler to its last turn.
            (role == Role::Projector).then(|| archive(protocol))
        }
        Ending::Archive => {
            s.archive = true;
            (!protocol.has(Flaw::MarkedBeforeArchived)).then_some(Ending::MarkArchived)
        }
        Ending::MarkArchived => {
            change(s, |row| row.archived = true);
            protocol.has(Flaw::MarkedBeforeArchived).then_some(Ending::Archive)
        }
    };
    *s.ending(role) = to;
    // The reconciler's look is over with it.
    s.saw_it_run &= s.endings[Role::Reconciler as usize].is_some();
    Some(())
}

pub(crate) fn change(s: &mut State, how: impl FnOnce(&mut Row)) {
    if let Some(row) = &mut s.row {
        how(row);
    }
}

/// Unless it has ended or is cancelled.
pub(crate) fn record_cancellation(s: &mut State) -> bool {
    let open = s.row.is_some_and(|row| !row.ended() && !row.cancelled);
    change(s, |row| row.cancelled |= open);
    open
}

/// Reads the execution, and decides what it needs: the first decision counts.
fn find(protocol: &Protocol, s: &State, role: Role, stop: Stop) -> Option<Ending> {
    let row = s.row?;
    match stop {
        _ if row.ended() => after_end(protocol, s, role, &row),
        Stop::Aborted if !row.cancelled => Some(Ending::RecordCancellation),
        _ => Some(Ending::Seal(if row.cancelled { Stop::Aborted } else { stop })),
    }
}

fn seal(protocol: &Protocol, s: &mut State) {
    for ledger in &mut s.ledger {
        ledger.sealed |= !protocol.has(Flaw::SealForgotten);
    }
}

fn sealed(protocol: &Protocol, stop: Stop, reading: [Option<Outcome>; 2]) -> Ending {
    match stop {
        Stop::Aborted if !protocol.has(Flaw::TasksRemovedAfterEnd) => Ending::Remove(reading),
        _ => Ending::Write(stop, reading),
    }
}

/// The execution's end and the goal's release in one transaction, if it is open, and cancelled only if it is aborted.
fn write(protocol: &Protocol, s: &mut State, role: Role, stop: Stop, reading: &[Option<Outcome>; 2]) -> Option<Ending> {
    let row = s.row?;
    let final_already = row.ended() && !protocol.has(Flaw::EndNotFinal);
    let decided_already = row.cancelled && stop != Stop::Aborted && !protocol.has(Flaw::CancellationIgnored);
    if final_already || decided_already {
        return find(protocol, s, role, stop);
    }
    let (status, goal_status, end) = view::end(&row, stop, reading);
    change(s, |row| (row.status, row.end) = (status, Some(end)));
    if protocol.has(Flaw::GoalFreedApart) {
        return Some(Ending::FreeGoal);
    }
    if s.goal.claim == Some(Workflow::First) {
        (s.goal.claim, s.goal.status) = (None, goal_status);
    }
    match stop {
        Stop::Aborted if protocol.has(Flaw::TasksRemovedAfterEnd) => Some(Ending::Remove(*reading)),
        _ => find(protocol, s, role, stop),
    }
}

fn free_goal(s: &mut State) {
    if s.goal.claim == Some(Workflow::First) {
        s.goal.claim = None;
    }
}

/// What is done about a workflow that was found to have ended.
fn after_end(protocol: &Protocol, s: &State, role: Role, row: &Row) -> Option<Ending> {
    match role {
        Role::Reconciler if view::stops(row, s.saw_it_run) => Some(Ending::Halt(*row)),
        Role::Projector | Role::Reconciler => after_mark(protocol, row),
        // A cancel publishes, and leaves the rest to the others.
        Role::Canceller => Some(Ending::Publish),
    }
}

/// What is left to do for a workflow that has ended, given the marks that were read.
pub(crate) fn after_mark(protocol: &Protocol, row: &Row) -> Option<Ending> {
    let known = view::known(row);
    let execution = &known.execution;
    if execution.is_complete() {
        None
    } else if execution.is_reported() {
        Some(archive(protocol))
    } else if known.warns && !row.notified {
        Some(Ending::ClaimNotice)
    } else {
        Some(Ending::Publish)
    }
}

fn archive(protocol: &Protocol) -> Ending {
    if protocol.has(Flaw::MarkedBeforeArchived) { Ending::MarkArchived } else { Ending::Archive }
}

/// The claim of a function that has died is free after a while.
fn claim_notice(s: &mut State) -> bool {
    let is_sending = |e: &Ending| matches!(e, Ending::Notify | Ending::MarkNotified | Ending::ReleaseNotice);
    let in_hand = s.notice_claimed && s.endings.iter().flatten().any(is_sending);
    let free = !in_hand && s.row.is_some_and(|row| !row.notified);
    s.notice_claimed |= free;
    free
}
