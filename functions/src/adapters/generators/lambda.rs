//! An existing Lambda function: the goal app's own task generation. It has its own prompt and model, so `prompt` is not
//! used here.
//!
//! It is invoked for one action at a time, with `{actionId, goalContext, actionContext}`, and returns `{actionId,
//! tasks, status, error?}`.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::primitives::Blob;
use goal_activity_core::answer;
use goal_activity_core::goal::ActionKind;
use goal_activity_core::ports::{GenerateTasks, Generation, GenerationError, GenerationRequest};
use goal_activity_core::task::TaskDrafts;
use goal_activity_events::{ActionId, FailureCode};
use serde::Serialize;
use serde_json::Value;

use super::wire::{Bounded, failed, patient, unreadable, unusable};
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
    function: String,
}

impl ExistingFunction {
    /// Creates the function that the settings name.
    pub fn new(aws: &Connection, settings: config::ExistingFunction) -> Self {
        let config = Builder::from(&patient(aws.sdk())).interceptor(Bounded);
        Self { client: Client::from_conf(config.build()), function: settings.function }
    }
}

/// The payload of an invocation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Question<'a> {
    action_id: &'a ActionId,
    goal_context: GoalContext<'a>,
    action_context: ActionContext<'a>,
}

#[derive(Serialize)]
struct GoalContext<'a> {
    title: &'a str,
    description: &'a str,
    /// `null` if the user has set none.
    deadline: Option<&'a str>,
}

#[derive(Serialize)]
struct ActionContext<'a> {
    title: &'a str,
    description: &'a str,
    #[serde(rename = "type")]
    kind: ActionKind,
}

impl GenerateTasks for ExistingFunction {
    async fn generate(&self, request: GenerationRequest<'_>) -> Result<Generation, GenerationError> {
        let GenerationRequest { goal, action, .. } = request;
        let question = Question {
            action_id: &action.action_id,
            goal_context: GoalContext {
                title: &goal.title,
                description: &goal.description,
                deadline: goal.deadline.as_deref(),
            },
            action_context: ActionContext { title: &action.title, description: &action.description, kind: action.kind },
        };
        let question = serde_json::to_vec(&question).map_err(|e| {
            GenerationError::permanent(FailureCode::AiRejected, format!("{WHO} could not be asked: {e}"))
        })?;
        let invoke = self.client.invoke().function_name(&self.function).payload(Blob::new(question));
        let answered = invoke.send().await.map_err(|e| failed(WHO, &e))?;
        let payload = answered.payload().map(Blob::as_ref).unwrap_or_default();
        if answered.function_error().is_some() {
            return Err(broken(payload));
        }
        Ok(drafts(&action.action_id, payload)?.into())
    }
}

/// The function ended with an error instead of an answer. Its message is left out: it may contain a user's text.
fn broken(payload: &[u8]) -> GenerationError {
    let error: Value = serde_json::from_slice(payload).unwrap_or_default();
    let name = error["errorType"].as_str().filter(|name| is_name(name)).unwrap_or("an error without a name");
    // Lambda's error for a function that it stopped at its timeout; with some runtimes only in the message.
    let message = error["errorMessage"].as_str().unwrap_or_default();
    if name == "Sandbox.Timedout" || message.contains("Task timed out after") {
        return GenerationError::transient(FailureCode::AiTimeout, format!("{WHO} took too long: {name}"));
    }
    GenerationError::transient(FailureCode::AiUnavailable, format!("{WHO} failed: {name}"))
}

fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && !text.contains(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_')
}

fn drafts(action: &ActionId, payload: &[u8]) -> Result<TaskDrafts, GenerationError> {
    let answer: Value = serde_json::from_slice(payload).map_err(|_| unreadable(WHO))?;
    match answer["status"].as_str() {
        Some(SUCCESS) => {}
        Some(_) => {
            // Its `error` is left out for the same reason.
            let message = format!("{WHO} reports no success");
            return Err(GenerationError::transient(FailureCode::AiUnavailable, message));
        }
        None => return Err(unreadable(WHO)),
    }
    if answer["actionId"].as_str() != Some(action.as_str()) {
        return Err(unusable(format!("{WHO} answered for another action")));
    }
    Ok(answer::from_value(&answer)?)
}
