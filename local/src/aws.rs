//! Requests to the emulator in AWS's JSON protocols, as the account's root, whose signature it does not check.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use ureq::Agent;

/// A function that is invoked may take as long as its timeout.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The region of the deployment.
pub const REGION: &str = "us-east-1";

/// An AWS service.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "the names of AWS")]
pub enum Service {
    CloudTrail,
    Cognito,
    DynamoDb,
    EventBridge,
    Logs,
    Sqs,
    StepFunctions,
}

impl Service {
    /// Its name in a signature, the prefix of an operation in `X-Amz-Target`, and its version of the protocol.
    fn protocol(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::CloudTrail => ("cloudtrail", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101", "1.1"),
            Self::Cognito => ("cognito-idp", "AWSCognitoIdentityProviderService", "1.1"),
            Self::DynamoDb => ("dynamodb", "DynamoDB_20120810", "1.0"),
            Self::EventBridge => ("events", "AWSEvents", "1.1"),
            Self::Logs => ("logs", "Logs_20140328", "1.1"),
            Self::Sqs => ("sqs", "AmazonSQS", "1.0"),
            Self::StepFunctions => ("states", "AWSStepFunctions", "1.0"),
        }
    }
}

/// The emulator as AWS.
#[derive(Debug, Clone)]
pub struct Aws {
    endpoint: String,
    agent: Agent,
}

impl Aws {
    /// Creates a client of the emulator at that endpoint.
    pub fn at(endpoint: &str) -> Self {
        Self { endpoint: endpoint.to_owned(), agent: agent() }
    }

    /// Calls an operation.
    pub fn call(&self, service: Service, operation: &str, body: &Value) -> Result<Value> {
        let (name, target, version) = service.protocol();
        let request = self
            .agent
            .post(&self.endpoint)
            .header("content-type", format!("application/x-amz-json-{version}"))
            .header("x-amz-target", format!("{target}.{operation}"))
            .header("authorization", authorization(name));
        let mut answer = request.send(body.to_string()).with_context(|| format!("{name} {operation}"))?;
        let text = answer.body_mut().with_config().limit(u64::MAX).read_to_string()?;
        if !answer.status().is_success() {
            bail!("{name} {operation}: {} {text}", answer.status());
        }
        // Some operations have an empty response.
        if text.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_str(&text)?) }
    }

    /// Calls a service whose protocol has paths instead of operations, such as Lambda. Without a body it is `null`.
    pub fn rest(&self, service: &str, method: &str, path: &str, body: &Value) -> Result<Value> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.endpoint))
            .header("authorization", authorization(service))
            .header("content-type", "application/json");
        let answer = match body {
            Value::Null => self.agent.run(request.body(())?),
            body => self.agent.run(request.body(body.to_string())?),
        };
        let mut answer = answer.with_context(|| format!("{service} {method} {path}"))?;
        let text = answer.body_mut().with_config().limit(u64::MAX).read_to_string()?;
        if !answer.status().is_success() {
            bail!("{service} {method} {path}: {} {text}", answer.status());
        }
        Ok(serde_json::from_str(&text)?)
    }

    /// Creates an S3 bucket.
    pub fn create_bucket(&self, name: &str) -> Result<()> {
        let url = format!("{}/{name}", self.endpoint);
        let answer = self.agent.put(&url).header("authorization", authorization("s3")).send_empty()?;
        if !answer.status().is_success() {
            bail!("s3 CreateBucket: {}", answer.status());
        }
        Ok(())
    }

    /// Switches the recording of API calls on or off.
    pub fn record_calls(&self, on: bool) -> Result<()> {
        let url = format!("{}/_ministack/config", self.endpoint);
        let answer = self.agent.post(&url).send_json(serde_json::json!({"cloudtrail._recording_enabled": on}))?;
        if !answer.status().is_success() {
            bail!("the emulator refuses to record calls: {}", answer.status());
        }
        Ok(())
    }
}

/// A client for 127.0.0.1: without a proxy, and an error status is a response.
pub fn agent() -> Agent {
    Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).proxy(None).build().into()
}

fn authorization(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=none"
    )
}
