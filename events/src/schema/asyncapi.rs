use schemars::generate::SchemaSettings;
use schemars::transform::RemoveRefSiblings;
use serde_json::{Map, Value, json};

use super::{Emitter, EventSchema, components};
use crate::SOURCE;

/// The bus with all events as an `AsyncAPI` document, seen from the pipeline: it receives requests and sends the rest.
pub(super) fn document(events: &[EventSchema]) -> Value {
    let of_each =
        |make: fn(&EventSchema) -> (String, Value)| Value::from(events.iter().map(make).collect::<Map<_, _>>());
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Goal activity pipeline",
            "version": "1",
            "description": "Turns the actions of a goal into tasks. Every event comes at least once, in any order; \
                its `detail.eventId` is the same each time.",
            "license": { "name": "MIT" },
            "tags": [{ "name": "goals", "description": "What is done for a goal." }],
        },
        "defaultContentType": "application/json",
        "channels": {
            "bus": {
                "address": "goal-activity",
                "title": "The EventBridge bus",
                "description": "Events are put on it by `PutEvents`, and received from a queue behind a rule.",
                "messages": of_each(|event| (event.name.to_owned(), reference("components/messages", event))),
            },
        },
        "operations": of_each(operation),
        "components": { "messages": of_each(message), "schemas": schemas(events) },
    })
}

fn operation(event: &EventSchema) -> (String, Value) {
    let (action, description) = match event.emitter {
        Emitter::Anyone => ("receive", "Any service may emit it, under a source of its own."),
        Emitter::Pipeline => ("send", "Only the pipeline emits it. Any service may subscribe."),
    };
    let name = format!("{action}{}", event.name);
    let channel = json!({ "$ref": "#/channels/bus" });
    let messages = [reference("channels/bus/messages", event)];
    (name, json!({ "action": action, "description": description, "channel": channel, "messages": messages }))
}

/// The details with everything that they refer to, and the whole events. Every enum has a name of its own: code
/// generators number the others.
fn schemas(events: &[EventSchema]) -> Map<String, Value> {
    let mut schemas: Map<_, _> = events.iter().flat_map(|event| components(event, settings())).collect();
    for event in events {
        schemas.insert(format!("{}Event", event.name), envelope(event));
        schemas.insert(format!("{}Type", event.name), json!({ "type": "string", "enum": [event.name] }));
    }
    schemas.insert("PipelineSource".to_owned(), json!({ "type": "string", "enum": [SOURCE] }));
    schemas
}

/// References keep their descriptions: that `allOf` around them, which draft 7 needs, has no name for code generators.
fn settings() -> SchemaSettings {
    let mut settings = SchemaSettings::draft07();
    settings.transforms.retain(|transform| !transform.is::<RemoveRefSiblings>());
    settings
}

fn envelope(event: &EventSchema) -> Value {
    let source = match event.emitter {
        Emitter::Anyone => json!({ "type": "string" }),
        Emitter::Pipeline => schema("PipelineSource"),
    };
    json!({
        "description": format!("`{}` as a queue or a function receives it.", event.name),
        "type": "object",
        "required": ["id", "detail-type", "source", "time", "detail"],
        "properties": {
            "id": { "description": "EventBridge's id of this delivery, for logs.", "type": "string" },
            "detail-type": schema(&format!("{}Type", event.name)),
            "source": source,
            "time": { "type": "string", "format": "date-time" },
            "detail": schema(event.name),
        },
    })
}

fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn message(event: &EventSchema) -> (String, Value) {
    let summary = event.schema["description"].as_str().and_then(|text| text.split("\n\n").next()).unwrap_or_default();
    let message = json!({
        "name": event.name,
        "title": event.name,
        "summary": summary.replace('\n', " "),
        "payload": schema(&format!("{}Event", event.name)),
        "examples": [{ "payload": event.example }],
    });
    (event.name.to_owned(), message)
}

fn reference(folder: &str, event: &EventSchema) -> Value {
    json!({ "$ref": format!("#/{folder}/{}", event.name) })
}
