//! Calls of AWS services for which one call is not worth their SDK's compile time: signed requests with a JSON body.

use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use aws_sdk_sqs::config::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use goal_activity_adapters::clock::SystemClock;
use goal_activity_core::ports::Clock;
use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::checks::{is_denial, not_permitted};
use crate::failure::Failure;
use crate::http::agent;
use crate::persistence::Persistence;

/// An operation of a service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    /// What it does, in messages: "cannot …".
    pub(crate) what: &'static str,
    /// In its host name.
    pub(crate) host: &'static str,
    /// In its signature and in permissions.
    pub(crate) service: &'static str,
    pub(crate) name: &'static str,
    /// In the header that selects an operation, and the version of AWS's JSON protocol. A service without them has paths.
    pub(crate) target: Option<(&'static str, &'static str)>,
}

impl Operation {
    fn permission(self) -> String {
        format!("{}:{}", self.service, self.name)
    }

    /// Calls it with a body. It must be one that only reads: it is repeated when the service is busy.
    pub(crate) async fn call(self, sdk: &SdkConfig, body: &Value) -> Result<Value> {
        self.send(sdk, "", Some(body.to_string())).await
    }

    /// Reads at a path.
    pub(crate) async fn get(self, sdk: &SdkConfig, path: &str) -> Result<Value> {
        self.send(sdk, path, None).await
    }

    async fn send(self, sdk: &SdkConfig, path: &str, body: Option<String>) -> Result<Value> {
        let mut persistence = Persistence::new(true);
        loop {
            let error = match self.once(sdk, path, body.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if !error.downcast_ref().is_some_and(|failure| persistence.tries_again(failure)) {
                return Err(error);
            }
            persistence.pause().await;
        }
    }

    async fn once(self, sdk: &SdkConfig, path: &str, body: Option<String>) -> Result<Value> {
        let url = format!("{}{path}", address(sdk, self.host)?);
        let mut headers = vec![];
        if let Some((prefix, version)) = self.target {
            headers.push(("content-type".to_owned(), format!("application/x-amz-json-{version}")));
            headers.push(("x-amz-target".to_owned(), format!("{prefix}.{}", self.name)));
        }
        let method = if body.is_some() { "POST" } else { "GET" };
        let url = if path.is_empty() { format!("{url}/") } else { url };
        headers.extend(signature(sdk, self.service, method, &url, &headers, body.as_deref()).await?);
        let answer = spawn_blocking(move || {
            let agent = agent(&url);
            let sent = if let Some(body) = body {
                headers.iter().fold(agent.post(&url), |request, (n, v)| request.header(n, v)).send(body)
            } else {
                headers.iter().fold(agent.get(&url), |request, (n, v)| request.header(n, v)).call()
            };
            sent.and_then(|mut answer| Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?)))
        });
        match answer.await? {
            Ok((status, text)) => self.read(status, &text),
            Err(error) => Err(Failure::unavailable(format!("cannot {}", self.what), error.to_string()).into()),
        }
    }

    fn read(self, status: u16, text: &str) -> Result<Value> {
        let answer: Value = serde_json::from_str(text).unwrap_or_default();
        if (200..=299).contains(&status) {
            return Ok(answer);
        }
        let code = answer["__type"].as_str().or(answer["code"].as_str()).unwrap_or_default();
        let code = code.rsplit('#').next().unwrap_or(code).to_owned();
        if is_denial(&code) || (code.is_empty() && status == 403) {
            return Err(not_permitted(self.what, &self.permission()).into());
        }
        let said = answer["message"].as_str().or(answer["Message"].as_str()).unwrap_or_default();
        let busy = status >= 500 || code.contains("Throttl") || code.contains("TooManyRequests");
        let failure = Failure::unavailable(format!("cannot {}", self.what), format!("HTTP {status}: {said}"));
        Err(Failure { code: Some(code).filter(|code| !code.is_empty()), retryable: busy, ..failure }.into())
    }
}

