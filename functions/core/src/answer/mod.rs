//! What an AI may answer.
//!
//! An answer is one JSON object, `{"tasks": [...]}`, of 1 to 10 tasks:
//!
//! | field | rule |
//! |---|---|
//! | `title` | text of 1 to 50 characters |
//! | `description` | text of at most 200 characters; may be empty, must be there |
//! | `estimatedMinutes` | a whole number from 15 to 120; `45.0` and `4.5e1` are the whole number 45, `"45"` is a text |
//! | `priority` | `high`, `medium` or `low`, exactly so; `medium` when it is missing or `null` |
//!
//! Characters are Unicode scalar values; white space around a text is not part of it. Every other field is ignored, `type`
//! too: a task's type is its action's. A field that is there twice counts as it is there last.
//!
//! White space around the JSON is tolerated, and one code fence with or without the name of a language. Any other text
//! around it makes the answer invalid, as does everything else: a bare array of tasks, text that is no JSON or ends too early,
//! more than [`MAX_ANSWER`] bytes, or JSON nested deeper than 127 levels.

use serde::Deserialize;
use serde_json::error::Category;
use serde_json::{Map, Value, json};

use goal_activity_events::FailureCode;

use crate::limits::{MAX_ANSWER, MAX_TASKS_PER_ACTION};
use crate::ports::GenerationError;
use crate::task::{
    GOOD_DESCRIPTION, InvalidDraft, MAX_DESCRIPTION, MAX_TITLE, MINUTES, Priority, TaskDraft, TaskDrafts,
};

/// What is wrong with an answer. Never repeats any of its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAnswer {
    /// Longer than is read.
    #[error("the answer has {0} bytes, more than {MAX_ANSWER}")]
    TooLong(usize),
    /// No JSON, JSON with something before or after it, or JSON that is nested too deep.
    #[error("the answer is no JSON at line {0}, column {1}")]
    NotJson(usize, usize),
    /// It stops where it could go on: it was cut, most likely at the AI's limit of tokens.
    #[error("the answer ends in the middle of its JSON")]
    Cut,
    /// JSON, but no object with a list of tasks.
    #[error("the answer is no object with a list `tasks`")]
    NoTasks,
    /// No tasks, or too many.
    #[error(transparent)]
    Count(InvalidDraft),
    /// A task, by its number from 1, breaks a rule.
    #[error("task {0}: {1}")]
    Task(usize, InvalidTask),
}

/// What is wrong with a task of an answer. Never repeats any of its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTask {
    /// Not an object.
    #[error("not an object")]
    NotAnObject,
    /// A field that must be there is not, or is not a text.
    #[error("`{0}` is missing or no text")]
    NoText(&'static str),
    /// The estimate is missing or no whole number, or one that is far out of range.
    #[error("`estimatedMinutes` is missing or no whole number from {min} to {max}", min = MINUTES.start(), max = MINUTES.end())]
    NoMinutes,
    /// None of the known priorities.
    #[error("`priority` is none of high, medium, low")]
    Priority,
    /// It breaks a limit.
    #[error(transparent)]
    Draft(#[from] InvalidDraft),
}

/// The tasks of an answer that is a text.
pub fn parse(text: &str) -> Result<TaskDrafts, InvalidAnswer> {
    if text.len() > MAX_ANSWER {
        return Err(InvalidAnswer::TooLong(text.len()));
    }
    let value: Value = serde_json::from_str(without_fence(text)).map_err(|e| match e.classify() {
        Category::Eof => InvalidAnswer::Cut,
        _ => InvalidAnswer::NotJson(e.line(), e.column()),
    })?;
    from_value(&value)
}

/// The tasks of an answer that is JSON already, such as the input of a tool.
pub fn from_value(answer: &Value) -> Result<TaskDrafts, InvalidAnswer> {
    let tasks = answer.as_object().and_then(|o| o.get("tasks")).and_then(Value::as_array);
    let tasks = tasks.ok_or(InvalidAnswer::NoTasks)?;
    // Before any of them is looked at: there may be very many.
    TaskDrafts::check_count(tasks.len()).map_err(InvalidAnswer::Count)?;
    let numbered = tasks.iter().zip(1..);
    let drafts = numbered.map(|(task, n)| draft(task).map_err(|e| InvalidAnswer::Task(n, e)));
    TaskDrafts::try_from(drafts.collect::<Result<Vec<_>, _>>()?).map_err(InvalidAnswer::Count)
}

/// The JSON Schema of an answer, for AIs that can be held to one. Within what OpenAI's strict mode knows: every field is
/// required, no other is allowed, and the lengths of texts, which it cannot check, are stated in words.
pub fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "tasks": {
                "type": "array",
                "description": "The tasks, in the order in which they are done",
                "items": {
                    "type": "object",
                    "properties": {
                        "title": {
                            "type": "string",
                            "description": format!("What to do, in 1 to {MAX_TITLE} characters"),
                        },
                        "description": {
                            "type": "string",
                            "description": format!("How to do it, in {GOOD_DESCRIPTION} to {MAX_DESCRIPTION} characters"),
                        },
                        "estimatedMinutes": { "type": "integer", "minimum": MINUTES.start(), "maximum": MINUTES.end() },
                        "priority": { "type": "string", "enum": [Priority::High, Priority::Medium, Priority::Low] },
                    },
                    "required": ["title", "description", "estimatedMinutes", "priority"],
                    "additionalProperties": false,
                },
                "minItems": 1,
                "maxItems": MAX_TASKS_PER_ACTION,
            },
        },
        "required": ["tasks"],
        "additionalProperties": false,
    })
}

impl From<InvalidAnswer> for GenerationError {
    /// The same question may well get a better answer.
    fn from(invalid: InvalidAnswer) -> Self {
        Self::transient(FailureCode::AiInvalidAnswer, invalid.to_string())
    }
}

/// The text within a code fence around all of it, when there is one.
fn without_fence(text: &str) -> &str {
    // A byte order mark is no white space, but means as little.
    let text = text.trim_start_matches('\u{feff}').trim();
    let fenced = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    // An answer begins with a brace, so whatever letters come first are the name of the language.
    fenced.map_or(text, |inner| inner.trim_start_matches(|c: char| c.is_ascii_alphanumeric()))
}

fn draft(task: &Value) -> Result<TaskDraft, InvalidTask> {
    let task = task.as_object().ok_or(InvalidTask::NotAnObject)?;
    let priority = match task.get("priority") {
        None | Some(Value::Null) => Priority::default(),
        // `serde` alone would take an object with a known name as its key as well.
        Some(named) if named.is_string() => Priority::deserialize(named).map_err(|_| InvalidTask::Priority)?,
        Some(_) => return Err(InvalidTask::Priority),
    };
    let minutes = task.get("estimatedMinutes").and_then(whole).ok_or(InvalidTask::NoMinutes)?;
    Ok(TaskDraft::new(text(task, "title")?, text(task, "description")?, minutes, priority)?)
}

fn text<'a>(task: &'a Map<String, Value>, field: &'static str) -> Result<&'a str, InvalidTask> {
    task.get(field).and_then(Value::as_str).ok_or(InvalidTask::NoText(field))
}

/// A whole number, however it is written; none that is far out of range.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "the comparison is exact: it finds out whether the conversion changed the number"
)]
fn whole(number: &Value) -> Option<u16> {
    if let Some(number) = number.as_u64() {
        return u16::try_from(number).ok();
    }
    let number = number.as_f64()?;
    let candidate = number as u16;
    (f64::from(candidate) == number).then_some(candidate)
}

#[cfg(test)]
mod tests;
