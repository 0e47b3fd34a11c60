//! The steps from one state to the next: one call to DynamoDB, a queue, the bus or Step Functions each, or one fault.

use goal_activity_core::execution::{Change, Status};
use stateright::{Model, Property};

use crate::check;
use crate::message::{self, Message};
use crate::scope::{Flaw, Promise, Scope};
use crate::state::{Role, Starter, State, Waiter, Work};
use crate::{end, launch, outside, people, reconcile, work};

/// The protocol with what is explored of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Protocol {
    pub(crate) scope: Scope,
    pub(crate) flaw: Option<Flaw>,
}

/// A function that dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    Start(usize),
    Launch(usize),
    Worker(usize),
    /// Before it has taken its lease: its message comes back when it is too late.
    NewWorker {
        batch: u8,
        token: u8,
    },
    Ending(Role),
    /// In the middle of what it does for each batch.
    EndingHalfway(Role),
    FinalizeHalfway,
    Finalize,
    Cancel,
}

/// What the reconciler looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// The workflow, if it is listed as open.
    Open,
    Holder(Waiter),
    /// Who waits first.
    Line,
}

impl Look {
    const ALL: [Self; 4] = [Self::Open, Self::Holder(Waiter::First), Self::Holder(Waiter::Neighbour), Self::Line];

    fn take(self, protocol: &Protocol, s: &mut State) -> Option<()> {
        match self {
            Self::Open => reconcile::repair(protocol, s),
            Self::Holder(waiter) => reconcile::holder(protocol, s, waiter),
            Self::Line => reconcile::line(protocol, s),
        }
    }
}

/// What a worker does where it has a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    Goes,
    /// It commits a failure of the AI.
    Otherwise,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Start(usize),
    Receive {
        message: Message,
        again: bool,
    },
    /// A worker takes a first message for fresh that is not.
    ReceiveStale {
        batch: u8,
    },
    Launch(usize),
    Work(usize, Choice),
    End(Role),
    NoticeFails(Role),
    Cancel,
    UserCancels,
    OperatorStops,
    SecondGoesOn,
    NeighbourComes,
    NeighbourEnds,
    /// When nothing else happens any more.
    Reconcile(Look),
    /// While others are still at it.
    ReconcileEarly(Look),
    ReconcilerReads,
    ReconcilerAsks,
    NoSignOfLife {
        batch: u8,
    },
    NoSignOfLifeInTime {
        batch: u8,
    },
    BatchTakesTooLong {
        batch: u8,
    },
    WorkflowTakesTooLong,
    TimesOut,
    Saves,
    Lost(Message),
    Dies(Victim),
}

impl Protocol {
    pub(crate) fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// What happens by itself.
    fn progress(state: &State, steps: &mut Vec<Step>) {
        let starting = |s: &Starter| !matches!(s, Starter::Idle | Starter::Done);
        steps.extend((0..2).filter(|i| starting(&state.starters[*i])).map(Step::Start));
        steps.extend(message::all().filter(|m| m.is_in(state)).map(|message| Step::Receive { message, again: false }));
        steps.extend((0..2).filter(|i| state.launchers[*i].is_some()).map(Step::Launch));
        for i in (0..2).filter(|i| state.workers[*i].is_some()) {
            steps.extend([Step::Work(i, Choice::Goes), Step::Work(i, Choice::Otherwise)]);
        }
        steps.extend(Role::ALL.into_iter().filter(|r| state.endings[*r as usize].is_some()).map(Step::End));
        steps
            .extend((0..2).filter(|b| state.queues.work[usize::from(*b)][0]).map(|batch| Step::ReceiveStale { batch }));
        steps.extend([Step::Cancel, Step::ReconcilerAsks]);
        if state.machine.runs() {
            steps.extend((0..2).map(|batch| Step::NoSignOfLife { batch }));
            steps.extend([Step::TimesOut, Step::Saves]);
        }
    }

    /// What the reconciler does about a world in which nothing else happens any more.
    fn reconciler() -> impl Iterator<Item = Step> {
        Look::ALL.into_iter().map(Step::Reconcile)
    }

