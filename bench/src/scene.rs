//! The workflow that the measured functions process: a goal of 64 actions, half way through. As rows, and as its
//! events.

use std::collections::BTreeMap;

use anyhow::Result;
use goal_activity_core::goal::Goal;
use goal_activity_core::keys;
use goal_activity_core::ledger::{ActionOutcome, BatchLedger};
use goal_activity_core::limits::ACTIONS_PER_BATCH;
use goal_activity_core::rows::{Row, goal_rows};
use goal_activity_events::{ActionId, SOURCE, Timestamp, Usage};
use goal_activity_local::goal_file;
use goal_activity_local::sample::{Experiment, Language};
use goal_activity_testkit::{EventBridgeEvent, GatewayRequest, SqsRecord, sqs_event};
use serde::Serialize;
use serde_json::{Value, json};

/// The goal's owner.
const USER: &str = "user-1";
/// The goal.
const GOAL: &str = "goal-1";
/// Its state machine.
pub(crate) const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:goal-activity";
/// Its workflow.
const EXECUTION: &str = "arn:aws:states:us-east-1:123456789012:execution:goal-activity:goal-1-1";
/// The time of everything.
const NOW: &str = "2026-11-25T12:00:00.000Z";

/// A goal, and the state of its workflow.
#[derive(Debug)]
pub(crate) struct Scene {
    goal: Goal,
}

/// The state of a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Recorded, not launched.
    Pending,
    /// Running.
    Running,
    /// All its actions have their tasks.
    Succeeded,
}

impl Scene {
    /// The sample goal.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { goal: goal_file::goal(Experiment::sample(Language::En)?, GOAL.parse()?, USER.parse()?)? })
    }

    /// All rows of the Goals table.
    pub(crate) fn goal(&self) -> Result<Vec<Row>> {
        Ok(goal_rows(&self.goal)?)
    }

    fn actions(&self) -> Vec<&ActionId> {
        self.goal.actions.iter().map(|action| &action.action_id).collect()
    }

    /// The workflow's own row.
    pub(crate) fn execution(&self, stage: Stage) -> Value {
        let actions = self.actions();
        let mut row = json!({
            "executionArn": EXECUTION, "item": keys::EXECUTION, "goalId": GOAL, "userId": USER, "requestId": "request-1",
            "startDate": NOW, "turn": NOW, "actionIds": actions, "totalActions": actions.len(),
            "goalBefore": { "withTasks": 0, "leftOut": 0 }, "batches": {}, "timeline": {},
        });
        if stage != Stage::Pending {
            row["admittedAt"] = NOW.into();
            row["startedAt"] = NOW.into();
        }
        if stage == Stage::Succeeded {
            row["end"] = json!({
                "status": "SUCCEEDED", "stopDate": NOW, "succeededActions": actions.len(), "failedActions": [],
            });
        }
        row
    }

    /// The rows of the ledger, all actions done.
    pub(crate) fn ledger(&self) -> Result<Vec<Value>> {
        let batches = self.goal.actions.chunks(ACTIONS_PER_BATCH).zip(0..);
        let rows = batches.map(|(actions, index)| {
            let done = ActionOutcome::Succeeded { tasks: 5, replaced: 0, usage: Usage::of_attempts(1) };
            let outcomes: BTreeMap<_, _> = actions.iter().map(|a| (a.action_id.clone(), done.clone())).collect();
            ledger_row(index, &BatchLedger { sealed: false, sequence: 8, outcomes })
        });
        rows.collect()
    }

    /// A row of the ledger without outcomes.
    pub(crate) fn open_batch(index: u32) -> Result<Value> {
        ledger_row(index, &BatchLedger::default())
    }

    /// The gateway's event when the goal's owner starts it.
    pub(crate) fn start_request() -> Value {
        let request = GatewayRequest::new("POST /api/goals/{goalId}/start-activity", USER);
        let request = request.header("content-type", "application/json").header("user-agent", "bench");
        request.path(json!({ "goalId": GOAL })).body("{}").into()
    }

    /// The state machine's input for finalize.
    pub(crate) fn finalize_request() -> Value {
        json!({ "executionArn": EXECUTION })
    }

    /// The API's event that requests the workflow, from the queue.
    pub(crate) fn requested() -> Value {
        let detail = json!({
            "version": "1", "eventId": "request-1", "occurredAt": NOW, "executionArn": EXECUTION, "goalId": GOAL,
            "userId": USER,
        });
        queued(EventBridgeEvent::new(SOURCE, "GoalActivityRequested", &detail).time(NOW))
    }

    /// A worker's event that a batch is done, from the queue.
    pub(crate) fn progressed() -> Value {
        let detail = json!({
            "version": "1", "eventId": "progress-1", "occurredAt": NOW, "executionArn": EXECUTION, "goalId": GOAL,
            "userId": USER, "batchIndex": 0, "sequence": 8, "totalActions": ACTIONS_PER_BATCH,
            "succeededActions": ACTIONS_PER_BATCH, "failedActions": [], "usage": Usage::of_attempts(8),
        });
        queued(EventBridgeEvent::new(SOURCE, "BatchProgressed", &detail).time(NOW))
    }

    /// Step Functions' event that the workflow has succeeded, from the queue.
    pub(crate) fn succeeded() -> Value {
        let detail = json!({
            "executionArn": EXECUTION, "stateMachineArn": MACHINE, "status": "SUCCEEDED", "stopDate": 1_795_608_000_000_i64,
        });
        queued(EventBridgeEvent::of_step_functions(&detail).time(NOW))
    }

    /// The state machine's message for the first batch, from the queue, enqueued just now.
    #[allow(clippy::disallowed_methods, reason = "a batch's time counts from when it was enqueued")]
    pub(crate) fn batch(&self) -> Value {
        let enqueued_at = Timestamp::from(std::time::SystemTime::now());
        queued(json!({
            "version": "1", "executionArn": EXECUTION, "goalId": GOAL, "userId": USER, "batchIndex": 0,
            "actionIds": self.actions()[..ACTIONS_PER_BATCH], "regenerate": false, "enqueuedAt": enqueued_at,
            "taskToken": "token-of-the-first-batch", "traceparent": "",
        }))
    }
}

