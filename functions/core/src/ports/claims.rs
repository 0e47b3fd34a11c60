//! The claim of a goal for a new workflow, and the requests that led to one.

use std::collections::BTreeSet;

use goal_activity_events::{ClaimSequence, EventId, ExecutionArn, Timestamp, UserId};

use super::PortResult;
use crate::execution::Execution;
use crate::goal::GoalClaim;
use crate::operator::OperatorArn;
use crate::start::IdempotencyKey;

/// The deduplication key of a request (promise P2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestKey {
    /// An event of another service.
    Service {
        /// Who sent it: EventBridge's `source`.
        source: String,
        /// Its event id.
        event_id: EventId,
    },
    /// A call of a user who has given it a key.
    User {
        /// The user.
        user_id: UserId,
        /// The key.
        key: IdempotencyKey,
    },
    /// A call of an operator who has given it a key.
    Operator {
        /// The operator.
        operator: OperatorArn,
        /// The key.
        key: IdempotencyKey,
    },
}

/// A request that is remembered once it is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// By what it is known again.
    pub key: RequestKey,
    /// What it asks for, where the same key must not come with anything else ([`StartRequest::digest`]).
    ///
    /// [`StartRequest::digest`]: crate::start::StartRequest::digest
    pub digest: Option<String>,
}

/// What became of a request that came before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The execution as which it was accepted.
    pub execution: ExecutionArn,
    /// What it asked for, where that was noted.
    pub digest: Option<String>,
}

/// The claim of a goal for a new workflow.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The execution as it is recorded.
    pub execution: Execution,
    /// A claim in the goal's row whose execution has ended or never was: it is replaced.
    pub stale: Option<GoalClaim>,
    /// The sequence that the goal has before the claim.
    pub expected: ClaimSequence,
    /// The sequence that it has afterwards.
    pub sequence: ClaimSequence,
    /// How many workflows the user has open at most: on that the limit and the execution's turn were decided.
    pub open_before: usize,
    /// The request, which must be new.
    pub request: Option<Remembered>,
}

/// How a claim went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The goal is ours, the execution is recorded.
    Yes,
    /// The goal is not as it was read: another writer was faster.
    GoalChanged,
    /// There is an execution of this name already.
    NameTaken,
    /// The user has more workflows open than were counted: another request was faster.
    MoreOpen,
    /// A request of this key was accepted before.
    SameRequest(Accepted),
}

/// Claims a goal: one conditional transaction (promise P1).
pub trait ClaimGoal: Sync {
    /// Claims the goal, records the execution, counts it among the user's open ones and remembers the request, all or nothing.
    fn claim_goal(&self, claim: &Claim) -> impl Future<Output = PortResult<Claimed>> + Send;
    /// The workflows of the user that are open.
    fn open_workflows(&self, user: &UserId) -> impl Future<Output = PortResult<BTreeSet<ExecutionArn>>> + Send;
    /// What became of a request of this key before, if it was accepted and is still remembered at that moment: for
    /// [`REQUEST_MEMORY`](crate::limits::REQUEST_MEMORY) from its acceptance.
    fn accepted_before(
        &self,
        request: &RequestKey,
        now: Timestamp,
    ) -> impl Future<Output = PortResult<Option<Accepted>>> + Send;
}
