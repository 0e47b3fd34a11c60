//! The notice as it is sent: for people, and for programs.

use std::fmt::{self, Display, Write};
use std::time::Duration;

use goal_activity_events::{ExecutionArn, FailureCode, FinalStatus};
use serde::Serialize;

use super::{Notice, Severity};
use crate::limits::{AI_ATTEMPTS, EXHAUSTED_ACTIONS, SYSTEMIC_BATCHES};

/// How much of an execution's name a subject holds. With all the rest it stays under SNS's 100 characters.
const NAME: usize = 32;

/// A notice as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// One line of ASCII, under 100 characters: what SNS takes as an e-mail's subject.
    pub subject: String,
    /// What happened, to what, why, and what to do.
    pub text: String,
    /// The same for programs: the [`Notice`] with links, as JSON.
    pub json: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(flatten)]
    notice: &'a Notice,
    links: Links<'a>,
}

/// Where to read on.
#[derive(Serialize)]
struct Links<'a> {
    /// The execution in the console of Step Functions.
    execution: &'a str,
    /// What to do, in the operations guide.
    guide: &'a str,
}

impl Notice {
    /// The notice as it is sent, with links into the operations guide at that address.
    pub fn message(&self, guide: &str) -> Message {
        let execution = console(&self.execution_arn);
        let guide = format!("{guide}#{}", self.section());
        let links = Links { execution: &execution, guide: &guide };
        Message {
            subject: self.subject(),
            text: self.text(&links),
            // Serializing strings and numbers cannot fail.
            json: serde_json::to_string(&Document { notice: self, links }).unwrap_or_default(),
        }
    }

    /// The part of the operations guide that is about it.
    pub fn section(&self) -> &'static str {
        match self.status {
            FinalStatus::TimedOut => "a-workflow-timed-out",
            _ => "a-workflow-failed",
        }
    }

    fn what(&self) -> &'static str {
        match self.status {
            FinalStatus::TimedOut => "timed out",
            FinalStatus::PartiallySucceeded => "partially failed",
            _ => "failed",
        }
    }

    fn subject(&self) -> String {
        let name: String = self.execution_arn.name().chars().take(NAME).collect();
        let (severity, what, failed, total) =
            (self.severity.as_str(), self.what(), self.failed_actions, self.total_actions);
        format!("[{severity}] Goal activity {what}: {failed} of {total} actions ({name})")
    }

    fn text(&self, links: &Links<'_>) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text, links);
        text
    }

    fn write(&self, text: &mut String, links: &Links<'_>) -> fmt::Result {
        let Self { execution_arn, goal_id, total_actions: total, succeeded_actions: done, .. } = self;
        writeln!(text, "A goal activity workflow {}.\n", self.what())?;
        writeln!(text, "Severity:  {}", self.severity.as_str())?;
        writeln!(text, "Goal:      {goal_id}")?;
        writeln!(text, "Execution: {execution_arn}")?;
        writeln!(text, "Ended:     {}, after {}", self.stop_date, Span(self.stop_date.since(self.start_date)))?;
        writeln!(text, "Actions:   {done} of {total} have tasks, {} failed", self.failed_actions)?;
        if self.actions_with_tasks_before > 0 {
            writeln!(text, "Before:    {} of the goal had tasks already", Actions(self.actions_with_tasks_before))?;
        }
        if !self.reasons.is_empty() {
            writeln!(text, "\nWhy:")?;
        }
        for reason in &self.reasons {
            writeln!(text, "- {}: {}", name(reason.code), Actions(reason.actions))?;
        }
        if !self.first_failures.is_empty() {
            writeln!(text, "\nFailed actions:")?;
        }
        for f in &self.first_failures {
            writeln!(text, "- {}: {}, {} ({} attempts)", f.action_id, name(f.code), f.message, f.attempts)?;
        }
        let listed = u32::try_from(self.first_failures.len()).unwrap_or(u32::MAX);
        if self.failed_actions > listed {
            writeln!(text, "- and {} more", self.failed_actions - listed)?;
        }
        writeln!(text, "\nWhat to do:\n{}", self.what_to_do())?;
        self.write_first_steps(text)?;
        writeln!(text, "\nLook:  {}\nGuide: {}", links.execution, links.guide)
    }

    /// The commands and the places to look at, without the guide at hand.
    fn write_first_steps(&self, text: &mut String) -> fmt::Result {
        let arn = &self.execution_arn;
        writeln!(text, "\nFirst:\n- goalctl status {arn}")?;
        let mut steps: Vec<_> = self.reasons.iter().filter_map(|reason| first_step(reason.code)).collect();
        steps.dedup();
        for step in steps {
            writeln!(text, "- {step}")?;
        }
        writeln!(text, "- when the cause is gone: goalctl retry {arn} --reason ...")
    }

    fn what_to_do(&self) -> String {
        let look = match (self.severity, self.status) {
            (Severity::Critical, _) => format!(
                "Now: others will fare alike until the cause is gone. {EXHAUSTED_ACTIONS} or more actions failed after \
                 {AI_ATTEMPTS} attempts each, or the AI refused everything that failed in {SYSTEMIC_BATCHES} or more \
                 batches. Look whether the AI answers: its quota, its status, its key and model."
            ),
            (_, FinalStatus::TimedOut) => {
                "Soon: look which batch has not come back, or whether it was never started; see the errors of the \
                 functions worker and launch."
                    .to_owned()
            }
            (_, FinalStatus::PartiallySucceeded) => {
                "Nothing at once. When there are many of these, look for what their reasons have in common.".to_owned()
            }
            _ if self.actions_with_tasks_before > 0 => format!(
                "Soon: this workflow made no tasks, but {} of the goal had tasks already. The reasons above say where \
                 to look.",
                Actions(self.actions_with_tasks_before)
            ),
            _ => "Soon: the user got nothing. The reasons above say where to look.".to_owned(),
        };
        format!(
            "{look}\nWhat was saved stays, and the goal is free. When the cause is gone the user can start or retry the \
             activity; only actions without tasks are worked on."
        )
    }
}

