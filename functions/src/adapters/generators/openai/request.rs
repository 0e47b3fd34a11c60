//! The request, as the endpoint takes it.

use goal_activity_core::answer::{self, SchemaDialect};
use serde_json::{Value, json};

use super::super::prompt::Prompt;
use crate::runtime::config::{Instructions, OpenAi, ResponseFormat};

/// The name of the answer's schema.
const SCHEMA: &str = "tasks";

/// The body of a request.
pub(super) fn body(settings: &OpenAi, prompt: &Prompt) -> Value {
    let mut body =
        json!({ "model": settings.model, "messages": messages(settings.instructions, prompt), "stream": false });
    match settings.response_format {
        ResponseFormat::JsonSchema => {
            let dialect = if settings.schema_limits { SchemaDialect::StrictWithLimits } else { SchemaDialect::Strict };
            let schema = json!({ "name": SCHEMA, "strict": true, "schema": answer::schema(dialect) });
            body["response_format"] = json!({ "type": "json_schema", "json_schema": schema });
        }
        ResponseFormat::JsonObject => body["response_format"] = json!({ "type": "json_object" }),
        ResponseFormat::None => {}
    }
    if let Some(limit) = settings.token_limit.name() {
        body[limit] = json!(settings.sampling.max_tokens);
    }
    if let Some(temperature) = settings.sampling.temperature {
        body["temperature"] = decimal(temperature);
    }
    for (field, value) in &settings.extra_body {
        body[field] = value.clone();
    }
    body
}

fn messages(instructions: Instructions, prompt: &Prompt) -> Value {
    let role = match instructions {
        Instructions::System => "system",
        Instructions::Developer => "developer",
        Instructions::User => {
            return json!([{ "role": "user", "content": format!("{}\n\n{}", prompt.system, prompt.user) }]);
        }
    };
    json!([{ "role": role, "content": prompt.system }, { "role": "user", "content": prompt.user }])
}

/// The address of a request.
pub(super) fn url(settings: &OpenAi) -> String {
    let url = settings.base_url.completions();
    match &settings.api_version {
        Some(version) => format!("{url}?api-version={version}"),
        None => url,
    }
}

/// A number as it was written: 0.3, not 0.30000001192092896, the nearest value in the other precision.
fn decimal(number: f32) -> Value {
    number.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}
