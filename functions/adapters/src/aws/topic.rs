use aws_sdk_sns::Client;
use aws_sdk_sns::error::BuildError;
use aws_sdk_sns::types::MessageAttributeValue;
use goal_activity_core::execution::Execution;
use goal_activity_core::notice::{Message, Notice};
use goal_activity_core::ports::{Notify, PortResult, Unavailable};
use serde_json::{Value, json};

use super::{Connection, unavailable};

/// The SNS topic that reaches the operators.
#[derive(Debug, Clone)]
pub struct Topic {
    client: Client,
    arn: String,
    guide: String,
}

impl Topic {
    /// The topic of that ARN, for notices that link to the operations guide at that address.
    pub fn new(aws: &Connection, arn: impl Into<String>, guide: impl Into<String>) -> Self {
        Self { client: Client::new(&aws.sdk), arn: arn.into(), guide: guide.into() }
    }
}

impl Notify for Topic {
    async fn notify(&self, execution: &Execution, notice: &Notice) -> PortResult<()> {
        let what = format!("the notice about {}", execution.execution_arn);
        let status = serde_json::to_value(notice.status).map_err(|e| Unavailable::new(&what, e))?;
        let invalid = |e| Unavailable::new(&what, e);
        let message = notice.message(&self.guide);
        self.client
            .publish()
            .topic_arn(&self.arn)
            .subject(&message.subject)
            .message_structure("json")
            .message(by_protocol(&message).to_string())
            .message_attributes("severity", string(notice.severity.as_str()).map_err(invalid)?)
            .message_attributes("status", string(status.as_str().unwrap_or_default()).map_err(invalid)?)
            .send()
            .await
            .map_err(unavailable(&what))?;
        Ok(())
    }
}

/// What each kind of subscriber gets: programs the JSON, a phone the subject, all others (e-mail) the text.
fn by_protocol(message: &Message) -> Value {
    let Message { subject, text, json } = message;
    json!({
        "default": text, "sms": subject,
        "sqs": json, "lambda": json, "http": json, "https": json, "firehose": json, "email-json": json,
    })
}

fn string(value: &str) -> Result<MessageAttributeValue, BuildError> {
    MessageAttributeValue::builder().data_type("String").string_value(value).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_get_text_and_programs_json_and_all_of_it_is_far_below_what_sns_takes() {
        let [subject, text, json] = ["subject", "text", "json"].map(str::to_owned);
        let sent = by_protocol(&Message { subject, text, json });
        assert_eq!((&sent["default"], &sent["sms"]), (&json!("text"), &json!("subject")));
        for protocol in ["sqs", "lambda", "http", "https", "firehose", "email-json"] {
            assert_eq!(sent[protocol], "json", "{protocol}");
        }
        // Of each as much as `p10_the_report_of_64_failures_stays_small` allows, and all of it escaped.
        let largest = || "\"".repeat(8 * 1024);
        let sent = by_protocol(&Message { subject: largest(), text: largest(), json: largest() }).to_string();
        assert!(sent.len() < 256 * 1024, "{} bytes", sent.len());
    }
}
