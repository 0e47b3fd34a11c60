//! The pipeline's HTTP API, called as one user.

use std::cell::RefCell;
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};
use goal_activity_client::{Secret, StackFile, cognito};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::task::spawn_blocking;
use ureq::Agent;

use crate::deployment::Deployment;
use crate::failure::Failure;
use crate::http::{agent, encode};
use crate::persistence::{ATTEMPTS, FIRST_WAIT};
use crate::session::{Sessions, StoredSession};
use crate::settings::{Settings, TokenSource};
use crate::shell::Shell;

const NO_TOKEN: &str = "sign in with `goalctl login`; or set GOAL_ACTIVITY_TOKEN, or --token, or token_command in the profile file; \
     an operator says --operator or --stack, and needs none";

/// A client of the API.
#[derive(Debug)]
pub(crate) struct Client {
    url: String,
    agent: Agent,
    identity: Identity,
    token: RefCell<Option<Secret>>,
    /// The token that the API has refused.
    refused: RefCell<Option<Secret>>,
}

/// How to get a token.
#[derive(Debug, Clone)]
enum Identity {
    Token(TokenSource),
    /// What `goalctl login` has stored.
    Session(StoredSession),
    /// The sample user of a stack on this machine.
    Sample(StackFile),
}

/// A call of the API.
#[derive(Debug, Clone)]
struct Call {
    url: String,
    method: Method,
    body: Option<Value>,
    key: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Get,
    Post,
    Put,
}

/// The result of one attempt.
#[derive(Debug)]
enum Attempt {
    Answered(u16, String),
    /// No response was received: the request may or may not have been processed.
    Lost(String),
}

/// The step that follows an attempt.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    TakeIt,
    GetToken,
    TryAgain,
}

/// Listed of several pages, and whether there are more.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    pub(crate) items: Vec<Value>,
    pub(crate) more: bool,
    /// Of a search: how many workflows were looked at for them.
    #[serde(rename = "lookedAt", skip_serializing_if = "Option::is_none")]
    pub(crate) looked_at: Option<u64>,
}

impl Listed {
    /// Says that there are more, to people.
    pub(crate) fn say_if_more(&self, json: bool, shell: &mut Shell<'_>) -> Result<()> {
        if self.more && !json {
            writeln!(shell.err, "There are more: --limit N, or --all.")?;
        }
        Ok(())
    }
}

/// Reads an answer of the API.
///
/// # Errors
/// Another version of the API has sent something else.
pub(crate) fn read<T: DeserializeOwned>(answer: &Value) -> Result<T> {
    T::deserialize(answer).context("the API's answer is not what this goalctl reads; is one of them older?")
}

impl Client {
    /// Creates the client that the settings describe.
    pub(crate) async fn open(settings: Settings) -> Result<Self> {
        let Settings { place, token, sessions, .. } = settings;
        let Deployment { url, file, .. } = Deployment::find(&place).await?;
        let identity = match token {
            Some(token) => Some(Identity::Token(token)),
            None => signed_in(sessions, &url)?.map(Identity::Session),
        };
        let sample = || file.filter(|file| place.url.is_none() && file.user().is_ok()).map(Identity::Sample);
        let identity = identity.or_else(sample).ok_or_else(|| Failure::usage("no token is given", NO_TOKEN))?;
        Ok(Self { agent: agent(&url), url, identity, token: RefCell::default(), refused: RefCell::default() })
    }

