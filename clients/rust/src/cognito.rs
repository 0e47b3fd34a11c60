//! The calls of a Cognito user pool that need no AWS credentials: the one way to sign in with a password and to renew a token.

use serde::Deserialize;
use serde_json::{Value, json};
use ureq::Agent;

use crate::http::is_passing;
use crate::secret::Secret;
use crate::stack::Credentials;

/// The tokens of a user pool.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tokens {
    /// For the API.
    pub access_token: Secret,
    /// About the user, for a client.
    pub id_token: Option<Secret>,
    /// Missing when a refresh token was used.
    pub refresh_token: Option<Secret>,
    /// In seconds.
    pub expires_in: Option<u64>,
}

/// Why a user pool has not done what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It does not answer.
    #[error("{endpoint} does not answer: {why}")]
    Silent {
        /// The user pool.
        endpoint: String,
        /// Why.
        why: String,
    },
    /// It cannot answer now: throttling or a fault. The same call may succeed later.
    #[error("the user pool cannot answer: {detail}")]
    Passing {
        /// Cognito's name of the error.
        code: Option<String>,
        /// Cognito's message.
        detail: String,
    },
    /// It refuses the sign-in.
    #[error("the user pool refuses the sign-in: {detail}")]
    Refused {
        /// Cognito's name of the error.
        code: Option<String>,
        /// Cognito's message.
        detail: String,
    },
    /// Its answer has no token.
    #[error("the user pool gives no token")]
    NoToken,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Authenticated {
    authentication_result: Tokens,
}

/// Signs in with name and password.
pub fn sign_in(agent: &Agent, endpoint: &str, client_id: &str, user: &Credentials) -> Result<Tokens, Failure> {
    let parameters = json!({ "USERNAME": user.username, "PASSWORD": user.password.reveal() });
    initiate_auth(agent, endpoint, client_id, "USER_PASSWORD_AUTH", &parameters)
}

/// Renews a token.
pub fn renew(agent: &Agent, endpoint: &str, client_id: &str, refresh_token: &Secret) -> Result<Tokens, Failure> {
    let parameters = json!({ "REFRESH_TOKEN": refresh_token.reveal() });
    initiate_auth(agent, endpoint, client_id, "REFRESH_TOKEN_AUTH", &parameters)
}

fn initiate_auth(
    agent: &Agent,
    endpoint: &str,
    client_id: &str,
    flow: &str,
    parameters: &Value,
) -> Result<Tokens, Failure> {
    let body = json!({ "ClientId": client_id, "AuthFlow": flow, "AuthParameters": parameters });
    let answer = call(agent, endpoint, "InitiateAuth", &body)?;
    // Without the parser's message, which may contain a token.
    serde_json::from_value(answer).map(|a: Authenticated| a.authentication_result).map_err(|_| Failure::NoToken)
}

/// Revokes a refresh token, and what was issued with it.
pub fn revoke(agent: &Agent, endpoint: &str, client_id: &str, token: &Secret) -> Result<(), Failure> {
    call(agent, endpoint, "RevokeToken", &json!({ "ClientId": client_id, "Token": token.reveal() })).map(drop)
}

fn call(agent: &Agent, endpoint: &str, action: &str, body: &Value) -> Result<Value, Failure> {
    let request = agent
        .post(endpoint)
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{action}"))
        .send(body.to_string());
    let answer = request.and_then(|mut answer| Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?)));
    let silent = |e: ureq::Error| Failure::Silent { endpoint: endpoint.to_owned(), why: e.to_string() };
    let (status, text) = answer.map_err(silent)?;
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    if (200..=299).contains(&status) {
        return Ok(answer);
    }
    // Some services put a namespace before it.
    let code = answer["__type"].as_str().and_then(|code| code.rsplit('#').next()).map(str::to_owned);
    let message = answer["message"].as_str().or(answer["Message"].as_str());
    let detail = message.map_or_else(|| format!("HTTP {status}"), str::to_owned);
    let passes = is_passing(status) || code.as_deref().is_some_and(is_passing_code);
    Err(if passes { Failure::Passing { code, detail } } else { Failure::Refused { code, detail } })
}

/// Returns the failure for an error of the user pool that was seen elsewhere, if it has a code, or for no answer.
pub fn failure(code: Option<&str>, detail: String) -> Failure {
    let passes = code.is_none_or(is_passing_code);
    let code = code.map(str::to_owned);
    if passes { Failure::Passing { code, detail } } else { Failure::Refused { code, detail } }
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
