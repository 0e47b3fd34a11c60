use serde::{Deserialize, Serialize};

use crate::json::lenient;
use crate::{
    ActionId, CorrelationId, ExecutionArn, GoalId, RequestRef, TaskToken, Timestamp, Traceparent, UserId, Version,
};

/// One batch of a workflow, as the state machine sends it to the workers' queue. Ids only, never a text (promise P10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchMessage {
    /// The shape of this message.
    pub version: Version,
    /// The workflow.
    pub execution_arn: ExecutionArn,
    /// Its goal.
    pub goal_id: GoalId,
    /// Its user.
    pub user_id: UserId,
    /// Which batch, from 0.
    pub batch_index: u32,
    /// The batch's actions in mandala order, at most 8.
    pub action_ids: Vec<ActionId>,
    /// How many actions all batches of the workflow have. Missing in messages of earlier versions.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub total_actions: Option<u32>,
    /// Replace the tasks of actions that already have some.
    #[serde(default)]
    pub regenerate: bool,
    /// When the state machine sent it: the batch's time counts from here.
    pub enqueued_at: Timestamp,
    /// With what the worker answers.
    pub task_token: TaskToken,
    /// What asked for the workflow, where that is known; the state machine writes an empty object otherwise.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestRef>,
    /// What the request said to recognise it by; the state machine writes an empty text for nothing.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
    /// The trace that it belongs to, if there is one; the state machine writes an empty text for none.
    #[serde(default, deserialize_with = "Traceparent::lenient", skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Traceparent>,
}

/// The worker's answer to the state machine. Small on purpose: the outcome is read from the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchAnswer {
    /// Which batch.
    pub batch_index: u32,
    /// How many of its actions have their tasks.
    pub succeeded: u32,
    /// How many failed.
    pub failed: u32,
}
