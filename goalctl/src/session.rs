//! What `goalctl login` stores: one file for each deployment, readable by its user only.
//!
//! A session belongs to the URL of an API, and its tokens are sent to no other.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use goal_activity_adapters::clock::SystemClock;
use goal_activity_client::Secret;
use goal_activity_client::cognito;
use goal_activity_core::ports::Clock;
use goal_activity_events::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use crate::failure::{Failure, NO_ACCESS};
use crate::http::{agent, encode};
use crate::issuer;
use crate::issuer::Tokens;

/// A token that expires within this time is renewed first, if it can be: a call may take as long.
const MARGIN_SECONDS: i64 = 60;

/// The errors that say that a refresh token works no more: of RFC 6749 (section 5.2), of OpenID Connect (section 3.1.2.6),
/// and of a user pool.
const OVER: [&str; 9] = [
    "invalid_grant",
    "consent_required",
    "interaction_required",
    "login_required",
    "NotAuthorizedException",
    "PasswordResetRequiredException",
    "RefreshTokenReuseException",
    "UserNotConfirmedException",
    "UserNotFoundException",
];

/// The issuer of a session's tokens, for their renewal and revocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// Any issuer.
    Oidc { token_endpoint: String, revocation_endpoint: Option<String> },
    /// A user pool's own API: its token endpoint is for clients that sign in through its pages.
    Cognito { endpoint: String },
}

/// A user who has signed in to a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// The deployment's API.
    pub(crate) url: String,
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) source: Source,
    #[serde(serialize_with = "Secret::revealed")]
    pub(crate) access_token: Secret,
    /// In seconds since 1970. If an issuer does not say it, the token is used until the API refuses it.
    pub(crate) expires_at: Option<i64>,
    #[serde(serialize_with = "revealed_if_any", default)]
    pub(crate) refresh_token: Option<Secret>,
}

#[allow(clippy::ref_option, reason = "serde gives the field as it is")]
fn revealed_if_any<S: Serializer>(secret: &Option<Secret>, to: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::reveal).serialize(to)
}

/// Returns the moment, in seconds since 1970, at which a token expires that was issued now.
pub(crate) fn expiry(expires_in: Option<u64>) -> Option<i64> {
    Some(seconds(SystemClock.now()).saturating_add(i64::try_from(expires_in?).ok()?))
}

fn seconds(time: Timestamp) -> i64 {
    time.as_millis() / 1000
}

impl Session {
    /// Returns `true` if the access token need not be renewed now.
    fn is_fresh(&self, now: i64) -> bool {
        let margin = if self.refresh_token.is_some() { MARGIN_SECONDS } else { 0 };
        self.is_valid(now.saturating_add(margin))
    }

    /// Returns `true` if the access token is not expired at that time.
    fn is_valid(&self, time: i64) -> bool {
        self.expires_at.is_none_or(|end| end > time)
    }

    /// Returns it with a new access token.
    fn renewed(&self) -> Result<Self> {
        let Some(refresh) = &self.refresh_token else { return Err(over(None).into()) };
        let tokens = match &self.source {
            Source::Oidc { token_endpoint, .. } => issuer::refresh(token_endpoint, &self.client_id, refresh),
            Source::Cognito { endpoint } => {
                let tokens = cognito::renew(&agent(endpoint), endpoint, &self.client_id, refresh);
                let tokens = tokens.map_err(|failure| Failure::from(failure).into());
                tokens.map(|t| Tokens { access: t.access_token, refresh: t.refresh_token, expires_in: t.expires_in })
            }
        };
        let tokens = tokens.map_err(|error| {
            let failure = Failure::of(&error);
            match failure.code.as_deref() {
                Some(code) if OVER.contains(&code) => over(failure.detail).into(),
                // Such as a client that the issuer does not know.
                _ if failure.exit == NO_ACCESS => {
                    let advice = Some("if it stays so, sign in again with `goalctl login`".into());
                    Failure { advice, ..failure }.into()
                }
                _ => error,
            }
        })?;
        Ok(Self {
            access_token: tokens.access,
            expires_at: expiry(tokens.expires_in),
            // A new one replaces the old, which may work only once.
            refresh_token: tokens.refresh.or_else(|| self.refresh_token.clone()),
            ..self.clone()
        })
    }

