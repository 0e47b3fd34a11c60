use goal_activity_core::ports::ListTasks;
use goal_activity_core::task::Task;
use goal_activity_events::GoalId;
use serde::{Deserialize, Serialize};

use super::Reply;
use super::input::{Input, cursor_after};
use super::problem::Problem;

/// How many tasks a page has when nothing else is asked for, and at the most. DynamoDB's own page of 1 MB holds more.
pub(super) const DEFAULT_LIMIT: u16 = 100;
pub(super) const MAX_LIMIT: u16 = 1000;

/// The longest sort key that DynamoDB takes, in bytes. A longer one would look like an outage.
const MAX_POSITION: usize = 1024;

/// A place among the tasks: a sort key. Not only one of ours, for the goal app may have tasks of its own in the table.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Position(String);

impl TryFrom<String> for Position {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = (1..=MAX_POSITION).contains(&text.len());
        if fits { Ok(Self(text)) } else { Err("not a sort key") }
    }
}

/// One page of a goal's tasks.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "TaskPage"))]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    items: Vec<Task>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// One page of the tasks of a goal.
pub(super) async fn tasks(tasks: &impl ListTasks, goal: &GoalId, input: &Input) -> Result<Reply, Problem> {
    let limit = input.limit(DEFAULT_LIMIT, MAX_LIMIT)?;
    let after = input.cursor::<Position>()?.map(|Position(position)| position);
    let page = tasks.list_tasks(goal, after.as_deref(), limit).await?;
    Reply::ok(Page { items: page.tasks, next_cursor: page.last.as_ref().map(cursor_after) })
}
