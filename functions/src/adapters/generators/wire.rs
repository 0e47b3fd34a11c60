//! Shared by the adapters that call over the network: limits, and the classification of failed calls.

use std::error::Error;
use std::time::Duration;

use aws_config::{Region, SdkConfig};
use aws_sdk_bedrockruntime::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_bedrockruntime::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_bedrockruntime::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;
use goal_activity_core::limits::AI_CALL;
use goal_activity_core::ports::GenerationError;
use goal_activity_events::FailureCode;
use goal_activity_events::publisher::reason;
use http_body_util::Limited;

use super::refusal::Refusal;

/// The timeout to connect to an AI. An early timeout loses nothing: the worker retries.
pub(super) const CONNECT: Duration = Duration::from_secs(3);

/// The maximum size of a response, in bytes: the largest valid answer, as a text within JSON, with all reasoning of a
/// model before it. A larger response must not fill the function's memory.
pub(super) const MAX_RESPONSE: usize = 1024 * 1024;

/// The SDK's settings for a client that calls an AI: it waits for an answer for up to [`AI_CALL`], and does not retry,
/// because the worker counts the attempts. The connections belong to the process.
pub(crate) fn patient(sdk: &SdkConfig) -> SdkConfig {
    use aws_config::retry::RetryConfig;
    use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
    use aws_config::timeout::TimeoutConfig;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .read_timeout(AI_CALL)
        .operation_attempt_timeout(AI_CALL)
        .operation_timeout(AI_CALL)
        .build();
    sdk.to_builder()
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        // A model may send nothing for any time within its limit.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}

/// The region in which what has this name or ARN is called: the ARN's, otherwise that of the SDK.
pub(super) fn region_of(name: &str, sdk: &SdkConfig) -> Option<Region> {
    let region = name.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(2)).filter(|region| !region.is_empty());
    region.map(|region| Region::new(region.to_owned())).or_else(|| sdk.region().cloned())
}

/// Limits the response of an SDK call to [`MAX_RESPONSE`].
#[derive(Debug)]
pub(super) struct Bounded;

impl Intercept for Bounded {
    fn name(&self) -> &'static str {
        "Bounded"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().take_body();
        *context.response_mut().body_mut() = SdkBody::from_body_1_x(Limited::new(body, MAX_RESPONSE));
        Ok(())
    }
}

/// Classifies a failed call of an AWS service. `who` names the callee, as in `the model`; `provider` is the model or function.
pub(super) fn failed<E>(who: &str, provider: &str, error: &SdkError<E, HttpResponse>) -> GenerationError
where
    E: Error + ProvideErrorMetadata + 'static,
{
    match error {
        SdkError::TimeoutError(_) => too_slow(who),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => too_slow(who),
        SdkError::DispatchFailure(_) => unreachable(who, &reason(error)),
        SdkError::ResponseError(_) => unreadable(who),
        // The SDK could not parse a response, and reports that as an error of the service.
        SdkError::ServiceError(answer) if answer.raw().status().is_success() => unreadable(who),
        SdkError::ServiceError(refusal) => {
            let (name, response) = (refusal.err().code().unwrap_or("an error without a name"), refusal.raw());
            let body = response.body().bytes().unwrap_or_default();
            let named = Refusal::read(response.status().as_u16(), response.headers(), body);
            let refused = Refusal { code: name.to_owned(), ..named };
            if let Some(reason) = why_denied(name, error) {
                // AWS's message names the principal and the action, or what does not exist: names of the deployment,
                // for its operators only.
                tracing::error!(code = name, reason, "{who} is not to be had");
            }
            refused.of(who, provider)
        }
        _ => GenerationError::permanent(FailureCode::AiRejected, format!("{who} could not be asked")),
    }
}

/// Why AWS denied access. The messages of other refusals are left out: they may repeat what was sent.
fn why_denied<E>(code: &str, error: &SdkError<E, HttpResponse>) -> Option<String>
where
    E: Error + ProvideErrorMetadata + 'static,
{
    ["AccessDeniedException", "ResourceNotFoundException"].contains(&code).then(|| reason(error))
}

pub(super) fn too_slow(who: &str) -> GenerationError {
    GenerationError::transient(FailureCode::AiTimeout, format!("{who} did not answer in time"))
}

pub(super) fn unreachable(who: &str, why: &str) -> GenerationError {
    GenerationError::transient(FailureCode::AiUnavailable, format!("{who} could not be reached: {why}"))
}

pub(super) fn unreadable(who: &str) -> GenerationError {
    let message = format!("the answer of {who} broke off, is too long or is not in the form of its protocol");
    GenerationError::transient(FailureCode::AiInvalidAnswer, message)
}

/// An answer that was received, but contains no tasks.
pub(super) fn unusable(message: impl Into<String>) -> GenerationError {
    GenerationError::transient(FailureCode::AiInvalidAnswer, message)
}

/// The model declines this request. A retry would not change that.
pub(super) fn declined(who: &str) -> GenerationError {
    GenerationError::permanent(FailureCode::AiRejected, format!("{who} declines to answer"))
}

/// The answer was cut off after so many tokens, if they are counted. The same request would be cut again.
pub(super) fn cut_off(written: u64, limit: Option<u32>) -> GenerationError {
    let message = match limit {
        // A thirtieth less: some servers do not count all that they limit.
        Some(limit) if written > 0 && written < u64::from(limit) - u64::from(limit) / 30 => format!(
            "the answer was cut off after {written} tokens, below the limit of {limit} (the setting aiMaxTokens): the model's \
             context is full, or its server has a limit of its own"
        ),
        Some(limit) => format!("the answer reached the limit of {limit} tokens (the setting aiMaxTokens)"),
        None => "the answer reached the server's limit of tokens, or the model's context is full".to_owned(),
    };
    GenerationError::permanent(FailureCode::AiInvalidAnswer, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_config::BehaviorVersion;
    use aws_config::timeout::TimeoutConfig;
    use aws_sdk_bedrockruntime::Client;
    use aws_sdk_bedrockruntime::config::{Credentials, SharedCredentialsProvider};
    use goal_activity_adapters::aws::http;
    use goal_activity_testkit::stub::{Response, Stub};

    #[tokio::test]
    async fn clients_that_wait_for_an_ai_have_a_connection_of_their_own() {
        let services = Stub::answering(Response::new(200, "{}")).await;
        let credentials = Credentials::new("test", "test", None, None, "test");
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .region(aws_config::Region::new("us-east-1"))
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).build())
            .endpoint_url(services.url())
            .build();
        for (config, connections) in [(sdk.clone(), 1), (sdk.clone(), 1), (patient(&sdk), 2)] {
            let asked = Client::new(&config).invoke_model().model_id("m").body(Vec::new().into()).send().await;
            assert!(asked.is_ok() && services.connections() == connections, "{asked:?}");
        }
    }
}
