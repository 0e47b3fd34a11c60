//! A user's text in the form that is allowed in a prompt.

use std::fmt::Write;

use goal_activity_core::limits::MAX_PROMPT_FIELD;

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

/// Returns the visible part of the text: without control characters, direction marks and other characters of no width,
/// in which text could be hidden. Line ends of every kind become line feeds, tabs become spaces.
pub(super) fn visible(text: &str) -> impl Iterator<Item = char> {
    let (mut before, mut shown) = ('\n', '\n');
    text.chars().filter_map(move |c| {
        let kept = match c {
            '\n' if before == '\r' => None,
            '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some('\n'),
            '\t' => Some(' '),
            joiner if is_joiner(joiner) => (joins(shown) && !is_joiner(shown)).then_some(joiner),
            selector if is_selector(selector) => {
                (joins(shown) && !is_joiner(shown) && !is_selector(shown)).then_some(selector)
            }
            other => (!other.is_control() && !has_no_width(other)).then_some(other),
        };
        before = c;
        shown = kept.unwrap_or(shown);
        kept
    })
}

/// Returns `true` if a joiner or a selector after this character can have a meaning: in an emoji (also that of a
/// digit), between Arabic or Indic letters, for the form of a kanji. Elsewhere text could be hidden in them.
fn joins(c: char) -> bool {
    !c.is_ascii_alphabetic() && !c.is_whitespace()
}

/// Joins its neighbours into one glyph, or keeps them apart.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// Selects the form of the character before it.
fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Unicode's `Default_Ignorable_Code_Point` and the annotation marks, except joiners and selectors.
fn has_no_width(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}
