//! An OpenID Connect issuer, as a public client uses it: authorization code with PKCE (RFC 7636), refresh, revocation.
//!
//! The protocol is that of the crate `oauth2`. `openidconnect` would add four families of cryptography to verify ID
//! tokens, which this tool does not use: the API verifies the access token.

use anyhow::Result;
use goal_activity_client::Secret;
use oauth2::basic::{BasicClient, BasicErrorResponse, BasicTokenResponse};
use oauth2::{
    AuthUrl, AuthorizationCode, ClientId, CsrfToken, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, Scope, TokenResponse, TokenUrl,
};
use serde::Deserialize;
use ureq::Agent;

use crate::failure::{Failure, NO_ACCESS};
use crate::http::{agent, checked, is_passing};

/// What an issuer says about itself (OpenID Connect Discovery 1.0, section 3).
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) issuer: String,
    pub(crate) authorization_endpoint: String,
    pub(crate) token_endpoint: String,
    pub(crate) revocation_endpoint: Option<String>,
    #[serde(default)]
    pub(crate) scopes_supported: Vec<String>,
}

/// Tokens, as an issuer gives them.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    pub(crate) access: Secret,
    pub(crate) refresh: Option<Secret>,
    /// In seconds.
    pub(crate) expires_in: Option<u64>,
}

/// A sign-in that a browser has to complete.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// The page to open.
    pub(crate) page: String,
    /// What the answer has to repeat.
    pub(crate) state: String,
    verifier: PkceCodeVerifier,
}

/// What a program asks an issuer for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    pub(crate) client_id: String,
    pub(crate) scopes: Vec<String>,
    /// Some issuers name an API by this, and otherwise give a token that is no JWT.
    pub(crate) audience: Option<String>,
    pub(crate) redirect: String,
}

impl Metadata {
    /// Reads what an issuer says about itself, at its usual place or at another address.
    pub(crate) fn discover(issuer: &str, address: Option<&str>) -> Result<Self> {
        let place = address.unwrap_or(issuer).trim_end_matches('/');
        let url = format!("{}/.well-known/openid-configuration", safe(place)?);
        let answer = agent(&url).get(&url).call();
        let answer = answer.and_then(|mut a| Ok((a.status().as_u16(), a.body_mut().read_to_string()?)));
        let unreachable = |e: ureq::Error| Failure::unavailable(format!("{url} does not answer"), e.to_string());
        let (status, text) = answer.map_err(unreachable)?;
        if is_passing(status) {
            return Err(Failure::unavailable(format!("{url} cannot answer"), format!("HTTP {status}")).into());
        }
        let found: Option<Self> = serde_json::from_str(&text).ok();
        let Some(found) = found.filter(|_| status == 200) else {
            let title = format!("{url} does not describe an issuer (HTTP {status})");
            return Err(Failure::usage(title, "check --issuer, or issuer in the profile file").into());
        };
        // Otherwise another issuer could pose as this one (section 4.3). Some write a slash at the end, some do not.
        if found.issuer.trim_end_matches('/') != issuer.trim_end_matches('/') {
            let title = format!("{url} describes another issuer: {}", found.issuer);
            return Err(Failure::usage(title, "use the issuer exactly as it names itself").into());
        }
        safe(&found.authorization_endpoint)?;
        safe(&found.token_endpoint)?;
        Ok(found)
    }

    /// Begins a sign-in.
    pub(crate) fn begin(&self, wanted: &Wanted) -> Result<Attempt> {
        let client = client(&wanted.client_id, &self.token_endpoint)?;
        let client = client.set_auth_uri(parsed(AuthUrl::new(self.authorization_endpoint.clone()))?);
        let redirect = parsed(RedirectUrl::new(wanted.redirect.clone()))?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client
            .authorize_url(CsrfToken::new_random)
            .set_pkce_challenge(challenge)
            .set_redirect_uri(std::borrow::Cow::Owned(redirect))
            .add_scopes(wanted.scopes.iter().cloned().map(Scope::new));
        if let Some(audience) = &wanted.audience {
            request = request.add_extra_param("audience", audience);
        }
        let (page, state) = request.url();
        Ok(Attempt { page: page.into(), state: state.into_secret(), verifier })
    }

