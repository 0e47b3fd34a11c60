//! Accepting a request for a goal: the same for the API and for events of other services.

use std::collections::{BTreeMap, BTreeSet};

use goal_activity_core::admission::{Capacity, turn};
use goal_activity_core::daily::{DailyLimit, Day};
use goal_activity_core::execution::{Execution, TimelineEntry, TimelineEvent};
use goal_activity_core::facts::Fact;
use goal_activity_core::goal::{Goal, GoalClaim};
use goal_activity_core::limits::MAX_RUNNING_PER_USER;
use goal_activity_core::operator::OperatorRequest;
use goal_activity_core::port_set;
use goal_activity_core::ports::{
    Accepted, ActionsWithTasks, Claim, ClaimGoal, Claimed, FindArchived, FindExecution, LoadGoal, PortResult,
    Remembered, RequestKey, Unavailable, UserLoad,
};
use goal_activity_core::start::{
    IdempotencyKey, StartPlan, StartRejection, StartRequest, decide, existing, within_day,
};
use goal_activity_events::{
    CorrelationId, EventId, ExecutionArn, RequestRef, SOURCE, StateMachineArn, Timestamp, Traceparent, UserId,
};

use crate::runtime::telemetry::trace;

use crate::runtime::context::Context;

/// How often a claim is decided anew when the goal, or what its user has open or has asked for, changes under it. Each time means that
/// another request succeeded, which starts of one user can only so often.
const TRIES: usize = 5 + MAX_RUNNING_PER_USER;

port_set! {
    /// What accepting a request reads and writes.
    pub trait IntakeDb: LoadGoal + ActionsWithTasks + FindExecution + FindArchived + ClaimGoal
}

/// Accepts requests.
#[derive(Debug, Clone)]
pub struct Intake<Db> {
    /// The tables.
    pub db: Db,
    /// The state machine under which executions will run.
    pub state_machine: StateMachineArn,
    /// How much capacity executions share.
    pub capacity: Capacity,
    /// How many actions a user may ask for in a day.
    pub daily_limit: DailyLimit,
    /// The time, and the count of what is accepted.
    pub context: Context,
}

/// Why a request was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// It cannot be.
    #[error(transparent)]
    Rejected(#[from] StartRejection),
    /// Its key belongs to another request.
    #[error("this key was used for another request; use a new one")]
    KeyReused,
    /// It may be next time.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Where a request comes from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// By what the request itself is known.
    request: RequestRef,
    /// By what its sender recognises what belongs to it.
    correlation_id: Option<CorrelationId>,
    /// By what it is known again; nothing where every call is a request of its own.
    key: Option<RequestKey>,
    /// The trace that it comes with.
    traceparent: Option<Traceparent>,
    /// The operator who asks in the place of the user, and why.
    operator: Option<OperatorRequest>,
}

impl Origin {
    /// A call of a user. With a key, the same call again is the same request.
    pub fn call(user: &UserId, key: Option<IdempotencyKey>, correlation_id: Option<CorrelationId>) -> Self {
        let key = key.map(|key| RequestKey::User { user_id: user.clone(), key });
        let request = RequestRef { source: SOURCE.to_owned(), event_id: EventId::random() };
        Self { request, correlation_id, key, traceparent: None, operator: None }
    }

    /// A call of an operator. Its keys are apart from those of users.
    pub fn operator(operator: OperatorRequest, key: Option<IdempotencyKey>) -> Self {
        let key = key.map(|key| RequestKey::Operator { operator: operator.by.clone(), key });
        let request = RequestRef { source: SOURCE.to_owned(), event_id: EventId::random() };
        Self { request, correlation_id: None, key, traceparent: None, operator: Some(operator) }
    }

    /// An event of another service. The same event delivered again is the same request.
    pub fn event(request: RequestRef, correlation_id: Option<CorrelationId>, traceparent: Option<Traceparent>) -> Self {
        let RequestRef { source, event_id } = request.clone();
        Self {
            request,
            correlation_id,
            key: Some(RequestKey::Service { source, event_id }),
            traceparent,
            operator: None,
        }
    }

