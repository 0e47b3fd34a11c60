//! The ledger: for every action of a batch, what became of it. Written in the same transaction as the tasks, so it is the
//! truth about them (promises P3 and P4).

use std::collections::{BTreeMap, BTreeSet};

use goal_activity_events::{ActionId, FailedAction, FailureCode, Repairs, Usage};
use serde::{Deserialize, Deserializer, Serialize};

/// The longest message of a failure, in characters.
pub const MAX_MESSAGE: usize = goal_activity_events::MAX_MESSAGE;

/// One batch's part of the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchLedger {
    /// Once set, nothing is ever written to this batch again.
    #[serde(default)]
    pub sealed: bool,
    /// Grows with every outcome.
    #[serde(default)]
    pub sequence: u64,
    /// What became of the actions that have an outcome.
    #[serde(default)]
    pub outcomes: BTreeMap<ActionId, ActionOutcome>,
}

/// What became of one action. Never changes once recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "result")]
pub enum ActionOutcome {
    /// All tasks of one accepted generation are saved.
    Succeeded {
        /// How many.
        tasks: usize,
        /// How many tasks they have replaced.
        #[serde(default, skip_serializing_if = "is_zero")]
        replaced: usize,
        /// What the AI took for it.
        #[serde(flatten, deserialize_with = "known_usage")]
        usage: Usage,
    },
    /// No task is saved.
    Failed(Failure),
}

/// Why an action got no tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Why, for programs.
    pub code: FailureCode,
    /// Why, for people; at most [`MAX_MESSAGE`] characters.
    pub message: String,
    /// What the AI took for it.
    #[serde(flatten, deserialize_with = "known_usage")]
    pub usage: Usage,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Reads what is known of the usage: outcomes that were recorded before it was counted have their attempts only.
fn known_usage<'de, D: Deserializer<'de>>(outcome: D) -> Result<Usage, D::Error> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Known {
        attempts: u32,
        input_tokens: u64,
        output_tokens: u64,
        latency_ms: u64,
        cost_micro_usd: Option<u64>,
        fallback_attempts: u32,
        repairs: Repairs,
    }
    let known = Known::deserialize(outcome)?;
    let Known { attempts, input_tokens, output_tokens, latency_ms, cost_micro_usd, fallback_attempts, repairs } = known;
    Ok(Usage { attempts, input_tokens, output_tokens, latency_ms, cost_micro_usd, fallback_attempts, repairs })
}

impl ActionOutcome {
    /// What the AI took for it, whatever came of it.
    pub fn usage(&self) -> Usage {
        match self {
            Self::Succeeded { usage, .. } | Self::Failed(Failure { usage, .. }) => *usage,
        }
    }

    /// Why there are no tasks, when there are none.
    pub fn failure_code(&self) -> Option<FailureCode> {
        match self {
            Self::Succeeded { .. } => None,
            Self::Failed(failure) => Some(failure.code),
        }
    }
}

impl Failure {
    /// A failure whose message is cut to what may be stored.
    pub fn new(code: FailureCode, message: impl AsRef<str>, usage: Usage) -> Self {
        Self { code, message: message.as_ref().chars().take(MAX_MESSAGE).collect(), usage }
    }

    fn of(self, action_id: ActionId) -> FailedAction {
        FailedAction { action_id, code: self.code, message: self.message, attempts: self.usage.attempts }
    }
}

/// What these ledgers say of an action.
pub fn recorded<'a>(ledgers: &'a [BatchLedger], action: &ActionId) -> Option<&'a ActionOutcome> {
    ledgers.iter().find_map(|ledger| ledger.outcomes.get(action))
}

/// The failure of an action that the goal does not have any more.
pub fn action_gone(usage: Usage) -> Failure {
    Failure::new(FailureCode::ActionGone, "the action is no longer part of the user's goal", usage)
}

/// What became of a set of actions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How many have their tasks.
    #[serde(rename = "succeededActions")]
    pub succeeded: u32,
    /// The others, in the order of the actions.
    #[serde(rename = "failedActions")]
    pub failed: Vec<FailedAction>,
    /// What the AI took for all that have an outcome.
    #[serde(default)]
    pub usage: Usage,
}

impl Tally {
    /// What has become of these actions so far. Those without an outcome count as neither.
    pub fn so_far(actions: &[ActionId], ledger: &BatchLedger) -> Self {
        Self::count(actions, |id| ledger.outcomes.get(id).cloned())
    }

    /// What became of these actions in the end. Those without an outcome were not processed, and never will be: the ledgers
    /// must be sealed. Those that the goal does not have any more have no tasks either, whatever was saved for them.
    pub fn at_end(actions: &[ActionId], ledgers: &[BatchLedger], gone: &BTreeSet<ActionId>) -> Self {
        let lost = || {
            Failure::new(
                FailureCode::NotProcessed,
                "no worker finished this action before the workflow ended",
                Usage::default(),
            )
        };
        Self::count(actions, |id| {
            let recorded = recorded(ledgers, id).cloned().unwrap_or_else(|| ActionOutcome::Failed(lost()));
            Some(match recorded {
                ActionOutcome::Succeeded { usage, .. } if gone.contains(id) => {
                    ActionOutcome::Failed(action_gone(usage))
                }
                other => other,
            })
        })
    }

