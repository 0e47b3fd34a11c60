use std::collections::HashSet;

use goal_activity_core::daily::Day;
use goal_activity_core::goal::GoalStatus;
use goal_activity_core::keys;
use goal_activity_core::ports::{Accepted, Claim, ClaimGoal, Claimed, PortResult, RequestKey, Stored, UserLoad};
use goal_activity_core::rows::read_head;
use goal_activity_events::{Timestamp, UserId};

use super::{MemoryOfRequest, World};

impl ClaimGoal for World {
    async fn claim_goal(&self, claim: &Claim) -> PortResult<Claimed> {
        let mut state = self.call("claim_goal").await?;
        let now = claim.execution.start_date;
        if let Some(accepted) = claim.request.as_ref().and_then(|r| state.remembered(&r.key, now)) {
            return Ok(Claimed::SameRequest(accepted));
        }
        let arn = claim.execution.execution_arn.clone();
        let name_taken = state.executions.contains_key(&arn);
        let running = state.running.get(&claim.execution.user_id).map_or(0, HashSet::len);
        let today = Day::of(now);
        let days = state.started_actions.get(&claim.execution.user_id);
        let started = days.and_then(|days| days.get(&today)).copied().unwrap_or_default();
        let goal = &claim.execution.goal_id;
        let written = state.goal_rows.get(goal).and_then(|rows| rows.get(keys::GOAL)).cloned().map(read_head);
        let Some(head) = state.goals.get_mut(goal).map(|g| &mut g.head) else {
            return Ok(Claimed::GoalChanged);
        };
        // What another program has written of the goal's own row counts.
        if let Some(Stored::Value(written)) = written {
            *head = written;
        }
        let free = (head.claimed_by.is_none() || head.claimed_by == claim.stale) && !head.status.is_closed();
        if !free
            || head.user_id != claim.execution.user_id
            || head.claims != claim.expected
            || head.revision != claim.revision
        {
            return Ok(Claimed::GoalChanged);
        }
        if name_taken {
            return Ok(Claimed::NameTaken);
        }
        if running > claim.open_before || !claim.started_before.allows(started) {
            return Ok(Claimed::UserChanged);
        }
        (head.claims, head.status) = (claim.sequence, GoalStatus::Processing);
        head.claimed_by = Some(arn.clone().into());
        if let Some(rows) = state.goal_rows.get_mut(goal) {
            rows.remove(keys::GOAL);
        }
        state.executions.insert(arn.clone(), claim.execution.clone());
        state.waiting.insert(arn.clone());
        state.running.entry(claim.execution.user_id.clone()).or_default().insert(arn.clone());
        let days = state.started_actions.entry(claim.execution.user_id.clone()).or_default();
        days.insert(today, started.saturating_add(claim.execution.total_actions));
        days.retain(|day, _| !claim.days_over.contains(day));
        if let Some(request) = &claim.request {
            let accepted = Accepted { execution: arn, digest: request.digest.clone() };
            let expires_at = now.plus(request.key.memory());
            state.requests.insert(keys::request(&request.key), MemoryOfRequest { accepted, expires_at });
        }
        Ok(Claimed::Yes)
    }

    async fn user_load(&self, user: &UserId) -> PortResult<UserLoad> {
        let state = self.call("user_load").await?;
        let open = state.running.get(user).into_iter().flatten().cloned().collect();
        Ok(UserLoad { open, started: state.started_actions.get(user).cloned().unwrap_or_default() })
    }

    async fn accepted_before(&self, request: &RequestKey, now: Timestamp) -> PortResult<Option<Accepted>> {
        Ok(self.call("accepted_before").await?.remembered(request, now))
    }
}
