//! An endpoint for OpenAI's chat completions: OpenAI itself, gateways, and self-hosted servers (vLLM, llama.cpp,
//! Ollama, LM Studio). How each wants to be asked is a matter of settings ([`request`]); what each answers is read tolerantly
//! ([`response`]).
//!
//! It uses the HTTP client of the AWS SDK, which is in every function anyway: another one would be a second client in
//! each.

mod request;
mod response;

use std::sync::Arc;

use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use goal_activity_core::limits::AI_CALL;
use goal_activity_core::ports::{GenerateTasks, Generation, GenerationError, GenerationRequest};
use goal_activity_events::FailureCode;
use http_body_util::{BodyExt, Limited};

use super::Question;
use super::key::{ApiKey, Key};
use super::prompt::Prompt;
use super::refusal::Refusal;
use super::wire::{CONNECT, MAX_RESPONSE, too_slow, unreachable, unreadable};
use crate::adapters::aws::Connection;
use crate::runtime::config;

use response::Completion;

/// Its name in failures.
const WHO: &str = "the AI";

/// An OpenAI-compatible endpoint.
#[derive(Debug, Clone)]
pub struct OpenAi {
    http: SharedHttpConnector,
    key: Option<Arc<Key>>,
    settings: config::OpenAi,
    url: String,
    provider: String,
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
            url: request::url(&settings),
            provider: settings.base_url.to_string(),
            settings,
        }
    }

    /// What is sent for this request, without the key.
    pub(super) fn question(&self, request: &GenerationRequest<'_>) -> Question {
        Question::Completion { url: self.url.clone(), body: request::body(&self.settings, &Prompt::of(request)) }
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
        for (name, value) in &self.settings.extra_headers {
            request.headers_mut().try_insert(name.clone(), value.clone()).map_err(|_| not_asked())?;
        }
        if let Some(key) = key {
            let (name, value) = match &self.settings.key_header {
                Some(name) => (name.clone(), key.reveal().to_owned()),
                None => ("authorization".to_owned(), format!("Bearer {}", key.reveal())),
            };
            request.headers_mut().try_insert(name, value).map_err(|_| not_asked())?;
        }
        self.http.call(request).await.map_err(|error| match error.is_timeout() {
            true => too_slow(WHO),
            false => unreachable(WHO, if error.is_io() { "no connection" } else { "the connection broke off" }),
        })
    }

    async fn generate_in_time(&self, request: GenerationRequest<'_>) -> Result<Generation, GenerationError> {
        let response = self.ask(&request::body(&self.settings, &Prompt::of(&request)).to_string()).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = Limited::new(response.into_body(), MAX_RESPONSE).collect().await.map(|body| body.to_bytes());
        if !status.is_success() {
            // The status identifies an error, whether or not its body can be read.
            let refused = Refusal::read(status.as_u16(), &headers, &body.unwrap_or_default());
            return Err(refused.of(WHO, &self.provider));
        }
        let body = body.map_err(|_| unreadable(WHO))?;
        let completion = Completion::read(&body)?;
        let tokens = completion.tokens();
        if let Some(error) = completion.error() {
            let refused = Refusal::read(status.as_u16(), &headers, error.as_bytes());
            return Err(refused.of(WHO, &self.provider).with_tokens(tokens));
        }
        let config::OpenAi { sampling, token_limit, tolerance, .. } = &self.settings;
        let limit = token_limit.name().map(|_| sampling.max_tokens);
        let answer = completion.answer(limit, *tolerance).map_err(|e| e.with_tokens(tokens))?;
        Ok(Generation { tokens, ..answer.into() })
    }
}

impl GenerateTasks for OpenAi {
    async fn generate(&self, request: GenerationRequest<'_>) -> Result<Generation, GenerationError> {
        let answer = tokio::time::timeout(AI_CALL, self.generate_in_time(request)).await;
        answer.unwrap_or_else(|_| Err(too_slow(WHO)))
    }
}
