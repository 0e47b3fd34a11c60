//! One state of the world: what the tables, the queues and Step Functions hold, and how far each function is.

use goal_activity_core::execution::Status;
use goal_activity_core::goal::GoalStatus;

use crate::scope::{Faults, Promise};

/// How often Step Functions sends a batch: once, and twice more after missing signs of life.
pub(crate) const MESSAGES: u8 = 3;

/// A workflow. What others of the same goal may be is seen on one more, whose own steps are not taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Workflow {
    First,
    Second,
}

/// Who stands in the line of those that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Waiter {
    First,
    /// A workflow of another goal, with an earlier turn.
    Neighbour,
}

/// What became of an action in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Tasks,
    Failed,
}

/// An action that failed in the end, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Failed {
    ByAi,
    NotProcessed,
    Cancelled,
}

/// One batch's part of the ledger; it has one action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Ledger {
    pub(crate) opened: bool,
    pub(crate) sealed: bool,
    pub(crate) outcome: Option<Outcome>,
}

/// What was read of the ledger, by batch.
pub(crate) type Reading = [Option<Outcome>; 2];

/// The goal's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Goal {
    pub(crate) claim: Option<Workflow>,
    pub(crate) claims: u8,
    pub(crate) status: GoalStatus,
}

/// The execution's row: what may differ between two states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::struct_excessive_bools, reason = "marks of a row")]
pub(crate) struct Row {
    pub(crate) status: Status,
    pub(crate) admitted: bool,
    pub(crate) cancelled: bool,
    /// The batches of which progress is known.
    pub(crate) batches: [Option<Outcome>; 2],
    /// What became of each action, once it has ended.
    pub(crate) end: Option<[Option<Failed>; 2]>,
    pub(crate) published: bool,
    pub(crate) notified: bool,
    pub(crate) archived: bool,
}

impl Row {
    pub(crate) const NEW: Self = Self {
        status: Status::Pending,
        admitted: false,
        cancelled: false,
        batches: [None; 2],
        end: None,
        published: false,
        notified: false,
        archived: false,
    };

    pub(crate) fn ended(&self) -> bool {
        self.status.ended().is_some()
    }
}

/// The second workflow of the goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Second {
    Never,
    Open,
    /// Its tasks are saved.
    Saved,
    Ended,
}

/// The workflow of another goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Neighbour {
    Away,
    Waits,
    Works,
    /// It has ended and holds its capacity still.
    Ended,
    Gone,
}

/// In which way work stopped: the core's `End`, hashable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stop {
    Finished,
    TimedOut,
    Aborted,
}

/// Step Functions' view of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Batch {
    /// It waits for an answer to this message's token.
    Waits(u8),
    Answered,
    Lost,
}

/// What Step Functions knows of the execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Machine {
    Absent,
    Batches([Batch; 2]),
    /// `finalize` is at work.
    Saves,
    Ended(Stop),
}

impl Machine {
    pub(crate) fn runs(self) -> bool {
        matches!(self, Self::Batches(_) | Self::Saves)
    }
}

/// What is under way. The same message twice in a queue is one that is delivered twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a message")]
pub(crate) struct Queues {
    /// To `launch`.
    pub(crate) requested: [bool; 2],
    pub(crate) completed: [bool; 2],
    /// To the workers, by batch and token.
    pub(crate) work: [[bool; MESSAGES as usize]; 2],
    /// To the projector.
    pub(crate) started: bool,
    pub(crate) ended: Option<Stop>,
    pub(crate) progress: [bool; 2],
}

/// A call of start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Starter {
    Idle,
    /// It has read the goal.
    Tasks(Goal),
    /// It has decided to start. Of the first, the rest is as at the beginning.
    Claim(Goal),
    /// Only with [`RecordedApart`](crate::scope::Flaw::RecordedApart).
    Record,
    Announce,
    Done,
}

/// A message to `launch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Job {
    Requested(Waiter),
    Completed(Waiter),
}

/// Those to be launched, in this order. `Full` stops at those that wait, not at holders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Line(pub(crate) [Option<Waiter>; 2]);

impl Line {
    pub(crate) const NOBODY: Self = Self([None; 2]);

    pub(crate) fn push(&mut self, waiter: Waiter) {
        if !self.0.contains(&Some(waiter)) {
            let place = usize::from(self.0[0].is_some());
            self.0[place] = Some(waiter);
        }
    }

    pub(crate) fn rest(self) -> Self {
        Self([self.0[1], None])
    }
}

/// How far a `launch` is with its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Launch {
    /// It has given back, and reads who waits.
    List,
    Acquire(Line),
    Start(Line),
    /// The start of one that was launched is repeated.
    StartAgain,
    Mark(Line),
    Halt(Option<Line>),
    ReleaseOver(Option<Line>),
}

/// How far a worker is with a batch's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Work {
    /// The batch is open, the AI has answered.
    Commit,
    /// Only with [`TasksSavedApart`](crate::scope::Flaw::TasksSavedApart).
    CommitOutcome,
    /// It reports and answers.
    Answer,
}

