use std::collections::BTreeSet;

use goal_activity_core::archive::Record;
use goal_activity_core::execution::{
    BatchState, Cancellation, Change, Execution, Status, TimelineEntry, TimelineEvent,
};
use goal_activity_core::goal::GoalStatus;
use goal_activity_core::keys::{CANCELLATION_ENTRY, open_shard, unarchived_shard};
use goal_activity_core::limits::{HISTORY, NOTICE_LEASE};
use goal_activity_core::notice::NoticeClaim;
use goal_activity_core::outcome::Settlement;
use goal_activity_core::ports::{
    CancelExecution, ListOpen, OpenExecution, PortResult, RecordProgress, RemoveTasks, SettleExecution, Told,
};
use goal_activity_events::{ActionId, EventId, ExecutionArn, FinalStatus, GoalId, Timestamp, WorkflowCompleted};

use super::World;

impl RecordProgress for World {
    async fn record_started(&self, execution: &ExecutionArn, event: &str, at: Timestamp) -> PortResult<bool> {
        let mut state = self.call("record_started").await?;
        let pending = state.executions.get_mut(execution).filter(|e| e.status == Status::Pending);
        let Some(e) = pending else { return Ok(false) };
        e.status = e.status.after(Change::Started);
        e.timeline.insert(event.to_owned(), TimelineEntry { at, what: TimelineEvent::Started });
        Ok(true)
    }

    async fn record_batch(
        &self,
        execution: &ExecutionArn,
        event: &EventId,
        batch_index: u32,
        batch: &BatchState,
    ) -> PortResult<bool> {
        let mut state = self.call("record_batch").await?;
        let later = |e: &&mut Execution| {
            let known = e.batches.get(&batch_index.to_string());
            e.status.ended().is_none() && known.is_none_or(|known| known.sequence < batch.sequence)
        };
        let Some(e) = state.executions.get_mut(execution).filter(later) else { return Ok(false) };
        e.status = e.status.after(Change::Started);
        e.batches.insert(batch_index.to_string(), batch.clone());
        if let Some(what) = batch.happening(batch_index) {
            e.timeline.insert(event.to_string(), TimelineEntry { at: batch.updated_at, what });
        }
        Ok(true)
    }
}

impl CancelExecution for World {
    async fn record_cancellation(&self, execution: &ExecutionArn, cancellation: &Cancellation) -> PortResult<bool> {
        let mut state = self.call("record_cancellation").await?;
        let open = |e: &&mut Execution| e.status.ended().is_none() && e.cancellation.is_none();
        let Some(e) = state.executions.get_mut(execution).filter(open) else { return Ok(false) };
        e.cancellation = Some(cancellation.clone());
        let entry = TimelineEntry { at: cancellation.at, what: TimelineEvent::Cancelled };
        e.timeline.insert(CANCELLATION_ENTRY.to_owned(), entry);
        state.line.remove(execution);
        Ok(true)
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
        let listed = |e: &&Execution| {
            let arn = &e.execution_arn;
            let moved = e.is_told() && !state.told_before.contains(arn);
            let own = if moved { unarchived_shard(arn) } else { open_shard(arn) };
            e.archived_at.is_none() && !state.line.contains(arn) && own == shard
        };
        let mut open: Vec<_> = state.executions.values().filter(listed).map(OpenExecution::from).collect();
        let place = |o: &OpenExecution| (o.start_date, o.execution_arn.clone());
        open.sort_by_key(place);
        open.retain(|o| after.is_none_or(|a| place(o) > place(a)));
        open.truncate(limit.into());
        Ok(open)
    }
}

impl SettleExecution for World {
    async fn settle(&self, end: &Settlement) -> PortResult<bool> {
        let mut state = self.call("settle").await?;
        let open = |e: &&mut Execution| {
            let may_end = e.cancellation.is_none() || end.status == FinalStatus::Aborted;
            e.status.ended().is_none() && may_end && end.knows_gone != e.gone_actions.is_empty()
        };
        let Some(e) = state.executions.get_mut(&end.execution_arn).filter(open) else { return Ok(false) };
        e.status = e.status.after(Change::Ended(end.status));
        e.stop_date = Some(end.stop_date);
        e.succeeded_actions = Some(end.tally.succeeded);
        e.failed_count = Some(end.tally.failed_count());
        e.failed_actions.clone_from(&end.tally.failed);
        e.usage = Some(end.tally.usage);
        let entry = TimelineEntry { at: end.stop_date, what: TimelineEvent::Ended { status: end.status } };
        e.timeline.insert(WorkflowCompleted::event_id_for(&end.execution_arn).to_string(), entry);
        state.line.remove(&end.execution_arn);
        if let Some(running) = state.running.get_mut(&end.user_id) {
            running.remove(&end.execution_arn);
        }
        let head = state.goals.get_mut(&end.goal_id).map(|g| &mut g.head);
        if let Some(head) = head.filter(|h| h.claimed_by.as_ref().is_some_and(|c| *c == end.execution_arn)) {
            head.claimed_by = None;
            // Its user may have closed it meanwhile.
            if head.status == GoalStatus::Processing {
                head.status = end.goal_status;
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
        let open = |e: &&mut Execution| e.status.ended().is_none();
        let Some(e) = state.executions.get_mut(execution).filter(open) else { return Ok(None) };
        if e.gone_actions.is_empty() {
            e.gone_actions.clone_from(gone);
        }
        Ok(Some(e.gone_actions.clone()))
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

    async fn mark_told(&self, execution: &ExecutionArn, told: Told, at: Timestamp) -> PortResult<()> {
        let mut state = self.call("mark_told").await?;
        let unarchived = |e: &&mut Execution| e.stop_date.is_some() && e.archived_at.is_none();
        let Some(e) = state.executions.get_mut(execution).filter(unarchived) else { return Ok(()) };
        let was_told = e.is_told();
        if told.services() {
            e.published_at.get_or_insert(at);
        }
        if told.operators() {
            e.notified_at.get_or_insert(at);
        }
        let is_told = e.is_told();
        match told {
            Told::Everybody => {
                state.told_before.remove(execution);
            }
            // Only the write that knows of everybody moves it to another list.
            Told::Services | Told::Operators if is_told && !was_told => {
                state.told_before.insert(execution.clone());
            }
            Told::Services | Told::Operators => {}
        }
        Ok(())
    }

    async fn mark_archived(&self, record: &Record, at: Timestamp) -> PortResult<()> {
        let mut state = self.call("mark_archived").await?;
        let ended = |e: &&mut Execution| e.status.ended().is_some();
        let Some(e) = state.executions.get_mut(&record.execution_arn).filter(ended) else { return Ok(()) };
        e.archived_at.get_or_insert(at);
        state.archived_as.insert(record.execution_arn.clone(), record.key());
        state.expiring.insert(record.execution_arn.clone(), record.stop_date.plus(HISTORY));
        Ok(())
    }
}
