//! The claim of a goal for a new workflow, and the requests that led to one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use goal_activity_events::{ClaimSequence, EventId, ExecutionArn, Timestamp, UserId};

use super::PortResult;
use crate::daily::{Before, Day};
use crate::execution::Execution;
use crate::goal::{GoalClaim, Revision};
use crate::limits::{HISTORY, REQUEST_MEMORY};
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

impl RequestKey {
    /// For how long a request is remembered from its acceptance. That of a user or an operator no longer than its execution is in the table:
    /// after that it could not be answered. That of a service for as long as its event can come again.
    pub fn memory(&self) -> Duration {
        match self {
            Self::User { .. } | Self::Operator { .. } => HISTORY,
            Self::Service { .. } => REQUEST_MEMORY,
        }
    }
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
    /// The revision of the chart on which the actions were decided: the goal must still have it.
    pub revision: Revision,
    /// How many workflows the user has open at most: on that the limit and the execution's turn were decided.
    pub open_before: usize,
    /// How many actions the user has asked for at most on the day of the execution's start date. Those of the execution
    /// are added to them.
    pub started_before: Before,
    /// The days before whose counts are dropped.
    pub days_over: BTreeSet<Day>,
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
    /// The user has more workflows open, or has asked for more actions, than the claim allows: another request was faster.
    UserChanged,
    /// A request of this key was accepted before.
    SameRequest(Accepted),
}

/// What counts towards the limits of a user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserLoad {
    /// The workflows that are open.
    pub open: BTreeSet<ExecutionArn>,
    /// How many actions were asked for, by day. Of the last days only.
    pub started: BTreeMap<Day, u32>,
}

/// Claims a goal: one conditional transaction (promise P1).
pub trait ClaimGoal: Sync {
    /// Claims the goal, records the execution, counts it among the user's open ones and its actions among those of its
    /// day, and remembers the request, all or nothing.
    fn claim_goal(&self, claim: &Claim) -> impl Future<Output = PortResult<Claimed>> + Send;
    /// The workflows of the user that are open, and how many actions the user has asked for.
    fn user_load(&self, user: &UserId) -> impl Future<Output = PortResult<UserLoad>> + Send;
    /// What became of a request of this key before, if it was accepted and is still remembered at that moment: for
    /// [`RequestKey::memory`] from its acceptance.
    fn accepted_before(
        &self,
        request: &RequestKey,
        now: Timestamp,
    ) -> impl Future<Output = PortResult<Option<Accepted>>> + Send;
}
