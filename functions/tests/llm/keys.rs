use goal_activity_events::FailureCode;
use goal_activity_testkit::stub::{Reply, Response, Stub};
use serde_json::json;

use crate::given::{Server, Setting, ask, assert_within_limits};

/// The key of `LLM_KEYED_URL`, as `cargo xtask test ai` starts it.
const KEY: &str = "sk-of-the-tests";
/// Where the worker finds it.
const SECRET: Setting<'static> = ("OPENAI_KEY_SECRET", "arn:aws:secretsmanager:us-east-1:1:secret:ai-AbCdEf");

/// Secrets Manager with these keys, the first one first.
async fn keeper(keys: &[&str]) -> Stub {
    let kept = |key: &&str| {
        let body = json!({ "ARN": SECRET.1, "Name": "ai", "SecretString": key });
        Reply::Whole(Response::new(200, body).header("content-type", "application/x-amz-json-1.1"))
    };
    Stub::start(keys.iter().map(kept)).await
}

#[tokio::test]
async fn a_server_with_a_key_refuses_a_call_without_one() {
    let failed = Server::KEYED.fails(&[], FailureCode::AiRejected, false).await;
    assert!(failed.message.contains("401") && failed.message.contains("authentication_error"), "{failed}");
}

#[tokio::test]
async fn the_key_is_accepted_in_either_header() {
    let headers: [&[Setting<'_>]; 2] = [&[SECRET], &[SECRET, ("OPENAI_KEY_HEADER", "x-api-key")]];
    for settings in headers {
        let keeper = keeper(&[KEY]).await;
        let generator = Server::KEYED.generator(&keeper.url(), settings).await;
        assert_within_limits(&ask(&generator).await.unwrap());
        assert_eq!(keeper.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_key_in_a_header_that_the_server_does_not_read_is_no_key() {
    let keeper = keeper(&[KEY]).await;
    let generator = Server::KEYED.generator(&keeper.url(), &[SECRET, ("OPENAI_KEY_HEADER", "api-key")]).await;
    let failed = ask(&generator).await.unwrap_err();
    assert_eq!((failed.code, failed.transient), (FailureCode::AiRejected, false), "{failed:?}");
    assert!(!format!("{failed:?}").contains(KEY));
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_the_one_that_replaced_it_accepted_in_the_same_attempt() {
    let wrong = keeper(&["sk-of-another"]).await;
    let failed = ask(&Server::KEYED.generator(&wrong.url(), &[SECRET]).await).await.unwrap_err();
    assert_eq!((failed.code, failed.transient), (FailureCode::AiRejected, false), "{failed:?}");
    let replaced = keeper(&["sk-of-another", KEY]).await;
    let generator = Server::KEYED.generator(&replaced.url(), &[SECRET]).await;
    assert_within_limits(&ask(&generator).await.unwrap());
    assert_eq!(replaced.seen().len(), 2);
}
