//! `goalctl login`, `logout` and `token`: signing in to a deployment.

mod callback;
pub(crate) mod operator;

use std::io::BufRead;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use goal_activity_client::Secret;
use goal_activity_events::Timestamp;
use serde::Serialize;
use tokio::task::spawn_blocking;

use crate::client::Client;
use crate::deployment::Deployment;
use crate::failure::{DONE, Failure, NOT_DONE};
use crate::issuer::{Metadata, Wanted};
use crate::login::callback::Callback;
use crate::login::operator::Credentials;
use crate::place::Place;
use crate::program;
use crate::session::{Session, Sessions, Source, expiry};
use crate::settings::{LoginSettings, Settings};
use crate::shell::Shell;
use crate::stack::Stack;
use crate::text::{printable, shell_word};

const EXAMPLES: &str = "\
Examples:
  goalctl login --stack goal-activity
  goalctl login --url https://goals.example --issuer https://login.example --client-id goalctl
  goalctl login --stack goal-activity --user ann@example.com --password-stdin < password.txt";

/// The options of `goalctl login`.
#[derive(Debug, Default, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Login {
    /// The OpenID Connect issuer of the deployment's tokens [default: the profile file's, or the stack's]
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// The id of a public client at that issuer [default: the profile file's, or the stack's]
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// A scope to ask for; may be repeated [default: the profile file's, or what the deployment needs]
    #[arg(long = "scope", value_name = "NAME")]
    scopes: Vec<String>,
    /// The API, for issuers that ask for it as `audience`
    #[arg(long, value_name = "NAME")]
    audience: Option<String>,
    /// The port on this machine to which the browser returns; the issuer has to know `http://localhost:<port>/callback`
    /// [default: the first free one of 28476, 28477 and 28478]
    #[arg(long, value_name = "PORT")]
    callback_port: Option<u16>,
    /// Print the page's address only
    #[arg(long)]
    no_browser: bool,
    /// How long to wait for the browser
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    timeout: u64,
    /// Sign in this user of the stack's user pool without a browser; needs AWS credentials that allow
    /// cognito-idp:AdminInitiateAuth
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    user: Option<String>,
    /// Read the user's password from the first line of standard input
    #[arg(long, requires = "user")]
    password_stdin: bool,
    /// Read the password that replaces a temporary one from the second line; needs `cognito-idp:AdminRespondToAuthChallenge` as well
    #[arg(long, requires = "password_stdin")]
    new_password_stdin: bool,
}

/// The result of a sign-in.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SignedIn {
    url: String,
    issuer: String,
    /// Of the access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    /// Whether it is renewed without another sign-in.
    renewable: bool,
    file: String,
}

impl SignedIn {
    fn text(&self) -> String {
        let renewal = match self.renewable {
            true => "The token is renewed without you until the issuer ends the sign-in.",
            false => "The issuer gives no refresh token: sign in again when the token has expired.",
        };
        format!("Signed in to {} by {}.\n{renewal}\n", printable(&self.url), printable(&self.issuer))
    }
}

/// What is said where no sign-in is needed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NotNeeded {
    url: String,
    sign_in_needed: bool,
    file: String,
}

impl NotNeeded {
    /// The stack that was found on this machine has a sample user, as whom every other command calls its API. Nothing is listening
    /// for a browser there that could know who else signs in. `None` where the user has named the stack, or says how
    /// to sign in.
    fn of(deployment: &Deployment, place: &Place, login: &LoginSettings) -> Option<Self> {
        let has_user = deployment.file.as_ref().is_some_and(|file| file.user().is_ok());
        let file =
            place.stack_file.as_ref().filter(|_| place.is_found && has_user && *login == LoginSettings::default())?;
        Some(Self { url: deployment.url.clone(), sign_in_needed: false, file: file.display().to_string() })
    }

    fn text(&self) -> String {
        let (url, file) = (printable(&self.url), printable(&shell_word(&self.file)));
        let program = program::name();
        format!(
            "The stack on this machine ({url}) needs no sign-in: {program} signs in its sample user by itself.\n\
             As another of its users: `{program} login --stack-file {file}`.\n"
        )
    }
}

