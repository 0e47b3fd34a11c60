use std::collections::HashSet;

use goal_activity_core::goal::GoalStatus;
use goal_activity_core::keys;
use goal_activity_core::ports::{Accepted, Claim, ClaimGoal, Claimed, Outside, Remembered, RequestKey};
use goal_activity_events::UserId;

use super::World;

impl ClaimGoal for World {
    async fn claim_goal(&self, claim: &Claim) -> Outside<Claimed> {
        let mut state = self.call("claim_goal").await?;
        let before = |r: &Remembered| state.requests.get(&keys::request(&r.key));
        if let Some(accepted) = claim.request.as_ref().and_then(before) {
            return Ok(Claimed::SameRequest(accepted.clone()));
        }
        let arn = claim.execution.execution_arn.clone();
        let name_taken = state.executions.contains_key(&arn);
        let running = state.running.get(&claim.execution.user_id).map_or(0, HashSet::len);
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
        if running > claim.open_before {
            return Ok(Claimed::MoreOpen);
        }
        (head.claimed_by, head.claims, head.status) =
            (Some(arn.clone().into()), claim.sequence, GoalStatus::Processing);
        state.executions.insert(arn.clone(), claim.execution.clone());
        state.line.insert(arn.clone());
        state.running.entry(claim.execution.user_id.clone()).or_default().insert(arn.clone());
        if let Some(request) = &claim.request {
            let accepted = Accepted { execution: arn, digest: request.digest.clone() };
            state.requests.insert(keys::request(&request.key), accepted);
        }
        Ok(Claimed::Yes)
    }

    async fn open_workflows(&self, user: &UserId) -> Outside<usize> {
        Ok(self.call("open_workflows").await?.running.get(user).map_or(0, HashSet::len))
    }

    async fn accepted_before(&self, request: &RequestKey) -> Outside<Option<Accepted>> {
        Ok(self.call("accepted_before").await?.requests.get(&keys::request(request)).cloned())
    }
}