/// How far a function is that ends a workflow and does what is left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Ending {
    /// It has begun, and reads the execution next.
    Find(Stop),
    RecordCancellation,
    /// It has read that it is to end it this way.
    Seal(Stop),
    /// Only with [`SealedAfterReading`](crate::scope::Flaw::SealedAfterReading).
    SealRead(Stop, Reading),
    Remove(Reading),
    Write(Stop, Reading),
    /// Only with [`GoalFreedApart`](crate::scope::Flaw::GoalFreedApart).
    FreeGoal,
    /// It has ended: what still runs is stopped.
    Halt(Row),
    Publish,
    /// The code publishes and notifies side by side. Here the notice comes first: what holds when the bus answers late or not at
    /// all is the harder case.
    ClaimNotice,
    Notify,
    /// The notice could not be sent.
    ReleaseNotice,
    MarkNotified,
    /// The end is published, and the operators are not told yet, or by another.
    MarkPublished,
    MarkReported,
    Archive,
    MarkArchived,
}

/// Who ends workflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Projector,
    Reconciler,
    Canceller,
}

impl Role {
    pub(crate) const ALL: [Self; 3] = [Self::Projector, Self::Reconciler, Self::Canceller];
}

/// How far the reconciler is before it ends or reports anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Look {
    No,
    /// It has read the execution, and asks Step Functions next.
    Read(Row),
}

/// How far a call of cancel is before it ends the workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Cancel {
    No,
    Record,
    Halt,
}

/// The world.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct State {
    // What is stored.
    pub(crate) goal: Goal,
    pub(crate) row: Option<Row>,
    pub(crate) second: Second,
    pub(crate) ledger: [Ledger; 2],
    /// Who made the tasks of each action: all of one generation, or none.
    pub(crate) tasks: [Option<Workflow>; 2],
    pub(crate) notice_claimed: bool,
    pub(crate) archive: bool,
    /// Whether the workflow holds capacity; the neighbour's state says whether it does.
    pub(crate) held: bool,
    pub(crate) neighbour: Neighbour,
    // What is outside.
    pub(crate) machine: Machine,
    pub(crate) queues: Queues,
    /// `WorkflowCompleted` was on the bus.
    pub(crate) told: bool,
    /// The operators have got a notice.
    pub(crate) warned: bool,
    /// The workflow's time is over.
    pub(crate) overdue: bool,
    /// Step Functions has not waited for an answer of this batch to the end.
    pub(crate) given_up: [bool; 2],
    // Who is at work.
    pub(crate) starters: [Starter; 2],
    pub(crate) launchers: [Option<(Job, Launch)>; 2],
    pub(crate) workers: [Option<(u8, u8, Work)>; 2],
    pub(crate) endings: [Option<Ending>; 3],
    pub(crate) look: Look,
    /// The reconciler has seen the execution run.
    pub(crate) saw_it_run: bool,
    pub(crate) cancel: Cancel,
    /// What may still go wrong.
    pub(crate) left: Faults,
    pub(crate) breach: Option<(Promise, &'static str)>,
}

impl State {
    /// A start was asked for and has read a goal that is free.
    pub(crate) fn first(faults: Faults) -> Self {
        let goal = Goal { claim: None, claims: 0, status: GoalStatus::Draft };
        Self {
            goal,
            row: None,
            second: Second::Never,
            ledger: [Ledger::default(); 2],
            tasks: [None; 2],
            notice_claimed: false,
            archive: false,
            held: false,
            neighbour: Neighbour::Away,
            machine: Machine::Absent,
            queues: Queues::default(),
            told: false,
            warned: false,
            overdue: false,
            given_up: [false; 2],
            starters: [Starter::Claim(goal), Starter::Idle],
            launchers: [None; 2],
            workers: [None; 2],
            endings: [None; 3],
            look: Look::No,
            saw_it_run: false,
            cancel: Cancel::No,
            left: faults,
            breach: None,
        }
    }

    pub(crate) fn ending(&mut self, role: Role) -> &mut Option<Ending> {
        &mut self.endings[role as usize]
    }

    /// A token is good while Step Functions waits for it.
    pub(crate) fn waits_for(&self, batch: u8, token: u8) -> bool {
        matches!(self.machine, Machine::Batches(b) if b[usize::from(batch)] == Batch::Waits(token))
    }

    /// A function is in the middle of something, which it goes on with.
    pub(crate) fn is_at_work(&self) -> bool {
        self.starters.iter().any(|s| !matches!(s, Starter::Idle | Starter::Done))
            || self.launchers.iter().any(Option::is_some)
            || self.workers.iter().any(Option::is_some)
            || self.endings.iter().any(Option::is_some)
            || (self.look, self.cancel) != (Look::No, Cancel::No)
    }

    pub(crate) fn neighbour_holds(&self) -> bool {
        matches!(self.neighbour, Neighbour::Works | Neighbour::Ended)
    }
}
