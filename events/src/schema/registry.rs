use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::{EventSchema, components};
use crate::SOURCE;

/// The event in the format of EventBridge's schema registry: an `OpenAPI` document, with the envelope around the
/// detail.
pub(super) fn document(event: &EventSchema) -> Value {
    let mut schemas = components(event, SchemaSettings::openapi3());
    schemas.insert("AWSEvent".to_owned(), envelope(event.name));
    json!({
        "openapi": "3.0.0",
        "info": { "title": event.name, "version": event.version },
        "paths": {},
        "components": { "schemas": schemas },
    })
}

fn envelope(name: &str) -> Value {
    let text = json!({ "type": "string" });
    json!({
        "type": "object",
        "x-amazon-events-detail-type": name,
        "x-amazon-events-source": SOURCE,
        "required": ["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"],
        "properties": {
            "version": text,
            "id": text,
            "detail-type": text,
            "source": text,
            "account": text,
            "time": { "type": "string", "format": "date-time" },
            "region": text,
            "resources": { "type": "array", "items": text },
            "detail": { "$ref": format!("#/components/schemas/{name}") },
        },
    })
}
