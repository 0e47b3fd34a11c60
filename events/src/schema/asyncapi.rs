use serde_json::{Map, Value, json};

use super::{Emitter, EventSchema};
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
        "components": { "messages": of_each(message) },
    })
}

fn operation(event: &EventSchema) -> (String, Value) {
    let (action, name) = match event.emitter {
        Emitter::Anyone => ("receive", format!("receive{}", event.name)),
        Emitter::Pipeline => ("send", format!("send{}", event.name)),
    };
    let channel = json!({ "$ref": "#/channels/bus" });
    let messages = [reference("channels/bus/messages", event)];
    (name, json!({ "action": action, "channel": channel, "messages": messages }))
}

fn message(event: &EventSchema) -> (String, Value) {
    let source = match event.emitter {
        Emitter::Anyone => json!({ "type": "string" }),
        Emitter::Pipeline => json!({ "type": "string", "const": SOURCE }),
    };
    let payload = json!({
        "type": "object",
        "required": ["id", "detail-type", "source", "time", "detail"],
        "properties": {
            "id": { "description": "EventBridge's id of this delivery, for logs.", "type": "string" },
            "detail-type": { "type": "string", "const": event.name },
            "source": source,
            "time": { "type": "string", "format": "date-time" },
            "detail": { "$ref": format!("./schemas/{}", event.file_name()) },
        },
    });
    let summary = event.schema["description"].as_str().and_then(|text| text.split("\n\n").next()).unwrap_or_default();
    let message = json!({
        "name": event.name,
        "title": event.name,
        "summary": summary.replace('\n', " "),
        "payload": payload,
        "examples": [{ "payload": event.example }],
    });
    (event.name.to_owned(), message)
}

fn reference(folder: &str, event: &EventSchema) -> Value {
    json!({ "$ref": format!("#/{folder}/{}", event.name) })
}
