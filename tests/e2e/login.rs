//! `goalctl login` at the stack's own user pool: in a browser, which HTTP requests play here, and with AWS credentials.

use goal_activity_client::api::{Status, WorkflowStatus};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use goal_activity_tests::{Chart, Stack, User, read};
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use uuid::Uuid;

/// A home folder, in which the sign-ins are stored.
#[derive(Debug)]
struct Home(PathBuf);

impl Home {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("goalctl-login-{}", Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// The tool, which knows the stack and no token.
    #[allow(clippy::disallowed_methods, reason = "the tool is given the stack as people give it")]
    fn goalctl(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_goalctl-tested"));
        command.args(arguments).env_clear().env("HOME", &self.0).current_dir("/").stdin(Stdio::piped());
        command.env("GOAL_ACTIVITY_STACK", std::env::var("GOAL_ACTIVITY_STACK").unwrap());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the tool with this standard input. Returns the exit code and what it printed, which contains no token.
    async fn run(&self, arguments: &[&str], input: &str) -> (Option<i32>, Value, String) {
        let mut child = self.goalctl(arguments).spawn().unwrap();
        // The tool may end without reading it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let Output { status, stdout, stderr } =
            spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
        let (out, err) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
        assert!(arguments[0] == "token" || !format!("{out}{err}").contains("eyJ"), "{out}{err}");
        (status.code(), serde_json::from_str(&out).unwrap_or_default(), err)
    }

    async fn token(&self) -> String {
        let (code, token, err) = self.run(&["token", "--json"], "").await;
        assert_eq!(code, Some(0), "{err}");
        token["token"].as_str().unwrap().to_owned()
    }

    /// The stored sign-in, in its file.
    fn stored(&self) -> Option<(PathBuf, Value)> {
        let folder = self.0.join(".local/state/goalctl/sessions");
        let files = std::fs::read_dir(folder).ok()?.map(|entry| entry.unwrap().path());
        let file = files.into_iter().find(|file| file.extension().is_some_and(|end| end == "json"))?;
        let text = std::fs::read_to_string(&file).unwrap();
        Some((file, serde_json::from_str(&text).unwrap()))
    }

    /// Lets the stored token expire.
    fn expire(&self) {
        let (file, mut stored) = self.stored().unwrap();
        stored["expires_at"] = json!(0);
        std::fs::write(file, stored.to_string()).unwrap();
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn is_private(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).unwrap().permissions().mode() & 0o777 == 0o600
}

/// The stored sign-in works for its user, is renewed when it has expired, and ends.
async fn works_until_it_is_ended(stack: &Stack, user: &User, home: &Home, revoked: bool) {
    let goal = stack.goal(user, Chart::of(1)).await;
    let (code, end, err) = home.run(&["start", goal.as_str(), "--wait", "--json"], "").await;
    assert_eq!(code, Some(0), "as the goal's owner: {err}");
    assert_eq!(read::<WorkflowStatus>(&end).status, Status::Succeeded);

    let first = home.token().await;
    assert_eq!(first, home.token().await, "it is still good");
    home.expire();
    let second = home.token().await;
    assert_ne!(first, second, "it was expired");
    assert_eq!(user.with_token(Some(&second)).get(&format!("/api/goals/{goal}/tasks")).await.status, 200);

    let (_, stored) = home.stored().unwrap();
    let (code, ended, err) = home.run(&["logout", "--json"], "").await;
    let expected = (Some(0), &json!(true), &json!(revoked));
    assert_eq!((code, &ended["removed"], &ended["revoked"]), expected, "{ended} {err}");
    assert!(home.stored().is_none());
    let (code, tasks, _) = home.run(&["tasks", goal.as_str(), "--json"], "").await;
    assert_eq!((code, tasks), (Some(4), Value::Null), "the sample user again, who does not own it");
    if revoked {
        let refresh = json!({ "REFRESH_TOKEN": stored["refresh_token"] });
        let body =
            json!({ "ClientId": stored["client_id"], "AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": refresh });
        let request =
            reqwest::Client::builder().no_proxy().build().unwrap().post(stack.endpoint()).body(body.to_string());
        let request = request.header("x-amz-target", "AWSCognitoIdentityProviderService.InitiateAuth");
        let answer = request.header("content-type", "application/x-amz-json-1.1").send().await.unwrap();
        assert_eq!(answer.status(), 400, "it gives no token any more");
    }
}

#[tokio::test]
async fn an_operator_signs_in_as_a_user_with_aws_credentials() {
    let (stack, home) = (Stack::open().await, Home::new());
    let user = stack.user().await;
    let (name, password) = user.credentials();
    let login = ["login", "--user", name, "--password-stdin", "--json"];
    let (code, _, err) = home.run(&login, "wrong\n").await;
    assert!(code == Some(4) && err.contains("Incorrect username or password"), "{err}");
    assert!(home.stored().is_none());

    let (code, signed_in, err) = home.run(&login, &format!("{password}\n")).await;
    assert_eq!((code, &signed_in["renewable"]), (Some(0), &json!(true)), "{err}");
    assert_eq!(signed_in["issuer"], stack.output("Issuer"));
    assert!(is_private(&home.stored().unwrap().0));
    works_until_it_is_ended(&stack, &user, &home, true).await;
}

#[tokio::test]
async fn a_temporary_password_is_replaced_only_when_there_is_another() {
    let (stack, home) = (Stack::open().await, Home::new());
    let user = stack.user().await;
    let (name, _) = user.credentials();
    user.reset_password("Temporary-Horse-7").await;
    let login = ["login", "--user", name, "--password-stdin", "--json"];
    let (code, _, err) = home.run(&login, "Temporary-Horse-7\n").await;
    let failure: Value = serde_json::from_str(&err).unwrap();
    assert_eq!((code, &failure["error"]["code"]), (Some(4), &json!("NEW_PASSWORD_REQUIRED")), "{err}");

    let two = "Temporary-Horse-7\nAnother-Horse-8\n";
    let (code, _, err) = home.run(&[&login[..], &["--new-password-stdin"]].concat(), two).await;
    assert_eq!(code, Some(0), "{err}");
    let (code, _, err) = home.run(&login, "Another-Horse-8\n").await;
    assert_eq!(code, Some(0), "{err}");
}

/// Fills in the form of the emulator's sign-in page. Returns the URL to which it sends the browser.
async fn submit(browser: &reqwest::Client, page: &str, name: &str, password: &str) -> String {
    let page: reqwest::Url = page.parse().unwrap();
    assert!(browser.get(page.clone()).send().await.unwrap().status().is_success(), "{page}");
    // The form repeats the query.
    let fields = page.query().unwrap().to_owned();
    let encode = |text| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let form = format!("{fields}&username={}&password={}", encode(name), encode(password));
    let request = browser.post(page.join("/login").unwrap()).body(form);
    let answer = request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
    assert_eq!(answer.status(), 302, "{:?}", answer.text().await);
    answer.headers()["location"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_user_signs_in_through_the_pages_of_the_user_pool() {
    let (stack, home) = (Stack::open().await, Home::new());
    let user = stack.user().await;
    let (name, password) = user.credentials();
    let mut child = home.goalctl(&["login", "--no-browser", "--timeout", "60", "--json"]).spawn().unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let page = spawn_blocking(move || {
        let mut lines = std::io::Read::by_ref(&mut err).lines().map_while(Result::ok);
        let page = lines.find(|line| line.contains("/oauth2/authorize?")).expect("the page's address");
        // Its standard error stays open until it ends.
        (page.trim().to_owned(), err)
    });
    let (page, err) = page.await.unwrap();
    assert!(page.contains("code_challenge_method=S256") && page.contains("goal-activity%2Fapi"), "{page}");

    let browser = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    let back = submit(&browser, &page, name, password).await;
    let forged = back.replace("state=", "state=x");
    assert_eq!(browser.get(forged).send().await.unwrap().status(), 400, "not its own sign-in");
    let closing = browser.get(back).send().await.unwrap();
    assert_eq!(closing.status(), 200);
    assert!(closing.text().await.unwrap().contains("You may close this page"));

    let output = spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
    drop(err);
    let signed_in: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &signed_in["renewable"]), (Some(0), &json!(true)));
    let (file, stored) = home.stored().unwrap();
    assert!(is_private(&file) && stored["client_id"] == stack.output("LoginClientId"));
    // The emulator's discovery document names no revocation endpoint.
    works_until_it_is_ended(&stack, &user, &home, false).await;
}
