use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, TransactWriteItem};
use futures_util::future::try_join_all;
use goal_activity_core::archive::Record;
use goal_activity_core::execution::{Change, Ending, Execution, Mark};
use goal_activity_core::goal::GoalStatus;
use goal_activity_core::keys;
use goal_activity_core::limits::{HISTORY, NOTICE_LEASE};
use goal_activity_core::notice::NoticeClaim;
use goal_activity_core::outcome::goal_status;
use goal_activity_core::ports::{EndExecution, PortResult};
use goal_activity_events::{ActionId, ExecutionArn, Timestamp};
use serde::Deserialize;

use super::Tables;
use super::change::NOTIFIED;
use super::dynamo::{Transacted, attribute, number, read, text, transact};
use super::goals::{STATUS, UPDATED, is_spelled};
use super::ledger::SEALED;
use super::write::{Condition, Write};

/// The attribute with the claim of the notice to the operators.
const NOTICE_CLAIMED: &str = "noticeClaimedAt";

/// The record of which actions are gone.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Gone {
    gone_actions: BTreeSet<ActionId>,
}

/// When the rows of an archived workflow expire.
fn expires(record: &Record) -> AttributeValue {
    number(record.end.stop_date.plus(HISTORY).as_seconds())
}

impl Tables {
    /// The one row that stays: the archive is partitioned by day, which an ARN does not tell.
    fn point_to_archive(&self, record: &Record) -> Write {
        self.execution_item(&record.execution_arn, keys::ARCHIVE).set(keys::ARCHIVED_AS, text(record.key()))
    }

    /// Lets the ledger of a batch expire. One that is not sealed is none of an ended workflow.
    fn expire_batch(&self, record: &Record, index: u32) -> Write {
        let sealed = Condition::exists(SEALED);
        self.batch(&record.execution_arn, index).set(keys::EXPIRES_AT, expires(record)).when(sealed)
    }

    /// Takes the execution out of the user's open ones.
    fn leave_user(&self, execution: &Execution) -> PortResult<TransactWriteItem> {
        let this = AttributeValue::Ss(vec![execution.execution_arn.to_string()]);
        self.execution_item(keys::user(&execution.user_id), keys::USER).delete(keys::RUNNING, this).update()
    }

    /// Releases the goal and gives it the status that follows from the end.
    fn release_goal(&self, execution: &Execution, end: &Ending) -> PortResult<TransactWriteItem> {
        self.leave_goal(execution)
            .set(STATUS, attribute(goal_status(end, execution.goal_before))?)
            .set(UPDATED, text(end.stop_date))
            .when(is_spelled([GoalStatus::Processing])?)
            .update()
    }

    /// Releases the goal and leaves its status as its user has set it meanwhile.
    fn leave_goal(&self, execution: &Execution) -> Write {
        let claimed = Condition::equals(keys::CLAIM, text(&execution.execution_arn));
        self.goal(&execution.goal_id).remove(keys::CLAIM).when(claimed)
    }
}

impl EndExecution for Tables {
    async fn end_execution(&self, execution: &Execution, end: &Ending) -> PortResult<bool> {
        let what = format!("ending {}", execution.execution_arn);
        let change = Change::ended(execution, end);
        // Where the goal's write is refused, the execution ends all the same: its user has changed its status meanwhile, or
        // it was deleted, or is not claimed by this execution any more.
        for goal in [Some(self.release_goal(execution, end)?), Some(self.leave_goal(execution).update()?), None] {
            let ended = self.change(&execution.execution_arn, &change)?.update()?;
            let all = [Some(ended), Some(self.leave_user(execution)?), goal];
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
        let write = self.change(execution, &Change::Gone(gone))?;
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

    async fn mark_reported(&self, execution: &ExecutionArn, mark: Mark, at: Timestamp) -> PortResult<()> {
        let write = self.change(execution, &Change::Reported { mark, at })?;
        // Where it is refused there is nothing to record, and trying again would not change that.
        write.send(&self.client, format!("recording that the end of {execution} was reported")).await.map(|_| ())
    }

    /// Each row by itself: in a transaction each would cost twice as much.
    async fn expire_ledger(&self, record: &Record) -> PortResult<()> {
        let expired = record.batches.iter().map(|batch| {
            let what = format!("letting batch {} of {} expire", batch.batch_index, record.execution_arn);
            self.expire_batch(record, batch.batch_index).send(&self.client, what)
        });
        try_join_all(expired).await.map(|_| ())
    }

    async fn mark_archived(&self, record: &Record, at: Timestamp) -> PortResult<()> {
        let archived = self.change(&record.execution_arn, &Change::Archived { at })?;
        let archived = archived.set(keys::EXPIRES_AT, expires(record));
        let all =
            [archived, self.point_to_archive(record)].map(Write::update).into_iter().collect::<PortResult<_>>()?;
        // Refused where there is no such execution, or it has not ended: then there is nothing to record.
        let what = format!("recording that {} is archived", record.execution_arn);
        transact(&self.client, &what, all).await.map(|_| ())
    }
}