    /// What may happen besides.
    fn faults(state: &State, steps: &mut Vec<Step>) {
        steps.extend([Step::Start(1), Step::NeighbourComes]);
        if state.left.lose {
            steps.extend(message::all().filter(|m| m.is_in(state)).map(Step::Lost));
        }
        if state.left.double {
            steps.extend(
                message::all().filter(|m| m.is_in(state)).map(|message| Step::Receive { message, again: true }),
            );
        }
        if state.left.crash {
            steps.extend((0..2).map(|i| Step::Dies(Victim::Start(i))));
            steps.extend((0..2).flat_map(|i| [Step::Dies(Victim::Launch(i)), Step::Dies(Victim::Worker(i))]));
            steps.extend(message::all().filter(|m| m.is_in(state)).filter_map(|m| match m {
                Message::Work { batch, token } => Some(Step::Dies(Victim::NewWorker { batch, token })),
                _ => None,
            }));
            let ending =
                |r| [Step::Dies(Victim::Ending(r)), Step::Dies(Victim::EndingHalfway(r)), Step::NoticeFails(r)];
            steps.extend(Role::ALL.into_iter().flat_map(ending));
            steps.extend([Victim::Cancel, Victim::Finalize, Victim::FinalizeHalfway].map(Step::Dies));
        }
        if state.left.cancel {
            steps.extend([Step::UserCancels, Step::OperatorStops]);
        }
        if state.left.late > 0 {
            steps.extend(
                (0..2).flat_map(|batch| [Step::NoSignOfLifeInTime { batch }, Step::BatchTakesTooLong { batch }]),
            );
            steps.extend([Step::WorkflowTakesTooLong, Step::ReconcilerReads]);
            steps.extend(Look::ALL.map(Step::ReconcileEarly));
        }
    }

    /// The state after a step; nothing when it cannot be taken or changes nothing.
    fn after(&self, state: &State, step: Step) -> Option<State> {
        let mut next = state.clone();
        self.take(&mut next, step)?;
        self.tidy(&mut next);
        if next == *state {
            return None;
        }
        next.breach = check::step(&self.scope, state, &next);
        Some(next)
    }

    /// Takes the steps at once that change nothing else, whenever they come: fewer states, with the same futures.
    fn tidy(&self, s: &mut State) {
        for (b, ledger) in s.ledger.iter().enumerate() {
            // A worker drops the message of a sealed batch, and what it has not saved.
            if ledger.sealed && !self.has(Flaw::SealIgnored) {
                s.queues.work[b] = [false; crate::state::MESSAGES as usize];
                let unsaved = |w: &(u8, u8, Work)| usize::from(w.0) == b && w.2 == Work::Commit;
                for worker in s.workers.iter_mut().filter(|w| w.as_ref().is_some_and(unsaved)) {
                    *worker = None;
                }
            }
        }
        if s.row.is_some_and(|row| row.status != Status::Pending) {
            s.queues.started = false;
        }
        if s.row.is_some_and(|row| row.ended()) {
            if !self.has(Flaw::ProgressAfterEnd) {
                s.queues.progress = [false; 2];
            }
            // Nothing is left to be cancelled.
            s.left.cancel &= s.machine.runs();
        }
        // Which of two workers is which does not matter.
        s.workers.sort_unstable();
        s.launchers.sort_unstable();
    }

    fn take(&self, s: &mut State, step: Step) -> Option<()> {
        match step {
            Step::Start(i) => people::start(self, s, i),
            Step::Receive { message, again } => {
                if again {
                    take_one(&mut s.left.double)?;
                }
                self.receive(s, message, again)
            }
            Step::ReceiveStale { batch } => {
                Message::Work { batch, token: 1 }.remove(s).and_then(|()| work::receive(self, s, batch, 1, true))
            }
            Step::Launch(i) => launch::step(self, s, i),
            Step::Work(i, choice) => work::step(self, s, i, choice),
            Step::End(role) => end::step(self, s, role),
            Step::NoticeFails(role) => end::notice_fails(s, role),
            Step::Cancel => people::cancel(s),
            Step::UserCancels => people::user_cancels(s),
            Step::OperatorStops => people::operator_stops(s),
            Step::SecondGoesOn => people::second_goes_on(s),
            Step::NeighbourComes => people::neighbour_comes(self, s),
            Step::NeighbourEnds => people::neighbour_ends(s),
            Step::Reconcile(_) | Step::ReconcilerReads if self.has(Flaw::ReconcilerOff) => None,
            Step::Reconcile(what) => what.take(self, s),
            Step::ReconcileEarly(what) => take_late(s).and_then(|()| what.take(self, s)),
            Step::ReconcilerReads => reconcile::reads(self, s),
            Step::ReconcilerAsks => reconcile::asks(self, s),
            Step::NoSignOfLife { batch } => outside::no_sign_of_life(self, s, batch),
            Step::NoSignOfLifeInTime { batch } => outside::no_sign_of_life_in_time(self, s, batch),
            Step::BatchTakesTooLong { batch } => outside::batch_takes_too_long(s, batch),
            Step::WorkflowTakesTooLong => outside::workflow_takes_too_long(s),
            Step::TimesOut => outside::times_out(s),
            Step::Saves => outside::saves(self, s),
            Step::Lost(message) => take_one(&mut s.left.lose).and_then(|()| message.remove(s)),
            Step::Dies(victim) => take_one(&mut s.left.crash).and_then(|()| dies(s, victim)),
        }
    }