    /// What became of these actions in a workflow that was cancelled: what was saved is removed, except for the tasks of the
    /// `kept` actions. The ledgers must be sealed.
    pub fn cancelled(actions: &[ActionId], ledgers: &[BatchLedger], kept: &BTreeSet<ActionId>) -> Self {
        let cancelled = |usage| Failure::new(FailureCode::Cancelled, "the workflow was cancelled", usage);
        Self::count(actions, |id| {
            Some(match recorded(ledgers, id) {
                Some(outcome @ ActionOutcome::Succeeded { .. }) if kept.contains(id) => outcome.clone(),
                Some(outcome @ ActionOutcome::Failed(_)) => outcome.clone(),
                Some(ActionOutcome::Succeeded { usage, .. }) => ActionOutcome::Failed(cancelled(*usage)),
                None => ActionOutcome::Failed(cancelled(Usage::default())),
            })
        })
    }

    fn count(actions: &[ActionId], outcome: impl Fn(&ActionId) -> Option<ActionOutcome>) -> Self {
        actions.iter().fold(Self::default(), |mut tally, id| {
            let Some(outcome) = outcome(id) else { return tally };
            tally.usage += outcome.usage();
            match outcome {
                ActionOutcome::Succeeded { .. } => tally.succeeded += 1,
                ActionOutcome::Failed(failure) => tally.failed.push(failure.of(id.clone())),
            }
            tally
        })
    }

    /// How many failed.
    pub fn failed_count(&self) -> u32 {
        u32::try_from(self.failed.len()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ActionId {
        text.parse().unwrap()
    }

    fn ledger(entries: &[(&str, ActionOutcome)]) -> BatchLedger {
        BatchLedger { outcomes: entries.iter().map(|(a, o)| (id(a), o.clone())).collect(), ..BatchLedger::default() }
    }

    #[test]
    fn an_action_without_an_outcome_is_lost_only_at_the_end() {
        let actions = [id("a"), id("b"), id("c")];
        let ledger = ledger(&[
            ("a", ActionOutcome::Succeeded { tasks: 3, replaced: 0, usage: Usage::of_attempts(1) }),
            ("c", ActionOutcome::Failed(Failure::new(FailureCode::AiTimeout, "slow", Usage::of_attempts(3)))),
        ]);
        let so_far = Tally::so_far(&actions, &ledger);
        assert_eq!((so_far.succeeded, so_far.failed_count()), (1, 1));
        let end = Tally::at_end(&actions, &[ledger], &BTreeSet::new());
        assert_eq!((end.succeeded, end.failed_count()), (1, 2));
        assert_eq!(end.failed[0].code, FailureCode::NotProcessed);
        assert_eq!(end.failed[1].code, FailureCode::AiTimeout);
    }

    #[test]
    fn a_cancelled_workflow_has_no_successes_and_keeps_the_reasons_it_knows() {
        let actions = [id("a"), id("b"), id("c")];
        let ledger = ledger(&[
            ("a", ActionOutcome::Succeeded { tasks: 3, replaced: 0, usage: Usage::of_attempts(2) }),
            ("c", ActionOutcome::Failed(Failure::new(FailureCode::AiTimeout, "slow", Usage::of_attempts(3)))),
        ]);
        let end = Tally::cancelled(&actions, &[ledger], &BTreeSet::new());
        let failed: Vec<_> = end.failed.iter().map(|f| (f.code, f.attempts)).collect();
        assert_eq!(end.succeeded, 0);
        assert_eq!(failed, [(FailureCode::Cancelled, 2), (FailureCode::Cancelled, 0), (FailureCode::AiTimeout, 3)]);
    }

    #[test]
    fn outcomes_that_were_recorded_before_usage_was_counted_can_be_read() {
        for before in [
            r#"{"result":"succeeded","tasks":3,"attempts":2}"#,
            r#"{"result":"failed","code":"AI_TIMEOUT","message":"slow","attempts":2}"#,
        ] {
            let outcome: ActionOutcome = serde_json::from_str(before).unwrap();
            assert_eq!(outcome.usage(), Usage::of_attempts(2), "{before}");
        }
        let repairs = Repairs { prose: 6, ..Repairs::default() };
        let usage = Usage {
            attempts: 1,
            input_tokens: 2,
            output_tokens: 3,
            latency_ms: 4,
            cost_micro_usd: Some(5),
            fallback_attempts: 1,
            repairs,
        };
        let outcome = ActionOutcome::Succeeded { tasks: 1, replaced: 0, usage };
        assert_eq!(serde_json::from_str::<ActionOutcome>(&serde_json::to_string(&outcome).unwrap()).unwrap(), outcome);
    }

    #[test]
    fn a_long_message_is_cut_by_characters() {
        let failure = Failure::new(FailureCode::AiUnavailable, "あ".repeat(500), Usage::of_attempts(1));
        assert_eq!(failure.message.chars().count(), MAX_MESSAGE);
    }
}
