use std::time::Duration;

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::meta::region::ProvideRegion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use aws_smithy_http_client::{Builder, Connector, tls};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use super::dynamo;

/// How long it may take to reach a service.
const CONNECT: Duration = Duration::from_secs(2);

/// The way to AWS that all adapters of a process share.
#[derive(Debug, Clone)]
pub struct Connection {
    pub(super) sdk: SdkConfig,
    pub(super) dynamodb: aws_sdk_dynamodb::Client,
}

/// One HTTP connection pool for all clients of a process, made once at start-up, with the region and the credentials that
/// Lambda puts into the environment. Nothing else is looked for, as `aws_config::defaults` would, in profiles, containers
/// and metadata services: a function never has them, and each would be linked into it.
///
/// Calls are bounded: one that hangs is tried again after seconds and then given up, so that a function can still answer or
/// give its messages back before its own timeout.
pub async fn connect(endpoint_url: Option<String>, endpoint_of: EndpointOf) -> Connection {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(Duration::from_secs(3))
        .operation_timeout(Duration::from_secs(7))
        .build();
    let retries = RetryConfig::standard().with_max_attempts(5).with_initial_backoff(Duration::from_millis(50));
    let mut sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http())
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .region(EnvironmentVariableRegionProvider::new().region().await)
        .service_config(Endpoints(endpoint_of))
        .timeout_config(timeouts)
        .retry_config(retries);
    sdk.set_endpoint_url(endpoint_url);
    sdk.build().into()
}

/// Returns the endpoint of the service of that id, if it has its own.
pub type EndpointOf = fn(&str) -> Option<String>;

/// What is set for single services: where they are, and nothing else.
#[derive(Debug)]
struct Endpoints(EndpointOf);

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        (key.env() == "AWS_ENDPOINT_URL").then(|| (self.0)(key.service_id())).flatten()
    }
}

/// Connections as all clients use them. The one connector that every function needs is made here, once, before the first
/// invocation: it reads all root certificates. The SDK's own would do that once for every client.
pub fn http() -> SharedHttpClient {
    let ring = || tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    let usual = HttpConnectorSettings::builder().connect_timeout(CONNECT).build();
    let connector = Connector::builder().connector_settings(usual.clone()).tls_provider(ring()).build();
    let (connector, others) = (SharedHttpConnector::new(connector), Builder::new().tls_provider(ring()).build_https());
    http_client_fn(move |settings, components| {
        let same = |of: fn(&HttpConnectorSettings) -> Option<Duration>| of(settings) == of(&usual);
        match same(HttpConnectorSettings::connect_timeout) && same(HttpConnectorSettings::read_timeout) {
            true => connector.clone(),
            // Those that wait for an AI are more patient.
            false => others.http_connector(settings, components),
        }
    })
}

impl Connection {
    /// What other clients of this process are made from.
    pub fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }
}

/// For tools, which choose their region and credentials themselves.
impl From<SdkConfig> for Connection {
    fn from(sdk: SdkConfig) -> Self {
        Self { dynamodb: dynamo::client(&sdk), sdk }
    }
}

/// The way to a server on this machine, for tests.
#[cfg(test)]
pub(super) fn to(url: &str) -> Connection {
    let credentials = aws_sdk_dynamodb::config::Credentials::new("test", "test", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .region(aws_config::Region::new("us-east-1"))
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).build())
        .endpoint_url(url)
        .build()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use goal_activity_testkit::stub::{Response, Stub};

    #[tokio::test]
    async fn all_clients_share_one_connection() {
        let services = Stub::answering(Response::new(200, "{}")).await;
        let aws = to(&services.url());
        aws.dynamodb.list_tables().send().await.unwrap();
        aws_sdk_sfn::Client::new(&aws.sdk).send_task_heartbeat().task_token("t").send().await.unwrap();
        aws_sdk_sqs::Client::new(&aws.sdk).purge_queue().queue_url("q").send().await.unwrap();
        assert_eq!(services.connections(), 1);
    }
}
