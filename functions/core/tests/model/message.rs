//! The messages to functions, each in its queue or not.

use crate::state::{Job, MESSAGES, Machine, State, Waiter};

/// A message, to be received or lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message {
    Launch(Job),
    Work { batch: u8, token: u8 },
    Started,
    Ended,
    Progress { batch: u8 },
}

/// All messages that there can be.
pub(crate) fn all() -> impl Iterator<Item = Message> {
    let launch = [Waiter::First, Waiter::Neighbour].into_iter();
    let launch = launch.flat_map(|w| [Job::Requested(w), Job::Completed(w)]).map(Message::Launch);
    let batches = (0..2_u8).flat_map(|batch| {
        (1..=MESSAGES).map(move |token| Message::Work { batch, token }).chain([Message::Progress { batch }])
    });
    launch.chain(batches).chain([Message::Started, Message::Ended])
}

impl Message {
    pub(crate) fn is_in(self, s: &State) -> bool {
        let q = &s.queues;
        match self {
            Self::Launch(Job::Requested(w)) => q.requested[w as usize],
            Self::Launch(Job::Completed(w)) => q.completed[w as usize],
            Self::Work { batch, token } => q.work[usize::from(batch)][usize::from(token) - 1],
            Self::Started => q.started,
            Self::Ended => q.ended.is_some(),
            Self::Progress { batch } => q.progress[usize::from(batch)],
        }
    }

    pub(crate) fn remove(self, s: &mut State) -> Option<()> {
        let there = self.is_in(s);
        let q = &mut s.queues;
        match self {
            Self::Launch(Job::Requested(w)) => q.requested[w as usize] = false,
            Self::Launch(Job::Completed(w)) => q.completed[w as usize] = false,
            Self::Work { batch, token } => q.work[usize::from(batch)][usize::from(token) - 1] = false,
            Self::Started => q.started = false,
            Self::Ended => q.ended = None,
            Self::Progress { batch } => q.progress[usize::from(batch)] = false,
        }
        there.then_some(())
    }

    pub(crate) fn put(self, s: &mut State) {
        let q = &mut s.queues;
        match (self, s.machine) {
            (Self::Launch(Job::Requested(w)), _) => q.requested[w as usize] = true,
            (Self::Launch(Job::Completed(w)), _) => q.completed[w as usize] = true,
            (Self::Work { batch, token }, _) => q.work[usize::from(batch)][usize::from(token) - 1] = true,
            (Self::Started, _) => q.started = true,
            (Self::Ended, Machine::Ended(stop)) => q.ended = Some(stop),
            (Self::Ended, _) => {}
            (Self::Progress { batch }, _) => q.progress[usize::from(batch)] = true,
        }
    }
}