/// The result of signing out.
#[derive(Debug, Serialize)]
struct SignedOut {
    url: String,
    /// `false` if there was no refresh token, or its issuer cannot revoke.
    revoked: bool,
    removed: bool,
}

impl SignedOut {
    fn text(&self) -> String {
        let url = printable(&self.url);
        match (self.removed, self.revoked) {
            (false, _) => format!("Not signed in to {url}.\n"),
            (true, true) => format!("Signed out of {url}.\n"),
            (true, false) => {
                format!("Signed out of {url} here. Nothing was revoked: the tokens end by themselves.\n")
            }
        }
    }
}

/// Runs `goalctl login`.
pub(crate) async fn login(args: Login, settings: Settings, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let Settings { place, login: profile, sessions, .. } = settings;
    let sessions = stored(sessions)?;
    let mut deployment = Deployment::find(&place).await?;
    let url = deployment.url.clone();
    let session = if let Some(user) = args.user.clone() {
        let credentials = read_credentials(user, args.new_password_stdin, shell)?;
        let stack = deployment.open_stack(&place).await?;
        let stack = stack.ok_or_else(|| Failure::usage("no stack is named", "say --stack"))?;
        operator::sign_in(stack, &url, &credentials).await?
    } else {
        let profile = with_options(profile, &args);
        if let Some(not_needed) = NotNeeded::of(&deployment, &place, &profile) {
            shell.show(json, &not_needed, NotNeeded::text)?;
            return Ok(DONE);
        }
        // The stack is asked only for what is not said.
        let stack = match profile.issuer.is_some() && profile.client_id.is_some() {
            true => None,
            false => deployment.open_stack(&place).await?,
        };
        let asked = asked(&profile, stack)?;
        in_browser(&args, &url, asked, shell).await?
    };
    let (session, stored) = (session.clone(), move || sessions.lock()?.store(&session));
    let file = spawn_blocking(stored).await??;
    if !is_jwt(&session.access_token) {
        let hint = "warning: the issuer gave a token that is no JWT, which the API does not accept; name the API with --audience";
        writeln!(shell.err, "{hint}")?;
    }
    let signed_in = SignedIn {
        url: session.url,
        issuer: session.issuer,
        expires_at: session.expires_at.and_then(|end| end.checked_mul(1000)).map(Timestamp::from_millis),
        renewable: session.refresh_token.is_some(),
        file: file.display().to_string(),
    };
    shell.show(json, &signed_in, SignedIn::text)?;
    Ok(DONE)
}

/// Runs `goalctl logout`.
pub(crate) async fn logout(settings: Settings, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let sessions = stored(settings.sessions)?;
    let url = Deployment::find(&settings.place).await?.url;
    let ended = url.clone();
    let (removed, revoked) = spawn_blocking(move || sessions.end(&ended)).await??;
    let (revoked, failure) = match revoked {
        Ok(revoked) => (revoked, None),
        Err(failure) => (false, Some(failure)),
    };
    if let Some(failure) = failure.as_ref().map(Failure::of) {
        writeln!(shell.err, "warning: the tokens were removed here, and not revoked: {failure}")?;
    }
    shell.show(json, &SignedOut { url, revoked, removed }, SignedOut::text)?;
    Ok(if failure.is_some() { NOT_DONE } else { DONE })
}

/// Runs `goalctl token`.
pub(crate) async fn token(client: &Client, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let token = client.token().await?;
    let token = serde_json::json!({ "token": token.reveal() });
    shell.show(json, &token, |token| format!("{}\n", token["token"].as_str().unwrap_or_default()))?;
    Ok(DONE)
}

fn stored(sessions: Option<Sessions>) -> Result<Sessions> {
    sessions.context("this user has no folder for sign-ins: HOME is not set")
}

fn with_options(profile: LoginSettings, args: &Login) -> LoginSettings {
    LoginSettings {
        issuer: args.issuer.clone().or(profile.issuer),
        client_id: args.client_id.clone().or(profile.client_id),
        scopes: Some(args.scopes.clone()).filter(|scopes| !scopes.is_empty()).or(profile.scopes),
        audience: args.audience.clone().or(profile.audience),
        callback_port: args.callback_port.or(profile.callback_port),
    }
}

