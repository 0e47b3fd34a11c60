use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, TransactWriteItem};
use goal_activity_core::archive::Record;
use goal_activity_core::execution::{Change, Status, TimelineEntry, TimelineEvent};
use goal_activity_core::goal::GoalStatus;
use goal_activity_core::keys;
use goal_activity_core::limits::{HISTORY, NOTICE_LEASE};
use goal_activity_core::notice::NoticeClaim;
use goal_activity_core::outcome::Settlement;
use goal_activity_core::ports::{PortResult, SettleExecution, Told};
use goal_activity_events::{ActionId, ExecutionArn, FinalStatus, Timestamp, WorkflowCompleted};
use serde::Deserialize;

use super::Tables;
use super::dynamo::{Transacted, attribute, number, read, text, transact};
use super::executions::{STATUS, TIMELINE, is_in, is_not_cancelled, is_open};
use super::goals::is_spelled;
use super::write::{Condition, Write};

/// The attribute with the claim of the notice to the operators.
const NOTICE_CLAIMED: &str = "noticeClaimedAt";

/// The marks of who knows of the end. As in [`Execution`](goal_activity_core::execution::Execution).
const PUBLISHED: &str = "publishedAt";
const NOTIFIED: &str = "notifiedAt";
const ARCHIVED: &str = "archivedAt";

/// When it ended.
const STOP_DATE: &str = "stopDate";

/// Where it is noted which actions are gone. As in [`Execution`](goal_activity_core::execution::Execution).
const GONE: &str = "goneActions";

/// The note of which actions are gone.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Gone {
    gone_actions: BTreeSet<ActionId>,
}

impl Tables {
    fn end_execution(&self, end: &Settlement) -> PortResult<TransactWriteItem> {
        let arn = &end.execution_arn;
        let entry = TimelineEntry { at: end.stop_date, what: TimelineEvent::Ended { status: end.status } };
        let event = WorkflowCompleted::event_id_for(arn);
        let gone = if end.knows_gone { Condition::exists(GONE) } else { Condition::missing(GONE) };
        let write = self
            .execution(arn)
            .set(STATUS, attribute(Status::from(end.status))?)
            .set(STOP_DATE, text(end.stop_date))
            .set("succeededActions", number(end.tally.succeeded))
            .set("failedCount", number(end.tally.failed_count()))
            .set("failedActions", attribute(&end.tally.failed)?)
            .set("usage", attribute(end.tally.usage)?)
            .set([TIMELINE, event.as_str()], attribute(entry)?)
            .set(keys::OPEN_SHARD, text(keys::open_shard(arn)))
            .remove(keys::WAITING)
            .when(is_in(Status::before(Change::Ended(end.status)))?)
            .when(gone);
        match end.status {
            FinalStatus::Aborted => write.update(),
            _ => write.when(is_not_cancelled()).update(),
        }
    }

    fn take_off_the_list(&self, record: &Record, at: Timestamp, expires: AttributeValue) -> Write {
        self.execution(&record.execution_arn)
            .set_once(ARCHIVED, text(at))
            .set(keys::EXPIRES_AT, expires)
            .remove(keys::OPEN_SHARD)
            .when(Condition::exists(STOP_DATE))
    }

    /// The one row that stays: the archive is partitioned by day, which an ARN does not tell.
    fn point_to_archive(&self, record: &Record) -> Write {
        self.execution_item(&record.execution_arn, keys::ARCHIVE).set(keys::ARCHIVED_AS, text(record.key()))
    }

    fn expire_batch(&self, record: &Record, index: u32, expires: AttributeValue) -> Write {
        self.batch(&record.execution_arn, index).set(keys::EXPIRES_AT, expires)
    }

    /// Takes the execution out of the user's open ones.
    fn free_user(&self, end: &Settlement) -> PortResult<TransactWriteItem> {
        let this = AttributeValue::Ss(vec![end.execution_arn.to_string()]);
        self.execution_item(keys::user(&end.user_id), keys::USER).delete(keys::RUNNING, this).update()
    }

    /// Releases the goal and gives it the status that follows from the end.
    fn free_goal(&self, end: &Settlement) -> PortResult<TransactWriteItem> {
        self.leave_goal(end)
            .set("status", attribute(end.goal_status)?)
            .set("updatedAt", text(end.stop_date))
            .when(is_spelled([GoalStatus::Processing])?)
            .update()
    }

