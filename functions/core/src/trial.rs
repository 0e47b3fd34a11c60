//! One action through the AI of a deployment, to see what comes of it. Nothing is stored. What the worker is sent for that by
//! operators, and what it answers.

use std::fmt;

use goal_activity_events::{Repair, Repairs, Usage};
use serde::{Deserialize, Serialize};

use crate::goal::{Action, GoalHead, SubGoal};
use crate::ports::GenerationRequest;
use crate::task::{DraftWarning, Priority, TaskDraft};
use crate::text;

/// An action with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subject {
    /// Its goal.
    pub goal: GoalHead,
    /// Its sub-goal, if there is one.
    pub sub_goal: Option<SubGoal>,
    /// The action.
    pub action: Action,
}

impl Subject {
    /// The first request for its tasks.
    pub fn request(&self) -> GenerationRequest<'_> {
        GenerationRequest::first(&self.goal, self.sub_goal.as_ref(), &self.action)
    }
}

/// What came of an action. Its text form is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// What the first AI was sent at first, without keys. Nothing where there is no AI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// All attempts.
    pub attempts: Vec<TriedAttempt>,
    /// The tasks; none if it failed.
    pub tasks: Vec<TriedTask>,
    /// What is not as good as it should be with them.
    pub warnings: Vec<TrialWarning>,
    /// Why there are no tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<TrialFailure>,
    /// What all attempts together took.
    pub usage: Usage,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TriedAttempt {
    /// Which, from 1.
    pub number: u32,
    /// The AI that was asked, such as `openai/gpt-4.1-mini`.
    pub generator: String,
    /// Whether that is the second AI.
    pub fallback: bool,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What the deployer can change, where the provider says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What it took.
    pub usage: Usage,
}

/// A task that was generated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TriedTask {
    /// What to do.
    pub title: String,
    /// How.
    pub description: String,
    /// How long it should take.
    pub estimated_minutes: u16,
    /// How urgent it is.
    pub priority: Priority,
}

impl From<&TaskDraft> for TriedTask {
    fn from(draft: &TaskDraft) -> Self {
        Self {
            title: draft.title.clone(),
            description: draft.description.clone(),
            estimated_minutes: draft.estimated_minutes,
            priority: draft.priority,
        }
    }
}

/// What is not as good as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrialWarning {
    /// What it is, such as `duplicateTitle`.
    pub kind: String,
    /// The same for people, with the task's number.
    pub message: String,
}

impl From<DraftWarning> for TrialWarning {
    fn from(warning: DraftWarning) -> Self {
        Self { kind: warning.kind().to_owned(), message: warning.to_string() }
    }
}

/// Why there are no tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrialFailure {
    /// The code that the action would fail with.
    pub code: String,
    /// The same for people.
    pub message: String,
    /// What the deployer can change.
    pub to_do: String,
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = self.request.as_deref().unwrap_or("None: the tasks are made without an AI.");
        writeln!(f, "# The request\n\n{}\n\n# The attempts\n", printable(request.trim()))?;
        for attempt in &self.attempts {
            writeln!(f, "{attempt}")?;
        }
        for warning in &self.warnings {
            writeln!(f, "   warning: {}", one_line(&warning.message))?;
        }
        match &self.failure {
            None => {
                writeln!(f, "\n# {}\n", tasks(self.tasks.len()))?;
                self.tasks.iter().try_for_each(|task| writeln!(f, "{task}"))?;
            }
            Some(TrialFailure { code, message, to_do }) => {
                let (code, message, to_do) = (one_line(code), one_line(message), one_line(to_do));
                writeln!(f, "\n# No tasks: {code}\n\n{message}\n\nTo do: {to_do}")?;
            }
        }
        writeln!(f, "\n{}", spent(&self.usage))
    }
}

impl fmt::Display for TriedAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}. {}: ", self.number, one_line(&self.generator))?;
        match &self.code {
            None => f.write_str("accepted")?,
            Some(code) => {
                write!(f, "{}: {}", one_line(code), one_line(self.message.as_deref().unwrap_or("no answer in time")))?;
            }
        }
        write!(f, "\n   {}", spent(&self.usage))?;
        let repaired = kinds(&self.usage.repairs);
        if repaired.is_empty() { Ok(()) } else { write!(f, "\n   repaired: {}", repaired.join(", ")) }
    }
}

impl fmt::Display for TriedTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { title, description, estimated_minutes, priority } = self;
        let priority = match priority {
            Priority::High => "high",
            Priority::Medium => "medium",
            Priority::Low => "low",
        };
        let (title, description) = (one_line(title), one_line(description));
        write!(f, "- {title} ({estimated_minutes} min, {priority})\n  {description}")
    }
}