/// What to ask whom.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    issuer: String,
    /// Where the issuer describes itself, if not at its own address: the emulator poses as AWS.
    address: Option<String>,
    client_id: String,
    scopes: Option<Vec<String>>,
    audience: Option<String>,
    port: Option<u16>,
}

/// Combines the settings with what the stack says.
fn asked(settings: &LoginSettings, stack: Option<&Stack>) -> Result<Asked> {
    let output = |name: &str| stack.and_then(|stack| stack.find_output(name));
    let missing = |what: &str, option: &str| {
        let advice = format!(
            "say {option}, or write it into the profile file; a stack with a user pool says it itself: --stack"
        );
        Failure::usage(format!("{what} is not known"), &advice)
    };
    let issuer = settings.issuer.as_deref().or_else(|| output("Issuer"));
    let issuer = issuer.ok_or_else(|| missing("the issuer of the tokens", "--issuer"))?;
    let client_id = settings.client_id.as_deref().or_else(|| output("LoginClientId"));
    let client_id = client_id.ok_or_else(|| missing("a client at the issuer", "--client-id"))?;
    let scopes = output("LoginScopes").map(|scopes| scopes.split(' ').map(str::to_owned).collect());
    let endpoint = stack.and_then(|stack| stack.sdk.endpoint_url()).filter(|_| output("Issuer") == Some(issuer));
    let address = endpoint.zip(output("UserPoolId")).map(|(endpoint, pool)| format!("{endpoint}/{pool}"));
    Ok(Asked {
        issuer: issuer.to_owned(),
        address,
        client_id: client_id.to_owned(),
        scopes: settings.scopes.clone().or(scopes),
        audience: settings.audience.clone(),
        port: settings.callback_port,
    })
}

/// Returns the scopes to ask for if nothing says which: one of them makes most issuers give a refresh token.
fn usual_scopes(issuer: &Metadata) -> Vec<String> {
    let offline = issuer.scopes_supported.iter().any(|scope| scope == "offline_access");
    let scopes = ["openid"].into_iter().chain(offline.then_some("offline_access"));
    scopes.map(str::to_owned).collect()
}

async fn in_browser(args: &Login, url: &str, asked: Asked, shell: &mut Shell<'_>) -> Result<Session> {
    let Asked { issuer, address, client_id, scopes, audience, port } = asked;
    let issuer = spawn_blocking(move || Metadata::discover(&issuer, address.as_deref())).await??;
    let callback = Callback::listen(port).await?;
    let scopes = scopes.unwrap_or_else(|| usual_scopes(&issuer));
    let wanted = Wanted { client_id: client_id.clone(), scopes, audience, redirect: callback.url() };
    let attempt = issuer.begin(&wanted)?;
    writeln!(shell.err, "To sign in, open this page in a browser on this machine:\n  {}", printable(&attempt.page))?;
    if shell.environment.browser && !args.no_browser {
        let page = attempt.page.clone();
        // Whether it opens is for the user to see: the address is printed.
        let _ = spawn_blocking(move || open::that_detached(page)).await?;
    }
    shell.err.flush()?;
    let code = callback.code(&attempt.state, &issuer.issuer, Duration::from_secs(args.timeout)).await?;
    let (metadata, exchange) = (issuer.clone(), move || issuer.complete(&wanted, attempt, &code));
    let tokens = spawn_blocking(exchange).await??;
    Ok(Session {
        url: url.to_owned(),
        issuer: metadata.issuer,
        client_id,
        source: Source::Oidc {
            token_endpoint: metadata.token_endpoint,
            revocation_endpoint: metadata.revocation_endpoint,
        },
        access_token: tokens.access,
        expires_at: expiry(tokens.expires_in),
        refresh_token: tokens.refresh,
    })
}

