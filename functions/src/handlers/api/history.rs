use goal_activity_core::execution::{Execution, Status, TimelineEntry, TimelineEvent};
use goal_activity_core::history::{HistoryFilter, HistoryPosition, LookIn, Search, SearchPosition, WorkflowSummary};
use goal_activity_core::operator::OperatorArn;
use goal_activity_core::ports::{FindWorkflows, ListWorkflows};
use goal_activity_events::{ExecutionArn, GoalId, Timestamp};
use serde::Serialize;

use super::Reply;
use super::input::{Input, cursor_after};
use super::problem::{Code, Problem};

/// How many workflows a page has when nothing else is asked for, and at the most.
pub(super) const DEFAULT_LIMIT: u16 = 20;
pub(super) const MAX_LIMIT: u16 = 100;

/// One page of a history.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "WorkflowPage"))]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    items: Vec<WorkflowSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What happened in a workflow, when.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct Timeline<'a> {
    execution_arn: &'a ExecutionArn,
    goal_id: &'a GoalId,
    status: Status,
    items: Vec<Entry<'a>>,
}

/// One thing that happened. `what` says which.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "TimelineItem"))]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    /// By what the entry is known: the same fact reported twice is one entry.
    id: &'a str,
    #[serde(flatten)]
    told: TimelineEntry,
    /// The operator who did it in the place of the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<&'a OperatorArn>,
    /// Why: of a cancellation, and of what an operator did.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> Entry<'a> {
    /// An entry with who did it and why, as the workflow's record says.
    fn new(execution: &'a Execution, id: &'a str, entry: TimelineEntry) -> Self {
        let (operator, reason) = match entry.what {
            TimelineEvent::Accepted => execution.operator.as_ref().map(|o| (&o.by, o.reason.as_str())).unzip(),
            TimelineEvent::Cancelled => {
                let cancellation = execution.cancellation.as_ref();
                (cancellation.and_then(|c| c.operator.as_ref()), cancellation.and_then(|c| c.reason.as_deref()))
            }
            TimelineEvent::Started | TimelineEvent::BatchFinished { .. } | TimelineEvent::Ended { .. } => (None, None),
        };
        Self { id, told: entry, operator, reason }
    }
}

fn story(execution: &Execution) -> Timeline<'_> {
    // EventBridge gives times in whole seconds: by these a workflow could begin to work before it was accepted.
    let (begin, entries) = (execution.start_date, execution.timeline.iter());
    let entry = |at: Timestamp, what| TimelineEntry { at: at.max(begin), what };
    let entries = entries.map(|(id, e)| Entry::new(execution, id, entry(e.at, e.what)));
    let mut items: Vec<_> = entries.collect();
    items.sort_by_key(|e| (e.told.at, rank(&e.told.what), e.id));
    let Execution { execution_arn, goal_id, .. } = execution;
    Timeline { execution_arn, goal_id, status: execution.status(), items }
}

/// What comes first of two things that were noted for the same moment.
fn rank(what: &TimelineEvent) -> u8 {
    match what {
        TimelineEvent::Accepted => 0,
        TimelineEvent::Started => 1,
        TimelineEvent::BatchFinished { .. } => 2,
        TimelineEvent::Cancelled => 3,
        TimelineEvent::Ended { .. } => 4,
    }
}

/// One page of the workflows of a goal.
pub(super) async fn history(workflows: &impl ListWorkflows, goal: GoalId, input: &Input) -> Result<Reply, Problem> {
    let limit = input.limit(DEFAULT_LIMIT, MAX_LIMIT)?;
    let (status, (from, to)) = (input.query("status")?, range(input)?);
    let after: Option<HistoryPosition> = input.cursor()?;
    // An operator sees what any user has requested for the goal.
    let user = if input.operator().is_some() { None } else { Some(input.user()?) };
    let filter = HistoryFilter { goal, user, status, from, to };
    let page = workflows.list_workflows(&filter, after.as_ref(), limit).await?;
    Reply::ok(Page { next_cursor: page.last.as_ref().map(cursor_after), items: page.workflows })
}

/// One page of the caller's workflows of all goals.
pub(super) async fn workflows(workflows: &impl FindWorkflows, input: &Input) -> Result<Reply, Problem> {
    let limit = input.limit(DEFAULT_LIMIT, MAX_LIMIT)?;
    let (user, status, (from, to)) = (input.user()?, input.query("status")?, range(input)?);
    let after: Option<HistoryPosition> = input.cursor()?;
    let after = after.map(|place| SearchPosition { place, user_id: None });
    let search = Search { look_in: LookIn::User(user), status, from, to };
    let page = workflows.find_workflows(&search, after.as_ref(), limit).await?;
    let items = page.workflows.into_iter().map(|found| found.summary).collect();
    Reply::ok(Page { items, next_cursor: page.last.map(|last| cursor_after(&last.place)) })
}

/// From when to when.
pub(super) fn range(input: &Input) -> Result<(Option<Timestamp>, Option<Timestamp>), Problem> {
    let (from, to) = (input.moment("from")?, input.moment("to")?);
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err(Problem::new(Code::InvalidRequest, "from must be before to"));
    }
    Ok((from, to))
}

/// What happened in a workflow.
pub(super) fn timeline(execution: &Execution) -> Result<Reply, Problem> {
    Reply::ok(story(execution))
}
