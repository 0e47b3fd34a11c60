//! Asks by the worker's rules, with its AIs.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_bedrockruntime::config::{Credentials, SharedCredentialsProvider};
use goal_activity_core::ports::GenerateTasks;
use goal_activity_core::trial::{Subject, Trial};
use goal_activity_functions::adapters::aws::http;
use goal_activity_functions::adapters::generators::Chain;
use goal_activity_functions::handlers::worker::PriceList;
use goal_activity_functions::handlers::worker::attempts::ALL_TIME;
use goal_activity_functions::handlers::worker::trial::try_action;
use goal_activity_functions::runtime::config::{Chosen, GeneratorKind, Generators};
use goal_activity_testkit::stub::{Response, Stub};
use serde_json::json;

use crate::{KEY, Wrong, key};

/// The AIs, as the worker has them.
pub(crate) struct Ai {
    chain: Chain,
    prices: PriceList,
    /// Gives the key out, if it is not in AWS.
    _keeper: Option<Stub>,
}

impl Ai {
    /// Connects to AWS only where the generators need it: by the SDK's usual chain of environment, profile and so on.
    pub(crate) async fn new(generators: Generators) -> Result<Self, Wrong> {
        let prices = PriceList::from(&generators);
        let (aws, keeper) = match key() {
            Some(key) => {
                keyed(&generators)?;
                let keeper = keeper(key).await;
                (elsewhere(Some(keeper.url())), Some(keeper))
            }
            None if needs_aws(&generators) => (configured().await?, None),
            None => (elsewhere(None), None),
        };
        Ok(Self { chain: Chain::new(&aws.into(), generators), prices, _keeper: keeper })
    }

    /// The names of the first and, if there is one, the second AI.
    pub(crate) fn names(&self) -> (String, Option<String>) {
        let name = |fallback| self.chain.name(fallback).unwrap_or_default();
        (name(false), self.chain.has_fallback().then(|| name(true)))
    }

    /// Asks for the tasks of an action, as a batch that has all its time.
    pub(crate) async fn ask(&self, subject: &Subject) -> Trial {
        try_action(&self.chain, self.prices, subject, ALL_TIME).await
    }
}

fn all(generators: &Generators) -> impl Iterator<Item = &GeneratorKind> {
    [Some(&generators.first), generators.fallback.as_ref()].into_iter().flatten().map(|Chosen { kind, .. }| kind)
}

fn needs_aws(generators: &Generators) -> bool {
    all(generators).any(|kind| match kind {
        GeneratorKind::Offline => false,
        GeneratorKind::Bedrock(_) | GeneratorKind::Lambda(_) => true,
        GeneratorKind::OpenAi(endpoint) => endpoint.key.is_some(),
    })
}

/// A key in the environment is that of one endpoint: it must not reach another one.
fn keyed(generators: &Generators) -> Result<(), Wrong> {
    match (&generators.first.kind, &generators.fallback) {
        (GeneratorKind::OpenAi(endpoint), None | Some(Chosen { kind: GeneratorKind::Offline, .. })) => {
            if endpoint.key.is_some() {
                return Ok(());
            }
            Err(format!("{KEY} is set, and the generator has no key").into())
        }
        (GeneratorKind::OpenAi(_), Some(_)) => {
            Err(format!("{KEY} is set: leave the fallback out, or check it as the generator").into())
        }
        _ => Err(format!("{KEY} is set, and the generator is no OpenAI-compatible endpoint").into()),
    }
}

/// Secrets Manager and Systems Manager with that key as the value of everything.
async fn keeper(key: String) -> Stub {
    let kept = json!({ "ARN": "", "Name": "", "SecretString": key, "Parameter": { "Name": "", "Value": key } });
    Stub::answering(Response::new(200, kept).header("content-type", "application/x-amz-json-1.1")).await
}

/// AWS at that address, or nowhere.
fn elsewhere(url: Option<String>) -> SdkConfig {
    let credentials = Credentials::new("none", "none", None, None, "none");
    let mut sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .region(Region::new("us-east-1"));
    sdk.set_endpoint_url(url);
    sdk.build()
}

async fn configured() -> Result<SdkConfig, Wrong> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(10))
        .operation_timeout(Duration::from_secs(30))
        .build();
    let sdk = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard());
    let sdk = sdk.load().await;
    if sdk.region().is_none() {
        return Err("AWS has no region: set AWS_REGION, or AWS_PROFILE to a profile with one".into());
    }
    Ok(sdk)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generators(variables: &[(&str, &str)]) -> Generators {
        Generators::from_variables(variables).unwrap()
    }

    const ENDPOINT: [(&str, &str); 3] =
        [("GENERATOR", "openai"), ("OPENAI_BASE_URL", "https://ai.example/v1"), ("OPENAI_MODEL", "m")];
    const SECRET: (&str, &str) = ("OPENAI_KEY_SECRET", "arn:aws:secretsmanager:us-east-1:1:secret:ai-AbCdEf");

    #[test]
    fn aws_is_needed_for_its_ais_and_for_keys() {
        assert!(!needs_aws(&generators(&[("GENERATOR", "offline")])));
        assert!(!needs_aws(&generators(&ENDPOINT)));
        assert!(needs_aws(&generators(&[ENDPOINT.as_slice(), &[SECRET]].concat())));
        assert!(needs_aws(&generators(&[("GENERATOR", "lambda"), ("GENERATOR_FUNCTION", "f")])));
        let fallback = [("FALLBACK_GENERATOR", "bedrock"), ("FALLBACK_BEDROCK_MODEL", "m")];
        assert!(needs_aws(&generators(&[[("GENERATOR", "offline")].as_slice(), &fallback].concat())));
    }

    #[test]
    fn a_key_from_the_environment_reaches_one_endpoint_only() {
        let keyed = |more: &[(&str, &str)]| super::keyed(&generators(&[ENDPOINT.as_slice(), more].concat()));
        assert!(keyed(&[SECRET]).is_ok());
        assert!(keyed(&[SECRET, ("FALLBACK_GENERATOR", "offline")]).is_ok());
        assert!(keyed(&[]).is_err());
        let second = [
            ("FALLBACK_GENERATOR", "openai"),
            ("FALLBACK_OPENAI_BASE_URL", "https://other.example/v1"),
            ("FALLBACK_OPENAI_MODEL", "m"),
            ("FALLBACK_OPENAI_KEY_SECRET", SECRET.1),
        ];
        assert!(keyed(&[[SECRET].as_slice(), &second].concat()).unwrap_err().to_string().contains("fallback"));
        assert!(super::keyed(&generators(&[("GENERATOR", "offline")])).is_err());
    }
}
