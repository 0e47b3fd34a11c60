//! The `OpenAPI` document of the API, made from the types that its handlers read and write. Only tests make it: the function
//! serves the committed file.

use goal_activity_core::edit::ChartRequest;
use goal_activity_core::execution::Status;
use goal_activity_core::start::MAX_KEY;
use goal_activity_events::schema::{name_branches, portable};
use goal_activity_events::{CorrelationId, ExecutionArn, GoalId, Timestamp};
use schemars::generate::{Contract, SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::problem::{Code, ProblemBody};
use super::route::Route;
use super::{actions, cancel, goal, goals, history, start, status, tasks};

/// Where the schemas are.
const SCHEMAS: &str = "/components/schemas";
/// What the gateway itself answers with. It is text and no schema: what is generated from one could not read both kinds of bodies.
const GATEWAY_BODY: &str = "`{\"message\": ...}`";
/// The name of the schema of the description itself.
const DESCRIPTION: &str = "ApiDescription";

/// The schemas of the types that are read and written. An answer has no `null`, a request may.
struct Schemas {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let of = |contract| {
            // The dialect of `OpenAPI` 3.1.
            let settings = SchemaSettings::draft2020_12().with(|s| {
                s.definitions_path = SCHEMAS.into();
                s.meta_schema = None;
            });
            portable(settings, contract).into_generator()
        };
        Self { requests: of(Contract::Deserialize), answers: of(Contract::Serialize) }
    }

    /// All of them by name.
    fn take(&mut self) -> Map<String, Value> {
        let mut all = self.requests.take_definitions(true);
        all.extend(self.answers.take_definitions(true));
        name_branches(&mut all, "TimelineItem", "what", &format!("#{SCHEMAS}"));
        let document =
            json!({ "description": "An `OpenAPI` document.", "type": "object", "additionalProperties": true });
        all.insert(DESCRIPTION.to_owned(), document);
        all
    }
}

/// The whole document.
pub(super) fn document() -> Value {
    let mut schemas = Schemas::new();
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
            "schemas": schemas.take(),
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
    description: &'static str,
}

fn about(route: Route) -> About {
    let (id, tag, summary, description) = match route {
        Route::Goals => (
            "listGoals",
            "goals",
            "The caller's goals, by their ids",
            "A goal that was created a second ago may be missing. A page may be shorter than its limit, even empty, and still have \
             a next one. One without `nextCursor` is the last.",
        ),
        Route::Goal => (
            "getGoal",
            "goals",
            "A goal with its chart, and where each action is",
            "The state of an action is that of the goal's newest workflow.",
        ),
        Route::PutGoal => (
            "putGoal",
            "goals",
            "Creates a goal, or replaces its chart",
            "An action that has tasks must be in it unchanged; all other cells are replaced or removed. What `getGoal` answers can \
             be sent back, which changes nothing. Written as a whole or not at all.",
        ),
        Route::Start => (
            "startActivity",
            "goals",
            "Starts a workflow for the actions that have no tasks yet",
            "Claims the goal until the workflow has ended. Finished tasks are never replaced.",
        ),
        Route::Tasks => (
            "listTasks",
            "goals",
            "The tasks, in the order of the actions",
            "A page may be shorter than its limit, even empty, and still have a next one. One without `nextCursor` is the last.",
        ),
        Route::History => (
            "listWorkflows",
            "goals",
            "The goal's workflows, the newest first",
            "Those that the caller has requested and that ended in the last 90 days, or run. A page may be shorter than its \
             limit, even empty, and still have a next one. One without `nextCursor` is the last.",
        ),
        Route::Workflows => (
            "listOwnWorkflows",
            "workflows",
            "The caller's workflows of all goals, the newest first",
            "Those that ended in the last 90 days, or run. A page may be shorter than its limit, even empty, and still have a next \
             one. One without `nextCursor` is the last.",
        ),
        Route::Status => (
            "getStatus",
            "workflows",
            "How far a workflow is",
            "Poll every 2 seconds or more. A status of the end never changes again.",
        ),
        Route::Actions => (
            "listActions",
            "workflows",
            "The workflow's actions, in their order, and where each is",
            "All of them, at most 64. Poll every 2 seconds or more. After the end it never changes again.",
        ),
        Route::Timeline => (
            "getTimeline",
            "workflows",
            "What happened in a workflow, in its order",
            "The events of the timeline with their times.",
        ),
        Route::Cancel => (
            "cancelWorkflow",
            "workflows",
            "Stops a workflow, removes the tasks that it made, and sets its goal back to draft",
            "Works until the workflow has ended. Afterwards no task of this run exists or will appear, except where it had \
             already replaced tasks.",
        ),
        Route::Retry => (
            "retryWorkflow",
            "workflows",
            "Starts a new workflow for the failed actions of one that has ended",
            "For the failed actions that have no tasks newer than that workflow.",
        ),
        Route::Description => {
            ("getDescription", "about", "This document", "The description of the API. It needs no token.")
        }
    };
    About { id, tag, summary, description }
}

