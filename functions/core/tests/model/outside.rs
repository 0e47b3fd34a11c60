//! Step Functions: batches, signs of life, time, `finalize`. Mirrors `statemachine/goal-activity.asl.json`.

use crate::message::Message;
use crate::scope::Flaw;
use crate::state::{Batch, MESSAGES, Machine, State, Stop};
use crate::steps::{Protocol, take_late};

/// Stops the execution if it runs.
pub(crate) fn stop(s: &mut State) {
    if s.machine.runs() {
        ends(s, Stop::Aborted);
    }
}

fn ends(s: &mut State, stop: Stop) {
    if let Machine::Batches(batches) = s.machine {
        for (given_up, batch) in s.given_up.iter_mut().zip(batches) {
            *given_up |= batch != Batch::Answered;
        }
    }
    s.machine = Machine::Ended(stop);
    Message::Ended.put(s);
}

/// No sign of life: the message is lost, or its worker has died.
pub(crate) fn no_sign_of_life(protocol: &Protocol, s: &mut State, batch: u8) -> Option<()> {
    let token = waits(s, batch)?;
    let in_queue = s.queues.work[usize::from(batch)][usize::from(token) - 1];
    let at_work = s.workers.iter().flatten().any(|(b, t, _)| (*b, *t) == (batch, token));
    (!in_queue && !at_work).then(|| gives_up(protocol, s, batch, token))
}

/// A sign of life comes too late, or the message waits too long.
pub(crate) fn no_sign_of_life_in_time(protocol: &Protocol, s: &mut State, batch: u8) -> Option<()> {
    take_late(s)?;
    let token = waits(s, batch)?;
    gives_up(protocol, s, batch, token);
    Some(())
}

fn waits(s: &State, batch: u8) -> Option<u8> {
    match s.machine {
        Machine::Batches(batches) => match batches[usize::from(batch)] {
            Batch::Waits(token) => Some(token),
            Batch::Answered | Batch::Lost => None,
        },
        _ => None,
    }
}

/// Sends the batch again, with a new token, or does without it.
fn gives_up(protocol: &Protocol, s: &mut State, batch: u8, token: u8) {
    // What is sent again of a sealed batch is dropped: it may as well not be sent.
    if token == MESSAGES || s.ledger[usize::from(batch)].sealed || protocol.has(Flaw::SentOnce) {
        set(s, batch, Batch::Lost);
    } else {
        set(s, batch, Batch::Waits(token + 1));
        Message::Work { batch, token: token + 1 }.put(s);
    }
}

fn set(s: &mut State, batch: u8, to: Batch) {
    if let Machine::Batches(batches) = &mut s.machine {
        batches[usize::from(batch)] = to;
        s.given_up[usize::from(batch)] |= to == Batch::Lost;
    }
}

pub(crate) fn batch_takes_too_long(s: &mut State, batch: u8) -> Option<()> {
    take_late(s)?;
    waits(s, batch)?;
    set(s, batch, Batch::Lost);
    Some(())
}

pub(crate) fn workflow_takes_too_long(s: &mut State) -> Option<()> {
    take_late(s)?;
    s.row.filter(|row| !row.ended())?;
    s.overdue = true;
    Some(())
}

pub(crate) fn times_out(s: &mut State) -> Option<()> {
    (s.overdue && s.machine.runs()).then(|| ends(s, Stop::TimedOut))
}

/// When no batch is waited for, `finalize` seals the ledger.
pub(crate) fn saves(protocol: &Protocol, s: &mut State) -> Option<()> {
    match s.machine {
        Machine::Batches(b) if b.iter().all(|b| matches!(b, Batch::Answered | Batch::Lost)) => {
            s.machine = Machine::Saves;
        }
        Machine::Saves => {
            for ledger in &mut s.ledger {
                ledger.sealed |= !protocol.has(Flaw::SealForgotten);
            }
            ends(s, Stop::Finished);
        }
        _ => return None,
    }
    Some(())
}

/// It dies when it has sealed the first batch, and is tried again; or it fails as often as it is tried, and so does the
/// execution.
pub(crate) fn finalize_fails(s: &mut State, for_good: bool) -> Option<()> {
    (s.machine == Machine::Saves).then(|| match for_good {
        true => ends(s, Stop::Finished),
        false => s.ledger[0].sealed = true,
    })
}
