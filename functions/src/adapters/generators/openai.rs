//! An endpoint for OpenAI's chat completions: OpenAI itself, gateways, and self-hosted servers (vLLM, llama.cpp,
//! Ollama, LM Studio). The form of the answer is requested as a JSON schema (`response_format`, strict).
//!
//! It uses the HTTP client of the AWS SDK, which is in every function anyway: another one would be a second client in
//! each.

use std::sync::Arc;

use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use goal_activity_core::answer;
use goal_activity_core::limits::AI_CALL;
use goal_activity_core::ports::{GenerateTasks, Generation, GenerationError, GenerationRequest, Tokens};
use goal_activity_core::task::TaskDrafts;
use goal_activity_events::FailureCode;
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;
use serde_json::{Value, json};

use super::key::{ApiKey, Key};
use super::prompt::Prompt;
use super::wire::{
    CONNECT, MAX_RESPONSE, by_status, declined, retry_after, too_slow, unreachable, unreadable, unusable,
};
use crate::adapters::aws::Connection;
use crate::runtime::config;

/// Its name in failures.
const WHO: &str = "the AI";
/// The name of the answer's schema.
const SCHEMA: &str = "tasks";

/// An OpenAI-compatible endpoint.
#[derive(Debug, Clone)]
pub struct OpenAi {
    http: SharedHttpConnector,
    key: Option<Arc<Key>>,
    settings: config::OpenAi,
    url: String,
}

impl OpenAi {
    /// Creates the endpoint that the settings name.
    pub fn new(aws: &Connection, settings: config::OpenAi) -> Self {
        let timeouts = HttpConnectorSettings::builder().connect_timeout(CONNECT).read_timeout(AI_CALL).build();
        let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        let http = Connector::builder().connector_settings(timeouts).tls_provider(ring).build();
        Self {
            http: SharedHttpConnector::new(http),
            key: settings.key.clone().map(|source| Arc::new(Key::new(aws, source))),
            url: format!("{}/chat/completions", settings.base_url),
            settings,
        }
    }

    fn body(&self, prompt: &Prompt) -> Value {
        let config::OpenAi { model, sampling, token_limit, .. } = &self.settings;
        let mut body = json!({
            "model": model,
            "messages": [
                { "role": "system", "content": prompt.system },
                { "role": "user", "content": prompt.user },
            ],
            "response_format": {
                "type": "json_schema",
                "json_schema": { "name": SCHEMA, "strict": true, "schema": answer::schema() },
            },
            token_limit.name(): sampling.max_tokens,
        });
        if let Some(temperature) = sampling.temperature {
            body["temperature"] = decimal(temperature);
        }
        body
    }

    /// Calls with the known key, and once more with the new one if it has been changed: a replaced key uses no
    /// additional attempt.
    async fn ask(&self, body: &str) -> Result<HttpResponse, GenerationError> {
        let Some(key) = &self.key else { return self.send(body, None).await };
        let known = key.get().await?;
        let response = self.send(body, Some(&known)).await?;
        if response.status().as_u16() != 401 {
            return Ok(response);
        }
        match key.after(&known).await? {
            Some(new) => self.send(body, Some(&new)).await,
            None => Ok(response),
        }
    }

    async fn send(&self, body: &str, key: Option<&ApiKey>) -> Result<HttpResponse, GenerationError> {
        let not_asked = || GenerationError::permanent(FailureCode::AiRejected, format!("{WHO} could not be asked"));
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST").map_err(|_| not_asked())?;
        request.set_uri(self.url.as_str()).map_err(|_| not_asked())?;
        request.headers_mut().insert("content-type", "application/json");
        request.headers_mut().insert("user-agent", concat!("goal-activity/", env!("CARGO_PKG_VERSION")));
        if let Some(key) = key {
            let bearer = format!("Bearer {}", key.reveal());
            request.headers_mut().try_insert("authorization", bearer).map_err(|_| not_asked())?;
        }
        self.http.call(request).await.map_err(|error| match error.is_timeout() {
            true => too_slow(WHO),
            false => unreachable(WHO, if error.is_io() { "no connection" } else { "the connection broke off" }),
        })
    }

    async fn generate_in_time(&self, request: GenerationRequest<'_>) -> Result<Generation, GenerationError> {
        let response = self.ask(&self.body(&Prompt::of(&request)).to_string()).await?;
        let (status, wait) = (response.status(), retry_after(response.headers()));
        let body = Limited::new(response.into_body(), MAX_RESPONSE).collect().await.map(|body| body.to_bytes());
        if !status.is_success() {
            // The status identifies an error, whether or not its body can be read.
            let refused = refused(status.as_u16(), &body.unwrap_or_default());
            return Err(GenerationError { retry_after: wait, ..refused });
        }
        let body = body.map_err(|_| unreadable(WHO))?;
        let completion: Completion = serde_json::from_slice(&body).map_err(|_| unreadable(WHO))?;
        let tokens = completion.usage.map(Tokens::from).unwrap_or_default();
        let drafts = drafts(completion.choices).map_err(|e| e.with_tokens(tokens))?;
        Ok(Generation { tokens, ..drafts.into() })
    }
}

impl GenerateTasks for OpenAi {
    async fn generate(&self, request: GenerationRequest<'_>) -> Result<Generation, GenerationError> {
        let answer = tokio::time::timeout(AI_CALL, self.generate_in_time(request)).await;
        answer.unwrap_or_else(|_| Err(too_slow(WHO)))
    }
}

/// A number as it was written: 0.3, not 0.30000001192092896, the nearest value in the other precision.
fn decimal(number: f32) -> Value {
    number.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

/// The fields of a completion that are used here.
#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

impl From<Usage> for Tokens {
    fn from(usage: Usage) -> Self {
        Self { input: usage.prompt_tokens, output: usage.completion_tokens }
    }
}

fn drafts(choices: Vec<Choice>) -> Result<TaskDrafts, GenerationError> {
    let none = || unusable(format!("{WHO} gave no answer"));
    let Choice { message, finish_reason } = choices.into_iter().next().ok_or_else(none)?;
    match finish_reason.as_deref() {
        Some("length") => return Err(unusable("the answer reached the limit of tokens")),
        Some("content_filter") => return Err(declined(WHO)),
        // For any other finish reason, the answer itself shows whether it is valid.
        _ => {}
    }
    if message.refusal.is_some_and(|refusal| !refusal.is_empty()) {
        return Err(declined(WHO));
    }
    let text = message.content.filter(|text| !text.trim().is_empty()).ok_or_else(none)?;
    Ok(answer::parse(&text)?)
}

/// Classifies an error. Its message is left out: it may repeat what was sent, and parts of an invalid key.
fn refused(status: u16, body: &[u8]) -> GenerationError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let name = |field: &str| body["error"][field].as_str().filter(|name| is_name(name)).map(ToOwned::to_owned);
    let code = name("code").or_else(|| name("type")).unwrap_or_default();
    if code == "insufficient_quota" {
        // Also a 429, but waiting does not restore the quota.
        return GenerationError::permanent(
            FailureCode::AiRejected,
            format!("{WHO} refuses the request: {status} {code}"),
        );
    }
    by_status(WHO, status, &code)
}

/// Returns `true` if it is the name of an error, and not a sentence or anything else.
fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}
