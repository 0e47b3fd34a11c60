//! Accepting a request for a goal: the same for the API and for events of other services.

use std::collections::BTreeMap;

use goal_activity_core::execution::{Execution, Happening, Status, TimelineEntry};
use goal_activity_core::goal::Goal;
use goal_activity_core::ports::{
    ActionsWithTasks, Claim, ClaimGoal, Claimed, Clock, FindExecution, LoadGoal, RequestKey, Unavailable,
};
use goal_activity_core::start::{StartPlan, StartRejection, StartRequest, decide};
use goal_activity_events::{EventId, ExecutionArn, StateMachineArn};

/// How often a claim is decided anew when the goal changes under it. Each time means that somebody else succeeded.
const TRIES: u32 = 5;

/// Accepts requests.
#[derive(Debug, Clone)]
pub struct Intake<G, T, E, C, K> {
    /// Reads goals.
    pub goals: G,
    /// Reads which actions have tasks.
    pub tasks: T,
    /// Reads executions.
    pub executions: E,
    /// Claims goals.
    pub claims: C,
    /// Tells the time.
    pub clock: K,
    /// The state machine under which executions will run.
    pub state_machine: StateMachineArn,
}

/// Why a request was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// It cannot be.
    #[error(transparent)]
    Rejected(#[from] StartRejection),
    /// It may be next time.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// By what a request is recognised.
#[derive(Debug, Clone)]
pub enum Origin {
    /// The API: each call is a request of its own.
    Api(EventId),
    /// Another service: the same event delivered again is the same request.
    Service(RequestKey),
}

impl<G, T, E, C, K> Intake<G, T, E, C, K>
where
    G: LoadGoal,
    T: ActionsWithTasks,
    E: FindExecution,
    C: ClaimGoal,
    K: Clock,
{
    /// Claims the goal and records the execution, as `PENDING`. The same request again answers the same execution.
    pub async fn accept(&self, request: &StartRequest, origin: &Origin) -> Result<Execution, IntakeError> {
        if let Origin::Service(key) = origin
            && let Some(accepted) = self.claims.accepted_before(key).await?
        {
            return self.existing(&accepted).await;
        }
        let mut skipped_names = 0;
        for _ in 0..TRIES {
            let unknown = || StartRejection::UnknownGoal(request.goal_id.clone());
            let goal = self.goals.load_goal(&request.goal_id).await?.ok_or_else(unknown)?;
            let with_tasks = self.tasks.actions_with_tasks(&request.goal_id).await?;
            let plan = match decide(&goal, &with_tasks, request) {
                Ok(plan) => plan,
                Err(why) => return self.rejected(why, origin).await,
            };
            let claim = self.claim(&goal, plan, request, origin, skipped_names);
            match self.claims.claim_goal(&claim).await? {
                Claimed::Yes => return Ok(claim.execution),
                Claimed::SameRequest(accepted) => return self.existing(&accepted).await,
                Claimed::GoalChanged => {}
                // Left over from an earlier goal of the same id: names are never used twice.
                Claimed::NameTaken => skipped_names += 1,
            }
        }
        Err(Unavailable::new(format!("claiming goal {}", request.goal_id), "it keeps changing").into())
    }

    /// What stands in the way may be this very request, accepted from another delivery since it was looked up (promise P2).
    async fn rejected(&self, why: StartRejection, origin: &Origin) -> Result<Execution, IntakeError> {
        if let Origin::Service(key) = origin
            && let Some(accepted) = self.claims.accepted_before(key).await?
        {
            return self.existing(&accepted).await;
        }
        Err(why.into())
    }

    async fn existing(&self, arn: &ExecutionArn) -> Result<Execution, IntakeError> {
        let found = self.executions.find_execution(arn).await?;
        found.ok_or_else(|| Unavailable::new(format!("reading execution {arn}"), "it is recorded but not there").into())
    }

    fn claim(&self, goal: &Goal, plan: StartPlan, request: &StartRequest, origin: &Origin, skip: u64) -> Claim {
        let now = self.clock.now();
        let expected = goal.head.claims;
        let sequence = (0..skip).fold(expected.next(), |s, _| s.next());
        let (request_id, key) = match origin {
            Origin::Api(id) => (id.clone(), None),
            Origin::Service(key) => (key.event_id.clone(), Some(key.clone())),
        };
        let accepted = TimelineEntry { at: now, what: Happening::Accepted };
        let arn = ExecutionArn::derive(&self.state_machine, &goal.head.goal_id, sequence);
        let execution = Execution {
            goal_id: goal.head.goal_id.clone(),
            user_id: goal.head.user_id.clone(),
            status: Status::Pending,
            start_date: now,
            stop_date: None,
            total_actions: u32::try_from(plan.action_ids.len()).unwrap_or(u32::MAX),
            action_ids: plan.action_ids,
            regenerate: request.regenerate,
            goal_before: plan.goal_before,
            batches: BTreeMap::new(),
            succeeded_actions: None,
            failed_count: None,
            failed_actions: Vec::new(),
            // By an id of ours: a request's own id could be that of another entry.
            timeline: BTreeMap::from([(EventId::derived(&arn, "accepted").to_string(), accepted)]),
            request_id,
            cancellation: None,
            published_at: None,
            notified_at: None,
            execution_arn: arn,
        };
        Claim { execution, expected, sequence, request: key }
    }
}
