use std::collections::BTreeSet;

use goal_activity_core::archive::Record;
use goal_activity_core::execution::{BatchReports, Cancellation, Change, Ending, Execution, Listing, Mark};
use goal_activity_core::goal::GoalStatus;
use goal_activity_core::keys::{open_shard, unarchived_shard};
use goal_activity_core::limits::{HISTORY, NOTICE_LEASE};
use goal_activity_core::notice::NoticeClaim;
use goal_activity_core::outcome::goal_status;
use goal_activity_core::ports::{
    CancelExecution, EndExecution, ListOpen, OpenExecution, PortResult, RecordProgress, RemoveTasks,
};
use goal_activity_events::{ActionId, ExecutionArn, GoalId, Timestamp};

use super::{State, World};

impl State {
    /// Makes a change of an execution, and lists it where it belongs from then on. Returns `false` if the change is not made.
    pub(super) fn change(&mut self, execution: &ExecutionArn, change: &Change<'_>) -> bool {
        let made = self.executions.get_mut(execution).is_some_and(|e| e.apply(change));
        if let (true, Some(listing)) = (made, change.listing()) {
            self.waiting.remove(execution);
            self.listed.insert(execution.clone(), listing);
        }
        made
    }
}

impl RecordProgress for World {
    async fn record_started(&self, execution: &ExecutionArn, event: &str, at: Timestamp) -> PortResult<bool> {
        Ok(self.call("record_started").await?.change(execution, &Change::Started { event, at }))
    }

    async fn record_batches(&self, execution: &ExecutionArn, reports: &BatchReports) -> PortResult<bool> {
        Ok(self.call("record_batches").await?.change(execution, &Change::Progressed(reports)))
    }
}

impl CancelExecution for World {
    async fn record_cancellation(&self, execution: &ExecutionArn, cancellation: &Cancellation) -> PortResult<bool> {
        Ok(self.call("record_cancellation").await?.change(execution, &Change::Cancelled(cancellation)))
    }
}

impl RemoveTasks for World {
    async fn remove_tasks_of(&self, goal: &GoalId, execution: &ExecutionArn, actions: &[ActionId]) -> PortResult<()> {
        let mut state = self.call("remove_tasks_of").await?;
        state.tasks.retain(|_, task| {
            task.goal_id != *goal || task.execution_arn != *execution || !actions.contains(&task.action_id)
        });
        Ok(())
    }
}

impl ListOpen for World {
    async fn list_open(
        &self,
        shard: &str,
        after: Option<&OpenExecution>,
        limit: u16,
    ) -> PortResult<Vec<OpenExecution>> {
        let state = self.call("list_open").await?;
        let is_here = |arn: &ExecutionArn, listing: Listing| match listing {
            Listing::Open => open_shard(arn) == shard,
            Listing::Unarchived => unarchived_shard(arn) == shard,
            Listing::Unlisted => false,
        };
        let listed = state.listed.iter().filter(|(arn, listing)| is_here(arn, **listing));
        let listed = listed.filter_map(|(arn, _)| state.executions.get(arn));
        let mut open: Vec<_> = listed.map(OpenExecution::from).collect();
        let place = |o: &OpenExecution| (o.start_date, o.execution_arn.clone());
        open.sort_by_key(place);
        open.retain(|o| after.is_none_or(|a| place(o) > place(a)));
        open.truncate(limit.into());
        Ok(open)
    }
}

impl EndExecution for World {
    async fn end_execution(&self, execution: &Execution, end: &Ending) -> PortResult<bool> {
        let mut state = self.call("end_execution").await?;
        let arn = &execution.execution_arn;
        let change = Change::ended(execution, end);
        if !state.change(arn, &change) {
            return Ok(false);
        }
        if let Some(running) = state.running.get_mut(&execution.user_id) {
            running.remove(arn);
        }
        let head = state.goals.get_mut(&execution.goal_id).map(|g| &mut g.head);
        if let Some(head) = head.filter(|h| h.claimed_by.as_ref().is_some_and(|c| c == arn)) {
            head.claimed_by = None;
            // Its user may have closed it meanwhile.
            if head.status == GoalStatus::Processing {
                head.status = goal_status(end, execution.goal_before);
            }
        }
        Ok(true)
    }

    async fn record_gone(
        &self,
        execution: &ExecutionArn,
        gone: &BTreeSet<ActionId>,
    ) -> PortResult<Option<BTreeSet<ActionId>>> {
        let mut state = self.call("record_gone").await?;
        let made = state.change(execution, &Change::Gone(gone));
        Ok(state.executions.get(execution).filter(|_| made).map(|e| e.gone_actions.clone()))
    }

    async fn claim_notice(&self, execution: &ExecutionArn, claim: &NoticeClaim) -> PortResult<bool> {
        let mut state = self.call("claim_notice").await?;
        if state.executions.get(execution).is_none_or(|e| e.notified_at.is_some()) {
            return Ok(false);
        }
        let abandoned = |other: &NoticeClaim| other.at() < claim.at().minus(NOTICE_LEASE);
        let free = state.notice_claims.get(execution).is_none_or(|other| other == claim || abandoned(other));
        if free {
            state.notice_claims.insert(execution.clone(), claim.clone());
        }
        Ok(free)
    }

    async fn release_notice(&self, execution: &ExecutionArn, claim: &NoticeClaim) -> PortResult<()> {
        let mut state = self.call("release_notice").await?;
        if state.notice_claims.get(execution) == Some(claim) {
            state.notice_claims.remove(execution);
        }
        Ok(())
    }

    async fn mark_reported(&self, execution: &ExecutionArn, mark: Mark, at: Timestamp) -> PortResult<()> {
        self.call("mark_reported").await?.change(execution, &Change::Reported { mark, at });
        Ok(())
    }

    async fn expire_ledger(&self, record: &Record) -> PortResult<()> {
        let mut state = self.call("expire_ledger").await?;
        for batch in &record.batches {
            let key = (record.execution_arn.clone(), batch.batch_index);
            if state.ledgers.get(&key).is_some_and(|ledger| ledger.sealed) {
                state.expiring_ledgers.insert(key, record.end.stop_date.plus(HISTORY));
            }
        }
        Ok(())
    }

    async fn mark_archived(&self, record: &Record, at: Timestamp) -> PortResult<()> {
        let mut state = self.call("mark_archived").await?;
        if state.change(&record.execution_arn, &Change::Archived { at }) {
            state.archived_as.insert(record.execution_arn.clone(), record.key());
            state.expiring.insert(record.execution_arn.clone(), record.end.stop_date.plus(HISTORY));
        }
        Ok(())
    }
}
