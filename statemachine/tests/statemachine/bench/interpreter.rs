use aws_sdk_sfn::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sfn::error::ProvideErrorMetadata;
use serde_json::Value;
use uuid::Uuid;

/// The two interpreters. A case that runs on one only has a comment on what the other does not support.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interpreter {
    /// The emulator of the local environment.
    MiniStack,
    /// The stricter one, used for tests only.
    Moto,
}

/// One interpreter's Step Functions and SQS.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    pub(crate) states: aws_sdk_sfn::Client,
    pub(crate) queues: aws_sdk_sqs::Client,
}

impl Interpreter {
    pub(crate) fn clients(self) -> Clients {
        let (endpoint, http) = (self.endpoint(), aws_smithy_http_client::Builder::new().build_http());
        let (region, credentials) =
            (Region::from_static("us-east-1"), Credentials::new("test", "test", None, None, "test"));
        // No retries by the client: what a case sees is what the interpreter did.
        let states = aws_sdk_sfn::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(region.clone())
            .credentials_provider(credentials.clone())
            .endpoint_url(&endpoint)
            .http_client(http.clone())
            .retry_config(aws_sdk_sfn::config::retry::RetryConfig::disabled())
            .build();
        let queues = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(region)
            .credentials_provider(credentials)
            .endpoint_url(&endpoint)
            .http_client(http)
            .retry_config(aws_sdk_sqs::config::retry::RetryConfig::disabled())
            .build();
        Clients { states: aws_sdk_sfn::Client::from_conf(states), queues: aws_sdk_sqs::Client::from_conf(queues) }
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "the command that starts the interpreters tells where they are this way"
    )]
    fn endpoint(self) -> String {
        let variable = match self {
            Self::MiniStack => "MINISTACK_ENDPOINT",
            Self::Moto => "MOTO_ENDPOINT",
        };
        std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run `cargo xtask test statemachine`"))
    }
}

impl Clients {
    /// Creates a separate queue for one case.
    pub(crate) async fn create_queue(&self, purpose: &str) -> String {
        let made = self.queues.create_queue().queue_name(unique(purpose)).send().await.expect("the queue is created");
        made.queue_url.expect("a queue has a URL")
    }

    /// Creates a separate state machine for one case, or returns why the interpreter rejects the definition.
    pub(crate) async fn create_state_machine(&self, definition: &Value) -> Result<String, String> {
        let call = self.states.create_state_machine().name(unique("goal-activity")).definition(definition.to_string());
        let answer = call.role_arn("arn:aws:iam::123456789012:role/state-machine").send().await;
        answer.map(|made| made.state_machine_arn).map_err(|refused| format!("{:?}", refused.into_service_error()))
    }
}

fn unique(name: &str) -> String {
    format!("{name}-{}", Uuid::new_v4().simple())
}

/// Returns `true` if an answer was rejected because its token is no longer valid. Workers handle all three errors
/// alike.
pub(crate) fn is_stale(error: &impl ProvideErrorMetadata) -> bool {
    matches!(error.code(), Some("TaskTimedOut" | "TaskDoesNotExist" | "InvalidToken"))
}