fn ledger_row(index: u32, ledger: &impl Serialize) -> Result<Value> {
    let mut row = serde_json::to_value(ledger)?;
    row["executionArn"] = EXECUTION.into();
    row["item"] = keys::batch(index).into();
    Ok(row)
}

/// What Lambda hands over when this is the one message in a queue.
fn queued(body: impl ToString) -> Value {
    sqs_event([SqsRecord::new("059f36b4-87a3-44ab-83d2-661975830a7d", body.to_string())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use goal_activity_core::execution::{Execution, Status};
    use goal_activity_core::inbound;
    use goal_activity_core::ledger::Tally;

    #[test]
    fn the_rows_are_those_of_one_workflow() {
        let scene = Scene::new().unwrap();
        let stages = [Stage::Pending, Stage::Running, Stage::Succeeded].map(|stage| {
            let execution: Execution = serde_json::from_value(scene.execution(stage)).unwrap();
            assert!(execution.execution_arn.belongs_to(&execution.goal_id));
            execution.status()
        });
        assert_eq!(stages, [Status::Pending, Status::Running, Status::Succeeded]);
        let ledgers: Vec<BatchLedger> =
            scene.ledger().unwrap().into_iter().map(|row| serde_json::from_value(row).unwrap()).collect();
        let actions: Vec<ActionId> = scene.actions().into_iter().cloned().collect();
        assert_eq!(
            (Tally::at_end(&actions, &ledgers, &std::collections::BTreeSet::new()).succeeded, ledgers.len()),
            (64, 8)
        );
    }

    #[test]
    fn the_batch_is_one_that_a_worker_takes() {
        let message = Scene::new().unwrap().batch();
        let batch = inbound::batch(message["Records"][0]["body"].as_str().unwrap()).unwrap();
        assert_eq!(batch.action_ids.len(), ACTIONS_PER_BATCH);
    }
}