/// Where a service is: at the emulator, or at AWS.
fn address(sdk: &SdkConfig, host: &str) -> Result<String> {
    if let Some(endpoint) = sdk.endpoint_url() {
        return Ok(endpoint.trim_end_matches('/').to_owned());
    }
    let region = sdk.region().context("no AWS region is set")?.as_ref();
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    Ok(format!("https://{host}.{region}.{suffix}"))
}

/// The headers that sign a request.
async fn signature(
    sdk: &SdkConfig,
    service: &str,
    method: &str,
    url: &str,
    headers: &[(String, String)],
    body: Option<&str>,
) -> Result<Vec<(String, String)>> {
    let region = sdk.region().context("no AWS region is set")?.to_string();
    let credentials = sdk.credentials_provider().context("no AWS credentials are set")?.provide_credentials().await?;
    let identity = credentials.into();
    let now = u64::try_from(SystemClock.now().as_millis()).unwrap_or_default();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&region)
        .name(service)
        .time(UNIX_EPOCH + Duration::from_millis(now))
        .settings(SigningSettings::default())
        .build()?
        .into();
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let body = SignableBody::Bytes(body.unwrap_or_default().as_bytes());
    let signed = sign(SignableRequest::new(method, url, headers, body)?, &parameters)?;
    let (instructions, _) = signed.into_parts();
    let headers = instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(headers.collect())
}

#[cfg(test)]
mod tests {
    use aws_config::{BehaviorVersion, Region};
    use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};
    use goal_activity_testkit::stub::{Reply, Response, Stub};
    use serde_json::json;

    use super::*;

    const READ: Operation = Operation {
        what: "read a parameter",
        host: "ssm",
        service: "ssm",
        name: "GetParameter",
        target: Some(("AmazonSSM", "1.1")),
    };

    fn sdk(endpoint: Option<String>, region: &'static str) -> SdkConfig {
        let credentials = Credentials::new("AKID", "s3cr3t", Some("session".into()), None, "test");
        let mut sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region))
            .credentials_provider(SharedCredentialsProvider::new(credentials));
        sdk.set_endpoint_url(endpoint);
        sdk.build()
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_signed_and_repeated_when_the_service_is_busy() {
        let busy = Response::new(400, json!({ "__type": "x#ThrottlingException", "message": "slow down" }));
        let answers = [busy, Response::new(200, json!({ "Parameter": { "Value": "21" } }))];
        let ssm = Stub::start(answers.map(Reply::Whole)).await;
        let answer = READ.call(&sdk(Some(ssm.url()), "eu-west-1"), &json!({ "Name": "n" })).await.unwrap();
        assert_eq!(answer["Parameter"]["Value"], "21");
        let [_, second] = ssm.seen().try_into().unwrap();
        assert_eq!(
            (second.header("x-amz-target"), &second.body),
            (Some("AmazonSSM.GetParameter"), &json!({ "Name": "n" }))
        );
        let signed = second.header("authorization").unwrap();
        assert!(
            signed.contains("/eu-west-1/ssm/aws4_request") && second.header("x-amz-security-token").is_some(),
            "{signed}"
        );
    }

    #[test]
    fn a_refusal_names_its_permission_and_what_is_missing_its_code() {
        let failure = |text: &str| Failure::of(&READ.read(400, text).unwrap_err());
        let denied = failure(r#"{"__type":"AccessDeniedException","Message":"no"}"#);
        assert!(denied.to_string().contains("ssm:GetParameter") && !denied.retryable, "{denied}");
        let absent = failure(r#"{"__type":"ParameterNotFound"}"#);
        assert_eq!((absent.code.as_deref(), absent.retryable), (Some("ParameterNotFound"), false));
    }

    #[test]
    fn a_service_is_in_its_region_and_partition() {
        assert_eq!(address(&sdk(None, "eu-west-1"), "ssm").unwrap(), "https://ssm.eu-west-1.amazonaws.com");
        assert_eq!(address(&sdk(None, "cn-north-1"), "ssm").unwrap(), "https://ssm.cn-north-1.amazonaws.com.cn");
    }
}
