use aws_sdk_sns::Client;
use aws_sdk_sns::error::BuildError;
use aws_sdk_sns::types::MessageAttributeValue;
use goal_activity_core::execution::Execution;
use goal_activity_core::notice::Notice;
use goal_activity_core::ports::{Notify, Outside, Unavailable};

use super::{Connection, unavailable};

/// The SNS topic that reaches the operators.
#[derive(Debug, Clone)]
pub struct Topic {
    client: Client,
    arn: String,
}

impl Topic {
    /// The topic of that ARN.
    pub fn new(aws: &Connection, arn: impl Into<String>) -> Self {
        Self { client: Client::new(&aws.sdk), arn: arn.into() }
    }
}

impl Notify for Topic {
    async fn notify(&self, execution: &Execution, notice: &Notice) -> Outside<()> {
        let what = format!("the notice about {}", execution.execution_arn);
        let status = serde_json::to_value(notice.status).map_err(|e| Unavailable::new(&what, e))?;
        let invalid = |e| Unavailable::new(&what, e);
        self.client
            .publish()
            .topic_arn(&self.arn)
            .subject(&notice.subject)
            .message(&notice.body)
            .message_attributes("severity", string(notice.severity.as_str()).map_err(invalid)?)
            .message_attributes("status", string(status.as_str().unwrap_or_default()).map_err(invalid)?)
            .send()
            .await
            .map_err(unavailable(&what))?;
        Ok(())
    }
}

fn string(value: &str) -> Result<MessageAttributeValue, BuildError> {
    MessageAttributeValue::builder().data_type("String").string_value(value).build()
}
