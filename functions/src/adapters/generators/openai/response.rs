//! The response, as endpoints really send it.

use goal_activity_core::answer::{self, Answer, Tolerance};
use goal_activity_core::ports::{GenerationError, Tokens};
use goal_activity_events::{FailureCode, Repair};
use serde_json::{Map, Value, json};

use super::super::wire::{cut_off, declined, unreadable, unusable};
use super::WHO;

/// A completion: one object, whether or not it was streamed.
#[derive(Debug)]
pub(super) struct Completion {
    value: Value,
    streamed: bool,
}

impl Completion {
    /// Reads the body of a response: JSON, JSON with the mark of a stream's end behind it, or the events of a stream.
    pub(super) fn read(body: &[u8]) -> Result<Self, GenerationError> {
        let text = String::from_utf8_lossy(body);
        let text = text.trim_start_matches('\u{feff}').trim();
        if let Ok(value) = serde_json::from_str::<Value>(text) {
            return Self { value, streamed: false }.checked();
        }
        if text.starts_with('{') {
            let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
            let value = values.next().and_then(Result::ok).ok_or_else(|| unreadable(WHO))?;
            let rest = &text[values.byte_offset()..];
            return match rest.trim_start().starts_with("data:") {
                true => Self { value, streamed: true }.checked(),
                false => Err(unreadable(WHO)),
            };
        }
        let value = joined(text).ok_or_else(|| unreadable(WHO))?;
        Self { value, streamed: true }.checked()
    }

    fn checked(self) -> Result<Self, GenerationError> {
        if self.value.is_object() { Ok(self) } else { Err(unreadable(WHO)) }
    }

    /// The error that it is in spite of its status; some gateways put it into the choice.
    pub(super) fn error(&self) -> Option<String> {
        let errors = [&self.value["error"], &self.value["choices"][0]["error"]];
        let empty = |error: &&&Value| match error {
            Value::String(text) => text.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            _ => true,
        };
        errors.iter().find(|error| !empty(error)).map(|error| json!({ "error": error }).to_string())
    }

    /// How much the AI has read and written.
    pub(super) fn tokens(&self) -> Tokens {
        let usage = &self.value["usage"];
        let either = |names: [&str; 2]| names.iter().map(|name| count(&usage[*name])).max().unwrap_or(0);
        Tokens {
            input: either(["prompt_tokens", "input_tokens"]),
            output: either(["completion_tokens", "output_tokens"]),
        }
    }

    /// The answer in it.
    pub(super) fn answer(&self, limit: Option<u32>, tolerance: Tolerance) -> Result<Answer, GenerationError> {
        let none = || unusable(format!("{WHO} gave no answer"));
        let choice = self.value["choices"].get(0).ok_or_else(none)?;
        let reason = choice["finish_reason"].as_str().unwrap_or_default().to_ascii_lowercase();
        match reason.as_str() {
            "length" | "max_tokens" => return Err(cut_off(self.tokens().output, limit)),
            "content_filter" | "safety" | "refusal" | "recitation" | "prohibited_content" => return Err(declined(WHO)),
            "error" => {
                let message = format!("{WHO} failed while it answered");
                return Err(GenerationError::transient(FailureCode::AiUnavailable, message));
            }
            // For any other finish reason, the answer itself shows whether it is valid.
            _ => {}
        }
        let message = &choice["message"];
        if message["refusal"].as_str().is_some_and(|refusal| !refusal.trim().is_empty()) {
            return Err(declined(WHO));
        }
        let mut answer = content(message, tolerance).unwrap_or_else(|| Err(none()))?;
        answer.repairs.extend(self.streamed.then_some(Repair::Stream));
        Ok(answer)
    }
}