    /// What of it is remembered. Whoever uses a key or an event id for something else has made a mistake.
    fn remembered(&self, request: &StartRequest) -> Option<Remembered> {
        let digest = |key: &RequestKey| match key {
            RequestKey::User { .. } => request.digest(),
            RequestKey::Service { .. } | RequestKey::Operator { .. } => request.digest_of_service(),
        };
        self.key.as_ref().map(|key| Remembered { key: key.clone(), digest: Some(digest(key)) })
    }
}

impl<Db: IntakeDb> Intake<Db> {
    /// Claims the goal and records the execution, as `PENDING`. The same request again answers the same execution.
    pub async fn accept(&self, request: &StartRequest, origin: &Origin) -> Result<Execution, IntakeError> {
        let remembered = origin.remembered(request);
        if let Some(before) = self.before(remembered.as_ref()).await? {
            return Ok(before);
        }
        let mut skipped_names = 0;
        for _ in 0..TRIES {
            let goal = match existing(&request.goal_id, self.db.load_goal(&request.goal_id).await?) {
                Ok(goal) => goal,
                Err(why) => return self.rejected(why, remembered.as_ref()).await,
            };
            let load = self.db.user_load(&request.user_id).await?;
            let running = self.running(&goal, &load.open).await?;
            // Last: a workflow that was seen to have ended removes no task any more, and one that begins later changes the claim.
            let with_tasks = self.db.actions_with_tasks(&request.goal_id).await?;
            let plan = match decide(&goal, running.as_ref(), &with_tasks, request) {
                Ok(plan) => plan,
                Err(why) => return self.rejected(why, remembered.as_ref()).await,
            };
            let now = self.context.now();
            if let Err(why) = self.has_room(&load, &plan, now) {
                return self.rejected(why, remembered.as_ref()).await;
            }
            let claim = self.claim(&goal, plan, request, origin, (skipped_names, &load, now));
            let claimed = match self.db.find_archived(&claim.execution.execution_arn).await? {
                None => self.db.claim_goal(&claim).await?,
                // Its row has expired, and some of its ledger may still be there.
                Some(_) => Claimed::NameTaken,
            };
            match claimed {
                Claimed::Yes => return Ok(self.accepted(claim.execution)),
                Claimed::SameRequest(accepted) => return self.existing(&accepted, remembered.as_ref()).await,
                Claimed::GoalChanged | Claimed::UserChanged => {}
                // Names are never used twice. The goal app may have set back the count of claims, or have made another goal
                // under the id of one that it has deleted: there may be many.
                Claimed::NameTaken => skipped_names = (2 * skipped_names).max(1),
            }
        }
        Err(Unavailable::new(
            format!("claiming goal {}", request.goal_id),
            "it, or what counts towards the limits of its user, keeps changing",
        )
        .into())
    }

    /// Whether a request of that name has started a workflow, as far as it is remembered.
    pub async fn has_started(&self, request: &RequestRef) -> PortResult<bool> {
        let RequestRef { source, event_id } = request.clone();
        let key = RequestKey::Service { source, event_id };
        Ok(self.db.accepted_before(&key, self.context.now()).await?.is_some())
    }

    fn accepted(&self, execution: Execution) -> Execution {
        self.context.count(Fact::WorkflowStarted);
        trace::about(&execution.execution_arn, &execution.goal_id);
        tracing::info!(
            requestId = %execution.request_id, actions = execution.total_actions, regenerate = execution.regenerate, "workflow accepted"
        );
        execution
    }

    /// The workflow of this goal that is open, if one is.
    pub async fn open_workflow(&self, goal: &Goal) -> PortResult<Option<ExecutionArn>> {
        let load = self.db.user_load(&goal.head.user_id).await?;
        self.running(goal, &load.open).await
    }

    /// The same, given all open workflows of its user. What the goal's row says is not enough: the goal app may have written
    /// it back as it was before a claim, or before the end of one.
    async fn running(&self, goal: &Goal, open: &BTreeSet<ExecutionArn>) -> PortResult<Option<ExecutionArn>> {
        let goal_id = &goal.head.goal_id;
        if let Some(noted) = goal.head.claimed_by.as_ref().and_then(GoalClaim::execution)
            && let Some(execution) = self.db.find_execution(&noted).await?
            && execution.goal_id == *goal_id
            && !execution.has_ended()
        {
            return Ok(Some(noted));
        }
        Ok(open.iter().find(|arn| arn.belongs_to(goal_id)).cloned())
    }

