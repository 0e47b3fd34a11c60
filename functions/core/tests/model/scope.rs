//! What is explored: how much may go wrong, and which protection is taken away.

/// What may happen in one exploration, in every order and at every moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope {
    pub(crate) name: &'static str,
    /// The whole capacity, in batches.
    pub(crate) capacity: u32,
    /// A workflow of another goal, with an earlier turn, may come and need all of the capacity.
    pub(crate) neighbour: bool,
    /// The user may press start a second time.
    pub(crate) second_start: bool,
    /// The AI may refuse the first action.
    pub(crate) ai_fails: bool,
    /// How many `launch` functions may run at once.
    pub(crate) launchers: usize,
    pub(crate) faults: Faults,
}

/// How much may go wrong: once each, and so many times for what takes too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each stands for a kind of fault that is left")]
pub(crate) struct Faults {
    /// A message or an event is lost.
    pub(crate) lose: bool,
    /// A message is delivered twice.
    pub(crate) double: bool,
    /// A function dies between two calls, or a call fails.
    pub(crate) crash: bool,
    /// The user cancels, or an operator stops the execution.
    pub(crate) cancel: bool,
    /// Something takes longer than it may: a batch, the workflow, or the reconciler between two readings.
    pub(crate) late: u8,
}

impl Faults {
    const NONE: Self = Self { lose: false, double: false, crash: false, cancel: false, late: 0 };
    const LOSE: Self = Self { lose: true, ..Self::NONE };
    const CRASH: Self = Self { crash: true, ..Self::NONE };
    const LATE: Self = Self { late: 1, ..Self::NONE };
    const CANCEL: Self = Self { cancel: true, ..Self::NONE };
}

impl Scope {
    /// One workflow with room for all of it.
    const ALONE: Self = Self {
        name: "alone",
        capacity: 2,
        neighbour: false,
        second_start: false,
        ai_fails: true,
        launchers: 1,
        faults: Faults::NONE,
    };

    /// All that is explored.
    pub(crate) const ALL: [Self; 5] = [
        Self {
            name: "queues",
            second_start: true,
            faults: Faults { lose: true, double: true, crash: true, ..Faults::NONE },
            ..Self::ALONE
        },
        Self {
            name: "cancel",
            ai_fails: false,
            faults: Faults { lose: true, crash: true, cancel: true, ..Faults::NONE },
            ..Self::ALONE
        },
        Self {
            name: "cancel and start again",
            second_start: true,
            ai_fails: false,
            faults: Faults::CANCEL,
            ..Self::ALONE
        },
        Self { name: "late", faults: Faults { crash: true, late: 1, ..Faults::NONE }, ..Self::ALONE },
        Self {
            name: "capacity for one batch",
            capacity: 1,
            neighbour: true,
            ai_fails: false,
            launchers: 2,
            faults: Faults { lose: true, crash: true, ..Faults::NONE },
            ..Self::ALONE
        },
    ];

    /// What takes minutes, by hand.
    pub(crate) const LARGE: [Self; 5] = [
        Self {
            name: "cancel, start again, doubled",
            second_start: true,
            ai_fails: false,
            faults: Faults { double: true, cancel: true, ..Faults::NONE },
            ..Self::ALONE
        },
        Self {
            name: "late, start again",
            second_start: true,
            faults: Faults { crash: true, late: 1, ..Faults::NONE },
            ..Self::ALONE
        },
        Self {
            name: "capacity, doubled",
            capacity: 1,
            neighbour: true,
            ai_fails: false,
            launchers: 2,
            faults: Faults { lose: true, double: true, crash: true, ..Faults::NONE },
            ..Self::ALONE
        },
        Self {
            name: "all but late",
            second_start: true,
            faults: Faults { lose: true, double: true, crash: true, cancel: true, late: 0 },
            ..Self::ALONE
        },
        Self {
            name: "all",
            faults: Faults { lose: true, double: true, crash: true, cancel: true, late: 1 },
            ..Self::ALONE
        },
    ];