    /// Sends a GET request.
    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        self.send(self.call(Method::Get, path, None), true).await
    }

    /// Sends a POST request with an idempotency key, so that it can be repeated when the response is lost.
    pub(crate) async fn post_once(&self, path: &str, body: Value, key: &str) -> Result<Value> {
        let call = self.call(Method::Post, path, Some(body));
        self.send(Call { key: Some(key.to_owned()), ..call }, true).await
    }

    /// Sends a POST request, which is not repeated when the response is lost.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Result<Value> {
        self.send(self.call(Method::Post, path, Some(body)), false).await
    }

    /// Sends a PUT request, which can be repeated when the response is lost.
    pub(crate) async fn put(&self, path: &str, body: Value) -> Result<Value> {
        self.send(self.call(Method::Put, path, Some(body)), true).await
    }

    /// Reads pages until `wanted` items are found or there are no more.
    pub(crate) async fn items(
        &self,
        path: &str,
        filters: &[(&'static str, String)],
        wanted: Option<usize>,
        most: usize,
    ) -> Result<Listed> {
        let page = async |query: Vec<(&'static str, String)>| {
            let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
            self.get(&format!("{path}?{}", query.join("&"))).await
        };
        pages(filters, wanted, most, page).await
    }

    fn call(&self, method: Method, path: &str, body: Option<Value>) -> Call {
        Call { url: format!("{}{path}", self.url), method, body, key: None }
    }

    async fn send(&self, call: Call, repeatable: bool) -> Result<Value> {
        let mut wait = FIRST_WAIT;
        let mut may_renew = !matches!(self.identity, Identity::Token(TokenSource::Given(_)));
        let mut attempt = 1;
        loop {
            let token = self.token().await?;
            let outcome = once(self.agent.clone(), call.clone(), token).await?;
            match next(&outcome, attempt, repeatable, may_renew) {
                Next::TakeIt => return self.read(outcome),
                Next::GetToken => {
                    may_renew = false;
                    self.refused.replace(self.token.take());
                }
                Next::TryAgain => {
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                    attempt += 1;
                }
            }
        }
    }

    fn read(&self, outcome: Attempt) -> Result<Value> {
        match outcome {
            Attempt::Answered(200..=299, text) => {
                serde_json::from_str(&text).with_context(|| format!("{} did not answer in JSON", self.url))
            }
            Attempt::Answered(status, text) => Err(Failure::answered(status, &text).into()),
            Attempt::Lost(why) => Err(Failure::unavailable(format!("{} does not answer", self.url), why).into()),
        }
    }

    /// Returns the token for the next call.
    pub(crate) async fn token(&self) -> Result<Secret> {
        if let Some(token) = self.token.borrow().clone() {
            return Ok(token);
        }
        let token = match &self.identity {
            Identity::Token(TokenSource::Given(token)) => token.clone(),
            Identity::Token(TokenSource::Command(command)) => {
                let command = command.clone();
                spawn_blocking(move || printed_by(&command)).await??
            }
            Identity::Session(session) => {
                let (session, refused) = (session.clone(), self.refused.take());
                spawn_blocking(move || session.token(refused.as_ref())).await??
            }
            Identity::Sample(file) => sign_in(self.agent.clone(), file).await?,
        };
        self.token.replace(Some(token.clone()));
        Ok(token)
    }
}

/// Reads pages until `wanted` items are found or there are no more.
pub(crate) async fn pages(
    filters: &[(&'static str, String)],
    wanted: Option<usize>,
    most: usize,
    page: impl AsyncFn(Vec<(&'static str, String)>) -> Result<Value>,
) -> Result<Listed> {
    let (mut items, mut cursor, mut looked_at) = (Vec::new(), None, None);
    loop {
        let limit = wanted.map_or(most, |wanted| wanted.saturating_sub(items.len()).min(most));
        let query = [("limit", limit.to_string())].into_iter().chain(filters.iter().cloned());
        let mut page = page(query.chain(cursor.map(|cursor| ("cursor", cursor))).collect()).await?;
        let Value::Array(found) = page["items"].take() else { bail!("a page without items") };
        items.extend(found);
        if let Some(number) = page["lookedAt"].as_u64() {
            looked_at = Some(looked_at.unwrap_or(0_u64).saturating_add(number));
        }
        let Some(next) = page["nextCursor"].as_str() else { return Ok(Listed { items, more: false, looked_at }) };
        if wanted.is_some_and(|wanted| items.len() >= wanted) {
            return Ok(Listed { items, more: true, looked_at });
        }
        cursor = Some(next.to_owned());
    }
}

/// Returns the step that follows an attempt. Only requests that were not processed or that are repeatable are retried.
fn next(outcome: &Attempt, attempt: u32, repeatable: bool, may_renew: bool) -> Next {
    match outcome {
        Attempt::Answered(401, _) if may_renew => Next::GetToken,
        // The limits of a user do not clear within seconds.
        Attempt::Answered(429, text) if Failure::answered(429, text).code.is_some() => Next::TakeIt,
        Attempt::Answered(429 | 503, _) if attempt < ATTEMPTS => Next::TryAgain,
        Attempt::Answered(502 | 504, _) | Attempt::Lost(_) if repeatable && attempt < ATTEMPTS => Next::TryAgain,
        _ => Next::TakeIt,
    }
}

async fn once(agent: Agent, call: Call, token: Secret) -> Result<Attempt> {
    let blocking = move || {
        let bearer = format!("Bearer {}", token.reveal());
        let sent = match call.method {
            Method::Get => agent.get(&call.url).header("authorization", bearer).call(),
            method => {
                let request = if method == Method::Put { agent.put(&call.url) } else { agent.post(&call.url) };
                let request = request.header("authorization", bearer);
                let request = match call.key {
                    Some(key) => request.header("idempotency-key", key),
                    None => request,
                };
                request.send_json(call.body.unwrap_or_default())
            }
        };
        let answer = sent.and_then(|mut answer| Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?)));
        match answer {
            Ok((status, text)) => Ok(Attempt::Answered(status, text)),
            // The request was not sent, and a retry cannot succeed.
            Err(error @ (ureq::Error::Http(_) | ureq::Error::BadUri(_))) => {
                Err(anyhow!("cannot call {}: {error}", call.url))
            }
            Err(error) => Ok(Attempt::Lost(error.to_string())),
        }
    };
    spawn_blocking(blocking).await?
}

/// Returns the token that a program prints. The output is never shown.
fn printed_by(command: &[String]) -> Result<Secret> {
    let (program, arguments) = command.split_first().context("token_command is empty")?;
    let output = Command::new(program).args(arguments).stderr(std::process::Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot run token_command {program}"))?;
    let token = Secret::from(String::from_utf8(output.stdout).unwrap_or_default()).as_token();
    token.filter(|_| output.status.success()).ok_or_else(|| {
        let why = format!("token_command {program} gave no token ({})", output.status);
        Failure::usage(why, "run it by hand; it has to print a token and nothing else").into()
    })
}

/// Signs in the sample user of a stack on this machine. The credentials are valid only for that stack.
async fn sign_in(agent: Agent, file: &StackFile) -> Result<Secret> {
    let (user, client) = (file.user()?.clone(), file.output("UserPoolClientId")?.to_owned());
    let endpoint = file.endpoint.clone();
    let call = move || cognito::sign_in(&agent, &endpoint, &client, &user);
    let answer = spawn_blocking(call).await?.map_err(|error| match Failure::from(error) {
        failure if failure.retryable => {
            Failure { advice: Some("is the stack up? `cargo xtask up` starts it".into()), ..failure }
        }
        failure => failure,
    })?;
    let no_token = || Failure::usage("the stack's user pool gave something else than a token", "start it again");
    answer.access_token.as_token().ok_or_else(|| no_token().into())
}

/// Returns the stored session of this deployment.
fn signed_in(sessions: Option<Sessions>, url: &str) -> Result<Option<StoredSession>> {
    sessions.map_or(Ok(None), |sessions| sessions.find(url))
}

#[cfg(test)]
mod tests {
    use super::*;
    use goal_activity_testkit::stub::{Reply, Response, Seen, Stub};
    use serde_json::json;

    #[test]
    fn only_what_may_be_done_twice_is_tried_again() {
        let lost = Attempt::Lost("reset".into());
        assert_eq!(next(&lost, 1, true, false), Next::TryAgain);
        assert_eq!(next(&lost, 1, false, false), Next::TakeIt);
        assert_eq!(next(&lost, ATTEMPTS, true, false), Next::TakeIt);
        let answered = |status| Attempt::Answered(status, String::new());
        assert_eq!(next(&answered(503), 1, false, false), Next::TryAgain);
        assert_eq!(next(&answered(429), 1, false, false), Next::TryAgain);
        assert_eq!(next(&answered(504), 1, false, false), Next::TakeIt, "it may still be at it");
        let full = Attempt::Answered(429, r#"{"code": "TOO_MANY_RUNNING", "retryable": true}"#.into());
        assert_eq!(next(&full, 1, true, true), Next::TakeIt);
        assert_eq!([200, 202, 400, 404, 409].map(|s| next(&answered(s), 1, true, true)), [const { Next::TakeIt }; 5]);
    }

    /// Gives these answers one after the other.
    async fn server(answers: &[(u16, Value)]) -> Stub {
        Stub::start(answers.iter().map(|(status, body)| Reply::Whole(Response::new(*status, body)))).await
    }

    /// What was asked, which is as often as there are answers.
    fn asked<const N: usize>(server: &Stub) -> [Seen; N] {
        server.seen().try_into().unwrap()
    }

    async fn client(url: String, token: TokenSource) -> Client {
        let place = crate::place::Place { url: Some(url), ..Default::default() };
        Client::open(Settings { place, token: Some(token), ..Settings::default() }).await.unwrap()
    }

    #[tokio::test]
    async fn a_start_that_is_not_possible_right_now_is_made_again_with_the_same_key() {
        let busy = json!({ "code": "UNAVAILABLE", "retryable": true });
        let server = server(&[(503, busy), (202, json!({ "executionArn": "a" }))]).await;
        let client = client(server.url(), TokenSource::Given("t0ken".into())).await;
        let started = client.post_once("/api/start", json!({}), "key-1").await.unwrap();
        assert_eq!(started["executionArn"], "a");
        let asked = asked::<2>(&server);
        assert!(asked.iter().all(|a| a.header("idempotency-key") == Some("key-1")), "{asked:?}");
        assert!(asked.iter().all(|a| a.header("authorization") == Some("Bearer t0ken")), "{asked:?}");
    }

    #[tokio::test]
    async fn an_expired_token_is_replaced_by_what_the_program_prints() {
        let server = server(&[(401, json!({ "message": "Unauthorized" })), (200, json!({}))]).await;
        // A new process each time.
        let program = TokenSource::Command(["sh", "-c", "echo t-$$"].map(str::to_owned).into());
        let client = client(server.url(), program).await;
        client.get("/api/x").await.unwrap();
        let asked = asked::<2>(&server);
        let tokens = asked.each_ref().map(|a| a.header("authorization").unwrap());
        assert!(tokens.iter().all(|t| t.starts_with("Bearer t-")) && tokens[0] != tokens[1], "{tokens:?}");
    }

    #[tokio::test]
    async fn pages_are_read_until_there_are_enough_or_no_more() {
        let page = |items: Value, next: Option<&str>| match next {
            Some(next) => (200, json!({ "items": items, "nextCursor": next })),
            None => (200, json!({ "items": items })),
        };
        let pages = [page(json!([1, 2]), Some("a=")), page(json!([]), Some("b")), page(json!([3]), None)];
        let server = server(&pages).await;
        let client = client(server.url(), TokenSource::Given("t".into())).await;
        let all = client.items("/x", &[("status", "A B".into())], None, 2).await.unwrap();
        assert_eq!((all.items, all.more), (vec![json!(1), json!(2), json!(3)], false));
        let asked = asked::<3>(&server).map(|a| a.line);
        assert_eq!(asked[0], "GET /x?limit=2&status=A%20B");
        assert!(asked[1].ends_with("&cursor=a%3D") && asked[2].ends_with("&cursor=b"), "{asked:?}");
    }

    #[tokio::test]
    async fn no_more_is_read_than_is_wanted() {
        let server = server(&[(200, json!({ "items": [1, 2], "nextCursor": "a" }))]).await;
        let client = client(server.url(), TokenSource::Given("t".into())).await;
        let some = client.items("/x", &[], Some(2), 100).await.unwrap();
        assert_eq!((some.items.len(), some.more), (2, true));
        assert_eq!(server.one().line, "GET /x?limit=2");
    }

    #[test]
    fn a_token_is_renewed_once() {
        let refused = Attempt::Answered(401, String::new());
        assert_eq!(next(&refused, 1, true, true), Next::GetToken);
        assert_eq!(next(&refused, 1, true, false), Next::TakeIt);
    }

    #[test]
    fn a_program_may_give_the_token() {
        let command = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(printed_by(&command(&["echo", "abc"])).unwrap().reveal(), "abc");
        assert_eq!(printed_by(&command(&["echo", "Bearer abc"])).unwrap().reveal(), "abc");
        assert!(printed_by(&command(&["true"])).is_err() && printed_by(&command(&["false"])).is_err());
        assert!(printed_by(&command(&["echo", "Your token:\nabc"])).is_err(), "and something else");
        assert!(printed_by(&command(&["/nowhere/to/be/found"])).is_err());
    }
}