/// The execution in the console of Step Functions.
fn console(execution: &ExecutionArn) -> String {
    let region = execution.as_str().split(':').nth(3).unwrap_or_default();
    format!("https://{region}.console.aws.amazon.com/states/home?region={region}#/v2/executions/details/{execution}")
}

fn name(code: FailureCode) -> String {
    serde_json::to_value(code).ok().and_then(|c| c.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Where to look for the cause of a failure. Nothing for what a user has done.
fn first_step(code: FailureCode) -> Option<&'static str> {
    use FailureCode::{
        ActionGone, AiInvalidAnswer, AiRejected, AiThrottled, AiTimeout, AiUnavailable, BatchDeadline, Cancelled,
        GoalClosed, NotProcessed, Other, TasksExist,
    };
    match code {
        AiTimeout | AiUnavailable => Some("the status page of the AI; goalctl ai check"),
        AiThrottled => Some("the quota of the AI: raise it, or lower concurrentBatches"),
        AiRejected => Some("key, model and access of the AI; goalctl ai check"),
        AiInvalidAnswer => Some("was the model changed? goalctl ai check"),
        BatchDeadline => Some("is the AI slow, or worker throttled?"),
        NotProcessed => Some("the errors of worker; goalctl dlq list batch"),
        ActionGone | GoalClosed | Cancelled | TasksExist | Other => None,
    }
}

struct Actions(u32);

impl Display for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} action{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

struct Span(Duration);

impl Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            seconds @ 0..60 => write!(f, "{seconds} s"),
            seconds => write!(f, "{} min {} s", seconds / 60, seconds % 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::{Execution, GoalBefore};
    use crate::notice::notice;
    use crate::notice::tests::ended;
    use crate::samples;

    const GUIDE: &str = "docs/OPERATIONS.md";
    const GUIDE_TEXT: &str = include_str!("../../../../docs/OPERATIONS.md");

    fn noticed(status: FinalStatus, failed: usize) -> (Notice, Message) {
        let notice = notice(&ended(status, samples::failures(failed))).unwrap();
        let message = notice.message(GUIDE);
        (notice, message)
    }

    #[test]
    fn a_notice_says_what_happened_to_what_why_and_what_to_do() {
        let (_, Message { text, .. }) = noticed(FinalStatus::PartiallySucceeded, 1);
        for part in [
            "partially failed",
            "Severity:  MEDIUM",
            "arn:aws:states:us-east-1:123456789012:execution:goal-activity:goal-1-1\n",
            "Goal:      goal-1\n",
            "2026-11-24T09:04:10.000Z, after 4 min 10 s",
            "63 of 64 have tasks, 1 failed",
            "- AI_TIMEOUT: 1 action\n",
            "- action-0: AI_TIMEOUT, no answer within 120 s (3 attempts)",
            "Nothing at once",
            "- goalctl status arn:aws:states:us-east-1:123456789012:execution:goal-activity:goal-1-1\n",
            "- the status page of the AI; goalctl ai check\n",
            "- when the cause is gone: goalctl retry arn:aws:states:us-east-1:123456789012:execution:goal-activity:goal-1-1 --reason ...\n",
            "https://us-east-1.console.aws.amazon.com/states/home?region=us-east-1#/v2/executions/details/arn:aws:states:",
            "Guide: docs/OPERATIONS.md#a-workflow-failed",
        ] {
            assert!(text.contains(part), "{part:?} is missing in:\n{text}");
        }
    }

    #[test]
    fn what_to_do_depends_on_how_bad_it_is() {
        let text = |status, failed| noticed(status, failed).1.text;
        assert!(text(FinalStatus::Failed, 64).contains("Now: others will fare alike"));
        assert!(text(FinalStatus::Failed, 1).contains("Soon: the user got nothing"));
        assert!(text(FinalStatus::TimedOut, 1).contains("never started"));
    }

    #[test]
    fn a_failed_retry_does_not_say_that_the_user_got_nothing() {
        for status in [FinalStatus::Failed, FinalStatus::TimedOut] {
            let goal_before = GoalBefore { with_tasks: 62, left_out: 0 };
            let retry = Execution { goal_before, ..ended(status, samples::failures(2)) };
            let Message { subject, text, json } = notice(&retry).unwrap().message(GUIDE);
            assert!(subject.starts_with("[MEDIUM] "), "{subject}");
            assert!(text.contains("Before:    62 actions of the goal had tasks already\n"), "{text}");
            assert!(!text.contains("got nothing"), "{text}");
            let json: serde_json::Value = serde_json::from_str(&json).unwrap();
            assert_eq!(json["actionsWithTasksBefore"], 62);
        }
        let first = noticed(FinalStatus::Failed, 2).1.text;
        assert!(!first.contains("Before:") && first.contains("the user got nothing"), "{first}");
    }

    #[test]
    fn a_notice_of_an_earlier_release_is_still_read() {
        let (notice, message) = noticed(FinalStatus::Failed, 2);
        let mut json: serde_json::Value = serde_json::from_str(&message.json).unwrap();
        json.as_object_mut().unwrap().remove("actionsWithTasksBefore");
        assert_eq!(serde_json::from_value::<Notice>(json).unwrap(), notice);
    }

    #[test]
    fn the_subject_is_what_sns_takes_however_long_the_name() {
        let machine = "arn:aws:states:us-east-1:123456789012:execution:goal-activity";
        let execution_arn = format!("{machine}:{}-1", "x".repeat(78)).parse().unwrap();
        let longest = Execution { execution_arn, ..ended(FinalStatus::PartiallySucceeded, samples::failures(63)) };
        let subject = notice(&longest).unwrap().message(GUIDE).subject;
        assert!(subject.starts_with("[CRITICAL] Goal activity partially failed: 63 of 64 actions (xx"), "{subject}");
        assert!(subject.is_ascii() && subject.len() < 100, "{} characters: {subject}", subject.len());
    }

    #[test]
    fn many_failures_are_listed_in_part() {
        let (notice, message) = noticed(FinalStatus::Failed, 64);
        assert!(message.text.contains("- AI_TIMEOUT: 64 actions\n"));
        assert!(message.text.contains("- and 54 more"));
        assert_eq!((notice.first_failures.len(), notice.failed_actions), (10, 64));
    }

    #[test]
    fn programs_get_the_same_with_links() {
        let (notice, message) = noticed(FinalStatus::TimedOut, 2);
        let json: serde_json::Value = serde_json::from_str(&message.json).unwrap();
        assert_eq!(json["links"]["guide"], "docs/OPERATIONS.md#a-workflow-timed-out");
        assert!(message.text.contains(json["links"]["execution"].as_str().unwrap()));
        // As a program reads it that knows nothing of links.
        assert_eq!(serde_json::from_value::<Notice>(json).unwrap(), notice);
    }

    #[test]
    fn the_guide_has_the_sections_that_notices_name_and_shows_their_json_as_it_is() {
        for status in [FinalStatus::PartiallySucceeded, FinalStatus::Failed, FinalStatus::TimedOut] {
            let section = noticed(status, 1).0.section();
            let heading = format!("\n## {}\n", section.replace('-', " "));
            assert!(GUIDE_TEXT.to_lowercase().contains(&heading), "no section {section}");
        }
        let shown = GUIDE_TEXT
            .split("```json\n")
            .find_map(|part| part.split("```").next().filter(|b| b.contains("firstFailures")));
        let shown: serde_json::Value = serde_json::from_str(shown.expect("a notice in the guide")).unwrap();
        let made: serde_json::Value =
            serde_json::from_str(&noticed(FinalStatus::PartiallySucceeded, 1).1.json).unwrap();
        assert_eq!(shown, made);
    }
}