/// The problems that a route may answer with.
fn problems(route: Route) -> Vec<Code> {
    use Code::{
        AlreadyEnded, AlreadyRunning, BodyTooLarge, Changed, DailyLimit, GoalClosed, GoalsElsewhere,
        IdempotencyKeyReused, Internal, InvalidRequest, NoActions, NotEnded, NotOwner, NothingFailed, NothingToDo,
        Outdated, TasksExist, TooManyGoals, TooManyRunning, Unauthenticated, Unavailable, UnknownAction,
        UnknownExecution, UnknownGoal, UnreadableGoal,
    };
    let own: &[Code] = match route {
        Route::Start => &[
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
            DailyLimit,
        ],
        Route::PutGoal => &[
            InvalidRequest,
            BodyTooLarge,
            AlreadyRunning,
            GoalClosed,
            TasksExist,
            GoalsElsewhere,
            TooManyGoals,
            Changed,
            Outdated,
            UnreadableGoal,
        ],
        Route::Goal | Route::Tasks | Route::History => &[InvalidRequest, UnknownGoal, UnreadableGoal],
        Route::Status | Route::Actions | Route::Timeline => &[InvalidRequest, UnknownExecution],
        Route::Cancel => &[InvalidRequest, UnknownExecution, AlreadyEnded],
        Route::Retry => &[
            InvalidRequest,
            BodyTooLarge,
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
            DailyLimit,
        ],
        Route::Goals => return vec![InvalidRequest, GoalsElsewhere, Unauthenticated, Internal, Unavailable],
        Route::Workflows => return vec![InvalidRequest, Unauthenticated, Internal, Unavailable],
        Route::Description => return vec![Internal, Unavailable],
    };
    [own, &[Unauthenticated, NotOwner, Internal, Unavailable]].concat()
}

fn operation(route: Route, schemas: &mut Schemas) -> Value {
    let About { id, tag, summary, description } = about(route);
    let mut operation = json!({
        "operationId": id, "tags": [tag], "summary": summary, "description": description,
        "parameters": parameters(route, &mut schemas.requests), "responses": responses(route, &mut schemas.answers),
    });
    if let Some(body) = body(route, &mut schemas.requests) {
        let required = route == Route::PutGoal;
        operation["requestBody"] =
            json!({ "required": required, "content": { "application/json": { "schema": body } } });
    }
    if route == Route::Description {
        operation["security"] = json!([]);
    }
    operation
}

