//! The prompt of an AI: `system.md` and `user.md`, after an answer that was refused also `again.md`, with the numbers of the limits and the texts of the user filled in.
//!
//! A user's text is data. It becomes a JSON string within the one `<data>` element of the user part, so that it cannot
//! end its field, open another or be at the beginning of a line; angle brackets and similar characters are written as
//! escapes, so that it cannot end the element either. This is reversible: parsing the JSON returns the text, except
//! invisible characters (`text.rs`) and the part beyond
//! [`MAX_PROMPT_FIELD`](goal_activity_core::limits::MAX_PROMPT_FIELD).

mod text;

use std::sync::LazyLock;

use goal_activity_core::goal::ActionKind;
use goal_activity_core::limits::{EXECUTION_TASKS, HABIT_TASKS, STEP_MINUTES};
use goal_activity_core::ports::GenerationRequest;
use goal_activity_core::task::{GOOD_DESCRIPTION, MAX_DESCRIPTION, MAX_TITLE, MINUTES};

/// The instructions, the same for every action, so that a provider can cache them.
static SYSTEM: LazyLock<String> = LazyLock::new(|| fill(include_str!("system.md"), &limits()));

/// The numbers of the instructions.
fn limits() -> [(&'static str, String); 11] {
    [
        ("execution_min", EXECUTION_TASKS.start().to_string()),
        ("execution_max", EXECUTION_TASKS.end().to_string()),
        ("habit_min", HABIT_TASKS.start().to_string()),
        ("habit_max", HABIT_TASKS.end().to_string()),
        ("step_min", STEP_MINUTES.start().to_string()),
        ("step_max", STEP_MINUTES.end().to_string()),
        ("title_max", MAX_TITLE.to_string()),
        ("description_min", GOOD_DESCRIPTION.to_string()),
        ("description_max", MAX_DESCRIPTION.to_string()),
        ("minutes_min", MINUTES.start().to_string()),
        ("minutes_max", MINUTES.end().to_string()),
    ]
}

/// The prompt for the tasks of one action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The instructions. They contain no text of the user.
    pub system: &'static str,
    /// The user's data and what to do with them.
    pub user: String,
}

impl Prompt {
    /// Creates the prompt for the requested action.
    pub fn of(request: &GenerationRequest<'_>) -> Self {
        let GenerationRequest { goal, sub_goal, action, .. } = request;
        let kind = match action.kind {
            ActionKind::Execution => "execution",
            ActionKind::Habit => "habit",
        };
        let fields = [
            ("goal_title", goal.title.as_str()),
            ("goal_description", &goal.description),
            ("goal_deadline", goal.deadline.as_deref().unwrap_or_default()),
            ("goal_background", &goal.background),
            ("goal_constraints", &goal.constraints),
            ("sub_goal_title", sub_goal.map_or("", |s| &s.title)),
            ("sub_goal_description", sub_goal.map_or("", |s| &s.description)),
            ("action_title", &action.title),
            ("action_description", &action.description),
            ("action_type", kind),
            ("action_background", &action.background),
            ("action_constraints", &action.constraints),
        ];
        let fields = fields.map(|(name, text)| (name, text::quoted(text)));
        let mut user = fill(include_str!("user.md"), &fields);
        if let Some(objection) = request.objection {
            user.push_str(&fill(include_str!("again.md"), &[("objection", objection.to_owned())]));
        }
        Self { system: &SYSTEM, user }
    }
}

/// Returns the template with a value for each `{{name}}`. Values are not scanned for placeholders.
fn fill(template: &str, values: &[(&str, String)]) -> String {
    let mut parts = template.split("{{");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let named = part.split_once("}}").and_then(|(name, rest)| {
            let (_, value) = values.iter().find(|(n, _)| *n == name)?;
            Some([value.as_str(), rest])
        });
        // A name without a value stays visible; a test ensures that there is none.
        filled.extend(named.unwrap_or(["{{", part]));
    }
    filled
}

#[cfg(test)]
mod tests;
