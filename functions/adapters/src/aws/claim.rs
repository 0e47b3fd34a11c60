use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use goal_activity_core::daily::{Before, Day};
use goal_activity_core::execution::Execution;
use goal_activity_core::goal::GoalStatus;
use goal_activity_core::keys;
use goal_activity_core::limits::HISTORY;
use goal_activity_core::ports::{
    Accepted, Claim, ClaimGoal, Claimed, PortResult, Remembered, RequestKey, Unavailable, UserLoad,
};
use goal_activity_events::{ExecutionArn, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use super::dynamo::{Transacted, attribute, get_row, item, number, read, text, transact};
use super::goals::{STATUS, UPDATED, counts, is_free, is_spelled};
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

impl Tables {
    /// Claims the goal, if it is as it was read: same owner, same number of claims, same chart, not closed, and free.
    fn claim_row(&self, claim: &Claim) -> PortResult<TransactWriteItem> {
        self.goal(&claim.execution.goal_id)
            .set(keys::CLAIM, text(&claim.execution.execution_arn))
            .set(keys::CLAIMS, number(claim.sequence.0))
            .set(STATUS, attribute(GoalStatus::Processing)?)
            .set(UPDATED, text(claim.execution.start_date))
            .when(Condition::equals("userId", text(&claim.execution.user_id)))
            .when(is_free(claim.stale.as_ref()))
            .when(!is_spelled(GoalStatus::CLOSED)?)
            .when(counts(keys::CLAIMS, claim.expected.0))
            .when(counts(keys::REVISION, claim.revision.0))
            .update()
    }

    /// Counts the execution among the user's open ones and its actions among those of its day, if these are no more than
    /// were counted. Each day has an attribute of its own: so a count is never reset, whichever function's clock is ahead.
    fn room_row(&self, claim: &Claim) -> PortResult<TransactWriteItem> {
        let Execution { execution_arn, user_id, start_date, total_actions, .. } = &claim.execution;
        let room = Condition::has_at_most(keys::RUNNING, number(claim.open_before));
        let today = keys::started(Day::of(*start_date));
        let write = self
            .execution_item(keys::user(user_id), keys::USER)
            .add(keys::RUNNING, AttributeValue::Ss(vec![execution_arn.to_string()]))
            .add(&today, number(*total_actions))
            .set(keys::EXPIRES_AT, number(start_date.plus(HISTORY).as_seconds()))
            .when(Condition::missing(keys::RUNNING).or(room));
        let counted = today.as_str();
        let write = match claim.started_before {
            Before::Any => write,
            Before::AtMost(most) => {
                write.when(Condition::missing(counted).or(Condition::at_most(counted, number(most))))
            }
            // Nothing is less than nothing: refused, whatever is counted.
            Before::TooMany => write.when(Condition::less(counted, number(0))),
        };
        claim.days_over.iter().fold(write, |write, day| write.remove(keys::started(*day).as_str())).update()
    }

    fn execution_row(&self, claim: &Claim) -> PortResult<TransactWriteItem> {
        let mut row = item(&claim.execution)?;
        row.insert(keys::WAITING.to_owned(), text(keys::waiting_list(claim.execution.shard)));
        let write = self.execution(&claim.execution.execution_arn);
        write.when(Condition::missing(keys::EXECUTION_ARN)).put(row)
    }

    /// The memory of a request. One that has expired and was not deleted yet is forgotten: DynamoDB takes days for that.
    fn request_row(&self, claim: &Claim, request: &Remembered) -> PortResult<TransactWriteItem> {
        let row = item(Request {
            accepted_as: claim.execution.execution_arn.clone(),
            digest: request.digest.clone(),
            expires_at: claim.execution.start_date.plus(request.key.memory()).as_seconds(),
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
            (false, false, _) => Claimed::UserChanged,
        })
    }

    async fn user_load(&self, user: &UserId) -> PortResult<UserLoad> {
        let what = || format!("reading what counts towards the limits of user {user}");
        let get = get_row(&self.client, &self.names.executions, keys::user(user), keys::USER);
        let row = get.send().await.map_err(unavailable(what()))?.item.unwrap_or_default();
        let malformed = |e: String| Unavailable::new(what(), e);
        let mut load = UserLoad::default();
        for (name, value) in row {
            if name == keys::RUNNING {
                let arns = value.as_ss().map_err(|_| malformed("no set of open workflows".to_owned()))?;
                let arns = arns.iter().map(|arn| arn.parse::<ExecutionArn>().map_err(|e| malformed(e.to_string())));
                load.open = arns.collect::<PortResult<_>>()?;
            } else if let Some(day) = name.strip_prefix(keys::STARTED_PREFIX) {
                let day = day.parse::<Day>().map_err(|e| malformed(e.to_string()))?;
                let count = value.as_n().ok().and_then(|count| count.parse().ok());
                load.started.insert(day, count.ok_or_else(|| malformed(format!("no count of {day}")))?);
            }
        }
        Ok(load)
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
