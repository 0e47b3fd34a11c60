//! An existing Lambda function: the goal app's own task generation. It has its own prompt and model, so `prompt` is not
//! used here.
//!
//! Such functions exist in two forms: one reads the action's fields at the top, the other in `actionContext`. Each validates what it
//! reads and ignores the rest, so the payload is the union of both. They return `{actionId, tasks, status, error?}`, as JSON, as JSON
//! within a text, or as the answer of an API behind a gateway.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::operation::RequestId;
use aws_sdk_lambda::primitives::Blob;
use base64::Engine;
use goal_activity_core::answer::{self, Answer, Tolerance};
use goal_activity_core::goal::ActionKind;
use goal_activity_core::ports::{GenerateTasks, Generation, GenerationError, GenerationRequest};
use goal_activity_events::{ActionId, FailureCode, GoalId, Repair};
use serde::Serialize;
use serde_json::Value;

use super::refusal::{by_status, is_name};
use super::wire::{Bounded, failed, patient, region_of, unreadable, unusable};
use crate::adapters::aws::Connection;
use crate::runtime::config;

/// Its name in failures.
const WHO: &str = "the task generation function";
/// The `status` of an answer with tasks.
const SUCCESS: &str = "success";

/// An existing function.
#[derive(Debug, Clone)]
pub struct ExistingFunction {
    client: Client,
    settings: config::ExistingFunction,
}

impl ExistingFunction {
    /// Creates the function that the settings name.
    pub fn new(aws: &Connection, settings: config::ExistingFunction) -> Self {
        let region = region_of(&settings.function, aws.sdk());
        let config = Builder::from(&patient(aws.sdk())).region(region).interceptor(Bounded);
        Self { client: Client::from_conf(config.build()), settings }
    }
}

/// The payload of an invocation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Question<'a> {
    #[serde(flatten)]
    action: ActionContext<'a>,
    goal_context: GoalContext<'a>,
    action_context: ActionContext<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GoalContext<'a> {
    goal_id: &'a GoalId,
    title: &'a str,
    description: &'a str,
    /// Empty if the user has set none.
    deadline: &'a str,
    background: &'a str,
    constraints: Option<&'a str>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct ActionContext<'a> {
    action_id: &'a ActionId,
    title: &'a str,
    description: &'a str,
    #[serde(rename = "type")]
    kind: ActionKind,
    background: &'a str,
    constraints: Option<&'a str>,
    sub_goal_title: &'a str,
    sub_goal_description: &'a str,
}

impl<'a> Question<'a> {
    fn of(request: &GenerationRequest<'a>) -> Self {
        let GenerationRequest { goal, sub_goal, action, .. } = request;
        let action = ActionContext {
            action_id: &action.action_id,
            title: &action.title,
            description: &action.description,
            kind: action.kind,
            background: &action.background,
            constraints: said(&action.constraints),
            sub_goal_title: sub_goal.map_or("", |s| &s.title),
            sub_goal_description: sub_goal.map_or("", |s| &s.description),
        };
        let goal_context = GoalContext {
            goal_id: &goal.goal_id,
            title: &goal.title,
            description: &goal.description,
            deadline: goal.deadline.as_deref().unwrap_or_default(),
            background: &goal.background,
            constraints: said(&goal.constraints),
        };
        Self { action, goal_context, action_context: action }
    }
}

/// The payload of an invocation, as JSON.
pub(super) fn payload(request: &GenerationRequest<'_>) -> Value {
    serde_json::to_value(Question::of(request)).unwrap_or_default()
}

/// A text that the user has given.
fn said(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

impl GenerateTasks for ExistingFunction {
    async fn generate(&self, request: GenerationRequest<'_>) -> Result<Generation, GenerationError> {
        let question = serde_json::to_vec(&Question::of(&request)).map_err(|e| {
            GenerationError::permanent(FailureCode::AiRejected, format!("{WHO} could not be asked: {e}"))
        })?;
        let config::ExistingFunction { function, tolerance } = &self.settings;
        let invoke = self.client.invoke().function_name(function).payload(Blob::new(question));
        let answered = invoke.send().await.map_err(|e| failed(WHO, function, &e))?;
        let payload = answered.payload().map(Blob::as_ref).unwrap_or_default();
        let invocation = Invocation { function, request_id: answered.request_id().unwrap_or_default() };
        if answered.function_error().is_some() {
            return Err(invocation.broken(payload));
        }
        Ok(invocation.read(&request.action.action_id, payload, *tolerance)?.into())
    }
}

/// An invocation whose result is read: where its function's log is to be looked at.
struct Invocation<'a> {
    function: &'a str,
    request_id: &'a str,
}

