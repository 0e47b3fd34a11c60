//! Tasks, and the rules that a generated one must keep.

use std::collections::HashSet;

use goal_activity_events::{ActionId, ExecutionArn, GoalId, TaskId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::foreign;
use crate::goal::{Action, ActionKind};
use crate::keys;
use crate::limits::MAX_TASKS_PER_ACTION;
use crate::text;

/// The longest title, in Unicode scalar values.
pub const MAX_TITLE: usize = 50;
/// The longest description, in Unicode scalar values.
pub const MAX_DESCRIPTION: usize = 200;
/// The shortest and longest estimate, in minutes.
pub const MINUTES: std::ops::RangeInclusive<u16> = 15..=120;

/// A task as it was generated, within all limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskDraft {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) estimated_minutes: u16,
    pub(crate) priority: Priority,
}

/// How urgent a task is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// First.
    High,
    /// In its turn.
    #[default]
    Medium,
    /// When there is time.
    Low,
}

/// A generated task that breaks a limit. Says which, never the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDraft {
    /// The title is empty or too long.
    #[error("a title has {0} characters, not 1 to {MAX_TITLE}")]
    Title(usize),
    /// There is nothing to read in the title.
    #[error("a title has no letter, digit or emoji")]
    Unreadable,
    /// The description is too long.
    #[error("a description has {0} characters, more than {MAX_DESCRIPTION}")]
    Description(usize),
    /// The estimate is out of range.
    #[error("an estimate is {0} minutes, not {min} to {max}", min = MINUTES.start(), max = MINUTES.end())]
    Minutes(u16),
    /// No tasks, or too many.
    #[error("there are {0} tasks, not 1 to {MAX_TASKS_PER_ACTION}")]
    Count(usize),
}

impl TaskDraft {
    /// A draft within the limits. Invisible characters and surrounding white space are not part of a text, and a title is one
    /// line.
    pub fn new(title: &str, description: &str, minutes: u16, priority: Priority) -> Result<Self, InvalidDraft> {
        let (title, description) = (text::line(title), text::block(description));
        match (title.chars().count(), description.chars().count()) {
            (n, _) if !(1..=MAX_TITLE).contains(&n) => Err(InvalidDraft::Title(n)),
            _ if !text::is_readable(&title) => Err(InvalidDraft::Unreadable),
            (_, n) if n > MAX_DESCRIPTION => Err(InvalidDraft::Description(n)),
            _ if !MINUTES.contains(&minutes) => Err(InvalidDraft::Minutes(minutes)),
            _ => Ok(Self { title, description, estimated_minutes: minutes, priority }),
        }
    }
}

/// What was generated for one action: 1 to 10 drafts in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskDrafts(Vec<TaskDraft>);

impl TryFrom<Vec<TaskDraft>> for TaskDrafts {
    type Error = InvalidDraft;

    fn try_from(drafts: Vec<TaskDraft>) -> Result<Self, InvalidDraft> {
        Self::check_count(drafts.len()).map(|()| Self(drafts))
    }
}

impl TaskDrafts {
    /// Returns `true` if an action may have so many tasks.
    pub(crate) fn check_count(count: usize) -> Result<(), InvalidDraft> {
        if (1..=MAX_TASKS_PER_ACTION).contains(&count) { Ok(()) } else { Err(InvalidDraft::Count(count)) }
    }
}

/// The shortest description that says enough, in Unicode scalar values.
pub const GOOD_DESCRIPTION: usize = 20;

/// What is not as good as it should be with accepted drafts. Says which, never the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DraftWarning {
    /// The title is the same as that of an earlier one.
    #[error("task {0} has the title of an earlier one")]
    DuplicateTitle(usize),
    /// The description is shorter than [`GOOD_DESCRIPTION`].
    #[error("task {0} has a description of {1} characters, fewer than {GOOD_DESCRIPTION}")]
    ShortDescription(usize, usize),
    /// The title was a little too long, and was cut.
    #[error("task {0} had a title that was too long")]
    ShortenedTitle(usize),
    /// The description was a little too long, and was cut.
    #[error("task {0} had a description that was too long")]
    ShortenedDescription(usize),
}

impl DraftWarning {
    /// What it is, without the task.
    pub fn kind(self) -> &'static str {
        match self {
            Self::DuplicateTitle(_) => "duplicateTitle",
            Self::ShortDescription(..) => "shortDescription",
            Self::ShortenedTitle(_) => "shortenedTitle",
            Self::ShortenedDescription(_) => "shortenedDescription",
        }
    }
}

impl TaskDrafts {
    /// The drafts in their order.
    pub fn iter(&self) -> impl Iterator<Item = &TaskDraft> {
        self.0.iter()
    }

