use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Keywords that describe a schema, without an effect on what it accepts.
const ANNOTATIONS: [&str; 7] = ["$schema", "$id", "$comment", "title", "description", "default", "examples"];
/// Keywords that are compared one by one.
const COMPARED: [&str; 7] = ["$ref", "allOf", "anyOf", "oneOf", "definitions", "properties", "required"];

/// Returns the changes in `new` that break senders or receivers of `old`: everything except new optional fields, new
/// names in an open vocabulary, and changed descriptions.
pub fn breaking_changes(old: &Value, new: &Value) -> Vec<String> {
    let mut comparison = Comparison { old, new, found: Vec::new() };
    comparison.schemas("", old, new);
    comparison.found
}

struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    found: Vec<String>,
}

impl<'a> Comparison<'a> {
    fn schemas(&mut self, path: &str, old: &'a Value, new: &'a Value) {
        let (Some(old), Some(new)) = (resolve(self.old, old), resolve(self.new, new)) else {
            return self.is(path, "cannot be compared: it is no schema, or refers to none");
        };
        self.properties(path, old, new);
        self.choices(path, old, new);
        let keywords: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for keyword in keywords {
            match (keyword.as_str(), old.get(keyword), new.get(keyword)) {
                (known, ..) if ANNOTATIONS.contains(&known) || COMPARED.contains(&known) => {}
                ("items", Some(old), Some(new)) => self.schemas(&format!("{path}[]"), old, new),
                (_, before, after) if before == after => {}
                (_, None, Some(after)) => self.is(path, &format!("is limited by `{keyword}`: {after}")),
                (_, Some(before), None) => self.is(path, &format!("is not limited by `{keyword}` any more: {before}")),
                (_, Some(before), Some(after)) => self.is(path, &format!("`{keyword}` was {before}, is {after}")),
                (_, None, None) => {}
            }
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

    /// `anyOf`, `oneOf` and the remaining `allOf`: every choice stays, and no other value becomes valid.
    fn choices(&mut self, path: &str, old: &'a Map<String, Value>, new: &'a Map<String, Value>) {
        for keyword in ["allOf", "anyOf", "oneOf"] {
            let (before, after) = (array(old, keyword), array(new, keyword));
            let found = |choice: &Value, among: &[Value]| {
                among.iter().any(|other| choice.get("const").is_some() && choice.get("const") == other.get("const"))
            };
            let unnamed =
                |choices: &'a [Value]| choices.iter().filter(|c| c.get("const").is_none()).collect::<Vec<_>>();
            for choice in before.iter().filter(|c| c.get("const").is_some() && !found(c, after)) {
                self.is(path, &format!("{} was removed", choice["const"]));
            }
            let open = after.iter().any(|choice| choice.get("pattern").is_some());
            for choice in after.iter().filter(|c| c.get("const").is_some() && !found(c, before) && !open) {
                self.is(path, &format!("{} is new in a closed vocabulary", choice["const"]));
            }
            let (before, after) = (unnamed(before), unnamed(after));
            if before.len() != after.len() {
                self.is(path, &format!("`{keyword}` had {} choices, has {}", before.len(), after.len()));
            }
            for (before, after) in before.into_iter().zip(after) {
                self.schemas(path, before, after);
            }
        }
    }

    fn is(&mut self, path: &str, what: &str) {
        let place = if path.is_empty() { "the event" } else { path };
        self.found.push(format!("{place}: {what}"));
    }
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
