use std::collections::BTreeSet;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, TransactWriteItem, Update};
use goal_activity_core::archive::Record;
use goal_activity_core::execution::{Cancellation, Happening, Status, TimelineEntry};
use goal_activity_core::goal::{Goal, GoalStatus};
use goal_activity_core::keys;
use goal_activity_core::limits::{HISTORY, NOTICE_LEASE};
use goal_activity_core::notice::NoticeClaim;
use goal_activity_core::outcome::Settlement;
use goal_activity_core::ports::{CancelExecution, LoadGoal, Outside, SettleExecution, Stored, Told, Unavailable};
use goal_activity_events::{ActionId, ExecutionArn, FinalStatus, GoalId, Timestamp, WorkflowCompleted};
use serde::Deserialize;

use super::Connection;
use super::dynamo::{Transacted, attribute, number, placeholders, read, spelled, text, transact, update_if};
use super::executions::{Executions, IS_OPEN, NOT_CANCELLED, not_cancelled_names, open_names, open_values};
use super::goals::Goals;

/// The attribute with the claim of the notice to the operators.
const NOTICE_CLAIMED: &str = "noticeClaimedAt";

/// The marks of who knows of the end. As in [`Execution`](goal_activity_core::execution::Execution).
const PUBLISHED: &str = "publishedAt";
const NOTIFIED: &str = "notifiedAt";

/// Where it is noted which actions are gone. As in [`Execution`](goal_activity_core::execution::Execution).
const GONE: &str = "goneActions";

/// The note of which actions are gone.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Gone {
    gone_actions: BTreeSet<ActionId>,
}

/// Writes the end of workflows: the rows of the execution, its goal and its user, in one transaction.
#[derive(Debug, Clone)]
pub struct Settlements {
    client: Client,
    goals: String,
    executions: String,
    goal_rows: Goals,
    execution_rows: Executions,
}

impl Settlements {
    /// The tables of these names.
    pub fn new(aws: &Connection, goals: impl Into<String>, executions: impl Into<String>) -> Self {
        let (goals, executions) = (goals.into(), executions.into());
        let (goal_rows, execution_rows) = (Goals::new(aws, &goals), Executions::new(aws, &executions));
        Self { client: aws.dynamodb.clone(), goals, executions, goal_rows, execution_rows }
    }

