use aws_sdk_dynamodb::config::Credentials;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::{Permission, Stack, signed};

/// The error codes of denied access.
const REFUSALS: [&str; 3] = ["AccessDenied", "AccessDeniedException", "AuthorizationError"];

/// A session of an assumed role.
#[derive(Debug)]
pub struct Session {
    pub(crate) stack: Stack,
    pub(crate) credentials: Credentials,
}

impl Session {
    /// The variables by which AWS's tools use this session on the stack.
    pub fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ACCESS_KEY_ID", self.credentials.access_key_id().to_owned()),
            ("AWS_SECRET_ACCESS_KEY", self.credentials.secret_access_key().to_owned()),
            ("AWS_SESSION_TOKEN", self.credentials.session_token().unwrap_or_default().to_owned()),
            ("AWS_REGION", crate::stack::REGION.to_owned()),
            ("AWS_ENDPOINT_URL", self.stack.endpoint().to_owned()),
        ]
    }

    /// Returns `true` if the role is allowed an action, determined by a call. An allowed call then fails or changes
    /// nothing.
    pub async fn may(&self, permission: &Permission) -> bool {
        let service = permission.action.split(':').next().unwrap_or_default();
        let answer = signed::send(service, &self.credentials, attempt(&self.stack, permission)).await;
        let status = answer.status();
        let text = answer.text().await.expect("an answer with a body");
        assert!(!status.is_server_error(), "{permission:?}: {status} {text}");
        let refused = error_code(&text).is_some_and(|code| REFUSALS.contains(&code.as_str()));
        // A rejected signature would otherwise be taken for an allowed request.
        assert!(refused || status != 403, "{permission:?}: {status} {text}");
        !refused
    }
}

/// A request that needs only this permission, and does no harm: it is incomplete, or names a missing resource.
fn attempt(stack: &Stack, permission: &Permission) -> RequestBuilder {
    let (service, operation) = permission.action.split_once(':').expect("service:Operation");
    let arn = permission.resource.replace('*', "none");
    let name = arn.rsplit(':').next().unwrap_or_default();
    let (target, version, body) = match service {
        "dynamodb" => {
            let mut path = name.split('/').skip(1);
            let (table, index) = (path.next(), path.nth(1));
            ("DynamoDB_20120810", "1.0", json!({ "TableName": table, "IndexName": index }))
        }
        "events" => {
            let entry = json!({ "EventBusName": arn, "Source": "test", "DetailType": "Nothing", "Detail": "{}" });
            ("AWSEvents", "1.1", json!({ "Entries": [entry] }))
        }
        "kms" => ("TrentService", "1.1", json!({ "KeyId": arn, "KeySpec": "AES_256", "CiphertextBlob": "bm9uZQ==" })),
        "sqs" => {
            let url = format!("{}/000000000000/{name}", stack.endpoint());
            let body = json!({ "QueueUrl": url, "MaxNumberOfMessages": 0, "ReceiptHandle": "none" });
            ("AmazonSQS", "1.0", body)
        }
        "states" if operation.starts_with("SendTask") => {
            ("AWSStepFunctions", "1.0", json!({ "taskToken": "none", "output": "{}" }))
        }
        "states" if arn.contains(":execution:") => ("AWSStepFunctions", "1.0", json!({ "executionArn": arn })),
        // Always the same name: at most one execution is ever started, and it fails at once.
        "states" => ("AWSStepFunctions", "1.0", json!({ "stateMachineArn": arn, "name": "attempt", "input": "{}" })),
        // Only a matching object is overwritten, and there is none (S3 user guide, "Conditional writes").
        "s3" => {
            let method = if operation == "PutObject" { reqwest::Method::PUT } else { reqwest::Method::GET };
            let object = format!("{}/{}", stack.endpoint(), arn.rsplit(":::").next().unwrap_or_default());
            return stack.http.request(method, object).header("If-Match", "\"none\"");
        }
        "sns" => return form(stack, &format!("Action={operation}&Version=2010-03-31&TopicArn={arn}&Message=")),
        _ => panic!("{permission:?} is granted, but there is no request here that needs it"),
    };
    let request = stack.http.post(stack.endpoint()).header("X-Amz-Target", format!("{target}.{operation}"));
    request.header("Content-Type", format!("application/x-amz-json-{version}")).body(body.to_string())
}

fn form(stack: &Stack, body: &str) -> RequestBuilder {
    let request = stack.http.post(stack.endpoint());
    request.header("Content-Type", "application/x-www-form-urlencoded").body(body.to_owned())
}

/// The code in an error of the JSON protocols or of the query protocol.
fn error_code(text: &str) -> Option<String> {
    if let Ok(body) = serde_json::from_str::<Value>(text) {
        let code = body["__type"].as_str()?;
        return Some(code.rsplit('#').next().unwrap_or(code).to_owned());
    }
    Some(text.split_once("<Code>")?.1.split_once("</Code>")?.0.to_owned())
}
