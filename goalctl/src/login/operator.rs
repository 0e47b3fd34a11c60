//! Signing in with AWS credentials beside a user's name and password: for scripts and operators, without a browser.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cognitoidentityprovider::types::{AuthFlowType, AuthenticationResultType, ChallengeNameType};
use goal_activity_client::Secret;
use goal_activity_client::cognito;
use goal_activity_events::publisher::reason;

use crate::checks::not_permitted;
use crate::failure::{Failure, NO_ACCESS};
use crate::session::{Session, Source, expiry};
use crate::stack::Stack;

/// A user's name and password.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: Secret,
    /// In case that the password is a temporary one.
    pub(crate) new_password: Option<Secret>,
}

/// Signs in at the stack's user pool. `url` is the deployment's API.
pub(crate) async fn sign_in(stack: &Stack, url: &str, credentials: &Credentials) -> Result<Session> {
    let own_pool = || "its users are at another issuer: sign in without --user";
    let pool = stack.find_output("UserPoolId").with_context(own_pool)?;
    let client_id = stack.output("OperatorClientId")?;
    let client = Client::new(&stack.sdk);
    let parameters = [("USERNAME", credentials.user.as_str()), ("PASSWORD", credentials.password.reveal())];
    let answer = client
        .admin_initiate_auth()
        .user_pool_id(pool)
        .client_id(client_id)
        .auth_flow(AuthFlowType::AdminUserPasswordAuth)
        .set_auth_parameters(Some(owned(parameters)))
        .send()
        .await
        .map_err(|e| refused(&e))?;
    let result = match (answer.authentication_result, answer.challenge_name) {
        (Some(result), _) => result,
        (None, Some(ChallengeNameType::NewPasswordRequired)) => {
            let Some(new_password) = &credentials.new_password else {
                return Err(temporary(&credentials.user).into());
            };
            let responses = [("USERNAME", credentials.user.as_str()), ("NEW_PASSWORD", new_password.reveal())];
            let answer = client
                .admin_respond_to_auth_challenge()
                .user_pool_id(pool)
                .client_id(client_id)
                .challenge_name(ChallengeNameType::NewPasswordRequired)
                .set_session(answer.session)
                .set_challenge_responses(Some(owned(responses)))
                .send()
                .await
                .map_err(|e| refused(&e))?;
            answer.authentication_result.ok_or_else(|| another_step(answer.challenge_name.as_ref()))?
        }
        (None, challenge) => return Err(another_step(challenge.as_ref()).into()),
    };
    session(stack, url, pool, client_id, result)
}

fn session(stack: &Stack, url: &str, pool: &str, client_id: &str, result: AuthenticationResultType) -> Result<Session> {
    let Some(access_token) = result.access_token else { bail!("the user pool gives no token") };
    let region = stack.sdk.region().context("no AWS region is set")?;
    let on_aws = || format!("https://cognito-idp.{region}.amazonaws.com");
    Ok(Session {
        url: url.to_owned(),
        issuer: stack.find_output("Issuer").map_or_else(|| format!("{}/{pool}", on_aws()), str::to_owned),
        client_id: client_id.to_owned(),
        source: Source::Cognito { endpoint: stack.sdk.endpoint_url().map_or_else(on_aws, str::to_owned) },
        access_token: access_token.into(),
        expires_at: expiry(u64::try_from(result.expires_in).ok()),
        refresh_token: result.refresh_token.map(Secret::from),
    })
}

fn owned<const N: usize>(pairs: [(&str, &str); N]) -> HashMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Explains why the user pool, or IAM, refuses.
fn refused<E, R>(error: &SdkError<E, R>) -> Failure
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug + 'static,
{
    let said = error.as_service_error();
    // Cognito itself says NotAuthorized of a wrong password.
    if said.and_then(|e| e.code()) == Some("AccessDeniedException") {
        return not_permitted("sign in with AWS credentials", "cognito-idp:AdminInitiateAuth");
    }
    let detail = said.and_then(|e| e.message()).map_or_else(|| reason(error), str::to_owned);
    cognito::failure(said.and_then(|e| e.code()), detail).into()
}

fn temporary(user: &str) -> Failure {
    Failure {
        exit: NO_ACCESS,
        title: format!("the password of {user} is temporary, and has to be replaced"),
        code: Some("NEW_PASSWORD_REQUIRED".into()),
        advice: Some(
            "add --new-password-stdin, with the new password in the second line; or sign in with `goalctl login`, in a \
             browser"
                .into(),
        ),
        ..Failure::default()
    }
}

fn another_step(challenge: Option<&ChallengeNameType>) -> Failure {
    Failure {
        exit: NO_ACCESS,
        title: "the user pool asks for another step".into(),
        code: challenge.map(|name| name.as_str().to_owned()),
        advice: Some("sign in with `goalctl login`, in a browser".into()),
        ..Failure::default()
    }
}