    fn end_execution(&self, end: &Settlement) -> Outside<TransactWriteItem> {
        let entry = TimelineEntry { at: end.stop_date, what: Happening::Ended { status: end.status } };
        let (mut condition, mut names) = (IS_OPEN.to_owned(), open_names());
        if end.status != FinalStatus::Aborted {
            condition.push_str(NOT_CANCELLED);
            names.extend(not_cancelled_names());
        }
        condition.push_str(if end.knows_gone {
            " AND attribute_exists(#gone)"
        } else {
            " AND attribute_not_exists(#gone)"
        });
        names.insert("#gone".to_owned(), GONE.to_owned());
        let update = Update::builder()
            .table_name(&self.executions)
            .key(keys::EXECUTION_ARN, text(&end.execution_arn))
            .key(keys::ITEM, text(keys::EXECUTION))
            .update_expression(
                "SET #status = :status, #stopDate = :stopDate, #succeeded = :succeeded, #failedCount = :failedCount, \
                 #failed = :failed, #usage = :usage, #timeline.#event = :entry, #openShard = :shard REMOVE #waiting",
            )
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(open_values()?))
            .expression_attribute_names("#stopDate", "stopDate")
            .expression_attribute_names("#succeeded", "succeededActions")
            .expression_attribute_names("#failedCount", "failedCount")
            .expression_attribute_names("#failed", "failedActions")
            .expression_attribute_names("#usage", "usage")
            .expression_attribute_names("#openShard", keys::OPEN_SHARD)
            .expression_attribute_names("#waiting", keys::WAITING)
            .expression_attribute_values(":shard", text(keys::open_shard(&end.execution_arn)))
            .expression_attribute_names("#timeline", "timeline")
            .expression_attribute_names("#event", WorkflowCompleted::event_id_for(&end.execution_arn).as_str())
            .expression_attribute_values(":status", attribute(Status::from(end.status))?)
            .expression_attribute_values(":stopDate", text(end.stop_date))
            .expression_attribute_values(":succeeded", number(end.tally.succeeded))
            .expression_attribute_values(":failedCount", number(end.tally.failed_count()))
            .expression_attribute_values(":failed", attribute(&end.tally.failed)?)
            .expression_attribute_values(":usage", attribute(end.tally.usage)?)
            .expression_attribute_values(":entry", attribute(entry)?)
            .build()
            .map_err(|e| Unavailable::new("building the end of an execution", e))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// An update of the execution's row.
    fn update(&self, execution: &ExecutionArn) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.executions)
            .key(keys::EXECUTION_ARN, text(execution))
            .key(keys::ITEM, text(keys::EXECUTION))
    }

    fn row(&self, record: &Record, item: &str) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.executions)
            .key(keys::EXECUTION_ARN, text(&record.execution_arn))
            .key(keys::ITEM, text(item))
    }

    fn take_off_the_list(
        &self,
        record: &Record,
        at: Timestamp,
        expires: &AttributeValue,
    ) -> Result<Update, BuildError> {
        self.row(record, keys::EXECUTION)
            .update_expression(
                "SET #archived = if_not_exists(#archived, :at), #expiresAt = :expiresAt REMOVE #openShard",
            )
            .condition_expression("attribute_exists(#stopDate)")
            .expression_attribute_names("#archived", "archivedAt")
            .expression_attribute_names("#expiresAt", keys::EXPIRES_AT)
            .expression_attribute_names("#openShard", keys::OPEN_SHARD)
            .expression_attribute_names("#stopDate", "stopDate")
            .expression_attribute_values(":at", text(at))
            .expression_attribute_values(":expiresAt", expires.clone())
            .build()
    }

    /// The one row that stays: the archive is partitioned by day, which an ARN does not tell.
    fn point_to_archive(&self, record: &Record) -> Result<Update, BuildError> {
        self.row(record, keys::ARCHIVE)
            .update_expression("SET #archivedAs = :key")
            .expression_attribute_names("#archivedAs", keys::ARCHIVED_AS)
            .expression_attribute_values(":key", text(record.key()))
            .build()
    }

    fn expire_batch(&self, record: &Record, index: u32, expires: &AttributeValue) -> Result<Update, BuildError> {
        self.row(record, &keys::batch(index))
            .update_expression("SET #expiresAt = :expiresAt")
            .expression_attribute_names("#expiresAt", keys::EXPIRES_AT)
            .expression_attribute_values(":expiresAt", expires.clone())
            .build()
    }

    /// Takes the execution out of the user's open ones.
    fn free_user(&self, end: &Settlement) -> Outside<TransactWriteItem> {
        let update = Update::builder()
            .table_name(&self.executions)
            .key(keys::EXECUTION_ARN, text(keys::user(&end.user_id)))
            .key(keys::ITEM, text(keys::USER))
            .update_expression("DELETE #running :this")
            .expression_attribute_names("#running", keys::RUNNING)
            .expression_attribute_values(":this", AttributeValue::Ss(vec![end.execution_arn.to_string()]))
            .build()
            .map_err(|e| Unavailable::new("building the release of a user", e))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    fn goal(&self, end: &Settlement) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.goals)
            .key(keys::GOAL_ID, text(&end.goal_id))
            .key(keys::ITEM, text(keys::GOAL))
            .expression_attribute_names("#claim", keys::CLAIM)
            .expression_attribute_values(":execution", text(&end.execution_arn))
    }

    /// Releases the goal and gives it the status that follows from the end.
    fn free_goal(&self, end: &Settlement) -> Outside<TransactWriteItem> {
        let processing = spelled(":processing", GoalStatus::Processing)?;
        let condition = format!("#claim = :execution AND #status IN ({})", placeholders(&processing));
        let update = self
            .goal(end)
            .update_expression("REMOVE #claim SET #status = :status, #updated = :now")
            .condition_expression(condition)
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#updated", "updatedAt");
        let update = processing
            .into_iter()
            .fold(update, |update, (name, value)| update.expression_attribute_values(name, value))
            .expression_attribute_values(":status", attribute(end.goal_status)?)
            .expression_attribute_values(":now", text(end.stop_date));
        released(update)
    }

    /// Releases the goal and leaves its status as its user has set it meanwhile.
    fn release_goal(&self, end: &Settlement) -> Outside<TransactWriteItem> {
        released(self.goal(end).update_expression("REMOVE #claim").condition_expression("#claim = :execution"))
    }
}

fn released(goal: UpdateBuilder) -> Outside<TransactWriteItem> {
    let update = goal.build().map_err(|e| Unavailable::new("building the release of a goal", e))?;
    Ok(TransactWriteItem::builder().update(update).build())
}

impl CancelExecution for Settlements {
    async fn record_cancellation(&self, execution: &ExecutionArn, cancellation: &Cancellation) -> Outside<bool> {
        self.execution_rows.record_cancellation(execution, cancellation).await
    }
}

impl LoadGoal for Settlements {
    async fn load_goal(&self, goal: &GoalId) -> Outside<Stored<Goal>> {
        self.goal_rows.load_goal(goal).await
    }
}

