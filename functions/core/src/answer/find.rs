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

/// The most brackets that open something in JSON that is not quite JSON. The reader of JSON5 goes as deep as it is led, so
/// all of them count, closed or not. The largest answer has a dozen.
const MAX_OPENED: usize = 127;
/// The longest JSON that is not quite JSON, in bytes: its reader may take a time that grows with the square of it.
const MAX_LENIENT: usize = 32 * 1024;

/// The elements in which models think, without brackets.
const THINKING: [&str; 6] = ["think", "thinking", "thought", "reasoning", "reflection", "scratchpad"];
/// The brackets of such elements.
const BRACKETS: [(&str, &str); 2] = [("<", ">"), ("◁", "▷")];
/// What begins a message to another channel than the user's, and its text.
const CHANNEL: &str = "<|channel|>";
const MESSAGE: &str = "<|message|>";
/// The channel of the answer.
const FINAL: &str = "final";

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
    // Before its first bracket it did not think: what looks so afterwards is a part of a text.
    let outermost_of_all = outermost(text);
    let before = &text[..text.find(['{', '[']).unwrap_or(text.len())];
    if !thinks(before)
        && let Some(value) = serde_json::from_str(outermost_of_all).ok().filter(has_tasks)
    {
        let fenced = without_fence(text).len() < text.len() && outermost_of_all == without_fence(text).trim();
        return Ok((value, if fenced { Vec::new() } else { vec![Repair::Prose] }));
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
    match within(spoken)? {
        Some(value) => {
            repairs.push(Repair::Prose);
            Ok((value, repairs))
        }
        None if failed.classify() == Category::Eof => Err(InvalidAnswer::Cut),
        None => Err(InvalidAnswer::NotJson(failed.line(), failed.column())),
    }
}

/// The text from its first bracket to its last, or to its end where another answer begins after that; without brackets, all of
/// it.
fn outermost(text: &str) -> &str {
    let ends = text.find(['{', '[']).zip(text.rfind(['}', ']']));
    let (begin, end) = ends.unwrap_or((0, text.len().saturating_sub(1)));
    let whole = text.get(begin..=end).unwrap_or(text);
    match text.get(end..) {
        Some(rest) if answers_begun(rest) > 0 => text.get(begin..).unwrap_or(text),
        _ => whole,
    }
}

/// The text within a code fence around all of it, when there is one.
fn without_fence(text: &str) -> &str {
    let fenced = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    // An answer begins with a bracket, so whatever letters come first are the name of the language.
    fenced.map_or(text, |inner| inner.trim_start_matches(|c: char| c.is_ascii_alphanumeric()))
}

/// Returns `true` if an element for thinking, or a channel, begins or ends in the text.
fn thinks(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.contains(CHANNEL) || tags(false).chain(tags(true)).any(|tag| lower.contains(&tag))
}

/// The tags that begin thinking, or end it, in lower case.
fn tags(end: bool) -> impl Iterator<Item = String> {
    let slash = if end { "/" } else { "" };
    THINKING.iter().flat_map(move |name| BRACKETS.map(|(open, close)| format!("{open}{slash}{name}{close}")))
}

/// The text without what the model thought: up to the end of the last element for thinking, and from the beginning of one that is
/// not closed. A prompt's template may have opened the element, so that only its end is in the answer. Of several channels only
/// that of the answer counts.
fn without_thinking(text: &str) -> &str {
    // The same length, byte by byte.
    let lower = text.to_ascii_lowercase();
    if let Some(channel) = lower.rfind(CHANNEL) {
        let name = channel + CHANNEL.len();
        let message = lower[name..].find(MESSAGE).map(|at| name + at);
        let said = message.filter(|at| lower[name..*at].trim().starts_with(FINAL)).map(|at| at + MESSAGE.len());
        return said.map_or("", |begin| &text[begin..]);
    }
    let begin = tags(true).filter_map(|tag| Some(lower.rfind(&tag)? + tag.len())).max().unwrap_or(0);
    let end = tags(false).filter_map(|tag| lower[begin..].find(&tag)).min().map_or(text.len(), |at| begin + at);
    &text[begin..end]
}

/// The one JSON value in the text that has tasks, if there is one.
///
/// # Errors
/// There are several that differ, or something that looks like another one and cannot be read; or one was cut off.
fn within(text: &str) -> Result<Option<Value>, InvalidAnswer> {
    let (mut found, mut outside, mut read_to): (Option<Value>, usize, usize) = (None, 0, 0);
    let mut at = 0;
    while let Some(next) = text[at..].find(['{', '[']) {
        at += next;
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                let end = at + values.byte_offset();
                if has_tasks(&value) {
                    if found.as_ref().is_some_and(|other| *other != value) {
                        return Err(InvalidAnswer::Several(2));
                    }
                    outside += answers_begun(&text[read_to..at]);
                    read_to = end;
                    found = Some(value);
                }
                at = end;
            }
            // What is inside of it is not all of it.
            Some(Err(error)) if error.is_eof() => return Err(InvalidAnswer::Cut),
            _ => at += 1,
        }
    }
    outside += answers_begun(&text[read_to..]);
    if found.is_some() && outside > 0 { Err(InvalidAnswer::Several(outside + 1)) } else { Ok(found) }
}

/// How many objects with tasks begin in the text, whether or not they can be read.
fn answers_begun(text: &str) -> usize {
    text.split("\"tasks\"").skip(1).filter(|rest| rest.trim_start().starts_with(':')).count()
}

/// A JSON value with tasks whose syntax is not quite right: JSON5, or JSON with typographic quotation marks only.
fn lenient(text: &str) -> Option<Value> {
    let opened = text.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count();
    if opened > MAX_OPENED || text.len() > MAX_LENIENT {
        return None;
    }
    let value = json5::from_str(text).ok().or_else(|| {
        // With other quotation marks in it, they may be part of a text.
        let straight = (!text.contains('"')).then(|| text.replace(['“', '”', '„', '‟', '＂'], "\""))?;
        json5::from_str(&straight).ok()
    });
    value.filter(has_tasks)
}
