use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::{Value, json};

use super::{EventSchema, numbers};
use crate::SOURCE;

/// The event in the format of EventBridge's schema registry: an `OpenAPI` document, with the envelope around the
/// detail.
pub(super) fn document(event: &EventSchema) -> Value {
    let mut settings = SchemaSettings::openapi3()
        .with_transform(RecursiveTransform(numbers))
        .with_transform(RecursiveTransform(refer_to_components));
    // Where transforms expect them.
    settings.definitions_path = "/definitions".into();
    let mut detail = (event.generate)(event.emitter, settings);
    let mut schemas = detail["definitions"].take();
    if let Some(detail) = detail.as_object_mut() {
        detail.remove("definitions");
        detail.remove("$schema");
    }
    schemas[event.name] = detail;
    schemas["AWSEvent"] = envelope(event.name);
    json!({
        "openapi": "3.0.0",
        "info": { "title": event.name, "version": event.version },
        "paths": {},
        "components": { "schemas": schemas },
    })
}

fn refer_to_components(schema: &mut Schema) {
    if let Some(Value::String(reference)) = schema.get_mut("$ref") {
        *reference = reference.replace("#/definitions/", "#/components/schemas/");
    }
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
