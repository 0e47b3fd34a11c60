//! JSON Schemas of the events, generated from the types, and the files generated from them.
//!
//! Draft 7: the one that `AsyncAPI`, validators and code generators for other languages have in common.

mod asyncapi;
mod compatible;
mod portable;
mod registry;

use schemars::generate::{Contract, SchemaSettings};
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value};

pub use compatible::breaking_changes;
pub use portable::{name_branches, open_vocabulary, portable};

use crate::{
    BatchProgressed, Detail, GoalActivityAccepted, GoalActivityCancelRequested, GoalActivityRejected,
    GoalActivityRequested, GoalActivityRetryRequested, WorkflowCompleted,
};

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
        event::<GoalActivityRetryRequested>(Emitter::Anyone, example!("GoalActivityRetryRequested.v1.json")),
        event::<GoalActivityCancelRequested>(Emitter::Anyone, example!("GoalActivityCancelRequested.v1.json")),
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
    let contract = match emitter {
        Emitter::Anyone => Contract::Deserialize,
        Emitter::Pipeline => Contract::Serialize,
    };
    portable(settings, contract).into_generator().into_root_schema_for::<D>().to_value()
}

/// The detail and everything that it refers to, by name, for a document that has them in `components/schemas`.
fn components(event: &EventSchema, settings: SchemaSettings) -> Map<String, Value> {
    let mut settings = settings.with_transform(RecursiveTransform(refer_to_components));
    // Where transforms expect them.
    settings.definitions_path = "/definitions".into();
    let mut detail = (event.generate)(event.emitter, settings);
    let definitions = detail["definitions"].take();
    if let Some(detail) = detail.as_object_mut() {
        detail.remove("definitions");
        detail.remove("$schema");
    }
    let mut schemas = definitions.as_object().cloned().unwrap_or_default();
    schemas.insert(event.name.to_owned(), detail);
    schemas
}

fn refer_to_components(schema: &mut Schema) {
    if let Some(Value::String(reference)) = schema.get_mut("$ref") {
        *reference = reference.replace("#/definitions/", "#/components/schemas/");
    }
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

#[cfg(test)]
mod tests;
