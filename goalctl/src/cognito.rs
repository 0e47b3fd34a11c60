//! The calls of a Cognito user pool that need no AWS credentials. The SDK would first look for some.

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::Agent;

use crate::failure::{Failure, NO_ACCESS};
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
    answered.map(|a| a.authentication_result).map_err(|_| refused("the user pool gives no token", None).into())
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
    match status {
        200..=299 => Ok(answer),
        429 | 500.. => Err(Failure::unavailable("the user pool cannot answer", format!("HTTP {status}")).into()),
        _ => Err(refused("the user pool refuses the sign-in", answer["message"].as_str()).into()),
    }
}

fn refused(title: &str, detail: Option<&str>) -> Failure {
    Failure { exit: NO_ACCESS, title: title.into(), detail: detail.map(str::to_owned), ..Failure::default() }
}
