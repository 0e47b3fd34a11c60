//! The deployed stack that the tool works on, and the clients' configuration for it.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudformation::operation::get_template::GetTemplateError;
use aws_sdk_sqs::config::Credentials;
use aws_sdk_sqs::config::ProvideCredentials;
use goal_activity_adapters::aws::TableNames;
use goal_activity_adapters::aws::{Connection, Tables};
use goal_activity_client::StackFile;
use goal_activity_events::publisher::reason;

use crate::failure::Failure;
use crate::http::{aws_client, is_on_this_machine};
use crate::place::Place;
use crate::text::printable;

/// The default name of the CDK app's stack.
const STACK: &str = "goal-activity";
/// The region to which `cargo xtask` deploys on its emulator.
const LOCAL_REGION: &str = "us-east-1";

const ADVICE: &str = "
  For a stack on this machine: run `cargo xtask up`.
  For a stack on AWS: sign in (for example with `aws sso login`), and choose with --profile and --region.";

const NO_STACK: &str = "name the stack with --stack (and --profile and --region), or --stack-file, instead of the URL";
const TWO_NAMES: &str =
    "name the stack alone: --stack or --stack-file without a URL, also in the environment and the profile file";

const NOT_MINE: &str = "it was found, not named: if it describes your stack, name it with --stack-file or GOAL_ACTIVITY_STACK; else name \
     another deployment, or remove it";

/// A deployed stack.
#[derive(Debug, Clone)]
pub(crate) struct Stack {
    /// Its name in messages, without control characters.
    pub(crate) label: String,
    /// Its name in `CloudFormation`. That of a stack on this machine is the default one.
    pub(crate) name: String,
    /// The SDK configuration for its services.
    pub(crate) sdk: SdkConfig,
    /// Its HTTP API.
    api_url: Option<String>,
    outputs: BTreeMap<String, String>,
}

/// Reads the stack file of a deployment; `None` if it has none.
pub(crate) fn stack_file(place: &Place) -> Result<Option<StackFile>> {
    let Some(path) = &place.stack_file else { return Ok(None) };
    let read = || -> std::io::Result<_> {
        let (mut file, mut text) = (File::open(path)?, String::new());
        file.read_to_string(&mut text)?;
        // Of the opened file: another may have its name by now.
        Ok((file.metadata()?, text))
    };
    let (metadata, text) = read()
        .with_context(|| format!("cannot read {}; is the stack up? `cargo xtask up` starts it", path.display()))?;
    let distrusted = |why: &str| Failure::usage(format!("{} is not used: {why}", path.display()), NOT_MINE);
    if let Some(why) = alien(&metadata).filter(|_| place.is_found) {
        return Err(distrusted(why).into());
    }
    let file = StackFile::parse(&text).with_context(|| format!("cannot use {}", path.display()))?;
    let urls = [Some(file.endpoint.as_str()), file.api_url().ok()].into_iter().flatten();
    let remote = urls.filter(|_| place.is_found).find(|url| !is_on_this_machine(url));
    if let Some(url) = remote {
        return Err(distrusted(&format!("{url} is not on this machine")).into());
    }
    Ok(Some(file))
}

/// Returns the reason why others may have written a file.
#[cfg(unix)]
fn alien(file: &Metadata) -> Option<&'static str> {
    use std::os::unix::fs::MetadataExt;
    written_by_others(file.uid(), file.mode(), nix::unistd::geteuid().as_raw())
}

#[cfg(not(unix))]
fn alien(_: &Metadata) -> Option<&'static str> {
    None
}

#[cfg(unix)]
fn written_by_others(owner: u32, mode: u32, user: u32) -> Option<&'static str> {
    match (owner == user, mode & 0o022) {
        (false, _) => Some("it belongs to another user"),
        (true, 0) => None,
        (true, _) => Some("others can write to it"),
    }
}

impl Stack {
    /// Returns the tables of the stack.
    pub(crate) fn tables(&self) -> Result<Tables> {
        let name = |output| self.output(output).map(str::to_owned);
        let (goals, tasks) = (name("GoalsTableName")?, name("TasksTableName")?);
        let names = TableNames { goals, tasks, executions: name("ExecutionsTableName")? };
        Ok(Tables::new(&Connection::from(self.sdk.clone()), names))
    }

    /// Opens the stack of a deployment. If nothing is named, opens the default stack on AWS with the configuration of AWS's
    /// tools. A URL names no stack: the default one may be another deployment.
    pub(crate) async fn open(place: &Place) -> Result<Self> {
        let Some(url) = &place.url else { return Self::named(place).await };
        if place.stack.is_none() && place.stack_file.is_none() {
            return Err(
                Failure::usage(format!("the URL {url} names no stack, which this command works on"), NO_STACK).into()
            );
        }
        let stack = Self::named(place).await?;
        let api = stack.api_url.as_deref().unwrap_or("a URL that it does not say");
        if !is_same(url, api) {
            let title = format!("two deployments are named: the API of {} is at {api}, and not at {url}", stack.label);
            return Err(Failure::usage(title, TWO_NAMES).into());
        }
        Ok(stack)
    }

    /// Opens the stack that signs users in, at whatever URL they use its API: it may have a domain of its own.
    pub(crate) async fn open_to_sign_in(place: &Place) -> Result<Self> {
        Self::named(place).await
    }

