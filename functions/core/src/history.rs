//! What a goal's workflows look like from afar.

use goal_activity_events::{ExecutionArn, GoalId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::execution::{Execution, Status};

/// One workflow in a goal's history. The names are those of the execution's row, of which an index holds these few.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WorkflowSummary {
    /// The workflow.
    pub execution_arn: ExecutionArn,
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

impl From<&Execution> for WorkflowSummary {
    fn from(execution: &Execution) -> Self {
        Self {
            execution_arn: execution.execution_arn.clone(),
            status: execution.status,
            start_date: execution.start_date,
            stop_date: execution.stop_date,
            total_actions: execution.total_actions,
            succeeded_actions: execution.succeeded_actions,
            failed_count: execution.failed_count,
        }
    }
}

/// Which of a goal's workflows are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryFilter {
    /// The goal.
    pub goal: GoalId,
    /// Only those of this user: a goal may have been another's before.
    pub user: UserId,
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

/// A page of a goal's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    /// The newest first.
    pub workflows: Vec<WorkflowSummary>,
    /// Where the next page goes on, when there may be one.
    pub last: Option<HistoryPosition>,
}
