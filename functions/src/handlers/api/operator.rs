//! What only operators can ask, by invoking the function: no route of the gateway leads here.

use futures_util::future::{try_join, try_join_all};
use goal_activity_core::admission::in_use;
use goal_activity_core::execution::Execution;
use goal_activity_core::history::{FoundWorkflow, LookIn, Search};
use goal_activity_core::limits::WAITING_COUNTED;
use goal_activity_core::operator::{FIND, WAITING};
use goal_activity_core::pause::{Load, Loads};
use goal_activity_core::ports::{PortResult, PublishEvent, ReadArchive, StopExecution};
use goal_activity_events::{ExecutionArn, GoalId, Timestamp, UserId};
use serde::Serialize;

use super::history::{DEFAULT_LIMIT, MAX_LIMIT, range};
use super::input::{Input, cursor_after};
use super::problem::{Code, Problem};
use super::status::PauseView;
use super::{Api, ApiDb, Reply};

/// One page of a search.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FoundPage {
    items: Vec<FoundWorkflow>,
    /// How many workflows were looked at for it.
    looked_at: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// The waiting list and the capacity.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    /// How many batches may be processed at once.
    capacity: u32,
    /// How many of them workflows hold.
    in_use: u32,
    holders: Vec<Holder>,
    /// Those whose turn is next, in order.
    waiting: Vec<Place>,
    /// `true` if more workflows wait than are listed.
    more: bool,
    /// Launching is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<PauseView>,
    /// Until when the AI's quota is used up, if it is: until then nothing is launched, whatever capacity is free.
    #[serde(skip_serializing_if = "Option::is_none")]
    ai_quota_used_until: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Holder {
    execution_arn: ExecutionArn,
    batches: u32,
    since: Timestamp,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    /// How many workflows are launched before it.
    waiting_before: u32,
    execution_arn: ExecutionArn,
    turn: Timestamp,
    #[serde(flatten)]
    workflow: Option<Waits>,
}

/// What its record says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Waits {
    goal_id: GoalId,
    user_id: UserId,
    start_date: Timestamp,
    total_actions: u32,
}

impl From<Execution> for Waits {
    fn from(Execution { goal_id, user_id, start_date, total_actions, .. }: Execution) -> Self {
        Self { goal_id, user_id, start_date, total_actions }
    }
}

impl<Db: ApiDb, Sfn: StopExecution, Bus: PublishEvent, Archive: ReadArchive> Api<Db, Sfn, Bus, Archive> {
    /// Answers what only operators can ask.
    pub(super) async fn operate(&self, input: &Input) -> Result<Reply, Problem> {
        match input.route() {
            FIND => self.find(input).await,
            WAITING => self.waiting(input).await,
            _ => Err(Problem::new(Code::NotFound, "there is no such route for operators")),
        }
    }

    async fn find(&self, input: &Input) -> Result<Reply, Problem> {
        let look_in = match (input.query("goal")?, input.query("user")?) {
            (Some(goal), None) => LookIn::Goal(goal),
            (None, Some(user)) => LookIn::User(user),
            (None, None) => LookIn::Everywhere,
            (Some(_), Some(_)) => return Err(Problem::new(Code::InvalidRequest, "goal and user exclude each other")),
        };
        let (limit, (from, to)) = (input.limit(DEFAULT_LIMIT, MAX_LIMIT)?, range(input)?);
        let search = Search { look_in, status: input.query("status")?, from, to };
        let page = self.db.find_workflows(&search, input.cursor()?.as_ref(), limit).await?;
        let next_cursor = page.last.as_ref().map(cursor_after);
        Reply::ok(FoundPage { items: page.workflows, looked_at: page.looked_at, next_cursor })
    }

    async fn waiting(&self, input: &Input) -> Result<Reply, Problem> {
        let limit = input.limit(DEFAULT_LIMIT, WAITING_COUNTED)?;
        let loads = self.intake.capacity.shards().map(|shard| async move {
            PortResult::Ok((shard, self.db.find_load(&self.intake.state_machine, shard).await?))
        });
        let lists = self.intake.capacity.shards().map(|shard| self.db.list_waiting(shard, limit + 1));
        let (loads, lists) = try_join(try_join_all(loads), try_join_all(lists)).await?;
        let Load { held, pause, quota_used_until, .. } = loads.into_iter().collect::<Loads>().together();
        let mut listed: Vec<_> = lists.into_iter().flatten().collect();
        listed.sort();
        let more = listed.len() > usize::from(limit);
        listed.truncate(limit.into());
        let mut waiting = Vec::new();
        for (before, place) in (0..).zip(listed) {
            // The list may be seconds behind: one that is launched by now stands on it without waiting.
            let workflow = self.db.find_execution(&place.execution_arn).await?.map(Waits::from);
            let (execution_arn, turn) = (place.execution_arn, place.turn);
            waiting.push(Place { waiting_before: before, execution_arn, turn, workflow });
        }
        let in_use = in_use(&held);
        let holder = |held: goal_activity_core::admission::Held| Holder {
            execution_arn: held.execution,
            batches: held.batches,
            since: held.since,
        };
        let mut holders: Vec<_> = held.into_iter().map(holder).collect();
        holders.sort_by_key(|holder| holder.since);
        let now = self.intake.context.now();
        let (capacity, paused) = (self.intake.capacity.batches(), PauseView::of(pause, now));
        let ai_quota_used_until = quota_used_until.filter(|until| *until > now);
        Reply::ok(Line { capacity, in_use, holders, waiting, more, paused, ai_quota_used_until })
    }
}