    /// Revokes its tokens. Returns `false` if its issuer cannot.
    pub(crate) fn revoke(&self) -> Result<bool> {
        let Some(refresh) = &self.refresh_token else { return Ok(false) };
        match &self.source {
            Source::Oidc { revocation_endpoint: None, .. } => return Ok(false),
            Source::Oidc { revocation_endpoint: Some(endpoint), .. } => {
                issuer::revoke(endpoint, &self.client_id, refresh)?;
            }
            Source::Cognito { endpoint } => {
                let revoked = cognito::revoke(&agent(endpoint), endpoint, &self.client_id, refresh);
                revoked.map_err(Failure::from)?;
            }
        }
        Ok(true)
    }
}

fn over(detail: Option<String>) -> Failure {
    Failure {
        exit: NO_ACCESS,
        title: "the sign-in is over".into(),
        detail,
        advice: Some("sign in again with `goalctl login`".into()),
        ..Failure::default()
    }
}

/// All stored sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sessions {
    folder: PathBuf,
}

/// All stored sessions, which no other process changes meanwhile.
#[derive(Debug)]
pub(crate) struct Locked<'a> {
    sessions: &'a Sessions,
    _lock: File,
}

/// A session in its file.
#[derive(Debug, Clone)]
pub(crate) struct StoredSession {
    sessions: Sessions,
    pub(crate) session: Session,
}

impl Sessions {
    pub(crate) fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Returns the session of a deployment, if its user has signed in.
    pub(crate) fn find(self, url: &str) -> Result<Option<StoredSession>> {
        let session = self.read(url)?;
        Ok(session.map(|session| StoredSession { sessions: self, session }))
    }

    /// Waits for other processes that change sessions or renew a token: a refresh token may work only once.
    pub(crate) fn lock(&self) -> Result<Locked<'_>> {
        let lock = || -> std::io::Result<File> {
            self.create_folder()?;
            let file = private(&self.folder.join(".lock"))?;
            file.lock()?;
            Ok(file)
        };
        let lock = lock().context("cannot wait for other processes that change the sign-in")?;
        Ok(Locked { sessions: self, _lock: lock })
    }

    /// Revokes and removes the session of a deployment. Returns whether there was one, and whether its tokens are revoked.
    pub(crate) fn end(&self, url: &str) -> Result<(bool, Result<bool>)> {
        if matches!(self.read(url), Ok(None)) {
            return Ok((false, Ok(false)));
        }
        let locked = self.lock()?;
        let found = self.read(url);
        // A file that cannot be read is removed as well.
        let removed = !matches!(found, Ok(None));
        let revoked = found.map_or(Ok(false), |session| session.map_or(Ok(false), |session| session.revoke()));
        locked.remove(url)?;
        Ok((removed, revoked))
    }

    fn file(&self, url: &str) -> PathBuf {
        self.folder.join(format!("{}.json", encode(url)))
    }

    /// Reads the session of a deployment, if its user has signed in.
    pub(crate) fn read(&self, url: &str) -> Result<Option<Session>> {
        let file = self.file(url);
        let text = match fs::read_to_string(&file) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("cannot read {}", file.display()))?,
        };
        let session: Option<Session> = serde_json::from_str(&text).ok();
        // Not the parser's message, which may contain a token.
        let session = session.filter(|session| session.url == url && session.access_token.is_token());
        let session = session.ok_or_else(|| {
            Failure::usage(format!("{} is malformed", file.display()), "sign in again with `goalctl login`")
        })?;
        Ok(Some(session))
    }

    fn create_folder(&self) -> std::io::Result<()> {
        let mut folder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        folder.recursive(true).create(&self.folder)
    }
}

