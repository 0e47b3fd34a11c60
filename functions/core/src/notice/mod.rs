//! What the operators are notified of when a workflow did not go well.

mod text;

use std::collections::BTreeSet;
use std::fmt::{self, Display};

use goal_activity_events::{ExecutionArn, FailedAction, FailureCode, FinalStatus, GoalId, Timestamp, Version};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::execution::{Ending, Execution};
use crate::limits::{ACTIONS_PER_BATCH, AI_ATTEMPTS, EXHAUSTED_ACTIONS, NOTICE_LISTS, SYSTEMIC_BATCHES};

pub use text::Message;

/// The claim of one sender on the notice about an end. No two are the same.
///
/// Written as its moment, `#` and a random id, so that claims sort by their moments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeClaim {
    at: Timestamp,
    sender: Uuid,
}

impl NoticeClaim {
    /// A new claim, made at that moment.
    pub fn new(at: Timestamp) -> Self {
        Self { at, sender: Uuid::new_v4() }
    }

    /// When it was made.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

impl Display for NoticeClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.at, self.sender)
    }
}

/// A message to the operators, as programs get it; [`Notice::message`] is what people read. Ids, numbers and reasons, never
/// a user's text. Within a version only optional fields are added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// The shape of this message.
    pub version: Version,
    /// How bad it is.
    pub severity: Severity,
    /// How the workflow ended.
    pub status: FinalStatus,
    /// The workflow.
    pub execution_arn: ExecutionArn,
    /// Its goal.
    pub goal_id: GoalId,
    /// When it was requested.
    pub start_date: Timestamp,
    /// When it ended.
    pub stop_date: Timestamp,
    /// How many actions it had.
    pub total_actions: u32,
    /// How many of them got their tasks.
    pub succeeded_actions: u32,
    /// How many did not.
    pub failed_actions: u32,
    /// How many actions of the goal had tasks when the workflow was requested, also those outside of this workflow.
    #[serde(default)]
    pub actions_with_tasks_before: u32,
    /// Why, by how many actions each, the most frequent first.
    pub reasons: Vec<Reason>,
    /// The first that failed, in the order of the goal, at most [`NOTICE_LISTS`].
    pub first_failures: Vec<FailedAction>,
}

/// How many actions failed for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// The reason.
    pub code: FailureCode,
    /// How many.
    pub actions: u32,
}

/// How bad it is. What subscribers filter by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// Some of the goal's actions got no tasks, others have some: from this workflow or from before.
    Medium,
    /// The workflow failed or timed out, and the goal had no tasks before.
    High,
    /// Other workflows will fail for the same reason: see [`is_critical`].
    Critical,
}

impl Severity {
    /// The name by which subscribers filter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }
}

/// The notice for a workflow that has ended. `None` if there is nothing that an operator could do.
pub fn notice(execution: &Execution) -> Option<Notice> {
    let Ending { status, stop_date, tally } = execution.end.as_ref()?;
    let with_tasks_before = execution.goal_before.with_tasks;
    let severity = match status {
        FinalStatus::Succeeded | FinalStatus::Aborted => return None,
        FinalStatus::PartiallySucceeded => Severity::Medium,
        // A retry of the last two of 64 actions: the user has the tasks of the other 62.
        FinalStatus::Failed | FinalStatus::TimedOut if with_tasks_before > 0 => Severity::Medium,
        FinalStatus::Failed | FinalStatus::TimedOut => Severity::High,
    };
    if !tally.failed.is_empty() && tally.failed.iter().all(|f| is_own_doing(f.code)) {
        return None;
    }
    let critical = is_critical(execution, &tally.failed);
    Some(Notice {
        version: Version::V1,
        severity: if critical { Severity::Critical } else { severity },
        status: *status,
        execution_arn: execution.execution_arn.clone(),
        goal_id: execution.goal_id.clone(),
        start_date: execution.start_date,
        stop_date: *stop_date,
        total_actions: execution.total_actions,
        succeeded_actions: tally.succeeded,
        failed_actions: tally.failed_count(),
        actions_with_tasks_before: with_tasks_before,
        reasons: reasons(&tally.failed),
        first_failures: tally.failed.iter().take(NOTICE_LISTS).cloned().collect(),
    })
}