    /// What is not as good as it should be, by the number of the task, from 1.
    pub fn warnings(&self) -> Vec<DraftWarning> {
        let mut titles = HashSet::new();
        let numbered = self.0.iter().zip(1..);
        numbered
            .flat_map(|(draft, n)| {
                let again = !titles.insert(draft.title.as_str());
                let length = draft.description.chars().count();
                let duplicate = again.then_some(DraftWarning::DuplicateTitle(n));
                let short = (length < GOOD_DESCRIPTION).then_some(DraftWarning::ShortDescription(n, length));
                duplicate.into_iter().chain(short)
            })
            .collect()
    }
}

/// A task as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// The goal it helps to reach.
    pub goal_id: GoalId,
    /// Its place: sub-goal, action, number. The sort key.
    pub position: String,
    /// The task, derived from what made it.
    pub task_id: TaskId,
    /// The action it is a step of.
    pub action_id: ActionId,
    /// The workflow that made it.
    pub execution_arn: ExecutionArn,
    /// What to do.
    pub title: String,
    /// How.
    pub description: String,
    /// Always the action's.
    #[serde(rename = "type", deserialize_with = "foreign::any_case")]
    pub kind: ActionKind,
    /// How long it should take.
    pub estimated_minutes: u16,
    /// How urgent it is.
    #[serde(deserialize_with = "foreign::any_case")]
    pub priority: Priority,
    /// How far the user is with it.
    #[serde(deserialize_with = "foreign::any_case")]
    pub status: TaskStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When the user completed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// The AI that generated it, such as `openai/gpt-4.1-mini`. Missing where that is not known, and in tasks of others.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "foreign::text_only")]
    pub generator: Option<String>,
}

/// How far the user is with a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// As generated.
    NotStarted,
    /// The user is at it.
    InProgress,
    /// The user has done it.
    Completed,
    /// The user has left it out.
    Skipped,
}

impl TaskStatus {
    /// Its name, as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotStarted => "not_started",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Skipped => "skipped",
        }
    }
}

impl TaskDrafts {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The tasks that these drafts become for an action that has none, at a place where there are none. The same drafts always
    /// become the same ids and places.
    pub fn into_tasks(self, goal: &GoalId, action: &Action, execution: &ExecutionArn, now: Timestamp) -> Vec<Task> {
        let numbers: Vec<_> = (1..=self.0.len()).collect();
        self.placed(goal, action, execution, &numbers, now)
    }

    /// The tasks that these drafts become under these numbers at the action's place, one for each draft. The same drafts
    /// always become the same ids.
    pub fn placed(
        self,
        goal: &GoalId,
        action: &Action,
        execution: &ExecutionArn,
        numbers: &[usize],
        now: Timestamp,
    ) -> Vec<Task> {
        let numbered = self.0.into_iter().zip(1..).zip(numbers);
        numbered
            .map(|((draft, n), number)| Task {
                goal_id: goal.clone(),
                position: keys::task(action.position, *number),
                task_id: TaskId::derived(execution, &action.action_id, n),
                action_id: action.action_id.clone(),
                execution_arn: execution.clone(),
                title: draft.title,
                description: draft.description,
                kind: action.kind,
                estimated_minutes: draft.estimated_minutes,
                priority: draft.priority,
                status: TaskStatus::NotStarted,
                created_at: now,
                updated_at: now,
                completed_at: None,
                generator: None,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(title: &str, description: &str, minutes: u16) -> Result<TaskDraft, InvalidDraft> {
        TaskDraft::new(title, description, minutes, Priority::default())
    }

    #[test]
    fn limits_count_unicode_scalar_values() {
        assert!(draft(&"目".repeat(50), &"説".repeat(200), 15).is_ok());
        assert_eq!(draft(&"目".repeat(51), "", 15), Err(InvalidDraft::Title(51)));
        assert_eq!(draft("", "", 15), Err(InvalidDraft::Title(0)));
        assert_eq!(draft("  ", "", 15), Err(InvalidDraft::Title(0)));
        assert_eq!(draft("a", &"説".repeat(201), 15), Err(InvalidDraft::Description(201)));
    }

    #[test]
    fn estimates_are_15_to_120_minutes() {
        let accepted = [14, 15, 120, 121].map(|m| draft("a", "", m).is_ok());
        assert_eq!(accepted, [false, true, true, false]);
    }

    #[test]
    fn duplicate_titles_and_short_descriptions_are_accepted_with_a_warning() {
        let (short, long) = ("説".repeat(19), "説".repeat(20));
        let drafts = [draft("a", &long, 30), draft("b", &short, 30), draft("a", &long, 30)];
        let drafts: TaskDrafts = drafts.into_iter().collect::<Result<Vec<_>, _>>().unwrap().try_into().unwrap();
        assert_eq!(drafts.warnings(), [DraftWarning::ShortDescription(2, 19), DraftWarning::DuplicateTitle(3)]);
    }

    #[test]
    fn an_action_gets_1_to_10_tasks() {
        let one = draft("a", "", 30).unwrap();
        let accepted = [0, 1, 10, 11].map(|n| TaskDrafts::try_from(vec![one.clone(); n]).is_ok());
        assert_eq!(accepted, [false, true, true, false]);
    }
}