    fn receive(&self, s: &mut State, message: Message, again: bool) -> Option<()> {
        if !again {
            message.remove(s)?;
        }
        match message {
            Message::Launch(job) => launch::receive(self, s, job),
            Message::Work { batch, token } => work::receive(self, s, batch, token, false),
            Message::Started => {
                let row = s.row.as_mut()?;
                row.status = crate::view::known(row).started;
                Some(())
            }
            Message::Progress { batch } => {
                let outcome = s.ledger[usize::from(batch)].outcome;
                let row = s.row.as_mut()?;
                if !row.ended() || self.has(Flaw::ProgressAfterEnd) {
                    row.status = crate::view::known(row).started;
                    row.batches[usize::from(batch)] = outcome;
                }
                Some(())
            }
            Message::Ended => end::receive(self, s),
        }
    }

    /// What other workflows do.
    const OTHERS: [Step; 2] = [Step::SecondGoesOn, Step::NeighbourEnds];

    /// Nothing is left that happens by itself, but for other workflows and what the reconciler finds.
    fn is_quiet(&self, state: &State) -> bool {
        if state.is_at_work() {
            return false;
        }
        let mut steps = Vec::new();
        Self::progress(state, &mut steps);
        !steps.into_iter().any(|step| self.after(state, step).is_some())
    }

    /// Nothing happens any more.
    fn is_over(&self, state: &State) -> bool {
        self.is_quiet(state) && !Self::reconciler().chain(Self::OTHERS).any(|step| self.after(state, step).is_some())
    }
}

pub(crate) fn take_one(left: &mut bool) -> Option<()> {
    std::mem::take(left).then_some(())
}

pub(crate) fn take_late(s: &mut State) -> Option<()> {
    s.left.late = s.left.late.checked_sub(1)?;
    Some(())
}

fn dies(s: &mut State, victim: Victim) -> Option<()> {
    match victim {
        Victim::Start(i) => people::starter_dies(s, i),
        Victim::Launch(i) => launch::dies(s, i),
        Victim::Worker(i) => work::dies(s, i),
        Victim::NewWorker { batch, token } => Message::Work { batch, token }.remove(s),
        Victim::Ending(role) => end::dies(s, role, false),
        Victim::EndingHalfway(role) => end::dies(s, role, true),
        Victim::FinalizeHalfway => outside::finalize_fails(s, false),
        Victim::Finalize => outside::finalize_fails(s, true),
        Victim::Cancel => people::cancel_dies(s),
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(self.scope.faults)]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        // What has gone wrong once is enough.
        if state.breach.is_none() {
            Self::progress(state, steps);
            Self::faults(state, steps);
            steps.extend(Self::OTHERS);
            if self.is_quiet(state) {
                steps.extend(Self::reconciler());
            }
        }
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        self.after(state, step)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("P1", |_, s: &State| kept_by(s, Promise::P1)),
            Property::always("P3", |_, s: &State| kept_by(s, Promise::P3)),
            Property::always("P4", |_, s: &State| kept_by(s, Promise::P4)),
            Property::always("P5", |_, s: &State| kept_by(s, Promise::P5)),
            Property::always("P6", |_, s: &State| kept_by(s, Promise::P6)),
            Property::always("P7", |protocol: &Self, s: &State| {
                kept_by(s, Promise::P7) && (s.breach.is_some() || !protocol.is_over(s) || check::is_at_rest(s))
            }),
            Property::always("Capacity", |_, s: &State| kept_by(s, Promise::Capacity)),
        ]
    }
}

fn kept_by(state: &State, promise: Promise) -> bool {
    state.breach.is_none_or(|(broken, _)| broken != promise)
}
