use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Emitter;

/// Keywords that describe a schema, without an effect on what it accepts.
const ANNOTATIONS: [&str; 7] = ["$schema", "$id", "$comment", "title", "description", "default", "examples"];
/// Keywords that are compared one by one.
const COMPARED: [&str; 7] = ["$ref", "allOf", "anyOf", "oneOf", "definitions", "properties", "required"];
/// Formats that only suggest how a number is stored: its limits are keywords of their own.
const WIDTHS: [&str; 2] = ["int32", "int64"];

/// Returns the changes in `new` that break senders or receivers of `old`: everything except new optional fields, new
/// names in an open vocabulary, and changed descriptions. What the pipeline emits may also lose a `null` that it never
/// sent. Two forms of a schema that mean the same are the same.
pub fn breaking_changes(emitter: Emitter, old: &Value, new: &Value) -> Vec<String> {
    let mut comparison = Comparison { emitter, old, new, found: Vec::new() };
    comparison.schemas("", old, new);
    comparison.found
}

struct Comparison<'a> {
    emitter: Emitter,
    old: &'a Value,
    new: &'a Value,
    found: Vec<String>,
}

impl<'a> Comparison<'a> {
    fn schemas(&mut self, path: &str, old: &'a Value, new: &'a Value) {
        let (Some(old), Some(new)) = (resolve(self.old, old), resolve(self.new, new)) else {
            return self.is(path, "cannot be compared: it is no schema, or refers to none");
        };
        if let (Some(old), Some(new)) = (Vocabulary::of(old), Vocabulary::of(new)) {
            return self.vocabularies(path, &old, &new);
        }
        self.properties(path, old, new);
        self.choices(path, old, new);
        let keywords: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for keyword in keywords {
            match (keyword.as_str(), old.get(keyword), new.get(keyword)) {
                (known, ..) if ANNOTATIONS.contains(&known) || COMPARED.contains(&known) => {}
                ("items", Some(old), Some(new)) => self.schemas(&format!("{path}[]"), old, new),
                ("format", before, after) if is_no_format(before) && is_no_format(after) => {}
                ("type", Some(before), Some(after)) if self.never_was_null(before, after) => {}
                (_, before, after) if before == after => {}
                (_, None, Some(after)) => self.is(path, &format!("is limited by `{keyword}`: {after}")),
                (_, Some(before), None) => self.is(path, &format!("is not limited by `{keyword}` any more: {before}")),
                (_, Some(before), Some(after)) => self.is(path, &format!("`{keyword}` was {before}, is {after}")),
                (_, None, None) => {}
            }
        }
    }

    /// Returns `true` if these types differ only in a `null` that the pipeline never sent.
    fn never_was_null(&self, before: &Value, after: &Value) -> bool {
        let with_null = [after.clone(), "null".into()];
        self.emitter == Emitter::Pipeline && before.as_array().is_some_and(|types| *types == with_null)
    }

    fn vocabularies(&mut self, path: &str, old: &Vocabulary<'a>, new: &Vocabulary<'a>) {
        for name in old.names.difference(&new.names) {
            self.is(path, &format!("\"{name}\" was removed"));
        }
        for name in new.names.difference(&old.names).filter(|_| new.pattern.is_none()) {
            self.is(path, &format!("\"{name}\" is new in a closed vocabulary"));
        }
        match (old.pattern, new.pattern) {
            (before, after) if before == after => {}
            (None, Some(_)) => self.is(path, "is an open vocabulary, was closed"),
            (Some(_), None) => self.is(path, "is a closed vocabulary, was open"),
            (Some(before), Some(after)) => self.is(path, &format!("its names were {before}, are {after}")),
            (None, None) => {}
        }
    }

    fn properties(&mut self, path: &str, old: &'a Map<String, Value>, new: &'a Map<String, Value>) {
        let (before, after) = (fields(old), fields(new));
        let (required, now_required) = (required(old), required(new));
        for (name, schema) in &before {
            let path = join(path, name);
            match after.iter().find(|(other, _)| other == name) {
                Some((_, now)) => self.schemas(&path, schema, now),
                None => self.is(&path, "was removed"),
            }
            match (required.contains(name), now_required.contains(name)) {
                (true, false) => self.is(&path, "is not required any more: receivers rely on it"),
                (false, true) => self.is(&path, "has become required: senders may leave it out"),
                _ => {}
            }
        }
        for name in now_required.iter().filter(|name| !before.iter().any(|(known, _)| known == *name)) {
            self.is(&join(path, name), "is new and required: senders do not know it");
        }
    }

    /// `anyOf`, `oneOf` and the remaining `allOf`: every choice stays, and there is no other.
    fn choices(&mut self, path: &str, old: &'a Map<String, Value>, new: &'a Map<String, Value>) {
        for keyword in ["allOf", "anyOf", "oneOf"] {
            let (before, after) = (array(old, keyword), array(new, keyword));
            if before.len() != after.len() {
                self.is(path, &format!("`{keyword}` had {} choices, has {}", before.len(), after.len()));
            }
            for (before, after) in before.iter().zip(after) {
                self.schemas(path, before, after);
            }
        }
    }

    fn is(&mut self, path: &str, what: &str) {
        let place = if path.is_empty() { "the event" } else { path };
        self.found.push(format!("{place}: {what}"));
    }
}

/// The names that a text may be.
struct Vocabulary<'a> {
    names: BTreeSet<&'a str>,
    /// The form of other names. Without it the vocabulary is closed.
    pattern: Option<&'a str>,
}

impl<'a> Vocabulary<'a> {
    /// Reads all forms: a choice of constants, as in the schemas that were published first, or a list of names.
    fn of(schema: &'a Map<String, Value>) -> Option<Self> {
        let choices = || array(schema, "anyOf").iter().chain(array(schema, "oneOf"));
        if choices().next().is_some() {
            let constants = choices().filter(|choice| choice.get("pattern").is_none());
            let names = constants.map(|choice| choice["const"].as_str()).collect::<Option<_>>()?;
            return Some(Self { names, pattern: choices().find_map(|choice| choice["pattern"].as_str()) });
        }
        let (keyword, pattern) = match schema.get("enum") {
            Some(_) => ("enum", None),
            None => ("x-extensible-enum", Some(schema.get("pattern")?.as_str()?)),
        };
        let names = schema.get(keyword)?.as_array()?.iter().map(Value::as_str).collect::<Option<_>>()?;
        Some(Self { names, pattern })
    }
}

/// Returns `true` if this `format` of a schema limits nothing.
fn is_no_format(format: Option<&Value>) -> bool {
    format.is_none_or(|format| WIDTHS.iter().any(|width| format == width))
}

/// Returns the schema itself, with its references resolved. An `allOf` of one is how draft 7 describes a reference.
fn resolve<'a>(document: &'a Value, schema: &'a Value) -> Option<&'a Map<String, Value>> {
    let object = schema.as_object()?;
    if let Some(reference) = object.get("$ref") {
        return resolve(document, document.pointer(reference.as_str()?.strip_prefix('#')?)?);
    }
    match object.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
        Some([only]) => resolve(document, only),
        _ => Some(object),
    }
}

fn fields(schema: &Map<String, Value>) -> Vec<(&str, &Value)> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema)).collect()
}

fn required(schema: &Map<String, Value>) -> Vec<&str> {
    array(schema, "required").iter().filter_map(Value::as_str).collect()
}

fn array<'a>(schema: &'a Map<String, Value>, keyword: &str) -> &'a [Value] {
    schema.get(keyword).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