    /// The smaller ones in which flaws are looked for, one after the other.
    pub(crate) const SMALL: [Self; 8] = [
        Self { name: "start twice", second_start: true, ..Self::ALONE },
        Self { name: "lose", faults: Faults::LOSE, ..Self::ALONE },
        Self { name: "crash", faults: Faults::CRASH, ..Self::ALONE },
        Self { name: "late", faults: Faults::LATE, ..Self::ALONE },
        Self { name: "cancel", faults: Faults::CANCEL, ..Self::ALONE },
        Self { name: "neighbour", neighbour: true, faults: Faults::CRASH, ..Self::ALONE },
        Self { name: "cancel, start", second_start: true, ai_fails: false, faults: Faults::CANCEL, ..Self::ALONE },
        Self { name: "late twice", faults: Faults { late: 2, ..Faults::NONE }, ai_fails: false, ..Self::ALONE },
    ];
}

/// A promise, or what else has to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Promise {
    /// At most one open workflow of the goal, and the claim names it.
    P1,
    /// Tasks and outcome of an action agree; outcomes never change; tasks of others stay.
    P3,
    /// Nothing changes after the seal and after the end.
    P4,
    /// One lost message or one dead worker costs no action.
    P5,
    /// Progress grows; the final counts agree with ledger and tasks.
    P6,
    /// Every workflow ends, its end is published, and no state is left behind.
    P7,
    /// Never more in use than there is.
    Capacity,
}

/// Makes the list of flaws and what each of them breaks.
macro_rules! flaws {
    ($($(#[$doc:meta])* $flaw:ident => $promise:ident,)*) => {
        /// A protection that is taken away, to see that its lack is found.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Flaw { $($(#[$doc])* $flaw,)* }

        impl Flaw {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$flaw,)*];

            pub(crate) fn breaks(self) -> Promise {
                match self { $(Self::$flaw => Promise::$promise,)* }
            }
        }
    };
}

flaws! {
    /// The claim does not look at who has claimed the goal.
    ClaimNotConditional => P1,
    /// A goal is set free in a write of its own, after the end.
    GoalFreedApart => P1,
    /// The claim and the record of the execution are two writes.
    RecordedApart => P1,
    /// An outcome replaces another.
    OutcomeNotConditional => P3,
    /// Tasks are written before the outcome.
    TasksSavedApart => P3,
    /// The end removes all tasks of the goal, whoever made them.
    TasksOfOthersRemoved => P3,
    /// A commit does not look at the seal.
    SealIgnored => P4,
    /// Nobody seals.
    SealForgotten => P4,
    /// An end replaces another.
    EndNotFinal => P4,
    /// An end does not look at the cancellation.
    CancellationIgnored => P4,
    /// Progress is taken over after the end.
    ProgressAfterEnd => P4,
    /// Tasks of a cancelled workflow are removed after its end.
    TasksRemovedAfterEnd => P6,
    /// An answer ends another batch as well.
    AnswerCountsTwice => P5,
    /// A batch without a sign of life gets no second message.
    SentOnce => P5,
    /// The ledger is read before it is sealed.
    SealedAfterReading => P6,
    /// Tasks of a cancelled workflow stay.
    TasksLeftBehind => P6,
    /// There is no reconciler.
    ReconcilerOff => P7,
    /// Nobody notes that the end was told.
    MarkForgotten => P7,
    /// `WorkflowCompleted` is not put on the bus.
    EndNotPublished => P7,
    /// It is noted that a workflow is archived before it is.
    MarkedBeforeArchived => P7,
    /// The reconciler does not look at what was told and not archived.
    ListedUntilReported => P7,
    /// Nobody gives capacity back.
    CapacityKept => P7,
    /// Only an event gives capacity back.
    HoldersNotChecked => P7,
    /// Who holds capacity is not launched before those of an earlier turn.
    HolderNotFirst => P7,
    /// Whoever waits is not announced again.
    LineNotChecked => P7,
    /// Capacity is taken whether or not there is some.
    CapacityIgnored => Capacity,
}
