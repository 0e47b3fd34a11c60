//! What the operators are told when a workflow did not go well.

use std::fmt::Write;

use goal_activity_events::FinalStatus;

use crate::execution::Execution;

/// How many failed actions a notice lists one by one.
const LISTED: usize = 10;

/// A message to the operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How bad it is.
    pub severity: Severity,
    /// How the workflow ended.
    pub status: FinalStatus,
    /// One line of ASCII, under 100 characters: what SNS takes as an e-mail's subject.
    pub subject: String,
    /// What happened, to what, and what to do. Ids and reasons, never a user's text.
    pub body: String,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Some of the user's actions got no tasks.
    Medium,
    /// The user got nothing, or the workflow did not end by itself.
    High,
}

impl Severity {
    /// The name by which subscribers filter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
        }
    }
}

/// The notice for a workflow that has ended, when there is something to tell.
pub fn notice(execution: &Execution) -> Option<Notice> {
    let status = execution.status.ended()?;
    let (severity, what) = match status {
        FinalStatus::Succeeded | FinalStatus::Aborted => return None,
        FinalStatus::PartiallySucceeded => (Severity::Medium, "partially failed"),
        FinalStatus::Failed => (Severity::High, "failed"),
        FinalStatus::TimedOut => (Severity::High, "timed out"),
    };
    let progress = execution.progress();
    let (total, failed) = (execution.total_actions, progress.failed.len());
    let name: String = execution.execution_arn.name().chars().take(40).collect();
    let subject = format!("[{}] Goal activity {what}: {failed} of {total} actions ({name})", severity.as_str());
    Some(Notice { severity, status, subject, body: body(execution, what, failed) })
}

fn body(execution: &Execution, what: &str, failed: usize) -> String {
    let progress = execution.progress();
    let mut body = format!(
        "A goal activity workflow {what}.\n\nExecution: {}\nGoal:      {}\nActions:   {} of {} have tasks, {failed} failed\n",
        execution.execution_arn, execution.goal_id, progress.succeeded, execution.total_actions,
    );
    if failed > 0 {
        body.push_str("\nFailed actions:\n");
    }
    for action in progress.failed.iter().take(LISTED) {
        let code =
            serde_json::to_value(action.code).ok().and_then(|c| c.as_str().map(str::to_owned)).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(body, "- {}: {code}, {} ({} attempts)", action.action_id, action.message, action.attempts);
    }
    if failed > LISTED {
        let _ = writeln!(body, "- and {} more", failed - LISTED);
    }
    body.push_str(
        "\nWhat was saved stays. The user can start the activity again; only actions without tasks are worked on.\n",
    );
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::Status;
    use crate::samples;
    use goal_activity_events::Timestamp;

    fn ended(status: Status, failed: usize) -> Execution {
        Execution {
            status,
            stop_date: Some(Timestamp::from_millis(1)),
            succeeded_actions: Some(64 - u32::try_from(failed).unwrap()),
            failed_actions: samples::failures(failed),
            ..samples::execution()
        }
    }

    #[test]
    fn only_what_went_wrong_is_told() {
        assert_eq!(notice(&ended(Status::Succeeded, 0)), None);
        assert_eq!(notice(&ended(Status::Aborted, 3)), None);
        assert_eq!(notice(&ended(Status::Running, 3)), None);
        assert_eq!(notice(&ended(Status::PartiallySucceeded, 1)).unwrap().severity, Severity::Medium);
        assert_eq!(notice(&ended(Status::TimedOut, 1)).unwrap().severity, Severity::High);
    }

    #[test]
    fn a_notice_names_execution_goal_and_action() {
        let notice = notice(&ended(Status::PartiallySucceeded, 1)).unwrap();
        for part in [
            "goal-activity:goal-1-1",
            "goal-1\n",
            "action-0: AI_TIMEOUT, no answer within 120 s (3 attempts)",
            "63 of 64",
        ] {
            assert!(notice.body.contains(part), "{part:?} is missing in:\n{}", notice.body);
        }
    }

    #[test]
    fn the_subject_is_what_sns_takes() {
        let notice = notice(&ended(Status::Failed, 64)).unwrap();
        assert!(notice.subject.is_ascii() && notice.subject.len() < 100, "{}", notice.subject);
        assert!(notice.body.contains("- and 54 more"));
    }
}
