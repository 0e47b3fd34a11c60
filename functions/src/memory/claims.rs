use goal_activity_core::goal::GoalStatus;
use goal_activity_core::ports::{Claim, ClaimGoal, Claimed, Outside, RequestKey};
use goal_activity_events::ExecutionArn;

use super::{World, request_key};

impl ClaimGoal for World {
    async fn claim_goal(&self, claim: &Claim) -> Outside<Claimed> {
        let mut state = self.call("claim_goal").await?;
        if let Some(accepted) = claim.request.as_ref().and_then(|r| state.requests.get(&request_key(r))) {
            return Ok(Claimed::SameRequest(accepted.clone()));
        }
        let arn = claim.execution.execution_arn.clone();
        let name_taken = state.executions.contains_key(&arn);
        let Some(head) = state.goals.get_mut(&claim.execution.goal_id).map(|g| &mut g.head) else {
            return Ok(Claimed::GoalChanged);
        };
        let free = head.claimed_by.is_none() && !head.status.is_closed();
        if !free || head.user_id != claim.execution.user_id || head.claims != claim.expected {
            return Ok(Claimed::GoalChanged);
        }
        if name_taken {
            return Ok(Claimed::NameTaken);
        }
        (head.claimed_by, head.claims, head.status) = (Some(arn.clone()), claim.sequence, GoalStatus::Processing);
        state.executions.insert(arn.clone(), claim.execution.clone());
        if let Some(request) = &claim.request {
            state.requests.insert(request_key(request), arn);
        }
        Ok(Claimed::Yes)
    }

    async fn accepted_before(&self, request: &RequestKey) -> Outside<Option<ExecutionArn>> {
        Ok(self.call("accepted_before").await?.requests.get(&request_key(request)).cloned())
    }
}
