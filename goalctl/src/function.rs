//! Functions of the stack, invoked with the AWS credentials of who runs the tool.

use std::time::Duration;

use anyhow::Result;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::operation::RequestId;
use aws_sdk_lambda::primitives::Blob;
use goal_activity_events::publisher::reason;
use serde_json::Value;

use crate::failure::{Failure, NO_ACCESS, NOT_DONE};
use crate::stack::Stack;

/// A function of the stack.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    client: Client,
    /// What it is, in messages.
    what: &'static str,
    pub(crate) name: String,
}

/// What a function answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Of the invocation: the function's log has it in every line.
    pub(crate) request_id: Option<String>,
    pub(crate) body: Value,
}

impl Function {
    /// The function, whose answer may take that long. An invocation is made once only: a second one could do it twice.
    pub(crate) fn new(stack: &Stack, what: &'static str, name: &str, time: Duration) -> Self {
        let timeouts =
            TimeoutConfig::builder().operation_attempt_timeout(time).operation_timeout(time).read_timeout(time);
        let config = Builder::from(&stack.sdk).timeout_config(timeouts.build()).retry_config(RetryConfig::disabled());
        Self { client: Client::from_conf(config.build()), what, name: name.to_owned() }
    }

    /// Invokes it. An error of its own is a failure with this advice.
    pub(crate) async fn invoke(&self, payload: &Value, advice: &str) -> Result<Answer> {
        let (what, name) = (self.what, &self.name);
        let payload = Blob::new(payload.to_string());
        let answered = self.client.invoke().function_name(name).payload(payload).send().await;
        let answered = answered.map_err(|error| {
            let title = format!("the {what} function {name} was not invoked");
            match error.code() {
                Some("AccessDeniedException" | "ResourceNotFoundException") => Failure {
                    exit: NO_ACCESS,
                    title,
                    detail: Some(reason(&error)),
                    advice: Some("you need lambda:InvokeFunction on it".to_owned()),
                    ..Failure::default()
                },
                _ => Failure::unavailable(title, reason(&error)),
            }
        })?;
        let request_id = answered.request_id().map(ToOwned::to_owned);
        let bytes = answered.payload().map(Blob::as_ref).unwrap_or_default();
        let body: Value = serde_json::from_slice(bytes).map_err(|error| {
            let title = format!("the {what} function {name} has not answered in JSON");
            Failure { exit: NOT_DONE, title, detail: Some(error.to_string()), ..Failure::default() }
        })?;
        if let Some(kind) = answered.function_error() {
            // Its type and message are the function's own.
            let said = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
            return Err(Failure {
                exit: NOT_DONE,
                title: format!("the {what} function {name} failed"),
                detail: Some(format!("{kind} error {}: {}", said("errorType"), said("errorMessage"))),
                advice: Some(advice.to_owned()),
                ..Failure::default()
            }
            .into());
        }
        Ok(Answer { request_id, body })
    }
}