fn body(route: Route, schemas: &mut SchemaGenerator) -> Option<Schema> {
    match route {
        Route::Start => Some(schemas.subschema_for::<start::Body>()),
        Route::Retry => Some(schemas.subschema_for::<start::RetryBody>()),
        Route::Cancel => Some(schemas.subschema_for::<cancel::Body>()),
        Route::PutGoal => Some(schemas.subschema_for::<ChartRequest>()),
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
            json!({ "name": "limit", "in": "query", "description": format!("How many at the most, {default} if nothing is said"),
                "schema": { "type": "integer", "minimum": 1, "maximum": most, "default": default } }),
            json!({ "name": "cursor", "in": "query", "schema": { "type": "string" },
                "description": "The `nextCursor` of the page before; pages do not shift when something comes in between" }),
        ]
    };
    match route {
        Route::Goals => parameters.extend(page(goals::DEFAULT_LIMIT, goals::MAX_LIMIT)),
        Route::Tasks => parameters.extend(page(tasks::DEFAULT_LIMIT, tasks::MAX_LIMIT)),
        Route::History | Route::Workflows => {
            parameters.push(parameter::<Status>(schemas, "query", "status", "Only those in this status"));
            let day = "a day, such as 2026-11-24, is its begin in UTC";
            let (from, to) =
                (format!("Only those requested then or later; {day}"), format!("Only those requested before; {day}"));
            parameters.push(parameter::<Timestamp>(schemas, "query", "from", &from));
            parameters.push(parameter::<Timestamp>(schemas, "query", "to", &to));
            parameters.extend(page(history::DEFAULT_LIMIT, history::MAX_LIMIT));
        }
        Route::Start | Route::Retry => {
            parameters.push(json!({
                "name": "Idempotency-Key", "in": "header",
                "description": "Makes the request repeatable: the same key again gets the first answer, once it was accepted",
                "schema": { "type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": "^[!-~]+$" },
            }));
            let correlation = "The workflow's status and events repeat it";
            parameters.push(parameter::<CorrelationId>(schemas, "header", "X-Correlation-Id", correlation));
        }
        Route::Status => parameters.push(json!({
            "name": "If-None-Match", "in": "header", "schema": { "type": "string" },
            "description": "The `ETag` of an answer before: if it is the same again, 304 without a body",
        })),
        Route::Goal | Route::PutGoal | Route::Actions | Route::Timeline | Route::Cancel | Route::Description => {}
    }
    parameters
}

fn parameter<T: JsonSchema>(schemas: &mut SchemaGenerator, place: &str, name: &str, description: &str) -> Value {
    let schema = schemas.subschema_for::<T>();
    json!({ "name": name, "in": place, "required": place == "path", "description": description, "schema": schema })
}