fn read_credentials(user: String, two: bool, shell: &mut Shell<'_>) -> Result<Credentials> {
    let input = shell.piped.as_mut().or(shell.keyboard.as_mut()).context("there is no standard input")?;
    let password = line(&mut **input)?;
    let new_password = two.then(|| line(&mut **input)).transpose()?;
    Ok(Credentials { user, password, new_password })
}

/// Reads a password: a line without its end. Spaces may belong to it.
fn line(input: &mut dyn BufRead) -> Result<Secret> {
    let mut line = String::new();
    input.read_line(&mut line).context("cannot read the password from standard input")?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    let password = password.strip_suffix('\r').unwrap_or(password);
    match password.is_empty() {
        true => Err(Failure::usage("there is no password on standard input", "give it as a line").into()),
        false => Ok(password.into()),
    }
}

fn is_jwt(token: &Secret) -> bool {
    token.reveal().split('.').count() == 3
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use goal_activity_testkit::stub::{Reply, Response, Seen, Stub};
    use serde_json::{Value, json};
    use tokio::sync::mpsc;

    use super::*;
    use crate::failure::{NO_ACCESS, USAGE};
    use crate::{Environment, Terminal};

    /// A folder of one test for its sign-ins.
    fn folder(test: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("goalctl-login-{}-{test}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        folder
    }

    /// Runs the tool. What it prints on standard error also goes to `told`.
    async fn goalctl(line: &str, folder: PathBuf, input: &str, told: mpsc::UnboundedSender<String>) -> (u8, String) {
        struct Told(mpsc::UnboundedSender<String>);
        impl std::io::Write for Told {
            fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
                let _ = self.0.send(String::from_utf8_lossy(text).into_owned());
                Ok(text.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (mut out, mut err, mut input) = (Vec::new(), Told(told), input.as_bytes());
        let environment = Environment { session_folder: Some(folder), ..Environment::default() };
        let piped = Some(&mut input as &mut dyn BufRead);
        let shell =
            Shell { out: &mut out, err: &mut err, keyboard: None, piped, terminal: Terminal::default(), environment };
        let code = crate::run(line.split(' '), shell).await;
        (code, String::from_utf8(out).unwrap())
    }

    /// An issuer that describes itself, and then gives these answers.
    async fn issuer(token: Response, revocation: u16) -> Stub {
        Stub::with(move |seen: &Seen| {
            let url = format!("http://{}", seen.header("host").unwrap());
            Reply::Whole(match seen.line.as_str() {
                "GET /.well-known/openid-configuration" => Response::new(
                    200,
                    json!({
                        "issuer": url, "authorization_endpoint": format!("{url}/authorize"),
                        "token_endpoint": format!("{url}/token"), "revocation_endpoint": format!("{url}/revoke"),
                        "scopes_supported": ["openid", "offline_access"],
                    }),
                ),
                "POST /revoke" => Response::new(revocation, ""),
                _ => token.clone(),
            })
        })
        .await
    }

    fn tokens() -> Response {
        let body =
            json!({ "access_token": "a.b.c", "refresh_token": "refresh", "token_type": "Bearer", "expires_in": 60 });
        // An issuer's answer has a content type, which is checked.
        Response::new(200, body).header("content-type", "application/json")
    }

    /// Plays the browser and the issuer's page: returns with this answer. Yields the page's parameters.
    async fn browser(mut told: mpsc::UnboundedReceiver<String>, answer: &str) -> Vec<(String, String)> {
        let mut text = String::new();
        while !text.contains("&scope=") || !text.ends_with('\n') {
            text.push_str(&told.recv().await.unwrap());
        }
        let page = text.lines().find(|line| line.contains("/authorize?")).unwrap().trim();
        let decode = |text: &str| {
            percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8().unwrap().into_owned()
        };
        let pairs = page.split_once('?').unwrap().1.split('&').map(|pair| pair.split_once('=').unwrap());
        let parameters: Vec<_> = pairs.map(|(name, value)| (name.to_owned(), decode(value))).collect();
        let back = format!("{}?{answer}&state={}", value(&parameters, "redirect_uri"), value(&parameters, "state"));
        let status = spawn_blocking(move || crate::http::agent(&back).get(&back).call().unwrap().status().as_u16())
            .await
            .unwrap();
        assert_eq!(status, 200);
        parameters
    }

    fn value<'a>(parameters: &'a [(String, String)], name: &str) -> &'a str {
        parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap()
    }

    fn in_browser_line(issuer: &Stub) -> String {
        let options = "--client-id cli --audience goals --callback-port 0 --timeout 10 --json";
        format!("goalctl login --url https://api.example --issuer {} {options}", issuer.url())
    }

    #[tokio::test]
    async fn a_user_signs_in_at_any_issuer_and_out_again() {
        let (issuer, folder) = (issuer(tokens(), 200).await, folder("any"));
        let (sender, told) = mpsc::unbounded_channel();
        let line = in_browser_line(&issuer);
        let (ran, page) = tokio::join!(goalctl(&line, folder.clone(), "", sender), browser(told, "code=c0de"));
        let (code, out) = ran;
        let signed_in: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, &signed_in["issuer"], &signed_in["renewable"]), (DONE, &json!(issuer.url()), &json!(true)));
        assert!(!out.contains("a.b.c") && !out.contains("refresh\""), "{out}");
        let asked = ["response_type", "client_id", "scope", "audience", "code_challenge_method"];
        assert_eq!(asked.map(|name| value(&page, name)), ["code", "cli", "openid offline_access", "goals", "S256"]);
        assert_eq!(value(&page, "code_challenge").len(), 43, "SHA-256 in base64url");

        let exchange = issuer.seen().pop().unwrap();
        assert_eq!(exchange.line, "POST /token");
        for part in
            ["grant_type=authorization_code", "code=c0de", "code_verifier=", "client_id=cli", "redirect_uri=http"]
        {
            assert!(exchange.text.contains(part), "{part}: {}", exchange.text);
        }
        assert!(!exchange.text.contains(value(&page, "code_challenge")), "the verifier was not shown before");

        let (sender, _told) = mpsc::unbounded_channel();
        let line = "goalctl logout --url https://api.example --json";
        let (code, out) = goalctl(line, folder.clone(), "", sender.clone()).await;
        let ended: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, &ended["revoked"], &ended["removed"]), (DONE, &json!(true), &json!(true)));
        let revoked = issuer.seen().pop().unwrap();
        assert_eq!(revoked.text, "token=refresh&token_type_hint=refresh_token&client_id=cli");
        let (code, out) = goalctl(line, folder, "", sender).await;
        assert!(code == DONE && out.contains(r#""removed": false"#), "{out}");
    }

    #[tokio::test]
    async fn a_sign_in_that_is_refused_stores_nothing() {
        let (issuer, folder) = (issuer(tokens(), 200).await, folder("refused"));
        let (sender, told) = mpsc::unbounded_channel();
        let line = in_browser_line(&issuer);
        let (ran, _) = tokio::join!(goalctl(&line, folder.clone(), "", sender), browser(told, "error=access_denied"));
        assert_eq!(ran, (NO_ACCESS, String::new()));
        assert!(!folder.exists() && issuer.seen().len() == 1, "it was not asked for a token");
    }

    #[tokio::test]
    async fn a_sign_in_is_removed_even_if_it_cannot_be_revoked() {
        let (issuer, folder) = (issuer(tokens(), 503).await, folder("kept"));
        let (sender, told) = mpsc::unbounded_channel();
        let line = in_browser_line(&issuer);
        let (ran, _) = tokio::join!(goalctl(&line, folder.clone(), "", sender), browser(told, "code=c"));
        assert_eq!(ran.0, DONE);
        let (sender, mut told) = mpsc::unbounded_channel();
        let line = "goalctl logout --url https://api.example --json";
        let (code, out) = goalctl(line, folder.clone(), "", sender).await;
        assert!(code == NOT_DONE && out.contains(r#""removed": true"#), "{out}");
        assert!(told.recv().await.unwrap().starts_with("warning: "));
        assert!(Sessions::in_folder(folder).find("https://api.example").unwrap().is_none());
    }

    #[tokio::test]
    async fn what_cannot_be_known_is_asked_for() {
        let run = async |line: &str, input: &str| {
            let (sender, mut told) = mpsc::unbounded_channel();
            let (code, out) = goalctl(line, folder("unknown"), input, sender).await;
            let mut err = String::new();
            while let Some(text) = told.recv().await {
                err.push_str(&text);
            }
            assert!(out.is_empty());
            (code, err)
        };
        let (code, err) = run("goalctl login --url https://api.example", "").await;
        assert!(code == USAGE && err.contains("--issuer"), "{err}");
        let (code, err) = run("goalctl login --url https://api.example --issuer https://i.example", "").await;
        assert!(code == USAGE && err.contains("--client-id"), "{err}");
        let named = "--url https://api.example --client-id cli --issuer";
        let (code, err) = run(&format!("goalctl login {named} http://i.example"), "").await;
        assert!(code == USAGE && err.contains("no address for a token"), "{err}");
        let posing = Stub::answering(Response::new(
            200,
            json!({ "issuer": "https://i.example", "authorization_endpoint": "https://a", "token_endpoint": "https://a" }),
        ))
        .await;
        let (code, err) = run(&format!("goalctl login {named} {}", posing.url()), "").await;
        assert!(code == USAGE && err.contains("describes another issuer: https://i.example"), "{err}");

        let (code, err) = run("goalctl login --url https://api.example --user ann", "").await;
        assert!(code == USAGE && err.contains("--password-stdin"), "{err}");
        let operator = "goalctl login --url https://api.example --user ann --password-stdin";
        let (code, err) = run(operator, "\n").await;
        assert!(code == USAGE && err.contains("no password"), "{err}");
        let (code, err) = run(operator, "s3cr3t\n").await;
        assert!(code == USAGE && err.contains("say --stack") && !err.contains("s3cr3t"), "{err}");
    }

    #[tokio::test]
    async fn a_stack_that_was_found_on_this_machine_needs_no_sign_in() {
        let stack = Stub::answering(Response::new(404, "{}")).await;
        let target = folder("found");
        let file = target.join("goal-activity/up/stack.json");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let outputs = json!({ "Issuer": "https://issuer.example", "LoginClientId": "cli", "UserPoolId": "pool" });
        let user = json!({ "username": "demo@example.com", "password": "Demo-password-1" });
        let described = json!({ "endpoint": stack.url(), "apiUrl": stack.url(), "outputs": outputs, "user": user });
        std::fs::write(&file, described.to_string()).unwrap();
        let run = async |line: String| {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let (session_folder, target_folders) = (Some(folder("found-sessions")), vec![target.clone()]);
            let environment = Environment { session_folder, target_folders, ..Environment::default() };
            let (keyboard, piped, terminal) = (None, None, Terminal::default());
            let shell = Shell { out: &mut out, err: &mut err, keyboard, piped, terminal, environment };
            let code = crate::run(line.split(' '), shell).await;
            (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
        };
        let (code, out, err) = run("goalctl login".to_owned()).await;
        assert!(code == DONE && err.is_empty() && out.contains("needs no sign-in"), "{code} {out} {err}");
        assert!(out.contains(&format!("`goalctl login --stack-file {}`", file.display())), "{out}");
        let (code, out, _) = run("goalctl login --json".to_owned()).await;
        let said: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, &said["signInNeeded"], &said["url"]), (DONE, &json!(false), &json!(stack.url())));
        assert!(stack.seen().is_empty(), "nobody was asked for a page: {:?}", stack.seen());

        // Whoever names it means to sign in there.
        let (code, out, err) = run(format!("goalctl login --stack-file {}", file.display())).await;
        assert!(code != DONE && out.is_empty() && !stack.seen().is_empty(), "{code} {out} {err}");
        std::fs::remove_dir_all(target).unwrap();
    }

    #[test]
    fn a_password_is_a_line_without_its_end() {
        let read = |text: &str| line(&mut text.as_bytes()).ok().map(|secret| secret.reveal().to_owned());
        assert_eq!(read(" two words \r\nrest"), Some(" two words ".into()));
        assert_eq!(read("last"), Some("last".into()));
        assert_eq!(read("\nrest"), None);
    }
}
