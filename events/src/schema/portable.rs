//! The portable form of a schema: what code generators for other languages have in common.
//!
//! It means the same as what the types say, apart from the values of an open vocabulary, which are no longer choices.

use schemars::Schema;
use schemars::generate::{Contract, SchemaSettings};
use schemars::transform::RecursiveTransform;
use serde_json::{Map, Value, json};

/// The settings with which generated schemas have the portable form: of what is received (`Deserialize`), or of what is
/// sent (`Serialize`), where a field without a value is left out.
#[must_use]
pub fn portable(mut settings: SchemaSettings, contract: Contract) -> SchemaSettings {
    // Before all others, because those depend on how a schema allows a missing value and a single one.
    settings.transforms.insert(0, Box::new(RecursiveTransform(simplify)));
    if contract == Contract::Serialize {
        settings.transforms.insert(0, Box::new(RecursiveTransform(never_null)));
    }
    settings.contract = contract;
    settings
}

/// Brings one schema, without its subschemas, into the portable form.
fn simplify(schema: &mut Schema) {
    let _ = schema.remove("default");
    if let Some(value) = schema.remove("const") {
        schema.insert("enum".to_owned(), json!([value]));
    }
    integer(schema);
    closed_vocabulary(schema);
}

/// A field that is omitted when it has no value is never null.
fn never_null(schema: &mut Schema) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    let Some(Value::Array(choices)) = schema.get_mut("anyOf") else { return };
    choices.retain(|choice| *choice != json!({ "type": "null" }));
    if let [Value::Object(only)] = choices.as_slice() {
        let only = only.clone();
        schema.remove("anyOf");
        for (keyword, value) in only {
            schema.insert(keyword, value);
        }
    }
}

/// The format of a signed integer that holds all values, and the limits of Rust's type. Many tools cannot represent
/// the largest `u64`, and no value is that large.
fn integer(schema: &mut Schema) {
    let (format, maximum) = match schema.get("format").and_then(Value::as_str) {
        Some("uint8") => ("int32", Some(u32::from(u8::MAX))),
        Some("uint16") => ("int32", Some(u32::from(u16::MAX))),
        Some("uint32") => ("int64", Some(u32::MAX)),
        Some("uint64") => ("int64", None),
        _ => return,
    };
    schema.insert("format".to_owned(), format.into());
    if let Some(maximum) = maximum {
        schema.insert("maximum".to_owned(), maximum.into());
    }
}

/// The names of an enum with their meanings. Empty if the schema is no vocabulary.
fn names(schema: &Schema) -> Vec<(String, String)> {
    fn of_choice(choice: &Value) -> Option<Vec<(String, String)>> {
        let meaning = choice["description"].as_str().unwrap_or_default();
        let name = |name: &Value| Some((name.as_str()?.to_owned(), meaning.to_owned()));
        match choice.get("const") {
            Some(only) => Some(vec![name(only)?]),
            None => choice["enum"].as_array()?.iter().map(name).collect(),
        }
    }
    let of_itself = || {
        let names = schema.get("enum")?.as_array()?;
        names.iter().map(|name| Some((name.as_str()?.to_owned(), String::new()))).collect()
    };
    let choices = schema.get("oneOf").and_then(Value::as_array);
    let of_choices = |choices: &Vec<Value>| choices.iter().map(of_choice).collect::<Option<Vec<_>>>();
    choices.map_or_else(of_itself, |choices| Some(of_choices(choices)?.concat())).unwrap_or_default()
}

/// An enum of names: one list of them, with the meanings in the description.
fn closed_vocabulary(schema: &mut Schema) {
    let names = names(schema);
    if names.is_empty() {
        return;
    }
    describe(schema, "Closed vocabulary:", &names);
    schema.remove("oneOf");
    schema.insert("type".to_owned(), "string".into());
    schema.insert("enum".to_owned(), names.into_iter().map(|(name, _)| name).collect());
}

/// The pattern of a name of an open vocabulary, including names that are not known yet.
const NAME: &str = "^[A-Z][A-Z0-9_]*$";

/// Opens an enum for additions within a version: a name that is not known yet is valid. The known ones are in the
/// description and in `x-extensible-enum`.
pub fn open_vocabulary(schema: &mut Schema) {
    let names = names(schema);
    if names.is_empty() {
        return;
    }
    describe(schema, "Open vocabulary: accept a name that is not in this list, because names may be added.", &names);
    schema.remove("oneOf");
    schema.remove("enum");
    schema.insert("type".to_owned(), "string".into());
    schema.insert("pattern".to_owned(), NAME.into());
    schema.insert("x-extensible-enum".to_owned(), names.into_iter().map(|(name, _)| name).collect());
}

/// Adds the names to the description, as a Markdown list.
fn describe(schema: &mut Schema, kind: &str, names: &[(String, String)]) {
    let of = |(name, meaning): &(String, String)| match meaning.replace('\n', " ") {
        none if none.is_empty() => format!("- `{name}`"),
        meaning => format!("- `{name}`: {meaning}"),
    };
    let list: Vec<_> = names.iter().map(of).collect();
    let said = schema.get("description").and_then(Value::as_str).map(|said| format!("{said}\n\n")).unwrap_or_default();
    schema.insert("description".to_owned(), format!("{said}{kind}\n\n{}", list.join("\n")).into());
}

/// Replaces the branches of a tagged union by references to definitions of their own, each a complete object, under the
/// titles of the branches. `tag` is the field that tells them apart, `folder` the place of the definitions, such as
/// `#/components/schemas`.
pub fn name_branches(definitions: &mut Map<String, Value>, union: &str, tag: &str, folder: &str) {
    let Some(Value::Object(mut whole)) = definitions.remove(union) else { return };
    let branches = whole.remove("oneOf").unwrap_or_default();
    let description = whole.remove("description");
    let (mut references, mut mapping) = (Vec::new(), Map::new());
    for branch in branches.as_array().into_iter().flatten() {
        let (Some(title), Some(value)) = (branch["title"].as_str(), branch["properties"][tag]["enum"][0].as_str())
        else {
            // Still a choice, but without a name.
            references.push(complete(&whole, branch));
            continue;
        };
        let reference = format!("{folder}/{title}");
        references.push(json!({ "$ref": reference }));
        mapping.insert(value.to_owned(), reference.into());
        definitions.insert(title.to_owned(), complete(&whole, branch));
    }
    let discriminator = json!({ "propertyName": tag, "mapping": mapping });
    // The tag is a field of the union as well: without it openapi-generator's Rust client looks for the tag twice.
    let fields = json!({ tag: { "type": "string" } });
    let mut union_of = json!({ "properties": fields, "oneOf": references, "discriminator": discriminator });
    if let Some(description) = description {
        union_of["description"] = description;
    }
    definitions.insert(union.to_owned(), union_of);
}

/// A branch with the fields that all branches have.
fn complete(whole: &Map<String, Value>, branch: &Value) -> Value {
    let mut complete = branch.clone();
    if let Some(branch) = complete.as_object_mut() {
        branch.remove("title");
    }
    for (name, field) in whole.get("properties").and_then(Value::as_object).into_iter().flatten() {
        complete["properties"][name] = field.clone();
    }
    let of = |schema: Option<&Value>| schema.and_then(Value::as_array).cloned().unwrap_or_default();
    complete["required"] = [of(whole.get("required")), of(branch.get("required"))].concat().into();
    complete
}