    /// Releases the goal and leaves its status as its user has set it meanwhile.
    fn leave_goal(&self, end: &Settlement) -> Write {
        let claimed = Condition::equals(keys::CLAIM, text(&end.execution_arn));
        self.goal(&end.goal_id).remove(keys::CLAIM).when(claimed)
    }
}

impl SettleExecution for Tables {
    async fn settle(&self, end: &Settlement) -> PortResult<bool> {
        let what = format!("settling {}", end.execution_arn);
        // Where the goal stands in the way, the execution ends all the same: its user has changed its status meanwhile, or
        // it was deleted, or is not claimed by this execution any more.
        for goal in [Some(self.free_goal(end)?), Some(self.leave_goal(end).update()?), None] {
            let all = [Some(self.end_execution(end)?), Some(self.free_user(end)?), goal];
            match transact(&self.client, &what, all.into_iter().flatten().collect()).await? {
                Transacted::Written => return Ok(true),
                Transacted::Refused(refused) if refused == [false, false, true] => {}
                Transacted::Refused(_) => return Ok(false),
            }
        }
        Ok(false)
    }

    async fn record_gone(
        &self,
        execution: &ExecutionArn,
        gone: &BTreeSet<ActionId>,
    ) -> PortResult<Option<BTreeSet<ActionId>>> {
        let what = format!("recording the actions of {execution} that are gone");
        let write = self.execution(execution).set_once(GONE, attribute(gone)?).when(is_open()?);
        let Some(row) = write.returning(ReturnValue::UpdatedNew, &self.client, what).await? else { return Ok(None) };
        let recorded: Gone = read(&self.names.executions, row)?;
        Ok(Some(recorded.gone_actions))
    }

    async fn claim_notice(&self, execution: &ExecutionArn, claim: &NoticeClaim) -> PortResult<bool> {
        let abandoned = Condition::less(NOTICE_CLAIMED, text(claim.at().minus(NOTICE_LEASE)));
        // The claim itself as well: the SDK sends again what was not answered.
        let own = Condition::equals(NOTICE_CLAIMED, text(claim));
        let write = self
            .execution(execution)
            .set(NOTICE_CLAIMED, text(claim))
            .when(Condition::exists(keys::EXECUTION_ARN))
            .when(Condition::missing(NOTIFIED))
            .when(Condition::missing(NOTICE_CLAIMED).or(own).or(abandoned));
        write.send(&self.client, format!("claiming the notice about {execution}")).await
    }

    async fn release_notice(&self, execution: &ExecutionArn, claim: &NoticeClaim) -> PortResult<()> {
        let own = Condition::equals(NOTICE_CLAIMED, text(claim));
        let write = self.execution(execution).remove(NOTICE_CLAIMED).when(own);
        write.send(&self.client, format!("releasing the notice about {execution}")).await.map(|_| ())
    }

    async fn mark_told(&self, execution: &ExecutionArn, told: Told, at: Timestamp) -> PortResult<()> {
        // One that is archived is listed nowhere, and must not be listed again.
        let mut write = self.execution(execution).when(Condition::exists(STOP_DATE)).when(Condition::missing(ARCHIVED));
        if told.services() {
            write = write.set_once(PUBLISHED, text(at));
        }
        if told.operators() {
            write = write.set_once(NOTIFIED, text(at));
        }
        if told == Told::Everybody {
            write = write.set(keys::OPEN_SHARD, text(keys::unarchived_shard(execution)));
        }
        // Where the condition does not hold there is nothing to note, and trying again would not change that.
        write.send(&self.client, format!("noting that the end of {execution} was told")).await.map(|_| ())
    }

    async fn mark_archived(&self, record: &Record, at: Timestamp) -> PortResult<()> {
        let expires = || number(record.stop_date.plus(HISTORY).as_seconds());
        let batches = record.batches.iter().map(|batch| self.expire_batch(record, batch.batch_index, expires()));
        let rows = [self.take_off_the_list(record, at, expires()), self.point_to_archive(record)];
        let all = rows.into_iter().chain(batches).map(Write::update).collect::<PortResult<_>>()?;
        // Refused where there is no such execution, or it has not ended: then there is nothing to note.
        let what = format!("noting that {} is archived", record.execution_arn);
        transact(&self.client, &what, all).await.map(|_| ())
    }
}