impl SettleExecution for Settlements {
    async fn settle(&self, end: &Settlement) -> Outside<bool> {
        let what = format!("settling {}", end.execution_arn);
        // Where the goal stands in the way, the execution ends all the same: its user has changed its status meanwhile, or
        // it was deleted, or is not claimed by this execution any more.
        for goal in [Some(self.free_goal(end)?), Some(self.release_goal(end)?), None] {
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
    ) -> Outside<Option<BTreeSet<ActionId>>> {
        let what = format!("recording the actions of {execution} that are gone");
        let update = self
            .update(execution)
            .update_expression("SET #gone = if_not_exists(#gone, :gone)")
            .condition_expression(IS_OPEN)
            .set_expression_attribute_names(Some(open_names()))
            .set_expression_attribute_values(Some(open_values()?))
            .expression_attribute_names("#gone", GONE)
            .expression_attribute_values(":gone", attribute(gone)?)
            .return_values(ReturnValue::UpdatedNew);
        let Some(answer) = update_if(what, update).await? else { return Ok(None) };
        let recorded: Gone = read(&self.executions, answer.attributes.unwrap_or_default())?;
        Ok(Some(recorded.gone_actions))
    }

    async fn claim_notice(&self, execution: &ExecutionArn, claim: &NoticeClaim) -> Outside<bool> {
        let update = self
            .update(execution)
            .update_expression("SET #claimed = :claim")
            // The claim itself as well: the SDK sends again what was not answered.
            .condition_expression(
                "attribute_exists(#arn) AND attribute_not_exists(#notified) \
                 AND (attribute_not_exists(#claimed) OR #claimed = :claim OR #claimed < :abandoned)",
            )
            .expression_attribute_names("#arn", keys::EXECUTION_ARN)
            .expression_attribute_names("#notified", NOTIFIED)
            .expression_attribute_names("#claimed", NOTICE_CLAIMED)
            .expression_attribute_values(":claim", text(claim))
            .expression_attribute_values(":abandoned", text(claim.at().minus(NOTICE_LEASE)));
        let claimed = update_if(format!("claiming the notice about {execution}"), update).await?;
        Ok(claimed.is_some())
    }

    async fn release_notice(&self, execution: &ExecutionArn, claim: &NoticeClaim) -> Outside<()> {
        let update = self
            .update(execution)
            .update_expression("REMOVE #claimed")
            .condition_expression("#claimed = :claim")
            .expression_attribute_names("#claimed", NOTICE_CLAIMED)
            .expression_attribute_values(":claim", text(claim));
        update_if(format!("releasing the notice about {execution}"), update).await.map(|_| ())
    }

    async fn mark_told(&self, execution: &ExecutionArn, told: Told, at: Timestamp) -> Outside<()> {
        let mut marks = Vec::new();
        let mut update = self
            .update(execution)
            // One that is archived is listed nowhere, and must not be listed again.
            .condition_expression("attribute_exists(#stopDate) AND attribute_not_exists(#archived)")
            .expression_attribute_names("#stopDate", "stopDate")
            .expression_attribute_names("#archived", "archivedAt")
            .expression_attribute_values(":at", text(at));
        if told.services() {
            marks.push("#published = if_not_exists(#published, :at)");
            update = update.expression_attribute_names("#published", PUBLISHED);
        }
        if told.operators() {
            marks.push("#notified = if_not_exists(#notified, :at)");
            update = update.expression_attribute_names("#notified", NOTIFIED);
        }
        if told == Told::Everybody {
            marks.push("#openShard = :unarchived");
            update = update
                .expression_attribute_names("#openShard", keys::OPEN_SHARD)
                .expression_attribute_values(":unarchived", text(keys::unarchived_shard(execution)));
        }
        let update = update.update_expression(format!("SET {}", marks.join(", ")));
        // Where the condition does not hold there is nothing to note, and trying again would not change that.
        update_if(format!("noting that the end of {execution} was told"), update).await.map(|_| ())
    }

    async fn mark_archived(&self, record: &Record, at: Timestamp) -> Outside<()> {
        let expires = number(record.stop_date.plus(HISTORY).as_seconds());
        let mut all = vec![self.take_off_the_list(record, at, &expires), self.point_to_archive(record)];
        all.extend(record.batches.iter().map(|batch| self.expire_batch(record, batch.batch_index, &expires)));
        let built = |update: Result<Update, _>| {
            let update = update.map_err(|e| Unavailable::new("building the expiry of an execution", e))?;
            Ok(TransactWriteItem::builder().update(update).build())
        };
        let all: Vec<_> = all.into_iter().map(built).collect::<Outside<_>>()?;
        // Refused where there is no such execution, or it has not ended: then there is nothing to note.
        let what = format!("noting that {} is archived", record.execution_arn);
        transact(&self.client, &what, all).await.map(|_| ())
    }
}
