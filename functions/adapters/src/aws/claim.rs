use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use goal_activity_core::execution::Execution;
use goal_activity_core::goal::GoalStatus;
use goal_activity_core::keys;
use goal_activity_core::limits::{HISTORY, MAX_CLAIMS, REQUEST_MEMORY};
use goal_activity_core::ports::{Accepted, Claim, ClaimGoal, Claimed, PortResult, Remembered, RequestKey, Unavailable};
use goal_activity_events::{ExecutionArn, InvalidId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use super::dynamo::{Transacted, attribute, get_row, item, number, read, text, transact};
use super::goals::is_spelled;
use super::write::Condition;
use super::{Tables, unavailable};

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

/// The attributes of a goal's row. As in [`GoalHead`](goal_activity_core::goal::GoalHead).
const GOAL_STATUS: &str = "status";
const GOAL_UPDATED: &str = "updatedAt";

impl Tables {
    /// Claims the goal, if it is as it was read: same owner, same number of claims, not closed, and free. What is no text is no
    /// claim: an attribute that the goal app has written back as NULL must not lock the goal.
    fn claim_row(&self, claim: &Claim) -> PortResult<TransactWriteItem> {
        let next = || Condition::less(keys::CLAIMS, number(claim.expected.next().0));
        let as_read = match claim.expected.0 {
            // The goal app does not write the attribute, or has written something else: see how it is read.
            0 => next()
                .or(Condition::more(keys::CLAIMS, number(MAX_CLAIMS)))
                .or(!Condition::is_of_type(keys::CLAIMS, "N")),
            expected => Condition::at_least(keys::CLAIMS, number(expected)).and(next()),
        };
        let unclaimed = !Condition::is_of_type(keys::CLAIM, "S");
        let free = match &claim.stale {
            Some(stale) => Condition::equals(keys::CLAIM, text(stale.as_str())).or(unclaimed),
            None => unclaimed,
        };
        self.goal(&claim.execution.goal_id)
            .set(keys::CLAIM, text(&claim.execution.execution_arn))
            .set(keys::CLAIMS, number(claim.sequence.0))
            .set(GOAL_STATUS, attribute(GoalStatus::Processing)?)
            .set(GOAL_UPDATED, text(claim.execution.start_date))
            .when(Condition::equals("userId", text(&claim.execution.user_id)))
            .when(free)
            .when(!is_spelled(GoalStatus::CLOSED)?)
            .when(as_read)
            .update()
    }

    /// Counts the execution among the user's open ones, if these are no more than were counted.
    fn room_row(&self, claim: &Claim) -> PortResult<TransactWriteItem> {
        let Execution { execution_arn, user_id, start_date, .. } = &claim.execution;
        let room = Condition::has_at_most(keys::RUNNING, number(claim.open_before));
        self.execution_item(keys::user(user_id), keys::USER)
            .add(keys::RUNNING, AttributeValue::Ss(vec![execution_arn.to_string()]))
            .set(keys::EXPIRES_AT, number(start_date.plus(HISTORY).as_seconds()))
            .when(Condition::missing(keys::RUNNING).or(room))
            .update()
    }

    fn execution_row(&self, claim: &Claim) -> PortResult<TransactWriteItem> {
        let mut row = item(&claim.execution)?;
        row.insert(keys::WAITING.to_owned(), text(keys::WAITING_LIST));
        let write = self.execution(&claim.execution.execution_arn);
        write.when(Condition::missing(keys::EXECUTION_ARN)).put(row)
    }

    /// The memory of a request. One that has expired and was not deleted yet is forgotten: DynamoDB takes days for that.
    fn request_row(&self, claim: &Claim, request: &Remembered) -> PortResult<TransactWriteItem> {
        let row = item(Request {
            accepted_as: claim.execution.execution_arn.clone(),
            digest: request.digest.clone(),
            expires_at: claim.execution.start_date.plus(REQUEST_MEMORY).as_seconds(),
        })?;
        let now = number(claim.execution.start_date.as_seconds());
        self.execution_item(keys::request(&request.key), keys::REQUEST)
            .when(Condition::missing(keys::EXECUTION_ARN).or(Condition::at_most(keys::EXPIRES_AT, now)))
            .put(row)
    }
}

impl ClaimGoal for Tables {
    async fn claim_goal(&self, claim: &Claim) -> PortResult<Claimed> {
        let mut items = vec![self.claim_row(claim)?, self.execution_row(claim)?, self.room_row(claim)?];
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

    async fn open_workflows(&self, user: &UserId) -> PortResult<BTreeSet<ExecutionArn>> {
        let answer = get_row(&self.client, &self.names.executions, keys::user(user), keys::USER)
            .projection_expression("#running")
            .expression_attribute_names("#running", keys::RUNNING)
            .send()
            .await
            .map_err(unavailable(format!("reading the open workflows of user {user}")))?;
        let running = answer.item.and_then(|mut row| row.remove(keys::RUNNING));
        let malformed = |e: String| Unavailable::new(format!("reading the open workflows of user {user}"), e);
        let running = match running {
            None => Vec::new(),
            Some(AttributeValue::Ss(running)) => running,
            Some(_) => return Err(malformed("they are no set of texts".to_owned())),
        };
        let malformed = |e: InvalidId| malformed(e.to_string());
        running.into_iter().map(|arn| arn.parse().map_err(malformed)).collect()
    }

    async fn accepted_before(&self, request: &RequestKey, now: Timestamp) -> PortResult<Option<Accepted>> {
        let key = keys::request(request);
        let get = get_row(&self.client, &self.names.executions, &key, keys::REQUEST);
        let answer = get.send().await.map_err(unavailable(format!("reading {key}")))?;
        let request: Option<Request> = answer.item.map(|row| read(&self.names.executions, row)).transpose()?;
        let remembered = request.filter(|r| r.expires_at > now.as_seconds());
        Ok(remembered.map(|r| Accepted { execution: r.accepted_as, digest: r.digest }))
    }
}