/// What a message says, wherever it says it: in its content; in calls of tools, although none was offered; in the field for the
/// model's reasoning, where a server that separates it may have taken all of the answer for that. `None` if it says nothing.
fn content(message: &Value, tolerance: Tolerance) -> Option<Result<Answer, GenerationError>> {
    let parse = |text: &str| answer::parse(text, tolerance).map_err(GenerationError::from);
    let content = text_of(&message["content"]);
    let said = (!content.trim().is_empty()).then(|| parse(&content));
    if let Some(Ok(answer)) = said {
        return Some(Ok(answer));
    }
    let calls = calls(message);
    let called = (!calls.is_empty()).then(|| answer::from_values(calls, tolerance).map_err(GenerationError::from));
    if let Some(Ok(answer)) = called {
        return Some(Ok(answer));
    }
    let reasoning = ["reasoning_content", "reasoning", "thinking"].map(|field| text_of(&message[field]));
    // What it only thought of is no answer: that ends with it.
    let ends = |text: &&String| text.contains('{') && text.trim_end().ends_with(['}', ']', '`']);
    let reasoned = reasoning.iter().find(ends).map(|text| parse(text));
    if let Some(Ok(mut answer)) = reasoned {
        answer.repairs.push(Repair::ReasoningField);
        return Some(Ok(answer));
    }
    said.or(called).or(reasoned)
}

/// A text that is given as such, or in parts of which some are text.
fn text_of(content: &Value) -> String {
    let part = |part: &Value| match part["type"].as_str() {
        None | Some("text" | "output_text") => part["text"].as_str().map(ToOwned::to_owned),
        Some(_) => None,
    };
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|p| p.as_str().map(ToOwned::to_owned).or_else(|| part(p))).collect()
        }
        // An answer that is JSON already.
        Value::Object(_) => content.to_string(),
        _ => String::new(),
    }
}

/// The arguments of all tools that the model has called, although it was given none.
fn calls(message: &Value) -> Vec<Value> {
    let calls = message["tool_calls"].as_array().into_iter().flatten().map(|call| &call["function"]);
    let calls = calls.chain(message.get("function_call"));
    // Their form is JSON within a text.
    let arguments = calls.map(|function| match &function["arguments"] {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
        other => other.clone(),
    });
    arguments.filter(|arguments| !arguments.is_null()).collect()
}

/// A number of tokens, however it is given; not known is 0.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded, not negative, and saturating")]
fn count(number: &Value) -> u64 {
    let float = || number.as_f64().or_else(|| number.as_str()?.trim().parse().ok());
    number.as_u64().or_else(|| float().filter(|n| *n > 0.0).map(|n| n.round() as u64)).unwrap_or(0)
}

/// The completion that the events of a stream are parts of.
fn joined(text: &str) -> Option<Value> {
    let mut chunks = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim).peekable();
    chunks.peek()?;
    let mut texts: Map<String, Value> = Map::new();
    let (mut reason, mut usage, mut calls) = (Value::Null, Value::Null, Vec::<String>::new());
    for chunk in chunks.filter(|chunk| *chunk != "[DONE]" && !chunk.is_empty()) {
        let chunk: Value = serde_json::from_str(chunk).ok()?;
        if !chunk["error"].is_null() {
            return Some(chunk);
        }
        let choice = &chunk["choices"][0];
        for field in ["content", "reasoning_content", "reasoning", "refusal"] {
            let more = text_of(&choice["delta"][field]);
            if !more.is_empty() {
                let so_far = texts.get(field).and_then(Value::as_str).unwrap_or_default();
                let all = format!("{so_far}{more}");
                texts.insert(field.to_owned(), all.into());
            }
        }
        for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let at = usize::try_from(call["index"].as_u64().unwrap_or(0)).ok().filter(|at| *at < 64)?;
            calls.resize(calls.len().max(at + 1), String::new());
            calls[at].push_str(call["function"]["arguments"].as_str().unwrap_or_default());
        }
        // The last chunk may be the whole message once more.
        if let Value::Object(message) = &choice["message"] {
            texts.clone_from(message);
        }
        if choice["finish_reason"].is_string() {
            reason = choice["finish_reason"].clone();
        }
        if chunk["usage"].is_object() {
            usage = chunk["usage"].clone();
        }
    }
    let called: Vec<_> = calls.iter().map(|text| json!({ "function": { "arguments": text } })).collect();
    if !called.is_empty() {
        texts.insert("tool_calls".to_owned(), called.into());
    }
    Some(json!({ "choices": [{ "message": texts, "finish_reason": reason }], "usage": usage }))
}