fn responses(route: Route, schemas: &mut SchemaGenerator) -> Value {
    let (status, description, schema) = match route {
        Route::Start | Route::Retry => ("202", "Accepted", schemas.subschema_for::<start::Started<'_>>()),
        Route::Goals => ("200", "A page of goals", schemas.subschema_for::<goals::Page>()),
        Route::Goal => ("200", "The goal", schemas.subschema_for::<goal::GoalView<'_>>()),
        Route::PutGoal => ("200", "Replaced, or as it was", schemas.subschema_for::<goal::GoalView<'_>>()),
        Route::Tasks => ("200", "A page of tasks", schemas.subschema_for::<tasks::Page>()),
        Route::History | Route::Workflows => ("200", "A page of workflows", schemas.subschema_for::<history::Page>()),
        Route::Status => ("200", "The workflow", schemas.subschema_for::<status::StatusView<'_>>()),
        Route::Actions => ("200", "The actions", schemas.subschema_for::<actions::Actions<'_>>()),
        Route::Timeline => ("200", "The timeline", schemas.subschema_for::<history::Timeline<'_>>()),
        Route::Cancel => ("200", "Stopped", schemas.subschema_for::<cancel::Aborted<'_>>()),
        Route::Description => ("200", "The document", Schema::new_ref(format!("#{SCHEMAS}/{DESCRIPTION}"))),
    };
    let mut responses = Map::new();
    responses.insert(
        status.to_owned(),
        json!({ "description": description, "content": { "application/json": { "schema": schema } } }),
    );
    let text = json!({ "type": "string" });
    if status == "202" {
        responses[status]["headers"] = json!({ "Location": { "description": "Where its status is", "schema": text } });
    }
    if route == Route::PutGoal {
        let mut created = responses["200"].clone();
        created["description"] = "Created".into();
        created["headers"] = json!({ "Location": { "description": "Where it is", "schema": text } });
        responses.insert("201".to_owned(), created);
    }
    if route == Route::Status {
        let headers = json!({
            "ETag": { "description": "Of the body, for `If-None-Match`", "schema": text },
            "Retry-After": {
                "description": "After how many seconds it is worth asking again. Missing after the end",
                "schema": { "type": "integer", "minimum": 1 },
            },
        });
        responses[status]["headers"] = headers.clone();
        responses.insert("304".to_owned(), json!({ "description": "As before", "headers": headers }));
    }
    let problem = schemas.subschema_for::<ProblemBody<'_>>();
    for code in problems(route) {
        let response = responses.entry(code.status().to_string()).or_insert_with(
            || json!({ "description": "", "content": { "application/problem+json": { "schema": problem } } }),
        );
        let name = serde_json::to_value(code).unwrap_or_default();
        let said = response["description"].as_str().unwrap_or_default();
        let said = format!("{said}\n`{}`: {}.", name.as_str().unwrap_or_default(), code.title());
        response["description"] = said.trim_start().into();
    }
    if problems(route).contains(&Code::DailyLimit) {
        let description = "After how many seconds the next day begins, with `DAILY_LIMIT`";
        responses["429"]["headers"] =
            json!({ "Retry-After": { "description": description, "schema": { "type": "integer", "minimum": 1 } } });
    }
    // Usually the gateway's, before any function is asked.
    if let Some(response) = responses.get_mut("401").and_then(Value::as_object_mut) {
        response.remove("content");
        let said = response["description"].as_str().unwrap_or_default();
        response["description"] = format!("{said} Usually from the gateway, with the body {GATEWAY_BODY}.").into();
    }
    let gateway = format!("Too many requests for the gateway, with the body {GATEWAY_BODY}. Retry after a second.");
    let response = responses.entry("429").or_insert_with(|| json!({ "description": "" }));
    let said = response["description"].as_str().unwrap_or_default();
    response["description"] = format!("{said}\n{gateway}").trim_start().into();
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

    #[test]
    fn every_operation_says_what_it_does_and_lists_its_answers() {
        let document = document();
        let paths = document["paths"].as_object().unwrap();
        let operations = paths.values().flat_map(|path| path.as_object().unwrap().values());
        for operation in operations {
            let id = operation["operationId"].as_str().unwrap();
            for text in ["summary", "description"] {
                assert!(operation[text].as_str().is_some_and(|text| !text.is_empty()), "{id} has no {text}");
            }
            let responses = operation["responses"].as_object().unwrap();
            for status in ["429", "500", "503"] {
                assert!(responses.contains_key(status), "{id} has no {status}");
            }
            let bodies = responses.values().chain([&operation["requestBody"]]).filter_map(|r| r["content"].as_object());
            for body in bodies.flat_map(Map::values) {
                assert!(body["schema"]["$ref"].is_string(), "{id} has a shape without a name: {body}");
            }
        }
    }

    #[test]
    fn no_shape_is_within_another() {
        let document = document();
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
                let inner = [schema, &schema["items"]].into_iter().any(|s| s["properties"].is_object());
                assert!(!inner && schema["oneOf"].is_null(), "{name}.{field}: {schema}");
                let null = schema.to_string().contains("\"null\"");
                assert!(name.ends_with("Request") || !null, "{name}.{field} of an answer may be null");
            }
        }
    }

    #[test]
    fn every_item_of_a_timeline_has_a_name() {
        let document = document();
        let item = &document["components"]["schemas"]["TimelineItem"];
        let choices = item["oneOf"].as_array().unwrap();
        assert_eq!(choices.len(), 5);
        assert!(choices.iter().all(|choice| choice["$ref"].is_string()), "a variant has no title: {item}");
        assert_eq!(item["discriminator"]["mapping"].as_object().map(Map::len), Some(5));
    }

    #[test]
    fn the_guide_has_every_problem_code() {
        let guide = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/API.md"));
        let codes = document()["components"]["schemas"]["ProblemCode"]["x-extensible-enum"].clone();
        for code in codes.as_array().unwrap() {
            assert!(guide.contains(&format!("`{}`", code.as_str().unwrap())), "docs/API.md does not have {code}");
        }
    }
}
