//! The calls of a Cognito user pool that need no AWS credentials. The SDK would first look for some.

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::Agent;

use crate::failure::{Failure, NO_ACCESS};
use crate::http::is_passing;
use crate::secret::Secret;

/// The tokens of a user pool.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Tokens {
    pub(crate) access_token: Secret,
    /// Missing when a refresh token was used.
    pub(crate) refresh_token: Option<Secret>,
    /// In seconds.
    pub(crate) expires_in: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Authenticated {
    authentication_result: Tokens,
}

/// Signs in, or renews a token.
pub(crate) fn initiate_auth(
    agent: &Agent,
    endpoint: &str,
    client_id: &str,
    flow: &str,
    parameters: &Value,
) -> Result<Tokens> {
    let body = json!({ "ClientId": client_id, "AuthFlow": flow, "AuthParameters": parameters });
    let answer = call(agent, endpoint, "InitiateAuth", &body)?;
    let answered: Result<Authenticated, serde_json::Error> = serde_json::from_value(answer);
    // Not the parser's message, which may contain a token.
    answered.map(|a| a.authentication_result).map_err(|_| {
        Failure { exit: NO_ACCESS, title: "the user pool gives no token".into(), ..Failure::default() }.into()
    })
}

/// Revokes a refresh token, and what was issued with it.
pub(crate) fn revoke(agent: &Agent, endpoint: &str, client_id: &str, token: &Secret) -> Result<()> {
    call(agent, endpoint, "RevokeToken", &json!({ "ClientId": client_id, "Token": token.reveal() }))?;
    Ok(())
}

fn call(agent: &Agent, endpoint: &str, action: &str, body: &Value) -> Result<Value> {
    let request = agent
        .post(endpoint)
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{action}"))
        .send(body.to_string());
    let answer = request.and_then(|mut answer| Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?)));
    let unreachable = |e: ureq::Error| Failure::unavailable(format!("{endpoint} does not answer"), e.to_string());
    let (status, text) = answer.map_err(unreachable)?;
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    if (200..=299).contains(&status) {
        return Ok(answer);
    }
    // Some services put a namespace before it.
    let code = answer["__type"].as_str().and_then(|code| code.rsplit('#').next());
    let message = answer["message"].as_str().or(answer["Message"].as_str());
    let detail = message.map_or_else(|| format!("HTTP {status}"), str::to_owned);
    let passes = is_passing(status) || code.is_some_and(is_passing_code);
    Err(if passes { cannot_answer(code, detail) } else { refused(code, detail) }.into())
}

/// Returns the failure for an error of a user pool, if it has a code, or for no answer.
pub(crate) fn failure(code: Option<&str>, detail: String) -> Failure {
    match code {
        Some(code) if !is_passing_code(code) => refused(Some(code), detail),
        _ => cannot_answer(code, detail),
    }
}

/// Returns `true` for throttling and faults, most of which Cognito sends with HTTP 400.
fn is_passing_code(code: &str) -> bool {
    let passing = [
        "TooManyRequests",
        "Throttl",
        "LimitExceeded",
        "InternalError",
        "InternalFailure",
        "InternalServer",
        "Unavailable",
    ];
    passing.iter().any(|part| code.contains(part))
}

fn cannot_answer(code: Option<&str>, detail: String) -> Failure {
    Failure { code: code.map(str::to_owned), ..Failure::unavailable("the user pool cannot answer", detail) }
}

fn refused(code: Option<&str>, detail: String) -> Failure {
    let (title, code) = ("the user pool refuses the sign-in".into(), code.map(str::to_owned));
    Failure { exit: NO_ACCESS, title, detail: Some(detail), code, ..Failure::default() }
}

#[cfg(test)]
mod tests {
    use goal_activity_testkit::stub::{Response, Stub};

    use super::*;
    use crate::failure::UNAVAILABLE;
    use crate::http::agent;

    async fn failed(status: u16, body: Value) -> Failure {
        let pool = Stub::answering(Response::new(status, body)).await;
        let url = pool.url();
        let call = move || initiate_auth(&agent(&url), &url, "cli", "REFRESH_TOKEN_AUTH", &json!({}));
        Failure::of(&tokio::task::spawn_blocking(call).await.unwrap().unwrap_err())
    }

    #[tokio::test]
    async fn throttling_and_faults_are_no_refusal() {
        for code in
            ["TooManyRequestsException", "x.y#InternalErrorException", "LimitExceededException", "ThrottlingException"]
        {
            let failure = failed(400, json!({ "__type": code, "message": "slow down" })).await;
            assert!(failure.retryable && failure.exit == UNAVAILABLE, "{code}: {failure}");
            assert!(failure.to_string().contains("slow down"), "{failure}");
        }
        for status in [429, 500, 503] {
            assert!(failed(status, json!({ "__type": "NotAuthorizedException" })).await.retryable, "{status}");
        }
        let failure = failed(400, json!({ "__type": "NotAuthorizedException", "message": "revoked" })).await;
        assert_eq!(
            (failure.exit, failure.retryable, failure.code.as_deref()),
            (NO_ACCESS, false, Some("NotAuthorizedException"))
        );
    }

    #[test]
    fn an_error_of_the_sdk_is_the_same_failure() {
        assert!(
            failure(None, "timeout".into()).retryable
                && failure(Some("TooManyRequestsException"), String::new()).retryable
        );
        assert_eq!(failure(Some("UserNotFoundException"), String::new()).exit, NO_ACCESS);
    }
}
