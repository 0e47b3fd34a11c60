//! JSON Schemas of the events, generated from the types, and the files generated from them.
//!
//! Draft 7: the one that `AsyncAPI`, validators and code generators for other languages have in common.

mod asyncapi;
mod compatible;
mod registry;

use schemars::generate::{Contract, SchemaSettings};
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

pub use compatible::breaking_changes;

use crate::{
    BatchProgressed, Detail, GoalActivityAccepted, GoalActivityRejected, GoalActivityRequested, WorkflowCompleted,
};

/// The pattern of a name of an open vocabulary, including names that are not known yet.
const NAME: &str = "^[A-Z][A-Z0-9_]*$";

/// One version of one event.
#[derive(Debug, Clone)]
pub struct EventSchema {
    /// EventBridge's `detail-type`.
    pub name: &'static str,
    /// The version of its structure.
    pub version: &'static str,
    /// Which services may emit it.
    pub emitter: Emitter,
    /// The schema of its detail.
    pub schema: Value,
    /// A whole event as a queue receives it.
    pub example: Value,
    generate: fn(Emitter, SchemaSettings) -> Value,
}

/// The emitter of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emitter {
    /// Any service.
    Anyone,
    /// The pipeline alone.
    Pipeline,
}

macro_rules! example {
    ($file:literal) => {
        include_str!(concat!("../../schemas/examples/", $file))
    };
}

/// Every event in every version.
pub fn events() -> Vec<EventSchema> {
    vec![
        event::<GoalActivityRequested>(Emitter::Anyone, example!("GoalActivityRequested.v1.json")),
        event::<GoalActivityAccepted>(Emitter::Pipeline, example!("GoalActivityAccepted.v1.json")),
        event::<GoalActivityRejected>(Emitter::Pipeline, example!("GoalActivityRejected.v1.json")),
        event::<BatchProgressed>(Emitter::Pipeline, example!("BatchProgressed.v1.json")),
        event::<WorkflowCompleted>(Emitter::Pipeline, example!("WorkflowCompleted.v1.json")),
    ]
}

fn event<D: Detail + JsonSchema>(emitter: Emitter, example: &str) -> EventSchema {
    let schema = generate::<D>(emitter, SchemaSettings::draft07());
    let example = serde_json::from_str(example).unwrap_or_default();
    EventSchema { name: D::TYPE, version: "1", emitter, schema, example, generate: generate::<D> }
}

/// Events of other services are described as they are deserialized, events of the pipeline as they are serialized.
fn generate<D: JsonSchema>(emitter: Emitter, settings: SchemaSettings) -> Value {
    let mut settings = settings.with_transform(RecursiveTransform(numbers));
    settings.contract = Contract::Deserialize;
    if emitter == Emitter::Pipeline {
        settings.contract = Contract::Serialize;
        // Before all others, because those depend on how a schema allows a missing value.
        settings.transforms.insert(0, Box::new(RecursiveTransform(never_null)));
    }
    settings.into_generator().into_root_schema_for::<D>().to_value()
}

impl EventSchema {
    /// The name of its file, without the folder.
    pub fn file_name(&self) -> String {
        format!("{}.v{}.json", self.name, self.version)
    }

    /// The schema as it is committed.
    pub fn text(&self) -> String {
        text(&self.schema)
    }
}

/// Every file that is generated from the types, with its content. The paths are relative to the crate.
pub fn files() -> Vec<(String, String)> {
    let of = |event: &EventSchema| {
        let name = event.file_name();
        let registry = (format!("schemas/registry/{name}"), text(&registry::document(event)));
        [(format!("schemas/{name}"), event.text()), registry]
    };
    let events = events();
    let bus = ("asyncapi.json".to_owned(), text(&asyncapi::document(&events)));
    events.iter().flat_map(of).chain([bus]).collect()
}

/// As it is committed.
fn text(document: &Value) -> String {
    format!("{document:#}\n")
}

/// Opens an enum for additions within a version: a name that is not known yet is valid.
pub(crate) fn open_vocabulary(schema: &mut Schema) {
    if let Some(Value::Array(mut names)) = schema.remove("oneOf") {
        names.push(json!({ "description": "A name that is added later.", "type": "string", "pattern": NAME }));
        schema.insert("anyOf".to_owned(), names.into());
    }
}

/// A field that is omitted when it has no value is never null.
fn never_null(schema: &mut Schema) {
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

/// The limits of Rust's integers instead of formats that only some tools support. Many tools cannot represent the
/// largest `u64`.
fn numbers(schema: &mut Schema) {
    let format = schema.get("format").and_then(Value::as_str).map(ToOwned::to_owned);
    match format.as_deref() {
        Some("uint32") => {
            schema.remove("format");
            schema.insert("maximum".to_owned(), u32::MAX.into());
        }
        Some("uint64") => {
            schema.remove("format");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
