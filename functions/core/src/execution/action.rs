use goal_activity_events::{ActionId, FailedAction, FailureCode};
use serde::{Deserialize, Serialize};

use super::Execution;
use crate::ledger::{ActionOutcome, BatchLedger, Tally};
use crate::limits::ACTIONS_PER_BATCH;

/// Where an action of a workflow is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ActionState {
    /// No worker has begun with its batch.
    Waiting,
    /// A worker has its batch, and it has no outcome yet.
    Generating,
    /// It has the tasks of this workflow.
    Succeeded,
    /// It has none of this workflow.
    Failed,
}

/// One action of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "WorkflowAction"))]
#[serde(rename_all = "camelCase")]
pub struct ActionProgress {
    /// Which.
    pub action_id: ActionId,
    /// The batch that it belongs to, from 0.
    pub batch_index: u32,
    /// Where it is.
    pub state: ActionState,
    /// How many tasks were saved for it. Missing unless it has succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<u32>,
    /// Why it got no tasks. Missing unless it has failed. More codes may be added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<FailureCode>,
    /// The same for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How many times the AI was asked. Missing before there is an outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

impl Execution {
    /// Where each of its actions is, in their order, by its ledger: one entry for each batch, nothing for one that has no row.
    pub fn actions(&self, ledgers: &[Option<BatchLedger>]) -> Vec<ActionProgress> {
        let batches = self.action_ids.chunks(ACTIONS_PER_BATCH).zip(0..);
        let in_batch = |(ids, index): (&[ActionId], u32)| {
            let ledger = ledgers.get(index as usize).and_then(Option::as_ref);
            let failed = self.failed_in(ids, ledger);
            let progress = |id: &ActionId| {
                let failure = failed.iter().find(|failed| failed.action_id == *id).cloned();
                let outcome = ledger.and_then(|ledger| ledger.outcomes.get(id));
                let state = match (&failure, outcome) {
                    (Some(_), _) => ActionState::Failed,
                    (None, Some(_)) => ActionState::Succeeded,
                    (None, None) if self.has_ended() => ActionState::Succeeded,
                    (None, None) if ledger.is_some() => ActionState::Generating,
                    (None, None) => ActionState::Waiting,
                };
                let tasks = match outcome {
                    Some(ActionOutcome::Succeeded { tasks, .. }) if failure.is_none() => u32::try_from(*tasks).ok(),
                    _ => None,
                };
                let attempts = failure.as_ref().map(|failure| failure.attempts);
                let (code, message) = failure.map(|failure| (failure.code, failure.message)).unzip();
                ActionProgress {
                    action_id: id.clone(),
                    batch_index: index,
                    state,
                    tasks,
                    code,
                    message,
                    attempts: attempts.or(outcome.map(|outcome| outcome.usage().attempts)),
                }
            };
            ids.iter().map(progress).collect::<Vec<_>>()
        };
        batches.flat_map(in_batch).collect()
    }

    /// Which of these actions have failed. After the end that is what the end says. Between the seal and the end nothing can
    /// be added any more, so those without an outcome count as they will.
    fn failed_in(&self, ids: &[ActionId], ledger: Option<&BatchLedger>) -> Vec<FailedAction> {
        match (self.tally(), ledger) {
            (Some(end), _) => end.failed.clone(),
            (None, Some(ledger)) if ledger.sealed && self.cancellation.is_none() => {
                Tally::at_end(ids, std::slice::from_ref(ledger), &self.gone_actions).failed
            }
            (None, Some(ledger)) => Tally::so_far(ids, ledger).failed,
            (None, None) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use goal_activity_events::{FinalStatus, Usage};

    use super::*;
    use crate::execution::{Cancellation, Ending};
    use crate::ledger::Failure;
    use crate::samples;

    fn succeeded() -> ActionOutcome {
        ActionOutcome::Succeeded { tasks: 4, replaced: 0, usage: Usage::of_attempts(1) }
    }

    fn timed_out() -> ActionOutcome {
        ActionOutcome::Failed(Failure::new(FailureCode::AiTimeout, "slow", Usage::of_attempts(3)))
    }

    /// A workflow of 64 actions. In its first batch one has succeeded, one has failed.
    fn running() -> (Execution, Vec<Option<BatchLedger>>) {
        let execution = samples::execution();
        let ids = &execution.action_ids;
        let mut first = BatchLedger::default();
        first.outcomes.insert(ids[0].clone(), succeeded());
        first.outcomes.insert(ids[1].clone(), timed_out());
        let mut ledgers = vec![None; 8];
        ledgers[0] = Some(first);
        (execution, ledgers)
    }

    fn states(actions: &[ActionProgress]) -> Vec<ActionState> {
        actions.iter().map(|action| action.state).collect()
    }

    #[test]
    fn an_action_is_where_its_batch_is_until_it_has_an_outcome() {
        let (execution, ledgers) = running();
        let actions = execution.actions(&ledgers);
        let states = states(&actions);
        assert_eq!(states[..3], [ActionState::Succeeded, ActionState::Failed, ActionState::Generating]);
        assert!(states[2..8].iter().all(|state| *state == ActionState::Generating));
        assert!(states[8..].iter().all(|state| *state == ActionState::Waiting));
        assert_eq!((actions[0].tasks, actions[0].attempts, actions[0].code), (Some(4), Some(1), None));
        assert_eq!((actions[1].tasks, actions[1].attempts), (None, Some(3)));
        assert_eq!((actions[1].code, actions[1].message.as_deref()), (Some(FailureCode::AiTimeout), Some("slow")));
        assert_eq!((actions[63].batch_index, &actions[63].action_id), (7, &execution.action_ids[63]));
    }

    #[test]
    fn what_the_seal_has_left_out_is_not_processed() {
        let (execution, mut ledgers) = running();
        ledgers[0].as_mut().unwrap().sealed = true;
        let actions = execution.actions(&ledgers);
        assert_eq!((actions[2].state, actions[2].code), (ActionState::Failed, Some(FailureCode::NotProcessed)));
        assert_eq!(actions[0].state, ActionState::Succeeded);
    }

    #[test]
    fn the_seal_of_a_cancellation_is_no_failure_of_the_workers() {
        let (mut execution, mut ledgers) = running();
        ledgers[0].as_mut().unwrap().sealed = true;
        execution.cancellation = Some(Cancellation::by_user("u".parse().unwrap(), execution.start_date, None));
        assert_eq!(execution.actions(&ledgers)[2].state, ActionState::Generating);
    }

    #[test]
    fn after_the_end_the_end_decides() {
        let (mut execution, ledgers) = running();
        let id = execution.action_ids[0].clone();
        let gone = FailedAction { action_id: id, code: FailureCode::ActionGone, message: "gone".into(), attempts: 1 };
        let tally = Tally { succeeded: 63, failed: vec![gone], usage: Usage::default() };
        let end = Ending { status: FinalStatus::PartiallySucceeded, stop_date: execution.start_date, tally };
        execution.end = Some(end);
        let actions = execution.actions(&ledgers);
        assert_eq!((actions[0].state, actions[0].code), (ActionState::Failed, Some(FailureCode::ActionGone)));
        assert_eq!(actions[0].tasks, None, "the tasks that were saved for it are removed");
        // Even if the rows of its ledger have expired.
        assert!(states(&actions)[1..].iter().all(|state| *state == ActionState::Succeeded));
    }
}