/// Returns `true` if the user has made the action fail, by editing, closing or cancelling. Nothing is broken then.
fn is_own_doing(code: FailureCode) -> bool {
    use FailureCode::{ActionGone, Cancelled, GoalClosed, TasksExist};
    matches!(code, ActionGone | GoalClosed | Cancelled | TasksExist)
}

/// Returns `true` if the cause lies not with this goal but with what all workflows share:
/// - [`EXHAUSTED_ACTIONS`] actions or more failed although the AI was asked as often as it may be for each, or
/// - all that failed were refused by the AI for good, in [`SYSTEMIC_BATCHES`] batches or more: as with a wrong key or model.
pub fn is_critical(execution: &Execution, failed: &[FailedAction]) -> bool {
    is_exhausted(failed) || is_refused(execution, failed)
}

fn is_exhausted(failed: &[FailedAction]) -> bool {
    failed.iter().filter(|f| f.attempts >= AI_ATTEMPTS).count() >= EXHAUSTED_ACTIONS
}

fn is_refused(execution: &Execution, failed: &[FailedAction]) -> bool {
    let place = |f: &FailedAction| execution.action_ids.iter().position(|id| *id == f.action_id);
    let batches: BTreeSet<_> = failed.iter().filter_map(place).map(|place| place / ACTIONS_PER_BATCH).collect();
    batches.len() >= SYSTEMIC_BATCHES && failed.iter().all(|f| f.code == FailureCode::AiRejected)
}

