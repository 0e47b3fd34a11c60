//! The `OpenAPI` document of the API, made from the types that its handlers read and write. Only tests make it: the function
//! serves the committed file.

use goal_activity_core::execution::Status;
use goal_activity_core::start::MAX_KEY;
use goal_activity_events::{ExecutionArn, GoalId, Timestamp};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::problem::{Code, ProblemBody};
use super::route::Route;
use super::{cancel, history, start, status, tasks};

/// The whole document.
pub(super) fn document() -> Value {
    // The dialect of `OpenAPI` 3.1.
    let settings = SchemaSettings::draft2020_12().with(|s| {
        s.definitions_path = "/components/schemas".into();
        s.meta_schema = None;
    });
    let mut schemas = settings.into_generator();
    let mut paths = Map::new();
    for route in Route::ALL {
        let (method, path) = route.key().split_once(' ').unwrap_or_default();
        let path = paths.entry(path).or_insert_with(|| json!({}));
        path[method.to_lowercase()] = operation(route, &mut schemas);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Goal activity",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Turns the actions of a goal into tasks. Errors are problem details (RFC 9457); `code` is for \
                programs and never changes its meaning, `retryable` says whether the same request may succeed later. What \
                belongs to another user is 403, what is not there is 404; neither tells more.",
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }],
        "tags": [
            { "name": "goals", "description": "What is done for a goal" },
            { "name": "workflows", "description": "One run for one goal" },
            { "name": "about", "description": "The API itself" },
        ],
        "paths": paths,
        "components": {
            "schemas": schemas.take_definitions(true),
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "`sub` is the user" },
            },
        },
    })
}

/// What there is to say about a route besides its types.
struct About {
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    problems: &'static [Code],
}

fn about(route: Route) -> About {
    use Code::{
        AlreadyEnded, AlreadyRunning, BodyTooLarge, GoalClosed, IdempotencyKeyReused, InvalidRequest, NoActions,
        NotEnded, NothingFailed, NothingToDo, TooManyRunning, UnknownAction, UnknownExecution, UnknownGoal,
        UnreadableGoal,
    };
    let (id, tag, summary, problems): (_, _, _, &[Code]) = match route {
        Route::Start => (
            "startActivity",
            "goals",
            "Starts a workflow for the actions that have no tasks yet",
            &[
                InvalidRequest,
                BodyTooLarge,
                NoActions,
                UnknownAction,
                UnknownGoal,
                AlreadyRunning,
                NothingToDo,
                GoalClosed,
                IdempotencyKeyReused,
                UnreadableGoal,
                TooManyRunning,
            ],
        ),
        Route::Tasks => (
            "listTasks",
            "goals",
            "The tasks, in the order of the actions",
            &[InvalidRequest, UnknownGoal, UnreadableGoal],
        ),
        Route::History => (
            "listWorkflows",
            "goals",
            "The goal's workflows, the newest first",
            &[InvalidRequest, UnknownGoal, UnreadableGoal],
        ),
        Route::Status => ("getStatus", "workflows", "How far a workflow is", &[InvalidRequest, UnknownExecution]),
        Route::Timeline => (
            "getTimeline",
            "workflows",
            "What happened in a workflow, in its order",
            &[InvalidRequest, UnknownExecution],
        ),
        Route::Cancel => (
            "cancelWorkflow",
            "workflows",
            "Stops a workflow, removes the tasks that it made, and sets its goal back to draft",
            &[InvalidRequest, UnknownExecution, AlreadyEnded],
        ),
        Route::Retry => (
            "retryWorkflow",
            "workflows",
            "Starts a new workflow for the failed actions of one that has ended",
            &[
                InvalidRequest,
                UnknownExecution,
                UnknownGoal,
                NoActions,
                NotEnded,
                NothingFailed,
                AlreadyRunning,
                NothingToDo,
                GoalClosed,
                IdempotencyKeyReused,
                UnreadableGoal,
                TooManyRunning,
            ],
        ),
        Route::Description => ("getDescription", "about", "This document", &[]),
    };
    About { id, tag, summary, problems }
}

fn operation(route: Route, schemas: &mut SchemaGenerator) -> Value {
    let About { id, tag, summary, problems } = about(route);
    let mut operation = json!({
        "operationId": id, "tags": [tag], "summary": summary,
        "parameters": parameters(route, schemas), "responses": responses(route, problems, schemas),
    });
    if let Some(body) = body(route, schemas) {
        operation["requestBody"] = json!({ "required": false, "content": { "application/json": { "schema": body } } });
    }
    if route == Route::Description {
        operation["security"] = json!([]);
    }
    operation
}

fn body(route: Route, schemas: &mut SchemaGenerator) -> Option<Schema> {
    match route {
        Route::Start => {
            let mut body = schemas.subschema_for::<start::Body>();
            body.remove("description");
            Some(body)
        }
        Route::Cancel => Some(schemas.subschema_for::<cancel::Body>()),
        _ => None,
    }
}

