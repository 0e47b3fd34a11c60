//! Finds the JSON in an answer that is a text.
//!
//! Models think aloud, put the JSON between fences, introduce it and wish good luck, and write commas after the last element.
//! All of that is tolerated as long as it is certain what the answer is: one JSON value that has tasks.

use goal_activity_events::Repair;
use serde_json::Value;
use serde_json::error::Category;

use super::InvalidAnswer;
use super::read::has_tasks;
use crate::limits::MAX_ANSWER;

/// The deepest nesting that is read, as in `serde_json`.
const MAX_DEPTH: usize = 127;

/// The elements in which models think, without brackets.
const THINKING: [&str; 6] = ["think", "thinking", "thought", "reasoning", "reflection", "scratchpad"];

/// Returns the JSON value in the text, and what had to be repaired to read it.
///
/// # Errors
/// [`InvalidAnswer::TooLong`], [`NotJson`](InvalidAnswer::NotJson), [`Cut`](InvalidAnswer::Cut) or
/// [`Several`](InvalidAnswer::Several).
pub(super) fn json(text: &str) -> Result<(Value, Vec<Repair>), InvalidAnswer> {
    if text.len() > MAX_ANSWER {
        return Err(InvalidAnswer::TooLong(text.len()));
    }
    // A byte order mark is no white space, but means as little.
    let text = text.trim_start_matches('\u{feff}').trim();
    if let Ok(value) = serde_json::from_str(without_fence(text)) {
        return Ok((value, Vec::new()));
    }
    let mut repairs = Vec::new();
    let spoken = without_thinking(text);
    if spoken.len() < text.len() {
        repairs.push(Repair::Thinking);
    }
    let spoken = without_fence(spoken.trim());
    let failed = match serde_json::from_str(spoken) {
        Ok(value) => return Ok((value, repairs)),
        Err(failed) => failed,
    };
    // From the first bracket to the last, and only then each value by itself: an object whose keys have no quotes has a list in
    // it that has them.
    let outermost = outermost(spoken);
    repairs.extend((outermost.len() < spoken.len()).then_some(Repair::Prose));
    if let Some(value) = serde_json::from_str(outermost).ok().filter(has_tasks) {
        return Ok((value, repairs));
    }
    if let Some(value) = lenient(outermost) {
        repairs.push(Repair::Syntax);
        return Ok((value, repairs));
    }
    let (found, cut) = within(spoken);
    match <[Value; 1]>::try_from(found) {
        Ok([value]) => {
            repairs.push(Repair::Prose);
            Ok((value, repairs))
        }
        Err(several) if !several.is_empty() => Err(InvalidAnswer::Several(several.len())),
        Err(_) if cut || failed.classify() == Category::Eof => Err(InvalidAnswer::Cut),
        Err(_) => Err(InvalidAnswer::NotJson(failed.line(), failed.column())),
    }
}

/// The text from its first bracket to its last; without brackets, all of it.
fn outermost(text: &str) -> &str {
    let ends = text.find(['{', '[']).zip(text.rfind(['}', ']']));
    ends.and_then(|(begin, end)| text.get(begin..=end)).unwrap_or(text)
}

/// The text within a code fence around all of it, when there is one.
fn without_fence(text: &str) -> &str {
    let fenced = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    // An answer begins with a bracket, so whatever letters come first are the name of the language.
    fenced.map_or(text, |inner| inner.trim_start_matches(|c: char| c.is_ascii_alphanumeric()))
}

/// The text without what the model thought before it: up to the end of the last element for thinking, or of the last message to
/// another channel. A prompt's template may have opened the element, so that only its end is in the answer.
fn without_thinking(text: &str) -> &str {
    let ends = THINKING.iter().filter_map(|name| {
        let end = format!("</{name}>");
        Some(text.rfind(&end)? + end.len())
    });
    let channel = "<|message|>";
    let ends = ends.chain(text.rfind(channel).map(|at| at + channel.len())).max();
    let spoken = &text[ends.unwrap_or(0)..];
    // What is opened here and not closed goes on to the end: nothing was said.
    let opened = THINKING.iter().any(|name| spoken.trim_start().starts_with(&format!("<{name}>")));
    if opened { &text[text.len()..] } else { spoken }
}

/// The different JSON values in the text that have tasks, and whether one of them was cut off.
fn within(text: &str) -> (Vec<Value>, bool) {
    let mut found: Vec<Value> = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].find(['{', '[']) {
        at += next;
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                at += values.byte_offset();
                if has_tasks(&value) && !found.contains(&value) {
                    found.push(value);
                }
            }
            // What is inside of it is not all of it.
            Some(Err(error)) if error.is_eof() => return (found, true),
            _ => at += 1,
        }
    }
    (found, false)
}

/// A JSON value with tasks whose syntax is not quite right: JSON5, or JSON with typographic quotation marks only.
fn lenient(text: &str) -> Option<Value> {
    if depth(text) > MAX_DEPTH {
        return None;
    }
    let value = json5::from_str(text).ok().or_else(|| {
        // With other quotation marks in it, they may be part of a text.
        let straight = (!text.contains('"')).then(|| text.replace(['“', '”', '„', '‟', '＂'], "\""))?;
        json5::from_str(&straight).ok()
    });
    value.filter(has_tasks)
}

/// How deep brackets are nested, at most; brackets in texts count as well.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}