    /// Decides whether the limits of the user leave room for what is planned.
    fn has_room(&self, load: &UserLoad, plan: &StartPlan, now: Timestamp) -> Result<(), StartRejection> {
        if load.open.len() >= MAX_RUNNING_PER_USER {
            return Err(StartRejection::TooManyRunning);
        }
        let today = load.started.get(&Day::of(now)).copied().unwrap_or_default();
        within_day(plan, self.daily_limit, today, now)
    }

    /// What stands in the way may be this very request, accepted from another delivery since it was looked up (promise P2).
    async fn rejected(&self, why: StartRejection, request: Option<&Remembered>) -> Result<Execution, IntakeError> {
        self.before(request).await?.ok_or_else(|| why.into())
    }

    /// The execution as which this request was accepted before, if it was.
    async fn before(&self, request: Option<&Remembered>) -> Result<Option<Execution>, IntakeError> {
        let Some(remembered) = request else { return Ok(None) };
        let Some(accepted) = self.db.accepted_before(&remembered.key, self.context.now()).await? else {
            return Ok(None);
        };
        self.existing(&accepted, request).await.map(Some)
    }

    async fn existing(&self, accepted: &Accepted, request: Option<&Remembered>) -> Result<Execution, IntakeError> {
        // Of events of services, earlier versions did not note what they ask for.
        if let (Some(now), Some(then)) = (request.and_then(|r| r.digest.as_ref()), &accepted.digest)
            && now != then
        {
            return Err(IntakeError::KeyReused);
        }
        let arn = &accepted.execution;
        let found = self.db.find_execution(arn).await?;
        found.ok_or_else(|| Unavailable::new(format!("reading execution {arn}"), "it is recorded but not there").into())
    }

    fn claim(
        &self,
        goal: &Goal,
        plan: StartPlan,
        request: &StartRequest,
        origin: &Origin,
        (skip, load, now): (u64, &UserLoad, Timestamp),
    ) -> Claim {
        let (open_before, actions, today) = (load.open.len(), plan.actions(), Day::of(now));
        let expected = goal.head.claims;
        let sequence = (0..skip).fold(expected.next(), |s, _| s.next());
        let accepted = TimelineEntry { at: now, what: TimelineEvent::Accepted };
        let arn = ExecutionArn::derive(&self.state_machine, &goal.head.goal_id, sequence);
        let execution = Execution {
            goal_id: goal.head.goal_id.clone(),
            user_id: goal.head.user_id.clone(),
            start_date: now,
            turn: turn(now, open_before, request.class),
            shard: self.capacity.shard_of(&arn),
            admitted_at: None,
            started_at: None,
            total_actions: actions,
            action_ids: plan.action_ids,
            regenerate: request.regenerate,
            goal_before: plan.goal_before,
            batches: BTreeMap::new(),
            gone_actions: BTreeSet::new(),
            end: None,
            // By an id of ours: a request's own id could be that of another entry.
            timeline: BTreeMap::from([(EventId::derived(&arn, "accepted").to_string(), accepted)]),
            request_id: origin.request.event_id.clone(),
            request_source: Some(origin.request.source.clone()),
            correlation_id: origin.correlation_id.clone(),
            traceparent: trace::current().or_else(|| origin.traceparent.clone()),
            operator: origin.operator.clone(),
            cancellation: None,
            published_at: None,
            notified_at: None,
            archived_at: None,
            execution_arn: arn,
        };
        let (stale, request) = (goal.head.claimed_by.clone(), origin.remembered(request));
        let started_before = self.daily_limit.before(actions);
        let days_over = load.started.keys().copied().filter(|day| day.is_over(today)).collect();
        let revision = goal.head.revision;
        Claim { execution, stale, expected, sequence, revision, open_before, started_before, days_over, request }
    }
}