    async fn named(place: &Place) -> Result<Self> {
        match stack_file(place)? {
            Some(file) => Self::on_this_machine(file).await,
            None => Self::on_aws(place).await,
        }
    }

    async fn on_this_machine(file: StackFile) -> Result<Self> {
        let (label, name) = (format!("the stack at {}", printable(&file.endpoint)), STACK.to_owned());
        let api_url = file.api_url().or_else(|_| file.output("ApiUrl")).ok().map(str::to_owned);
        Ok(Self { label, name, sdk: emulated(&file.endpoint).await, api_url, outputs: file.outputs })
    }

    async fn on_aws(place: &Place) -> Result<Self> {
        let name = place.stack.as_deref().unwrap_or(STACK);
        let sdk = aws(place).await?;
        let region = sdk.region().map(ToString::to_string).unwrap_or_default();
        let outputs = outputs(&sdk, name).await?;
        let (label, api_url) = (printable(&format!("stack {name} in {region}")), outputs.get("ApiUrl").cloned());
        Ok(Self { label, name: name.to_owned(), sdk, api_url, outputs })
    }

    /// Returns the text of the template that the stack was deployed with.
    pub(crate) async fn template(&self) -> Result<String, SdkError<GetTemplateError>> {
        let cloudformation = aws_sdk_cloudformation::Client::new(&self.sdk);
        let answer = cloudformation.get_template().stack_name(&self.name).send().await?;
        Ok(answer.template_body.unwrap_or_default())
    }

    /// Returns the URL of its HTTP API, without `/api`.
    pub(crate) fn api_url(&self) -> Option<&str> {
        self.api_url.as_deref()
    }

    /// Returns an output of the stack that not every deployment has.
    pub(crate) fn find_output(&self, name: &str) -> Option<&str> {
        self.outputs.get(name).map(String::as_str)
    }

    /// Returns an output of the stack.
    pub(crate) fn output(&self, name: &str) -> Result<&str> {
        let output = self.outputs.get(name).map(String::as_str);
        output.with_context(|| format!("{} has no output {name}: is it a goal activity pipeline?", self.label))
    }
}

/// Returns the configuration of AWS's clients for what a place names, whether a stack is there or not.
pub(crate) async fn services(place: &Place) -> Result<SdkConfig> {
    match stack_file(place)? {
        Some(file) => Ok(emulated(&file.endpoint).await),
        None => aws(place).await,
    }
}

async fn emulated(endpoint: &str) -> SdkConfig {
    // Placeholder credentials: real ones must not be sent to an emulator.
    let placeholder = Credentials::new("test", "test", None, None, "stack file");
    let loader = loader().region(Region::new(LOCAL_REGION)).credentials_provider(placeholder).endpoint_url(endpoint);
    loader.load().await
}

async fn aws(place: &Place) -> Result<SdkConfig> {
    let mut loader = loader();
    if let Some(profile) = &place.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &place.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let sdk = loader.load().await;
    sdk.region().with_context(|| format!("no AWS region is set{ADVICE}"))?;
    let credentials = sdk.credentials_provider().with_context(|| format!("no AWS credentials are set{ADVICE}"))?;
    if let Err(error) = credentials.provide_credentials().await {
        return Err(anyhow!("no AWS credentials: {:#}{ADVICE}", anyhow::Error::from(error)));
    }
    Ok(sdk)
}

/// Returns `true` if two URLs are those of one API.
fn is_same(url: &str, other: &str) -> bool {
    url.trim_end_matches('/').eq_ignore_ascii_case(other.trim_end_matches('/'))
}

/// Returns a loader with bounded timeouts, so that the tool soon reports a service that does not respond.
fn loader() -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(10))
        .operation_timeout(Duration::from_secs(30))
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(aws_client())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard())
}

async fn outputs(sdk: &SdkConfig, name: &str) -> Result<BTreeMap<String, String>> {
    let client = aws_sdk_cloudformation::Client::new(sdk);
    let answer = client.describe_stacks().stack_name(name).send().await;
    let answer = answer.map_err(|e| {
        let region = sdk.region().map_or("no region", Region::as_ref);
        // What CloudFormation says of a stack that is not there.
        let is_absent = e.code() == Some("ValidationError");
        let advice = if is_absent { "; choose another with --stack, --region and --profile" } else { "" };
        anyhow!("cannot describe stack {name} in {region}: {}{advice}", reason(&e))
    })?;
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
    use goal_activity_testkit::stub::{Response, Stub};

    #[tokio::test]
    async fn a_stack_that_is_not_there_may_have_another_name_region_or_account() {
        let absent = "<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack with id nope does not \
                      exist</Message></Error></ErrorResponse>";
        let aws = Stub::answering(Response::new(400, absent).header("content-type", "text/xml")).await;
        let error = outputs(&emulated(&aws.url()).await, "nope").await.unwrap_err().to_string();
        assert!(error.contains("stack nope in us-east-1: ") && error.contains("does not exist"), "{error}");
        assert!(error.ends_with("choose another with --stack, --region and --profile"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_write_is_not_the_users_own() {
        assert_eq!(written_by_others(7, 0o100_644, 7), None);
        assert_eq!(written_by_others(7, 0o100_600, 0), Some("it belongs to another user"));
        for mode in [0o100_664, 0o100_646] {
            assert_eq!(written_by_others(7, mode, 7), Some("others can write to it"));
        }
    }
}