impl Locked<'_> {
    /// Stores a session instead of an earlier one. Returns its file.
    pub(crate) fn store(&self, session: &Session) -> Result<PathBuf> {
        if !session.access_token.is_token() {
            let why = "its access token has characters that no token has (RFC 6750, section 2.1)";
            return Err(Failure::unavailable("the issuer's answer is not understood", why).into());
        }
        let file = self.sessions.file(&session.url);
        let write = || -> std::io::Result<()> {
            // Replaced as a whole: a reader never sees a half. Another process has another name.
            let part = file.with_extension(format!("{}.part", std::process::id()));
            private(&part)?.write_all(serde_json::to_string_pretty(session)?.as_bytes())?;
            fs::rename(&part, &file)
        };
        write().with_context(|| format!("cannot store the sign-in in {}", file.display()))?;
        Ok(file)
    }

    /// Removes the session of a deployment.
    pub(crate) fn remove(&self, url: &str) -> Result<()> {
        let file = self.sessions.file(url);
        match fs::remove_file(&file) {
            Err(e) if e.kind() != ErrorKind::NotFound => {
                Err(e).with_context(|| format!("cannot remove {}", file.display()))
            }
            _ => Ok(()),
        }
    }
}

/// Opens a file for writing that only its owner can read.
fn private(file: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

impl StoredSession {
    /// Returns an access token, renewed if it expires soon or is the one that the API has `refused`. One that cannot be renewed
    /// is used until it has expired.
    pub(crate) fn token(&self, refused: Option<&Secret>) -> Result<Secret> {
        let now = seconds(SystemClock.now());
        let is_taken = |session: &Session| Some(&session.access_token) != refused;
        let is_good = |session: &Session| session.is_fresh(now) && is_taken(session);
        if is_good(&self.session) {
            return Ok(self.session.access_token.clone());
        }
        let locked = self.sessions.lock()?;
        // Another process may have renewed it meanwhile.
        let session = self.sessions.read(&self.session.url)?.ok_or_else(|| over(None))?;
        if is_good(&session) {
            return Ok(session.access_token);
        }
        let renewed = match session.renewed() {
            Err(error) if Failure::of(&error).retryable && session.is_valid(now) && is_taken(&session) => {
                return Ok(session.access_token);
            }
            renewed => renewed?,
        };
        // The file may have been removed by hand, or written by a version without the lock.
        match self.sessions.read(&self.session.url)? {
            Some(stored) if stored == session => {}
            Some(other) if is_good(&other) => return Ok(other.access_token),
            _ => return Err(over(Some("it was removed or replaced while its token was renewed".into())).into()),
        }
        locked.store(&renewed)?;
        Ok(renewed.access_token)
    }
}

#[cfg(test)]
mod tests {
    use goal_activity_testkit::stub::{Reply, Response, Seen, Stub};
    use serde_json::json;

    use super::*;
    use crate::failure::UNAVAILABLE;

    /// Sessions in a folder of the test.
    fn sessions(test: &str) -> Sessions {
        let folder = std::env::temp_dir().join(format!("goalctl-sessions-{}-{test}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        Sessions::in_folder(folder)
    }

    fn session(issuer: &str, expires_at: Option<i64>) -> Session {
        Session {
            url: "https://api.example".into(),
            issuer: issuer.into(),
            client_id: "cli".into(),
            source: Source::Oidc {
                token_endpoint: format!("{issuer}/token"),
                revocation_endpoint: Some(format!("{issuer}/revoke")),
            },
            access_token: "access-1".into(),
            expires_at,
            refresh_token: Some("refresh-1".into()),
        }
    }

    fn in_an_hour() -> Option<i64> {
        expiry(Some(3600))
    }

    async fn token(stored: &StoredSession, refused: bool) -> Result<String> {
        let stored = stored.clone();
        let refused = refused.then(|| stored.session.access_token.clone());
        let token = tokio::task::spawn_blocking(move || stored.token(refused.as_ref())).await.unwrap()?;
        Ok(token.reveal().to_owned())
    }

    #[test]
    fn a_session_is_read_by_its_own_deployment_and_its_own_user_only() {
        let sessions = sessions("private");
        let session = session("https://issuer.example", None);
        let file = sessions.lock().unwrap().store(&session).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        }
        assert_eq!(sessions.clone().find("https://api.example").unwrap().unwrap().session, session);
        assert!(sessions.clone().find("https://other.example").unwrap().is_none());
        fs::copy(&file, sessions.file("https://other.example")).unwrap();
        assert!(sessions.clone().find("https://other.example").is_err(), "a file under another name");
        fs::write(&file, r#"{ "access_token": "s3cr3t" "#).unwrap();
        let error = sessions.clone().find("https://api.example").unwrap_err().to_string();
        assert!(error.contains("malformed") && !error.contains("s3cr3t"), "{error}");
        sessions.lock().unwrap().remove("https://api.example").unwrap();
        sessions.lock().unwrap().remove("https://api.example").unwrap();
        assert!(sessions.find("https://api.example").unwrap().is_none());
        assert!(!format!("{session:?}").contains("access-1"), "{session:?}");
    }

    #[tokio::test]
    async fn a_token_is_renewed_when_it_is_expired_or_refused_and_what_is_new_is_stored() {
        let sessions = sessions("renewed");
        let answer = json!({ "access_token": "access-2", "token_type": "Bearer", "expires_in": 3600 });
        let rotated = json!({ "access_token": "access-3", "token_type": "bearer", "refresh_token": "refresh-3" });
        let issuer = Stub::start([answer, rotated].iter().map(|body| Reply::Whole(Response::new(200, body)))).await;
        sessions.lock().unwrap().store(&session(&issuer.url(), in_an_hour())).unwrap();
        let stored = || sessions.clone().find("https://api.example").unwrap().unwrap();
        assert_eq!(token(&stored(), false).await.unwrap(), "access-1", "it is good for an hour");
        assert!(issuer.seen().is_empty());

        sessions.lock().unwrap().store(&session(&issuer.url(), expiry(Some(30)))).unwrap();
        let old = stored();
        assert_eq!(token(&old, false).await.unwrap(), "access-2");
        assert_eq!(token(&old, false).await.unwrap(), "access-2", "another process has renewed it");
        let asked = issuer.one();
        assert_eq!(asked.text, "grant_type=refresh_token&refresh_token=refresh-1&client_id=cli");
        assert_eq!(stored().session.refresh_token, Some("refresh-1".into()), "it is kept if there is no other");

        assert_eq!(token(&stored(), true).await.unwrap(), "access-3", "the API has refused it");
        let session = stored().session;
        assert_eq!((session.refresh_token, session.expires_at), (Some("refresh-3".into()), None));
    }

    #[tokio::test]
    async fn a_sign_in_that_is_over_is_said_to_be_so_and_an_issuer_that_is_away_is_not_the_end() {
        let sessions = sessions("over");
        let refused = json!({ "error": "invalid_grant", "error_description": "revoked" });
        let issuer = Stub::start([
            Reply::Whole(Response::new(400, refused)),
            Reply::Whole(Response::new(503, "busy")),
            Reply::HangUp,
        ])
        .await;
        let expired = session(&issuer.url(), Some(0));
        sessions.lock().unwrap().store(&expired).unwrap();
        let stored = sessions.clone().find("https://api.example").unwrap().unwrap();
        let failure = Failure::of(&token(&stored, false).await.unwrap_err());
        assert!(failure.exit == NO_ACCESS && failure.to_string().contains("goalctl login"), "{failure}");
        assert!(failure.to_string().contains("revoked"), "{failure}");
        for _ in 0..2 {
            assert!(Failure::of(&token(&stored, false).await.unwrap_err()).retryable);
        }
        sessions.lock().unwrap().store(&Session { refresh_token: None, ..expired }).unwrap();
        let failure = Failure::of(&token(&stored, false).await.unwrap_err());
        assert_eq!(failure.title, "the sign-in is over");
    }

    #[tokio::test]
    async fn a_user_pool_renews_and_revokes_through_its_own_api() {
        let sessions = sessions("pool");
        let result = json!({ "AuthenticationResult": { "AccessToken": "access-2", "ExpiresIn": 3600 } });
        let pool = Stub::start([result, json!({})].map(|body| Reply::Whole(Response::new(200, body)))).await;
        let source = Source::Cognito { endpoint: pool.url() };
        sessions.lock().unwrap().store(&Session { source, ..session(&pool.url(), Some(0)) }).unwrap();
        let stored = sessions.clone().find("https://api.example").unwrap().unwrap();
        assert_eq!(token(&stored, false).await.unwrap(), "access-2");
        let session = sessions.find("https://api.example").unwrap().unwrap().session;
        assert!(tokio::task::spawn_blocking(move || session.revoke()).await.unwrap().unwrap());
        let [renewed, revoked] = pool.seen().try_into().unwrap();
        assert_eq!(renewed.header("x-amz-target"), Some("AWSCognitoIdentityProviderService.InitiateAuth"));
        assert_eq!(renewed.body["AuthParameters"], json!({ "REFRESH_TOKEN": "refresh-1" }));
        assert_eq!(revoked.header("x-amz-target"), Some("AWSCognitoIdentityProviderService.RevokeToken"));
        assert_eq!(revoked.body, json!({ "ClientId": "cli", "Token": "refresh-1" }));
    }

    const URL: &str = "https://api.example";

    /// Returns `true` if a process has the lock.
    fn is_locked(sessions: &Sessions) -> bool {
        private(&sessions.folder.join(".lock")).unwrap().try_lock().is_err()
    }

    /// An issuer that gives a new token, after something else has happened.
    async fn issuer(meanwhile: impl Fn() + Send + Sync + 'static) -> Stub {
        Stub::with(move |_: &Seen| {
            meanwhile();
            let tokens = json!({ "access_token": "access-2", "token_type": "bearer", "refresh_token": "refresh-2" });
            Reply::Whole(Response::new(200, tokens))
        })
        .await
    }

    #[tokio::test]
    async fn what_was_removed_or_replaced_during_a_renewal_stays_so() {
        let sessions = sessions("meanwhile");
        let removing = {
            let sessions = sessions.clone();
            issuer(move || {
                assert!(is_locked(&sessions));
                fs::remove_file(sessions.file(URL)).unwrap();
            })
        };
        let issuer_1 = removing.await;
        sessions.lock().unwrap().store(&session(&issuer_1.url(), Some(0))).unwrap();
        let stored = sessions.clone().find(URL).unwrap().unwrap();
        let failure = Failure::of(&token(&stored, false).await.unwrap_err());
        assert_eq!((failure.exit, failure.title.as_str()), (NO_ACCESS, "the sign-in is over"));
        assert!(sessions.read(URL).unwrap().is_none() && !is_locked(&sessions));

        let other = Session { access_token: "of-another".into(), ..session("https://issuer.example", in_an_hour()) };
        let replacing = {
            let (file, other) = (sessions.file(URL), serde_json::to_string(&other).unwrap());
            issuer(move || fs::write(&file, &other).unwrap())
        };
        let issuer_2 = replacing.await;
        sessions.lock().unwrap().store(&session(&issuer_2.url(), Some(0))).unwrap();
        let stored = sessions.clone().find(URL).unwrap().unwrap();
        assert_eq!(token(&stored, false).await.unwrap(), "of-another");
        assert_eq!(sessions.read(URL).unwrap().unwrap(), other);
    }

    #[tokio::test]
    async fn a_session_ends_while_no_other_process_renews_its_token() {
        let sessions = sessions("end");
        let revoking = {
            let sessions = sessions.clone();
            issuer(move || assert!(is_locked(&sessions) && sessions.file(URL).exists()))
        };
        let issuer = revoking.await;
        let first = session(&issuer.url(), Some(0));
        let end = |sessions: &Sessions| {
            let sessions = sessions.clone();
            tokio::task::spawn_blocking(move || sessions.end(URL).unwrap())
        };
        let ending = {
            let renewing = sessions.lock().unwrap();
            renewing.store(&first).unwrap();
            let ending = end(&sessions);
            renewing.store(&Session { refresh_token: Some("refresh-2".into()), ..first }).unwrap();
            ending
        };
        let (removed, revoked) = ending.await.unwrap();
        assert!(removed && revoked.unwrap() && sessions.read(URL).unwrap().is_none());
        assert!(issuer.one().text.starts_with("token=refresh-2&"), "what was renewed meanwhile");
        assert!(matches!(end(&sessions).await.unwrap(), (false, Ok(false))));
    }

    #[tokio::test]
    async fn a_token_that_cannot_be_renewed_is_used_until_it_has_expired() {
        let sessions = sessions("short");
        let busy = Stub::answering(Response::new(503, "busy")).await;
        let stored = |session: Session| {
            sessions.lock().unwrap().store(&session).unwrap();
            sessions.clone().find(URL).unwrap().unwrap()
        };
        let short = session(&busy.url(), expiry(Some(30)));
        let alone = stored(Session { refresh_token: None, ..short.clone() });
        assert_eq!(token(&alone, false).await.unwrap(), "access-1");
        assert!(busy.seen().is_empty());
        let over = Failure::of(&token(&alone, true).await.unwrap_err());
        assert_eq!(over.title, "the sign-in is over", "the API has refused it");
        let expired = stored(Session { refresh_token: None, expires_at: Some(0), ..short.clone() });
        assert!(token(&expired, false).await.is_err());

        assert_eq!(token(&stored(short.clone()), false).await.unwrap(), "access-1", "the issuer is busy");
        assert!(Failure::of(&token(&stored(short.clone()), true).await.unwrap_err()).retryable);
        let expired = stored(Session { expires_at: Some(0), ..short });
        assert!(Failure::of(&token(&expired, false).await.unwrap_err()).retryable);
    }

    #[tokio::test]
    async fn only_a_refusal_of_the_refresh_token_ends_a_sign_in() {
        let sessions = sessions("refusals");
        let answers = [
            (429, json!({ "error": "invalid_grant", "error_description": "too many" }), true),
            (500, json!({ "error": "invalid_request" }), true),
            (400, json!({ "error": "temporarily_unavailable" }), true),
            (400, json!({ "error": "invalid_client" }), false),
        ];
        for (status, answer, retryable) in answers {
            let issuer = Stub::answering(Response::new(status, &answer)).await;
            sessions.lock().unwrap().store(&session(&issuer.url(), Some(0))).unwrap();
            let stored = sessions.clone().find(URL).unwrap().unwrap();
            let failure = Failure::of(&token(&stored, false).await.unwrap_err());
            let exit = if retryable { UNAVAILABLE } else { NO_ACCESS };
            assert_eq!((failure.exit, failure.retryable), (exit, retryable), "{status} {answer}: {failure}");
            assert_ne!(failure.title, "the sign-in is over", "{status} {answer}");
        }
        for (code, over) in [("NotAuthorizedException", true), ("TooManyRequestsException", false)] {
            let pool = Stub::answering(Response::new(400, json!({ "__type": code, "message": "m" }))).await;
            let source = Source::Cognito { endpoint: pool.url() };
            sessions.lock().unwrap().store(&Session { source, ..session(&pool.url(), Some(0)) }).unwrap();
            let stored = sessions.clone().find(URL).unwrap().unwrap();
            let failure = Failure::of(&token(&stored, false).await.unwrap_err());
            assert_eq!((failure.title == "the sign-in is over", failure.retryable), (over, !over), "{code}: {failure}");
        }
    }

    #[tokio::test]
    async fn what_is_no_token_is_not_stored() {
        let sessions = sessions("no-token");
        let answer = json!({ "access_token": "s3cr3t\n", "token_type": "bearer" });
        let issuer = Stub::answering(Response::new(200, answer)).await;
        let old = session(&issuer.url(), Some(0));
        sessions.lock().unwrap().store(&old).unwrap();
        let stored = sessions.clone().find(URL).unwrap().unwrap();
        let failure = Failure::of(&token(&stored, false).await.unwrap_err()).to_string();
        assert!(failure.contains("access token") && !failure.contains("s3cr3t"), "{failure}");
        assert_eq!(sessions.read(URL).unwrap().as_ref(), Some(&old));

        // As an earlier version has stored it.
        let malformed = Session { access_token: "s3cr3t\n".into(), ..old };
        fs::write(sessions.file(URL), serde_json::to_string(&malformed).unwrap()).unwrap();
        let error = sessions.read(URL).unwrap_err().to_string();
        assert!(error.contains("sign in again") && !error.contains("s3cr3t"), "{error}");
    }
}
