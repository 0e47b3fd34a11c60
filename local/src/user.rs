//! Users of the deployed pipeline.

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use goal_activity_events::UserId;
use serde_json::{Value, json};

use crate::aws::{Aws, Service};
use crate::stack::{Credentials, Stack};

/// A user who has signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The access token for the HTTP API.
    pub token: String,
    /// The owner id of their goals.
    pub id: UserId,
}

/// Creates a user who can sign in at once.
pub fn create(aws: &Aws, stack: &Stack, user: &Credentials) -> Result<()> {
    let pool = stack.output("UserPoolId")?;
    let Credentials { username, password } = user;
    let made = json!({"UserPoolId": pool, "Username": username, "MessageAction": "SUPPRESS"});
    aws.call(Service::Cognito, "AdminCreateUser", &made)?;
    let set = json!({"UserPoolId": pool, "Username": username, "Password": password, "Permanent": true});
    aws.call(Service::Cognito, "AdminSetUserPassword", &set)?;
    Ok(())
}

/// Signs in the user of the stack, and creates and signs in that many more.
pub fn sign_in_several(aws: &Aws, stack: &Stack, count: usize) -> Result<Vec<SignedIn>> {
    let mut users = vec![sign_in(aws, stack, &stack.user)?];
    for number in 2..=count {
        let next = Credentials { username: format!("demo-{number}@example.com"), ..stack.user.clone() };
        create(aws, stack, &next)?;
        users.push(sign_in(aws, stack, &next)?);
    }
    Ok(users)
}

/// Signs in with name and password.
pub fn sign_in(aws: &Aws, stack: &Stack, user: &Credentials) -> Result<SignedIn> {
    let request = json!({
        "ClientId": stack.output("UserPoolClientId")?,
        "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": {"USERNAME": user.username, "PASSWORD": user.password},
    });
    let answer = aws.call(Service::Cognito, "InitiateAuth", &request)?;
    let token = answer["AuthenticationResult"]["AccessToken"].as_str().context("signing in gave no access token")?;
    let id = subject(token).context("the access token names no user")?;
    Ok(SignedIn { token: token.to_owned(), id: id.parse()? })
}

/// The user in a token that was just issued to this command; the API checks its signature.
fn subject(token: &str) -> Option<String> {
    let payload = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims["sub"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_of_a_token_is_its_subject() {
        let payload = BASE64_URL_SAFE_NO_PAD.encode(r#"{"sub":"user-1"}"#);
        assert_eq!(subject(&format!("header.{payload}.signature")), Some("user-1".to_owned()));
        assert_eq!(subject("header"), None);
        assert_eq!(subject("a.%%%.c"), None);
    }
}