    /// Exchanges the code of a completed sign-in for tokens.
    pub(crate) fn complete(&self, wanted: &Wanted, attempt: Attempt, code: &Secret) -> Result<Tokens> {
        let client = client(&wanted.client_id, &self.token_endpoint)?;
        let redirect = parsed(RedirectUrl::new(wanted.redirect.clone()))?;
        let request = client
            .exchange_code(AuthorizationCode::new(code.reveal().to_owned()))
            .set_pkce_verifier(attempt.verifier)
            .set_redirect_uri(std::borrow::Cow::Owned(redirect));
        let http = agent(&self.token_endpoint);
        request.request(&|request: HttpRequest| send(&http, request)).map(Tokens::from).map_err(|e| failure(e).into())
    }
}

/// Gets a new access token.
pub(crate) fn refresh(token_endpoint: &str, client_id: &str, token: &Secret) -> Result<Tokens> {
    let (client, http) = (client(client_id, token_endpoint)?, agent(token_endpoint));
    let token = RefreshToken::new(token.reveal().to_owned());
    let answer = client.exchange_refresh_token(&token).request(&|request: HttpRequest| send(&http, request));
    answer.map(Tokens::from).map_err(|e| failure(e).into())
}

/// Revokes a refresh token (RFC 7009). Not through `oauth2`, which refuses an issuer on this machine without TLS.
pub(crate) fn revoke(endpoint: &str, client_id: &str, token: &Secret) -> Result<()> {
    let form = [("token", token.reveal()), ("token_type_hint", "refresh_token"), ("client_id", client_id)];
    let answer = agent(safe(endpoint)?).post(endpoint).send_form(form);
    let answer = answer.map_err(|e| Failure::unavailable(format!("{endpoint} does not answer"), e.to_string()))?;
    match answer.status().as_u16() {
        200..=299 => Ok(()),
        status => {
            let failure = Failure::unavailable("the issuer did not revoke the token", format!("HTTP {status}"));
            let passes = is_passing(status);
            Err(Failure { exit: if passes { failure.exit } else { NO_ACCESS }, retryable: passes, ..failure }.into())
        }
    }
}

type Client = BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

fn client(id: &str, token_endpoint: &str) -> Result<Client> {
    let url = parsed(TokenUrl::new(safe(token_endpoint)?.to_owned()))?;
    Ok(BasicClient::new(ClientId::new(id.to_owned())).set_token_uri(url))
}

/// Returns a URL unchanged if a secret may be sent to it.
fn safe(url: &str) -> Result<&str> {
    checked(url).map(|_| url)
}

fn parsed<T, E: std::fmt::Display>(url: Result<T, E>) -> Result<T> {
    let invalid = |e: E| Failure::usage(format!("the issuer or the callback has no valid URL: {e}"), "check --issuer");
    url.map_err(|e| invalid(e).into())
}

impl From<BasicTokenResponse> for Tokens {
    fn from(answer: BasicTokenResponse) -> Self {
        Self {
            access: answer.access_token().secret().as_str().into(),
            refresh: answer.refresh_token().map(|token| token.secret().as_str().into()),
            expires_in: answer.expires_in().map(|time| time.as_secs()),
        }
    }
}

/// Why there is no answer to read.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error(transparent)]
    Http(#[from] ureq::Error),
    /// Whatever the answer says: an issuer that is busy may say that in the form of a refusal.
    #[error("HTTP {0}")]
    Passing(u16),
}

fn send(http: &Agent, request: HttpRequest) -> Result<HttpResponse, NoAnswer> {
    let (head, mut body) = http.run(request)?.into_parts();
    match head.status.as_u16() {
        status if is_passing(status) => Err(NoAnswer::Passing(status)),
        _ => Ok(HttpResponse::from_parts(head, body.read_to_vec()?)),
    }
}

/// Explains why an issuer gave no token, without what it has sent: that may contain one.
fn failure(error: RequestTokenError<NoAnswer, BasicErrorResponse>) -> Failure {
    match error {
        RequestTokenError::Request(NoAnswer::Http(e)) => {
            Failure::unavailable("the issuer does not answer", e.to_string())
        }
        RequestTokenError::Request(e @ NoAnswer::Passing(_)) => {
            Failure::unavailable("the issuer cannot answer", e.to_string())
        }
        RequestTokenError::ServerResponse(answer) => {
            let code = answer.error().as_ref().to_owned();
            let detail = answer.error_description().cloned();
            if matches!(code.as_str(), "server_error" | "temporarily_unavailable" | "slow_down") {
                let title = "the issuer cannot answer".into();
                return Failure { title, detail, code: Some(code), ..Failure::unavailable("", "") };
            }
            let title = "the issuer gives no token".into();
            Failure { exit: NO_ACCESS, title, detail, code: Some(code), ..Failure::default() }
        }
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            Failure::unavailable("the issuer's answer is not understood", "neither tokens nor an error")
        }
    }
}