impl Invocation<'_> {
    /// The function ended with an error instead of an answer. Its message is left out: it may contain a user's text.
    fn broken(&self, payload: &[u8]) -> GenerationError {
        let error: Value = serde_json::from_slice(payload).unwrap_or_default();
        let name = error["errorType"].as_str().filter(|name| is_name(name)).unwrap_or("an error without a name");
        let message = error["errorMessage"].as_str().unwrap_or_default();
        self.log(name, &fields(message));
        // Lambda's error for a function that it stopped at its timeout; with some runtimes only in the message.
        if name == "Sandbox.Timedout" || message.contains("Task timed out after") {
            return GenerationError::transient(FailureCode::AiTimeout, format!("{WHO} took too long: {name}"));
        }
        self.failed(&format!("failed: {name}"))
    }

    /// The function answered that it has no tasks. Its `error` is left out for the same reason, but for a code and the names of
    /// fields.
    fn without_success(&self, answer: &Value) -> GenerationError {
        let error = &answer["error"];
        let code = ["code", "type", "name"].iter().find_map(|field| error[field].as_str()).filter(|code| is_name(code));
        let fields = fields(&error.to_string());
        self.log(code.unwrap_or("no success"), &fields);
        let about = code.map(ToOwned::to_owned).into_iter().chain(fields.iter().map(|field| format!("`{field}`")));
        let about: Vec<_> = about.collect();
        let about = if about.is_empty() { String::new() } else { format!(": {}", about.join(", ")) };
        self.failed(&format!("reports no success{about}"))
    }

    fn failed(&self, what: &str) -> GenerationError {
        let message = format!("{WHO} {what}; its log has more, by the request id {}", self.request_id);
        GenerationError::transient(FailureCode::AiUnavailable, message)
    }

    fn log(&self, code: &str, fields: &[&str]) {
        let (function, request_id) = (self.function, self.request_id);
        tracing::warn!(function, requestId = request_id, code, fields = fields.join(","), "{WHO} failed");
    }
}

/// The names of the payload's fields that stand in the text.
fn fields(text: &str) -> Vec<&'static str> {
    const FIELDS: [&str; 12] = [
        "actionContext",
        "actionId",
        "background",
        "constraints",
        "deadline",
        "description",
        "goalContext",
        "goalId",
        "subGoalDescription",
        "subGoalTitle",
        "title",
        "type",
    ];
    let words: Vec<_> = text.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    FIELDS.into_iter().filter(|field| words.contains(field)).collect()
}

impl Invocation<'_> {
    fn read(&self, action: &ActionId, payload: &[u8], tolerance: Tolerance) -> Result<Answer, GenerationError> {
        let payload: Value = serde_json::from_slice(payload).map_err(|_| unreadable(WHO))?;
        if let Some(status) = payload["statusCode"].as_u64().filter(|status| *status >= 400) {
            let fields = fields(&payload["body"].to_string());
            self.log(&status.to_string(), &fields);
            let status = u16::try_from(status).unwrap_or(500);
            return Err(by_status(WHO, status, &format!("(its log has more, by the request id {})", self.request_id)));
        }
        let (answer, repairs) = unwrapped(payload)?;
        match answer["status"].as_str() {
            Some(SUCCESS) => {}
            Some(_) => return Err(self.without_success(&answer)),
            None => return Err(unreadable(WHO)),
        }
        if answer["actionId"].as_str() != Some(action.as_str()) {
            return Err(unusable(format!("{WHO} answered for another action")));
        }
        let mut read = answer::from_value(answer, tolerance)?;
        read.repairs.extend(repairs);
        Ok(read)
    }
}

/// The answer itself: a handler behind a gateway returns it as the text of a body, others as a text.
fn unwrapped(answer: Value) -> Result<(Value, Option<Repair>), GenerationError> {
    let within = |text: &str| serde_json::from_str(text).map_err(|_| unreadable(WHO));
    match &answer {
        Value::String(text) => Ok((within(text)?, Some(Repair::TextForJson))),
        Value::Object(fields) if fields.contains_key("statusCode") && !fields.contains_key("status") => {
            match fields.get("body").unwrap_or(&Value::Null) {
                Value::String(body) if fields.get("isBase64Encoded") == Some(&Value::Bool(true)) => {
                    let body = base64::engine::general_purpose::STANDARD.decode(body).map_err(|_| unreadable(WHO))?;
                    Ok((serde_json::from_slice(&body).map_err(|_| unreadable(WHO))?, Some(Repair::Wrapper)))
                }
                Value::String(body) => Ok((within(body)?, Some(Repair::Wrapper))),
                body => Ok((body.clone(), Some(Repair::Wrapper))),
            }
        }
        _ => Ok((answer, None)),
    }
}
