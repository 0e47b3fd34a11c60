//! What is counted. Each fact is counted once, by the invocation that made it true: the one whose conditional write was the one
//! that counted, never by one who found it done.

use std::fmt::Debug;
use std::time::Duration;

use goal_activity_events::{FailureCode, FinalStatus, RejectionReason, Repair, Usage};

/// Something that has happened and is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// A workflow was accepted: its goal is claimed and its execution recorded.
    WorkflowStarted,
    /// A workflow was launched.
    WorkflowAdmitted {
        /// From the request to the launch.
        waited: Duration,
    },
    /// A request to start a workflow was refused.
    RequestRejected {
        /// Why.
        reason: RejectionReason,
    },
    /// A workflow has its terminal status.
    WorkflowEnded {
        /// Which.
        status: FinalStatus,
        /// From the launch to the end; from the request for one that was never launched.
        duration: Duration,
        /// How many of its actions no worker has brought to an outcome.
        not_processed: u32,
    },
    /// The outcomes of actions are saved, together and for the same reason.
    ActionsEnded {
        /// How many.
        actions: u32,
        /// Why they have no tasks, when they have none.
        failure: Option<FailureCode>,
        /// How many tasks were saved for them.
        tasks: usize,
        /// How often the AI was asked for them.
        attempts: u32,
    },
    /// The AI was asked once, and has answered or not.
    AiAsked {
        /// Whether it was the second AI.
        fallback: bool,
        /// Why its answer is of no use, when it is not.
        failure: Option<FailureCode>,
        /// What it took.
        usage: Usage,
    },
    /// An answer of the AI was accepted after a repair.
    AnswerRepaired {
        /// What was repaired.
        kind: Repair,
    },
    /// The state machine has taken a worker's answer for a batch.
    BatchAnswered {
        /// From being enqueued until the worker that has answered began.
        wait: Duration,
        /// From being enqueued to the answer.
        duration: Duration,
    },
    /// A worker's task token was stale: the state machine did not wait for its batch.
    TokenStale,
    /// The reconciler has run to its end.
    Reconciled {
        /// How many open workflows it has looked at.
        checked: usize,
        /// How many it could not look at or not repair; a list that it could not read is one.
        failed: usize,
    },
    /// The reconciler has seen how much of the capacity is taken, and who waits for some.
    LoadSeen {
        /// How many batches all workflows together hold.
        in_use: u32,
        /// For how long the workflow whose turn is next has waited. Zero when none does.
        waiting: Duration,
        /// Whether launching is paused.
        paused: bool,
        /// Whether the pipeline has paused it itself.
        paused_itself: bool,
    },
    /// The reconciler has done something for a workflow that an event, a message or an invocation was lost for.
    Repaired {
        /// What.
        what: Repaired,
    },
}

/// What the reconciler has done for a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repaired {
    /// Announced it again.
    Announced,
    /// Recorded that it runs.
    StartRecorded,
    /// Ended it.
    Ended,
    /// Reported its end, or archived it.
    Completed,
    /// Released the capacity that it held.
    CapacityFreed,
}

/// Counts facts. Cannot fail, and nothing waits for it: a number is not worth a workflow.
pub trait CountFacts: Debug + Send + Sync {
    /// Counts the fact.
    fn count(&self, fact: Fact);
}
