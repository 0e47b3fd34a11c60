use futures_util::stream::{self, StreamExt, TryStreamExt};
use goal_activity_core::goal::GoalStatus;
use goal_activity_core::limits::MAX_PROMPT_FIELD;
use goal_activity_core::ports::{PortResult, PublishEvent, ReadArchive, StopExecution};
use goal_activity_core::text::shortened;
use goal_activity_events::{ExecutionArn, GoalId, UserId};
use serde::Serialize;

use super::goal::counts;
use super::input::{Input, cursor_after};
use super::problem::{Code, Problem};
use super::{Api, ApiDb, Reply};

/// How many goals a page has when nothing else is asked for, and at the most.
pub(super) const DEFAULT_LIMIT: u16 = 20;
pub(super) const MAX_LIMIT: u16 = 50;

/// How many goals are read side by side.
const READ_AT_ONCE: usize = 8;

/// One page of the caller's goals.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "GoalPage"))]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    items: Vec<GoalSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A goal without its chart.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct GoalSummary {
    goal_id: GoalId,
    /// What is to be reached. Of a longer text, the first 1,000 characters.
    title: String,
    status: GoalStatus,
    total_actions: u32,
    /// How many of its actions have tasks.
    actions_with_tasks: u32,
    /// The workflow that has claimed the goal and has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_arn: Option<ExecutionArn>,
}

impl<Db: ApiDb, Sfn: StopExecution, Bus: PublishEvent, Archive: ReadArchive> Api<Db, Sfn, Bus, Archive> {
    /// One page of the caller's goals.
    pub(super) async fn list_goals(&self, input: &Input) -> Result<Reply, Problem> {
        let (user, limit) = (input.user()?, input.limit(DEFAULT_LIMIT, MAX_LIMIT)?);
        let after: Option<GoalId> = input.cursor()?;
        if !self.goals.is_listed {
            let detail =
                "the goals belong to another program, and no index by user is configured: setting goalsUserIndex";
            return Err(Problem::new(Code::GoalsElsewhere, detail));
        }
        let all = self.db.list_goals(&user).await?;
        let rest: Vec<_> = all.into_iter().filter(|goal| after.as_ref().is_none_or(|after| goal > after)).collect();
        let page = &rest[..rest.len().min(limit.into())];
        let last = page.last().filter(|_| rest.len() > page.len());
        let next_cursor = last.map(cursor_after);
        let summaries: Vec<_> = page.iter().map(|goal| self.summary(&user, goal)).collect();
        let items: Vec<_> = stream::iter(summaries).buffered(READ_AT_ONCE).try_collect().await?;
        Reply::ok(Page { items: items.into_iter().flatten().collect(), next_cursor })
    }

    /// A goal, unless it was deleted, was transferred or cannot be read. The index may be behind.
    async fn summary(&self, user: &UserId, goal: &GoalId) -> PortResult<Option<GoalSummary>> {
        let Some(goal) = self.db.load_goal(goal).await?.value() else { return Ok(None) };
        if goal.head.user_id != *user {
            return Ok(None);
        }
        let with_tasks = self.db.actions_with_tasks(&goal.head.goal_id).await?;
        let execution_arn = self.claimed_by(&goal).await?.map(|execution| execution.execution_arn);
        let (total_actions, actions_with_tasks) = counts(&goal, &with_tasks);
        let long = goal.head.title.chars().nth(MAX_PROMPT_FIELD).is_some();
        let title = if long { shortened(&goal.head.title, MAX_PROMPT_FIELD) } else { goal.head.title };
        let (goal_id, status) = (goal.head.goal_id, goal.head.status);
        Ok(Some(GoalSummary { goal_id, title, status, total_actions, actions_with_tasks, execution_arn }))
    }
}
