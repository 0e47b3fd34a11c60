//! What the workflows of a goal or a user look like from afar.

use goal_activity_events::{ExecutionArn, GoalId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::execution::{Ending, Execution, Status};

/// A text that is not a moment to filter by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("neither a day, 2026-11-24, nor a time with an offset, 2026-11-24T09:30:00Z")]
pub struct InvalidMoment;

/// Reads a moment to filter by: a point in time, or a day for its begin in UTC.
///
/// # Errors
/// It is neither.
pub fn moment(text: &str) -> Result<Timestamp, InvalidMoment> {
    text.parse().or_else(|_| format!("{text}T00:00:00Z").parse()).map_err(|_| InvalidMoment)
}

/// One workflow in a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WorkflowSummary {
    /// The workflow.
    pub execution_arn: ExecutionArn,
    /// Its goal.
    pub goal_id: GoalId,
    /// Where it is in its life.
    pub status: Status,
    /// When it was requested.
    pub start_date: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_date: Option<Timestamp>,
    /// How many actions it is for.
    pub total_actions: u32,
    /// How many of them got their tasks. Known at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeded_actions: Option<u32>,
    /// How many did not. Known at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_count: Option<u32>,
}

/// What the index of a goal's history holds of an execution's row.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryRow {
    execution_arn: ExecutionArn,
    goal_id: GoalId,
    start_date: Timestamp,
    #[serde(default)]
    started_at: Option<Timestamp>,
    total_actions: u32,
    #[serde(default)]
    end: Option<Ending>,
}

impl From<&Execution> for HistoryRow {
    fn from(execution: &Execution) -> Self {
        Self {
            execution_arn: execution.execution_arn.clone(),
            goal_id: execution.goal_id.clone(),
            start_date: execution.start_date,
            started_at: execution.started_at,
            total_actions: execution.total_actions,
            end: execution.end.clone(),
        }
    }
}

impl From<HistoryRow> for WorkflowSummary {
    fn from(row: HistoryRow) -> Self {
        let HistoryRow { execution_arn, goal_id, start_date, started_at, total_actions, end } = row;
        Self {
            execution_arn,
            goal_id,
            status: Status::of(started_at, end.as_ref().map(|end| end.status)),
            start_date,
            stop_date: end.as_ref().map(|end| end.stop_date),
            total_actions,
            succeeded_actions: end.as_ref().map(|end| end.tally.succeeded),
            failed_count: end.as_ref().map(|end| end.tally.failed_count()),
        }
    }
}

impl From<&Execution> for WorkflowSummary {
    fn from(execution: &Execution) -> Self {
        HistoryRow::from(execution).into()
    }
}

/// Which of a goal's workflows are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryFilter {
    /// The goal.
    pub goal: GoalId,
    /// Only those of this user: a goal may have been another's before. Nothing if an operator asks, who sees all.
    pub user: Option<UserId>,
    /// Only those in this status.
    pub status: Option<Status>,
    /// Only those requested at this moment or later.
    pub from: Option<Timestamp>,
    /// Only those requested before this moment.
    pub to: Option<Timestamp>,
}

/// Where a page of history ends. A place in time and not a number, so that workflows that are requested between two pages
/// shift nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryPosition {
    /// When the workflow was requested.
    pub start_date: Timestamp,
    /// The workflow.
    pub execution_arn: ExecutionArn,
}

impl From<&WorkflowSummary> for HistoryPosition {
    fn from(workflow: &WorkflowSummary) -> Self {
        Self { start_date: workflow.start_date, execution_arn: workflow.execution_arn.clone() }
    }
}

/// Where workflows are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookIn {
    /// Those of a goal, the newest first.
    Goal(GoalId),
    /// Those of a user, the newest first.
    User(UserId),
    /// All, in no order. There is no index of all workflows by time: every row is looked at.
    Everywhere,
}

/// Which workflows are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Where.
    pub look_in: LookIn,
    /// Only those in this status.
    pub status: Option<Status>,
    /// Only those requested at this moment or later.
    pub from: Option<Timestamp>,
    /// Only those requested before this moment.
    pub to: Option<Timestamp>,
}

impl Search {
    /// Returns `true` if that workflow is looked for.
    pub fn matches(&self, execution: &Execution) -> bool {
        let is_there = match &self.look_in {
            LookIn::Goal(goal) => execution.goal_id == *goal,
            LookIn::User(user) => execution.user_id == *user,
            LookIn::Everywhere => true,
        };
        is_there
            && self.status.is_none_or(|status| execution.status() == status)
            && self.from.is_none_or(|from| execution.start_date >= from)
            && self.to.is_none_or(|to| execution.start_date < to)
    }
}

/// A workflow that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundWorkflow {
    /// The workflow.
    #[serde(flatten)]
    pub summary: WorkflowSummary,
    /// Its user.
    pub user_id: UserId,
}

impl From<&Execution> for FoundWorkflow {
    fn from(execution: &Execution) -> Self {
        Self { summary: WorkflowSummary::from(execution), user_id: execution.user_id.clone() }
    }
}

/// Where a page of a search ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SearchPosition {
    /// The last workflow.
    #[serde(flatten)]
    pub place: HistoryPosition,
    /// Its user, which the index of all workflows begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
}

impl From<&FoundWorkflow> for SearchPosition {
    fn from(found: &FoundWorkflow) -> Self {
        Self { place: HistoryPosition::from(&found.summary), user_id: Some(found.user_id.clone()) }
    }
}

/// A page of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPage {
    /// What was found.
    pub workflows: Vec<FoundWorkflow>,
    /// How many workflows were looked at for it.
    pub looked_at: u32,
    /// Where the next page goes on, when there may be more.
    pub last: Option<SearchPosition>,
}

/// A page of a goal's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    /// The newest first.
    pub workflows: Vec<WorkflowSummary>,
    /// Where the next page goes on, when there may be one.
    pub last: Option<HistoryPosition>,
}
