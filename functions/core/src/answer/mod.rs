//! What an AI may answer.
//!
//! An answer is one JSON object, `{"tasks": [...]}`, of 1 to 10 tasks. The reader is tolerant of how the object arrives
//! (`find`) and is written (`read`), and strict in what becomes a task:
//!
//! | field | rule |
//! |---|---|
//! | `title` | one line of 1 to 50 characters |
//! | `description` | text of at most 200 characters; may be empty, must be there |
//! | `estimatedMinutes` | a whole number from 15 to 120 |
//! | `priority` | `high`, `medium` or `low`; `medium` when it is missing or `null` |
//!
//! Characters are Unicode scalar values; invisible characters, and white space around a text, are not part of it. Every other
//! field is ignored, `type` too: a task's type is its action's. A field that is there twice counts as it is there last.
//!
//! What was repaired on the way is reported by kind ([`Repair`]), so that a model that needs it often is noticed. Everything
//! else makes the whole answer invalid, and [`InvalidAnswer`] names the broken rules, so that the AI can be asked again with
//! them.

mod find;
mod read;

use std::fmt;

use goal_activity_events::{FailureCode, Repair};
use serde_json::{Value, json};

use crate::limits::{MAX_ANSWER, MAX_TASKS_PER_ACTION};
use crate::ports::{Generation, GenerationError, Tokens};
use crate::task::{
    DraftWarning, GOOD_DESCRIPTION, InvalidDraft, MAX_DESCRIPTION, MAX_TITLE, MINUTES, Priority, TaskDrafts,
};

/// An accepted answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The tasks.
    pub drafts: TaskDrafts,
    /// What is not as good as it should be, though within the limits.
    pub warnings: Vec<DraftWarning>,
    /// What was repaired; each kind once.
    pub repairs: Vec<Repair>,
}

/// How tolerant the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tolerance {
    /// By how many percent of its limit a title or description may be too long and still be cut at a word.
    pub overlength: u8,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { overlength: 20 }
    }
}

/// What is wrong with an answer. Never repeats any of its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAnswer {
    /// Longer than is read.
    #[error("the answer has {0} bytes, more than {MAX_ANSWER}")]
    TooLong(usize),
    /// There is no JSON in it, or none that can be read; where it fails, as a line and a column.
    #[error("the answer is no JSON at line {0}, column {1}")]
    NotJson(usize, usize),
    /// It stops where it could go on: it was cut, most likely at the AI's limit of tokens.
    #[error("the answer ends in the middle of its JSON")]
    Cut,
    /// Nothing says which of several different answers counts.
    #[error("the answer has {0} different JSON objects with tasks, not one")]
    Several(usize),
    /// JSON, but no object with a list of tasks.
    #[error("the answer is no object with a list `tasks`")]
    NoTasks,
    /// No tasks, or too many.
    #[error(transparent)]
    Count(InvalidDraft),
    /// Tasks, by their numbers from 1, break rules.
    #[error("{}", Listed(.0))]
    Tasks(Vec<(usize, InvalidTask)>),
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

/// The broken rules of tasks, the first ones in full.
struct Listed<'a>(&'a [(usize, InvalidTask)]);

impl Listed<'_> {
    /// How many are named: a failure's message is short, and so is what an AI is told.
    const NAMED: usize = 3;
}

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (number, fault)) in self.0.iter().take(Self::NAMED).enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}task {number}: {fault}")?;
        }
        match self.0.len().saturating_sub(Self::NAMED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// Reads an answer that is a text.
///
/// # Errors
/// The broken rules, without any of the text.
pub fn parse(text: &str, tolerance: Tolerance) -> Result<Answer, InvalidAnswer> {
    let (value, repairs) = find::json(text)?;
    read::answer(value, repairs, tolerance)
}

/// Reads an answer that is JSON already, such as the input of a tool.
///
/// # Errors
/// The broken rules, without any of the text.
pub fn from_value(answer: Value, tolerance: Tolerance) -> Result<Answer, InvalidAnswer> {
    read::check_size(&answer)?;
    read::answer(answer, Vec::new(), tolerance)
}

/// Reads an answer that came in several pieces, such as the inputs of several tools: all tasks of all of them, in order.
///
/// # Errors
/// The broken rules, without any of the text.
pub fn from_values(answers: Vec<Value>, tolerance: Tolerance) -> Result<Answer, InvalidAnswer> {
    answers.iter().try_for_each(read::check_size)?;
    read::joined(answers, tolerance)
}

/// The keywords that a schema may have. Providers differ in what they accept (docs/GENERATORS.md, "Dialects"); the reader checks
/// everything anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaDialect {
    /// What nearly all take: `type`, `properties`, `required`, `items`, `enum`, `description`.
    Plain,
    /// And `additionalProperties: false`, which OpenAI's strict mode requires and some models on Bedrock refuse.
    Strict,
    /// And the limits of numbers and lists, by which a server that is led by a grammar keeps them.
    StrictWithLimits,
}

/// The JSON Schema of an answer, for AIs that can be held to one. The limits that it cannot state are stated in words.
pub fn schema(dialect: SchemaDialect) -> Value {
    let (min, max) = (MINUTES.start(), MINUTES.end());
    let mut task = json!({
        "type": "object",
        "properties": {
            "title": { "type": "string", "description": format!("What to do, in 1 to {MAX_TITLE} characters") },
            "description": {
                "type": "string",
                "description": format!("How to do it, in {GOOD_DESCRIPTION} to {MAX_DESCRIPTION} characters"),
            },
            "estimatedMinutes": { "type": "integer", "description": format!("A whole number from {min} to {max}") },
            "priority": { "type": "string", "enum": [Priority::High, Priority::Medium, Priority::Low] },
        },
        "required": ["title", "description", "estimatedMinutes", "priority"],
    });
    let many = format!("1 to {MAX_TASKS_PER_ACTION} tasks, in the order in which they are done");
    let mut tasks = json!({ "type": "array", "description": many });
    if dialect == SchemaDialect::StrictWithLimits {
        let minutes = &mut task["properties"]["estimatedMinutes"];
        (minutes["minimum"], minutes["maximum"]) = (json!(min), json!(max));
        (tasks["minItems"], tasks["maxItems"]) = (json!(1), json!(MAX_TASKS_PER_ACTION));
    }
    let strict = dialect != SchemaDialect::Plain;
    if strict {
        task["additionalProperties"] = json!(false);
    }
    tasks["items"] = task;
    let mut answer = json!({ "type": "object", "properties": { "tasks": tasks }, "required": ["tasks"] });
    if strict {
        answer["additionalProperties"] = json!(false);
    }
    answer
}

impl From<InvalidAnswer> for GenerationError {
    /// The same question may well get a better answer.
    fn from(invalid: InvalidAnswer) -> Self {
        Self::transient(FailureCode::AiInvalidAnswer, invalid.to_string())
    }
}

impl From<Answer> for Generation {
    /// Of an AI that counts nothing.
    fn from(Answer { drafts, warnings, repairs }: Answer) -> Self {
        Self { drafts, warnings, repairs: repairs.into_iter().collect(), tokens: Tokens::default() }
    }
}

#[cfg(test)]
mod tests;
