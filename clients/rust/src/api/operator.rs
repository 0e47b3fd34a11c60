//! What only operators are answered, who invoke the function: no route of the gateway leads there.

use goal_activity_events::{ExecutionArn, GoalId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use super::{Pause, WorkflowSummary};

/// One page of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundPage {
    /// What was found.
    pub items: Vec<FoundWorkflow>,
    /// How many workflows were looked at for it.
    pub looked_at: u32,
    /// Where the next one begins. Missing from the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A workflow that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundWorkflow {
    /// The workflow.
    #[serde(flatten)]
    pub summary: WorkflowSummary,
    /// Its user.
    pub user_id: UserId,
}

/// The waiting list and the capacity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WaitingList {
    /// How many batches may be processed at once.
    pub capacity: u32,
    /// How many of them workflows hold.
    pub in_use: u32,
    /// Who holds them.
    pub holders: Vec<Holder>,
    /// Those whose turn is next, in order.
    pub waiting: Vec<Waiting>,
    /// `true` if more workflows wait than are listed.
    pub more: bool,
    /// Launching is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<Pause>,
    /// Until when the AI's quota is used up, if it is: until then nothing is launched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ai_quota_used_until: Option<Timestamp>,
}

/// A workflow that holds capacity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// Which.
    pub execution_arn: ExecutionArn,
    /// How many batches.
    pub batches: u32,
    /// Since when.
    pub since: Timestamp,
}

/// A workflow that waits for its turn. What its record says is missing where there is none any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// How many workflows are launched before it.
    pub waiting_before: u32,
    /// Which.
    pub execution_arn: ExecutionArn,
    /// By what its place is decided.
    pub turn: Timestamp,
    /// Its goal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal_id: Option<GoalId>,
    /// Its user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// When it was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_date: Option<Timestamp>,
    /// How many actions it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_actions: Option<u32>,
}
