use std::collections::BTreeSet;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use goal_activity_core::execution::Execution;
use goal_activity_core::goal::GoalStatus;
use goal_activity_core::keys;
use goal_activity_core::limits::{HISTORY, MAX_CLAIMS};
use goal_activity_core::ports::{Accepted, Claim, ClaimGoal, Claimed, Outside, Remembered, RequestKey, Unavailable};
use goal_activity_events::{ExecutionArn, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use super::dynamo::{Item, Transacted, attribute, get_row, item, number, placeholders, read, spelled, text, transact};
use super::{Connection, unavailable};

/// Claims goals: a row of Goals and new rows of `WorkflowExecutions` in one transaction.
#[derive(Debug, Clone)]
pub struct Claims {
    client: Client,
    goals: String,
    executions: String,
}

/// The memory of a request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    /// As what execution it was accepted.
    accepted_as: ExecutionArn,
    /// What it asked for, where that matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// When it may be forgotten: long after no queue or bus can deliver it again.
    expires_at: i64,
}

/// Where each item stands in the claim's transaction.
const GOAL: usize = 0;
const EXECUTION: usize = 1;
const USER: usize = 2;
const REQUEST: usize = 3;

impl Claims {
    /// The tables of these names.
    pub fn new(aws: &Connection, goals: impl Into<String>, executions: impl Into<String>) -> Self {
        Self { client: aws.dynamodb.clone(), goals: goals.into(), executions: executions.into() }
    }

    /// Claims the goal, if it is as it was read: same owner, same number of claims, not closed, and free. What is no text is no
    /// claim: an attribute that the goal app has written back as NULL must not lock the goal.
    fn take_goal(&self, claim: &Claim) -> Outside<Update> {
        let closed = closed_statuses()?;
        let as_read = match claim.expected.0 {
            // The goal app does not write the attribute, or has written something else: see how it is read.
            0 => "(#claims < :next OR #claims > :most OR NOT attribute_type(#claims, :number))",
            _ => "#claims >= :expected AND #claims < :next",
        };
        let free = match claim.stale {
            Some(_) => "(#claim = :stale OR NOT attribute_type(#claim, :text))",
            None => "NOT attribute_type(#claim, :text)",
        };
        let mut update = Update::builder()
            .table_name(&self.goals)
            .key(keys::GOAL_ID, text(&claim.execution.goal_id))
            .key(keys::ITEM, text(keys::GOAL))
            .update_expression("SET #claim = :execution, #claims = :claims, #status = :processing, #updated = :now")
            .condition_expression(format!(
                "#user = :user AND {free} AND NOT #status IN ({}) AND {as_read}",
                placeholders(&closed)
            ))
            .set_expression_attribute_values(Some(closed.clone()))
            .expression_attribute_names("#claim", keys::CLAIM)
            .expression_attribute_names("#claims", keys::CLAIMS)
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#updated", "updatedAt")
            .expression_attribute_names("#user", "userId")
            .expression_attribute_values(":text", text("S"))
            .expression_attribute_values(":execution", text(&claim.execution.execution_arn))
            .expression_attribute_values(":claims", number(claim.sequence.0))
            .expression_attribute_values(":next", number(claim.expected.next().0))
            .expression_attribute_values(":processing", attribute(GoalStatus::Processing)?)
            .expression_attribute_values(":now", text(claim.execution.start_date))
            .expression_attribute_values(":user", text(&claim.execution.user_id));
        update = match claim.expected.0 {
            0 => update
                .expression_attribute_values(":number", text("N"))
                .expression_attribute_values(":most", number(MAX_CLAIMS)),
            expected => update.expression_attribute_values(":expected", number(expected)),
        };
        if let Some(stale) = &claim.stale {
            update = update.expression_attribute_values(":stale", text(stale.as_str()));
        }
        update.build().map_err(|e| Unavailable::new("building the claim of a goal", e))
    }

    /// Counts the execution among the user's open ones, if these are no more than were counted.
    fn take_room(&self, claim: &Claim) -> Outside<Update> {
        let Execution { execution_arn, user_id, start_date, .. } = &claim.execution;
        Update::builder()
            .table_name(&self.executions)
            .key(keys::EXECUTION_ARN, text(keys::user(user_id)))
            .key(keys::ITEM, text(keys::USER))
            .update_expression("ADD #running :this SET #expires = :expires")
            .condition_expression("attribute_not_exists(#running) OR size(#running) <= :open_before")
            .expression_attribute_names("#running", keys::RUNNING)
            .expression_attribute_names("#expires", keys::EXPIRES_AT)
            .expression_attribute_values(":this", AttributeValue::Ss(vec![execution_arn.to_string()]))
            .expression_attribute_values(":open_before", number(claim.open_before))
            .expression_attribute_values(":expires", number(start_date.plus(HISTORY).as_seconds()))
            .build()
            .map_err(|e| Unavailable::new("building the count of a user's workflows", e))
    }

