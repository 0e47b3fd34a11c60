//! Which deployed stack the tool works on, and the way there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_sqs::config::Credentials;
use aws_sdk_sqs::config::ProvideCredentials;
use aws_smithy_http_client::{Builder, tls};
use goal_activity_events::publisher::reason;
use serde::Deserialize;

use crate::cli::Target;

/// The name that the CDK app gives its stack unless it is told another.
const STACK: &str = "GoalActivity";
/// Where `cargo xtask` deploys to its emulator.
const LOCAL_REGION: &str = "us-east-1";

const ADVICE: &str = "
  For a stack on this machine: run `cargo xtask up`, and set GOAL_ACTIVITY_STACK to the stack.json that it names.
  For a stack on AWS: sign in (for example with `aws sso login`), and choose with --profile and --region.";

/// A deployed stack.
#[derive(Debug, Clone)]
pub(crate) struct Stack {
    /// What it is called, for people.
    pub(crate) label: String,
    /// The way to its services.
    pub(crate) sdk: SdkConfig,
    outputs: BTreeMap<String, String>,
}

/// What the `stack.json` of `cargo xtask` says of interest here.
#[derive(Debug, Deserialize)]
struct StackFile {
    endpoint: String,
    outputs: BTreeMap<String, String>,
}

impl Stack {
    /// The stack that the options name; without any, the one that the environment's stack file describes.
    pub(crate) async fn open(target: &Target, environment: Option<PathBuf>) -> Result<Self> {
        match stack_file(target, environment)? {
            Some(file) => Self::on_this_machine(&file).await,
            None => Self::on_aws(target).await,
        }
    }

    async fn on_this_machine(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}; is the stack up? `cargo xtask up` starts it", file.display()))?;
        let StackFile { endpoint, outputs } =
            serde_json::from_str(&text).with_context(|| format!("{} is not a stack file", file.display()))?;
        // Credentials that are good nowhere: somebody's real ones have no business in an emulator.
        let nobody = Credentials::new("test", "test", None, None, "stack file");
        let loader = loader().region(Region::new(LOCAL_REGION)).credentials_provider(nobody).endpoint_url(&endpoint);
        Ok(Self { label: format!("the stack at {endpoint}"), sdk: loader.load().await, outputs })
    }

    async fn on_aws(target: &Target) -> Result<Self> {
        let name = target.stack.as_deref().unwrap_or(STACK);
        let mut loader = loader();
        if let Some(profile) = &target.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &target.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let sdk = loader.load().await;
        let region = sdk.region().with_context(|| format!("no AWS region is set{ADVICE}"))?.clone();
        let credentials = sdk.credentials_provider().with_context(|| format!("no AWS credentials are set{ADVICE}"))?;
        if let Err(error) = credentials.provide_credentials().await {
            return Err(anyhow!("no AWS credentials: {:#}{ADVICE}", anyhow::Error::from(error)));
        }
        let outputs = outputs(&sdk, name).await?;
        Ok(Self { label: format!("stack {name} in {region}"), sdk, outputs })
    }

    /// An output of the stack.
    pub(crate) fn output(&self, name: &str) -> Result<&str> {
        let output = self.outputs.get(name).map(String::as_str);
        output.with_context(|| format!("{} has no output {name}: is it a goal activity pipeline?", self.label))
    }
}

/// What is said on the command line counts more than what the environment says.
fn stack_file(target: &Target, environment: Option<PathBuf>) -> Result<Option<PathBuf>> {
    let aws = target.stack.is_some() || target.profile.is_some() || target.region.is_some();
    // Not clap's `conflicts_with`: it does not see options that stand at different subcommands.
    ensure!(
        !aws || target.stack_file.is_none(),
        "--stack-file names a stack on this machine; --stack, --profile and --region name one on AWS"
    );
    Ok(target.stack_file.clone().or(environment.filter(|_| !aws)))
}

/// Calls are bounded, so that the tool says soon when something does not answer.
fn loader() -> ConfigLoader {
    let http = Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(10))
        .operation_timeout(Duration::from_secs(30))
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard())
}

async fn outputs(sdk: &SdkConfig, name: &str) -> Result<BTreeMap<String, String>> {
    let client = aws_sdk_cloudformation::Client::new(sdk);
    let answer = client.describe_stacks().stack_name(name).send().await;
    let answer = answer.map_err(|e| anyhow!("cannot describe stack {name}: {}", reason(&e)))?;
    let stack = answer.stacks().first().with_context(|| format!("there is no stack {name}"))?;
    let outputs = stack.outputs().iter();
    let outputs: BTreeMap<_, _> =
        outputs.filter_map(|o| Some((o.output_key()?.to_owned(), o.output_value()?.to_owned()))).collect();
    ensure!(!outputs.is_empty(), "stack {name} has no outputs: is its deployment finished?");
    Ok(outputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_for_aws_counts_more_than_the_environments_stack_file() {
        let environment = || Some(PathBuf::from("env.json"));
        let chosen = |target| stack_file(&target, environment()).unwrap();
        assert_eq!(chosen(Target::default()), environment());
        assert_eq!(chosen(Target { stack: Some("Other".into()), ..Target::default() }), None);
        assert_eq!(chosen(Target { profile: Some("ops".into()), ..Target::default() }), None);
        assert_eq!(chosen(Target { region: Some("eu-west-1".into()), ..Target::default() }), None);
        let named = Target { stack_file: Some("given.json".into()), ..Target::default() };
        assert_eq!(chosen(named), Some(PathBuf::from("given.json")));
        let both = Target { stack: Some("Other".into()), stack_file: Some("given.json".into()), ..Target::default() };
        assert!(stack_file(&both, None).is_err());
    }
}
