//! `worker`: one batch's message. Mirrors `functions/src/handlers/worker`. The batch has one action.

use crate::message::Message;
use crate::scope::Flaw;
use crate::state::{Batch, Machine, Outcome, State, Work, Workflow};
use crate::steps::{Choice, Protocol};

/// A message comes, and its batch is opened. A stale token: there is a newer message, or nobody waits any more; only a fresh
/// batch is begun without asking.
pub(crate) fn receive(protocol: &Protocol, s: &mut State, batch: u8, token: u8, fresh: bool) -> Option<()> {
    let i = s.workers.iter().position(Option::is_none)?;
    let good = s.waits_for(batch, token);
    let ledger = &mut s.ledger[usize::from(batch)];
    if fresh && (good || token > 1) {
        return None;
    }
    if (good || fresh) && !ledger.sealed {
        ledger.opened = true;
        let known = ledger.outcome.is_some() && !protocol.has(Flaw::OutcomeNotConditional);
        s.workers[i] = Some((batch, token, if known { Work::Answer } else { Work::Commit }));
    }
    Some(())
}

/// Its message comes back.
pub(crate) fn dies(s: &mut State, i: usize) -> Option<()> {
    let (batch, token, _) = s.workers[i].take()?;
    Message::Work { batch, token }.put(s);
    Some(())
}

pub(crate) fn step(protocol: &Protocol, s: &mut State, i: usize, choice: Choice) -> Option<()> {
    let (batch, token, at) = s.workers[i]?;
    let b = usize::from(batch);
    let to = match (at, choice) {
        (Work::Commit, Choice::Goes) => commit(protocol, s, b, Outcome::Tasks),
        (Work::Commit, Choice::Otherwise) if protocol.scope.ai_fails && batch == 0 => {
            commit(protocol, s, b, Outcome::Failed)
        }
        (_, Choice::Otherwise) => return None,
        (Work::CommitOutcome, _) => record(protocol, s, b, Outcome::Tasks),
        (Work::Answer, _) => {
            s.queues.progress[b] = true;
            answer(protocol, s, batch, token);
            None
        }
    };
    s.workers[i] = to.map(|to| (batch, token, to));
    Some(())
}

/// Tasks and outcome in one transaction, if the batch is open and the action has no outcome yet. When the ledger is sealed the
/// message is dropped.
fn commit(protocol: &Protocol, s: &mut State, b: usize, outcome: Outcome) -> Option<Work> {
    if protocol.has(Flaw::TasksSavedApart) && outcome == Outcome::Tasks {
        s.tasks[b] = Some(Workflow::First);
        return Some(Work::CommitOutcome);
    }
    let free = s.ledger[b].outcome.is_none() || protocol.has(Flaw::OutcomeNotConditional);
    let to = record(protocol, s, b, outcome);
    if to.is_some() && free && outcome == Outcome::Tasks {
        s.tasks[b] = Some(Workflow::First);
    }
    to
}

fn record(protocol: &Protocol, s: &mut State, b: usize, outcome: Outcome) -> Option<Work> {
    let ledger = &mut s.ledger[b];
    if ledger.sealed && !protocol.has(Flaw::SealIgnored) {
        return None;
    }
    if ledger.outcome.is_none() || protocol.has(Flaw::OutcomeNotConditional) {
        ledger.outcome = Some(outcome);
    }
    Some(Work::Answer)
}

/// A stale token is acknowledged.
fn answer(protocol: &Protocol, s: &mut State, batch: u8, token: u8) {
    if let (true, Machine::Batches(batches)) = (s.waits_for(batch, token), &mut s.machine) {
        batches[usize::from(batch)] = Batch::Answered;
        if protocol.has(Flaw::AnswerCountsTwice) {
            *batches = [Batch::Answered; 2];
        }
    }
}
