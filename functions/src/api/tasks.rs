use goal_activity_core::ports::{
    ActionsWithTasks, ClaimGoal, Clock, FindExecution, ListTasks, LoadGoal, LoadGoalHead, PublishEvent,
};
use goal_activity_core::task::Task;
use goal_activity_events::GoalId;
use serde::Serialize;

use super::input::{Input, cursor_after};
use super::problem::{Code, Problem};
use super::{Api, Reply};
use crate::cancel::CancelWorkflow;

/// How many tasks a page has when nothing else is asked for, and at the most. DynamoDB's own page of 1 MB holds more.
const DEFAULT_LIMIT: u16 = 100;
const MAX_LIMIT: u16 = 1000;

/// One page of a goal's tasks.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    items: Vec<Task>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl<G, T, E, C, K, B, X> Api<G, T, E, C, K, B, X>
where
    G: LoadGoal + LoadGoalHead,
    T: ActionsWithTasks + ListTasks,
    E: FindExecution,
    C: ClaimGoal,
    K: Clock,
    B: PublishEvent,
    X: CancelWorkflow,
{
    pub(super) async fn tasks(&self, input: &Input) -> Result<Reply, Problem> {
        let user = input.user()?;
        let goal: GoalId = input.path("goalId")?;
        let limit = input.query("limit")?.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Problem::new(Code::InvalidRequest, format!("limit is 1 to {MAX_LIMIT}")));
        }
        let cursor = input.cursor()?;
        let unknown = || Problem::new(Code::UnknownGoal, format!("there is no goal {goal}"));
        let head = self.intake.goals.load_goal_head(&goal).await?.ok_or_else(unknown)?;
        if head.user_id != user {
            return Err(Problem::new(Code::NotOwner, "this goal belongs to another user"));
        }
        let page = self.intake.tasks.list_tasks(&goal, cursor.as_deref(), limit).await?;
        Reply::ok(Page { items: page.tasks, next_cursor: page.last.as_deref().map(cursor_after) })
    }
}
