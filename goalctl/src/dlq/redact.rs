//! Redacts messages: never shows a task token, and in reasons and lists none of a message's own text.

use goal_activity_core::inbound::Malformed;
use goal_activity_events::ReadError;
use serde_json::Value;

/// The maximum number of characters shown of a name from outside.
const LONGEST_NAME: usize = 80;
const REDACTED: &str = "[redacted]";

/// Returns the reason why a text is not the expected event.
pub(crate) fn unreadable(error: &ReadError) -> String {
    match error {
        ReadError::OtherType { expected, found } => format!("expected a {expected} event, got {}", quoted(found)),
        ReadError::NotAnEvent(_) | ReadError::BadDetail { .. } => error.to_string(),
    }
}

/// Returns the reason why a text is not a message of its queue.
pub(crate) fn malformed(error: &Malformed) -> String {
    match error {
        Malformed::Event(error) => unreadable(error),
        Malformed::Refused(why) => why.to_string(),
        Malformed::OtherType { found } => format!("nothing here handles {} events", quoted(found)),
    }
}

/// Returns a name from outside, shortened and with control characters escaped.
pub(crate) fn quoted(name: &str) -> String {
    let short: String = name.chars().take(LONGEST_NAME).collect();
    let more = if short.len() < name.len() { "…" } else { "" };
    format!("{short:?}{more}")
}

/// Returns a message's body for display: as JSON if it is JSON, and without task tokens.
pub(crate) fn body(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value) => without_tokens(value),
        Err(_) if names_a_token(text) => {
            let length = text.chars().count();
            format!("[not JSON, {length} characters, not shown: there may be a task token in it]").into()
        }
        Err(_) => text.into(),
    }
}

fn without_tokens(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(name, value)| {
                    let value = if names_a_token(&name) { REDACTED.into() } else { without_tokens(value) };
                    (name, value)
                })
                .collect(),
        ),
        Value::Array(items) => items.into_iter().map(without_tokens).collect(),
        // Such as JSON within a text.
        Value::String(text) if names_a_token(&text) => REDACTED.into(),
        other => other,
    }
}

/// Returns `true` if a text mentions a task token, in any spelling.
fn names_a_token(text: &str) -> bool {
    let letters: String = text.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    letters.to_ascii_lowercase().contains("tasktoken")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tokens_are_removed_wherever_they_are() {
        let message = json!({
            "taskToken": "s3cr3t", "goalId": "g", "nested": [{ "Task-Token": { "deep": "s3cr3t" } }],
            "text": "{\"task_token\": \"s3cr3t\"}",
        });
        let shown = body(&message.to_string());
        assert!(!shown.to_string().contains("s3cr3t"), "{shown}");
        assert_eq!((&shown["goalId"], &shown["taskToken"]), (&json!("g"), &json!(REDACTED)));
        let cut = "{\"goalId\": \"g\", \"taskToken\": \"s3cr3t";
        assert!(!body(cut).to_string().contains("s3cr3t"));
    }

    #[test]
    fn what_is_no_json_is_shown_as_it_is() {
        assert_eq!(body("hello"), json!("hello"));
    }

    #[test]
    fn a_name_from_outside_cannot_act_on_a_terminal() {
        assert_eq!(quoted("Tea\u{1b}[2J"), "\"Tea\\u{1b}[2J\"");
        assert!(quoted(&"x".repeat(500)).chars().count() < 90);
    }
}