    fn new_row(&self, row: Item) -> PutBuilder {
        Put::builder()
            .table_name(&self.executions)
            .set_item(Some(row))
            .expression_attribute_names("#arn", keys::EXECUTION_ARN)
    }

    fn execution_row(&self, claim: &Claim) -> Outside<TransactWriteItem> {
        let mut row = item(&claim.execution)?;
        row.insert(keys::ITEM.to_owned(), text(keys::EXECUTION));
        row.insert(keys::WAITING.to_owned(), text(keys::LINE));
        put(self.new_row(row).condition_expression("attribute_not_exists(#arn)"))
    }

    /// The memory of a request. One that has expired and was not deleted yet is forgotten: DynamoDB takes days for that.
    fn request_row(&self, claim: &Claim, request: &Remembered) -> Outside<TransactWriteItem> {
        let mut row = item(Request {
            accepted_as: claim.execution.execution_arn.clone(),
            digest: request.digest.clone(),
            expires_at: claim.execution.start_date.plus(HISTORY).as_seconds(),
        })?;
        row.insert(keys::EXECUTION_ARN.to_owned(), text(keys::request(&request.key)));
        row.insert(keys::ITEM.to_owned(), text(keys::REQUEST));
        let now = number(claim.execution.start_date.as_seconds());
        put(self
            .new_row(row)
            .condition_expression("attribute_not_exists(#arn) OR #expires <= :now")
            .expression_attribute_names("#expires", keys::EXPIRES_AT)
            .expression_attribute_values(":now", now))
    }
}

/// The values of a goal's status in which it is closed, as goal apps spell them, by the names of placeholders.
fn closed_statuses() -> Outside<Item> {
    let closed = GoalStatus::CLOSED.into_iter().enumerate().map(|(n, status)| spelled(&format!(":closed{n}"), status));
    closed.collect::<Outside<Vec<_>>>().map(|all| all.into_iter().flatten().collect())
}

fn put(row: PutBuilder) -> Outside<TransactWriteItem> {
    let put = row.build().map_err(|e| Unavailable::new("building a row of an execution", e))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

impl ClaimGoal for Claims {
    async fn claim_goal(&self, claim: &Claim) -> Outside<Claimed> {
        let mut items = vec![
            TransactWriteItem::builder().update(self.take_goal(claim)?).build(),
            self.execution_row(claim)?,
            TransactWriteItem::builder().update(self.take_room(claim)?).build(),
        ];
        if let Some(request) = &claim.request {
            items.push(self.request_row(claim, request)?);
        }
        let what = format!("claiming goal {}", claim.execution.goal_id);
        let Transacted::Refused(refused) = transact(&self.client, &what, items).await? else { return Ok(Claimed::Yes) };
        let refused = |i: usize| refused.get(i).copied().unwrap_or(false);

        // The same request takes precedence: it may well be the one that has changed the goal.
        if let (true, Some(request)) = (refused(REQUEST), &claim.request) {
            let accepted = self.accepted_before(&request.key, claim.execution.start_date).await?;
            return accepted.map(Claimed::SameRequest).ok_or_else(|| Unavailable::new(what, "a request row vanished"));
        }
        Ok(match (refused(GOAL), refused(EXECUTION), refused(USER)) {
            (true, ..) => Claimed::GoalChanged,
            (false, true, _) => Claimed::NameTaken,
            (false, false, _) => Claimed::MoreOpen,
        })
    }

    async fn open_workflows(&self, user: &UserId) -> Outside<BTreeSet<ExecutionArn>> {
        let answer = get_row(&self.client, &self.executions, keys::user(user), keys::USER)
            .projection_expression("#running")
            .expression_attribute_names("#running", keys::RUNNING)
            .send()
            .await
            .map_err(unavailable(format!("reading the open workflows of user {user}")))?;
        let running = answer.item.and_then(|mut row| row.remove(keys::RUNNING));
        let running = running.and_then(|set| set.as_ss().cloned().ok()).unwrap_or_default();
        let malformed = |e| Unavailable::new(format!("reading the open workflows of user {user}"), e);
        running.into_iter().map(|arn| arn.parse().map_err(malformed)).collect()
    }

    async fn accepted_before(&self, request: &RequestKey, now: Timestamp) -> Outside<Option<Accepted>> {
        let key = keys::request(request);
        let get = get_row(&self.client, &self.executions, &key, keys::REQUEST);
        let answer = get.send().await.map_err(unavailable(format!("reading {key}")))?;
        let request: Option<Request> = answer.item.map(|row| read(&self.executions, row)).transpose()?;
        let remembered = request.filter(|r| r.expires_at > now.as_seconds());
        Ok(remembered.map(|r| Accepted { execution: r.accepted_as, digest: r.digest }))
    }
}
