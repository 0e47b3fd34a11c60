//! A user's text in the form that is allowed in a prompt.

use std::fmt::Write;

use goal_activity_core::limits::MAX_PROMPT_FIELD;
use goal_activity_core::text::visible;

/// Angle brackets and similar characters: of quotations, of mathematics, of full width, ornaments, letters.
const BRACKETS: [char; 26] = [
    '<', '>', '\u{2c2}', '\u{2c3}', '\u{1438}', '\u{1433}', '\u{2039}', '\u{203a}', '\u{2329}', '\u{232a}', '\u{276c}',
    '\u{276d}', '\u{276e}', '\u{276f}', '\u{2770}', '\u{2771}', '\u{27e8}', '\u{27e9}', '\u{29fc}', '\u{29fd}',
    '\u{3008}', '\u{3009}', '\u{fe64}', '\u{fe65}', '\u{ff1c}', '\u{ff1e}',
];

/// Returns the text as a JSON string on one line, cleaned and cut, with every angle bracket as an escape.
pub(super) fn quoted(text: &str) -> String {
    let clean: String = visible(text).take(MAX_PROMPT_FIELD).collect();
    let mut quoted = String::with_capacity(clean.len() + 2);
    for c in serde_json::Value::String(clean).to_string().chars() {
        if BRACKETS.contains(&c) {
            // Each of them fits into one escape, and writing to a string cannot fail.
            let _ = write!(quoted, "\\u{:04x}", u32::from(c));
        } else {
            quoted.push(c);
        }
    }
    quoted
}