/// A text of another program, that it cannot act on a terminal.
fn printable(said: &str) -> String {
    text::block(said)
}

/// The same on one line, so that it cannot look like another one.
fn one_line(said: &str) -> String {
    text::line(said)
}

/// A number of tasks: `3 tasks`.
pub fn tasks(count: usize) -> String {
    format!("{count} task{}", if count == 1 { "" } else { "s" })
}

/// The names of the kinds of repairs that occurred.
pub fn kinds(repairs: &Repairs) -> Vec<&'static str> {
    Repair::ALL.iter().filter(|kind| repairs.of(**kind) > 0).map(|kind| kind.name()).collect()
}

/// Milliseconds as seconds: `1.25 s`.
pub fn seconds(milliseconds: u64) -> String {
    format!("{}.{:02} s", milliseconds / 1000, milliseconds % 1000 / 10)
}

/// Millionths of a US dollar: `0.001234 US dollars`.
pub fn dollars(micro: Option<u64>) -> String {
    micro.map_or_else(
        || "unknown: set aiPrices".to_owned(),
        |micro| format!("{}.{:06} US dollars", micro / 1_000_000, micro % 1_000_000),
    )
}

fn spent(usage: &Usage) -> String {
    let Usage { input_tokens, output_tokens, latency_ms, cost_micro_usd, .. } = *usage;
    let (time, cost) = (seconds(latency_ms), dollars(cost_micro_usd));
    format!("time {time}; tokens read {input_tokens}, written {output_tokens}; cost {cost}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use goal_activity_events::FailureCode;

    fn trial() -> Trial {
        let usage = Usage {
            attempts: 1,
            input_tokens: 1_200,
            output_tokens: 80,
            latency_ms: 1_259,
            cost_micro_usd: Some(12),
            repairs: [Repair::Prose].into_iter().collect(),
            ..Usage::default()
        };
        let attempt = TriedAttempt {
            number: 1,
            generator: "openai/m".to_owned(),
            fallback: false,
            code: None,
            message: None,
            hint: None,
            usage,
        };
        let task = TriedTask {
            title: "Choose\u{1b}[2J a book".to_owned(),
            description: "Compare three.".to_owned(),
            estimated_minutes: 30,
            priority: Priority::Low,
        };
        Trial {
            request: Some("POST https://ai.example/v1".to_owned()),
            attempts: vec![attempt],
            tasks: vec![task],
            warnings: vec![TrialWarning { kind: "x".to_owned(), message: "task 1 is short".to_owned() }],
            failure: None,
            usage,
        }
    }

    #[test]
    fn people_see_the_request_the_attempts_and_the_tasks_and_a_terminal_nothing_else() {
        let spent = "time 1.25 s; tokens read 1200, written 80; cost 0.000012 US dollars";
        let shown = trial().to_string();
        assert_eq!(
            shown,
            format!(
                "# The request\n\nPOST https://ai.example/v1\n\n# The attempts\n\n1. openai/m: accepted\n   {spent}\n   \
                 repaired: prose\n   warning: task 1 is short\n\n# 1 task\n\n- Choose[2J a book (30 min, low)\n  Compare \
                 three.\n\n{spent}\n"
            )
        );
    }

    #[test]
    fn a_failure_says_what_to_do() {
        let mut trial = trial();
        trial.tasks.clear();
        trial.failure = Some(TrialFailure {
            code: FailureCode::AiRejected.to_string(),
            message: "the AI refuses the request: 401".to_owned(),
            to_do: "check the key".to_owned(),
        });
        let shown = trial.to_string();
        assert!(shown.contains("# No tasks: AI_REJECTED\n\nthe AI refuses the request: 401\n\nTo do: check the key\n"));
        let json = serde_json::to_value(&trial).unwrap();
        assert_eq!(json["failure"]["toDo"], "check the key");
        assert_eq!(serde_json::from_value::<Trial>(json).unwrap(), trial);
    }

    #[test]
    fn figures_are_written_for_people() {
        assert_eq!((seconds(1_259), seconds(9)), ("1.25 s".to_owned(), "0.00 s".to_owned()));
        assert_eq!(dollars(Some(1_234_567)), "1.234567 US dollars");
        assert_eq!(dollars(None), "unknown: set aiPrices");
        assert_eq!((tasks(1), tasks(2)), ("1 task".to_owned(), "2 tasks".to_owned()));
    }
}