fn parameters(route: Route, schemas: &mut SchemaGenerator) -> Vec<Value> {
    let mut parameters = Vec::new();
    if route.key().contains("{goalId}") {
        parameters.push(parameter::<GoalId>(schemas, "path", "goalId", "The goal"));
    }
    if route.key().contains("{executionArn}") {
        parameters.push(parameter::<ExecutionArn>(schemas, "path", "executionArn", "The workflow, percent-encoded"));
    }
    let page = |default: u16, most: u16| {
        [
            json!({ "name": "limit", "in": "query", "description": "How many at the most",
                "schema": { "type": "integer", "minimum": 1, "maximum": most, "default": default } }),
            json!({ "name": "cursor", "in": "query", "schema": { "type": "string" },
                "description": "The `nextCursor` of the page before; pages do not shift when something comes in between" }),
        ]
    };
    match route {
        Route::Tasks => parameters.extend(page(tasks::DEFAULT_LIMIT, tasks::MAX_LIMIT)),
        Route::History => {
            parameters.push(parameter::<Status>(schemas, "query", "status", "Only those in this status"));
            parameters.push(parameter::<Timestamp>(schemas, "query", "from", "Only those requested then or later"));
            parameters.push(parameter::<Timestamp>(schemas, "query", "to", "Only those requested before"));
            parameters.extend(page(history::DEFAULT_LIMIT, history::MAX_LIMIT));
        }
        Route::Start | Route::Retry => parameters.push(json!({
            "name": "Idempotency-Key", "in": "header",
            "description": "Makes the request repeatable: the same key again gets the first answer, once it was accepted",
            "schema": { "type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": "^[!-~]+$" },
        })),
        Route::Status | Route::Timeline | Route::Cancel | Route::Description => {}
    }
    parameters
}

fn parameter<T: JsonSchema>(schemas: &mut SchemaGenerator, place: &str, name: &str, description: &str) -> Value {
    let schema = schemas.subschema_for::<T>();
    json!({ "name": name, "in": place, "required": place == "path", "description": description, "schema": schema })
}

fn responses(route: Route, problems: &[Code], schemas: &mut SchemaGenerator) -> Value {
    let (status, description, schema) = match route {
        Route::Start | Route::Retry => ("202", "Accepted", schemas.subschema_for::<start::Started<'_>>()),
        Route::Tasks => ("200", "A page of tasks", schemas.subschema_for::<tasks::Page>()),
        Route::History => ("200", "A page of workflows", schemas.subschema_for::<history::Page>()),
        Route::Status => ("200", "The workflow", schemas.subschema_for::<status::StatusView<'_>>()),
        Route::Timeline => ("200", "The story", schemas.subschema_for::<history::Timeline<'_>>()),
        Route::Cancel => ("200", "Stopped", schemas.subschema_for::<cancel::Aborted<'_>>()),
        Route::Description => ("200", "The document", schemars::json_schema!({ "type": "object" })),
    };
    let mut responses = Map::new();
    responses.insert(
        status.to_owned(),
        json!({ "description": description, "content": { "application/json": { "schema": schema } } }),
    );
    if status == "202" {
        let schema = json!({ "type": "string" });
        responses[status]["headers"] =
            json!({ "Location": { "description": "Where its status is", "schema": schema } });
    }
    if route == Route::Description {
        return responses.into();
    }
    let problem = schemas.subschema_for::<ProblemBody<'_>>();
    let common = [Code::NotOwner, Code::Unavailable];
    for code in problems.iter().copied().chain(common) {
        let response = responses.entry(code.status().to_string()).or_insert_with(
            || json!({ "description": "", "content": { "application/problem+json": { "schema": problem } } }),
        );
        let name = serde_json::to_value(code).unwrap_or_default();
        let said = response["description"].as_str().unwrap_or_default();
        let separator = if said.is_empty() { "" } else { ", " };
        response["description"] = format!("{said}{separator}`{}`", name.as_str().unwrap_or_default()).into();
    }
    // These are the gateway's, before any function is asked.
    responses.insert("401".into(), json!({ "description": "No valid token" }));
    responses.entry("429").or_insert_with(|| json!({ "description": "Too many requests" }));
    responses.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the committed document is.
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

    #[test]
    #[allow(clippy::disallowed_methods, reason = "the switch of `cargo xtask schemas`")]
    fn the_committed_document_is_that_of_the_code() {
        let made = format!("{}\n", serde_json::to_string_pretty(&document()).unwrap());
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::write(FILE, &made).unwrap();
        }
        let committed = std::fs::read_to_string(FILE).unwrap_or_default();
        assert!(
            committed == made,
            "{FILE} is not what the code says: run `cargo xtask schemas` and look at the difference"
        );
    }
}