fn reasons(failed: &[FailedAction]) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = Vec::new();
    for FailedAction { code, .. } in failed {
        match reasons.iter_mut().find(|r| r.code == *code) {
            Some(reason) => reason.actions += 1,
            None => reasons.push(Reason { code: *code, actions: 1 }),
        }
    }
    // Stable: of two as frequent, the one that came first.
    reasons.sort_by_key(|r| std::cmp::Reverse(r.actions));
    reasons
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::execution::GoalBefore;
    use crate::samples;

    /// When it was requested: 2026-11-24T09:00:00Z.
    const START: i64 = 1_795_510_800_000;

    /// A workflow of 64 actions that ended after four minutes, of which these failed.
    pub(crate) fn ended(status: FinalStatus, failed: Vec<FailedAction>) -> Execution {
        let ended = samples::ended(status, Timestamp::from_millis(START + 250_000), failed);
        Execution { start_date: Timestamp::from_millis(START), ..ended }
    }

    fn failed(action: usize, code: FailureCode, attempts: u32) -> FailedAction {
        let action_id = format!("action-{action}").parse().unwrap();
        FailedAction { action_id, code, message: "no".into(), attempts }
    }

    fn severity(status: FinalStatus, failed: Vec<FailedAction>) -> Severity {
        notice(&ended(status, failed)).unwrap().severity
    }

    #[test]
    fn only_what_went_wrong_is_notified() {
        for status in [FinalStatus::Succeeded, FinalStatus::Aborted] {
            assert_eq!(notice(&ended(status, samples::failures(3))), None);
        }
        assert_eq!(notice(&samples::execution()), None);
        let one = || samples::failures(1);
        assert_eq!(severity(FinalStatus::PartiallySucceeded, one()), Severity::Medium);
        assert_eq!(severity(FinalStatus::Failed, one()), Severity::High);
        assert_eq!(severity(FinalStatus::TimedOut, one()), Severity::High);
    }

    #[test]
    fn a_failed_retry_of_a_goal_that_has_tasks_from_before_is_medium() {
        let before = |with_tasks| GoalBefore { with_tasks, left_out: 0 };
        for status in [FinalStatus::Failed, FinalStatus::TimedOut] {
            let of = |with_tasks, failed| {
                let ended = Execution { goal_before: before(with_tasks), ..ended(status, samples::failures(failed)) };
                notice(&ended).map(|n| (n.severity, n.actions_with_tasks_before))
            };
            assert_eq!(of(0, 2), Some((Severity::High, 0)));
            assert_eq!(of(62, 2), Some((Severity::Medium, 62)));
            assert_eq!(of(1, 63), Some((Severity::Critical, 1)), "others will fare alike all the same");
        }
    }

    #[test]
    fn nothing_is_notified_when_every_failure_is_the_users_own_doing() {
        use FailureCode::{ActionGone, AiTimeout, Cancelled, GoalClosed, TasksExist};
        let own = [ActionGone, GoalClosed, Cancelled, TasksExist];
        for status in [FinalStatus::PartiallySucceeded, FinalStatus::Failed, FinalStatus::TimedOut] {
            let of = |codes: &[FailureCode]| {
                let failed = codes.iter().enumerate().map(|(i, code)| failed(i, *code, 0)).collect();
                notice(&ended(status, failed))
            };
            assert_eq!(of(&own), None, "{status:?}");
            assert!(own.iter().all(|code| of(&[*code]).is_none()), "{status:?}");
            assert!(of(&[ActionGone, AiTimeout]).is_some(), "one of several is not: {status:?}");
        }
        assert!(notice(&ended(FinalStatus::TimedOut, Vec::new())).is_some(), "no action failed, but it timed out");
    }

    #[test]
    fn several_actions_without_success_after_all_attempts_are_critical() {
        let timeouts = |count| (0..count).map(|i| failed(i, FailureCode::AiTimeout, AI_ATTEMPTS)).collect::<Vec<_>>();
        assert_eq!(severity(FinalStatus::PartiallySucceeded, timeouts(EXHAUSTED_ACTIONS - 1)), Severity::Medium);
        for status in [FinalStatus::PartiallySucceeded, FinalStatus::Failed, FinalStatus::TimedOut] {
            assert_eq!(severity(status, timeouts(EXHAUSTED_ACTIONS)), Severity::Critical);
        }
        let few_attempts = (0..64).map(|i| failed(i, FailureCode::BatchDeadline, AI_ATTEMPTS - 1)).collect();
        assert_eq!(severity(FinalStatus::Failed, few_attempts), Severity::High);
    }

    #[test]
    fn refusals_for_good_in_two_batches_and_nothing_else_are_critical() {
        let refused =
            |places: &[usize]| places.iter().map(|i| failed(*i, FailureCode::AiRejected, 1)).collect::<Vec<_>>();
        assert_eq!(severity(FinalStatus::PartiallySucceeded, refused(&[0, 1, 7])), Severity::Medium, "one batch");
        assert_eq!(severity(FinalStatus::PartiallySucceeded, refused(&[7, 8])), Severity::Critical);
        let mut mixed = refused(&[0, 8, 16]);
        mixed.push(failed(63, FailureCode::TasksExist, 0));
        assert_eq!(severity(FinalStatus::PartiallySucceeded, mixed), Severity::Medium, "not for one reason");
        let lost = (0..64).map(|i| failed(i, FailureCode::NotProcessed, 0)).collect();
        assert_eq!(severity(FinalStatus::TimedOut, lost), Severity::High);
    }

    #[test]
    fn reasons_are_counted_and_the_most_frequent_comes_first() {
        let codes =
            [FailureCode::ActionGone, FailureCode::AiTimeout, FailureCode::BatchDeadline, FailureCode::AiTimeout];
        let failed = codes.into_iter().enumerate().map(|(i, code)| failed(i, code, 1)).collect();
        let counted: Vec<_> = notice(&ended(FinalStatus::PartiallySucceeded, failed)).unwrap().reasons;
        assert_eq!(
            counted.iter().map(|r| (r.code, r.actions)).collect::<Vec<_>>(),
            [(FailureCode::AiTimeout, 2), (FailureCode::ActionGone, 1), (FailureCode::BatchDeadline, 1)]
        );
    }
}
