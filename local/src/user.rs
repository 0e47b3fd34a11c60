//! Users of the deployed pipeline.

use anyhow::{Context, Result};
use goal_activity_client::cognito::{self, Tokens};
use goal_activity_client::{Credentials, Secret, StackFile};
use goal_activity_events::UserId;
use serde_json::json;

use crate::aws::{self, Aws, Service};

/// A user who has signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The access token for the HTTP API.
    pub token: Secret,
    /// The owner id of their goals.
    pub id: UserId,
}

/// Creates a user who can sign in at once.
pub fn create(aws: &Aws, stack: &StackFile, user: &Credentials) -> Result<()> {
    let pool = stack.output("UserPoolId")?;
    let (username, password) = (&user.username, user.password.reveal());
    let made = json!({"UserPoolId": pool, "Username": username, "MessageAction": "SUPPRESS"});
    aws.call(Service::Cognito, "AdminCreateUser", &made)?;
    let set = json!({"UserPoolId": pool, "Username": username, "Password": password, "Permanent": true});
    aws.call(Service::Cognito, "AdminSetUserPassword", &set)?;
    Ok(())
}

/// Signs in the user of the stack, and creates and signs in that many more.
pub fn sign_in_several(aws: &Aws, stack: &StackFile, count: usize) -> Result<Vec<SignedIn>> {
    let mut users = vec![sign_in(stack, stack.user()?)?];
    for number in 2..=count {
        let next = Credentials { username: format!("demo-{number}@example.com"), ..stack.user()?.clone() };
        create(aws, stack, &next)?;
        users.push(sign_in(stack, &next)?);
    }
    Ok(users)
}

/// Signs in with name and password.
pub fn sign_in(stack: &StackFile, user: &Credentials) -> Result<SignedIn> {
    let token = tokens(stack, user)?.access_token;
    let id = token.subject().context("the access token names no user")?;
    Ok(SignedIn { token, id })
}

/// Signs in with name and password. Returns all tokens.
pub fn tokens(stack: &StackFile, user: &Credentials) -> Result<Tokens> {
    Ok(cognito::sign_in(&aws::agent(), &stack.endpoint, stack.output("UserPoolClientId")?, user)?)
}
