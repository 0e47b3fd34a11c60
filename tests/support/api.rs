use std::time::Duration;

use goal_activity_client::Credentials;
use goal_activity_client::cognito::Tokens;
use goal_activity_events::{ExecutionArn, GoalId, UserId};
use goal_activity_local::user;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::wait::DEADLINE;
use crate::{Stack, eventually, within};

/// The password of every user.
const PASSWORD: &str = "Correct-Horse-7-Battery";

/// A user of the API, signed in.
#[derive(Debug, Clone)]
pub struct User {
    stack: Stack,
    /// The `sub` of the token.
    pub id: UserId,
    name: String,
    token: Option<String>,
    id_token: String,
    patient: bool,
}

/// A response of the API.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`.
    pub content_type: String,
    /// The body as JSON.
    pub body: Value,
    headers: HeaderMap,
}

impl Answer {
    /// A header of the response.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The execution in the response.
    pub fn arn(&self) -> ExecutionArn {
        self.body["executionArn"].as_str().expect("an answer with an executionArn").parse().expect("an execution ARN")
    }
}

impl User {
    pub(crate) async fn sign_up(stack: &Stack) -> Self {
        let name = format!("user-{}@example.com", Uuid::new_v4());
        let credentials = Credentials { username: name.clone(), password: PASSWORD.into() };
        let description = stack.description.clone();
        let tokens = stack.as_root(move |aws| {
            user::create(aws, &description, &credentials)?;
            user::tokens(&description, &credentials)
        });
        let Tokens { access_token, id_token, .. } = tokens.await;
        let id = access_token.subject().expect("a token of a user");
        let (token, id_token) = (access_token.reveal().to_owned(), id_token.expect("an ID token").reveal().to_owned());
        Self { stack: stack.clone(), id, name, token: Some(token), id_token, patient: false }
    }

    /// Makes the user's password temporary, as after an administrator has created or reset it.
    pub async fn reset_password(&self, password: &str) {
        let pool = self.stack.output("UserPoolId");
        let set = json!({ "UserPoolId": pool, "Username": self.name, "Password": password, "Permanent": false });
        self.stack.cognito("AdminSetUserPassword", set).await;
    }

    /// The name and the password.
    pub fn credentials(&self) -> (&str, &str) {
        (&self.name, PASSWORD)
    }

    /// The ID token that was issued beside the token.
    pub fn id_token(&self) -> &str {
        &self.id_token
    }

    /// The same user at another API that takes the same tokens.
    #[must_use]
    pub fn at(&self, stack: &Stack) -> Self {
        Self { stack: stack.clone(), ..self.clone() }
    }

    /// The same user with another token.
    #[must_use]
    pub fn with_token(&self, token: Option<&str>) -> Self {
        Self { token: token.map(str::to_owned), ..self.clone() }
    }

    /// The token, to create an invalid one from it.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// The same user as a well-behaved client, which retries what the API marks as retryable.
    #[must_use]
    pub fn patient(&self) -> Self {
        Self { patient: true, ..self.clone() }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        within(DEADLINE, "an answer that is not retryable", || async {
            let answer = self.send_once(request.try_clone().expect("a body that can be sent again")).await;
            (!self.patient || answer.body["retryable"] != true).then_some(answer)
        })
        .await
    }

    async fn send_once(&self, request: reqwest::RequestBuilder) -> Answer {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await.expect("the API answers");
        let status = response.status().as_u16();
        let content_type = response.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
        let (content_type, headers) = (content_type.to_owned(), response.headers().clone());
        let text = response.text().await.expect("an answer with a body");
        Answer { status, content_type, body: serde_json::from_str(&text).unwrap_or(Value::String(text)), headers }
    }

    /// Calls a route with GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.stack.http.get(self.stack.url(path))).await
    }

    /// Calls a route with GET, unless its answer is still that of this entity tag.
    pub async fn get_unless(&self, path: &str, tag: &str) -> Answer {
        self.send(self.stack.http.get(self.stack.url(path)).header("If-None-Match", tag)).await
    }

    /// Calls a route with PUT.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.stack.http.put(self.stack.url(path)).json(body)).await
    }

    /// Calls a route with POST.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.stack.http.post(self.stack.url(path)).json(body)).await
    }

    /// Calls a route with POST and an idempotency key.
    pub async fn post_with_key(&self, path: &str, key: &str) -> Answer {
        self.send(self.stack.http.post(self.stack.url(path)).header("Idempotency-Key", key).json(&json!({}))).await
    }

    /// Starts the activity of a goal.
    pub async fn start(&self, goal: &GoalId) -> Answer {
        self.post(&format!("/api/goals/{goal}/start-activity"), &json!({})).await
    }

    /// Starts the activity of a goal, which must be accepted. On a busy machine a start may be answered with 503: it is
    /// repeated with its key.
    pub async fn started(&self, goal: &GoalId) -> ExecutionArn {
        let (path, key) = (format!("/api/goals/{goal}/start-activity"), Uuid::new_v4().to_string());
        let answer = eventually("a start that is answered", || async {
            let answer = self.post_with_key(&path, &key).await;
            (answer.status != 503).then_some(answer)
        })
        .await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.arn()
    }

    /// The status of a workflow.
    pub async fn status(&self, arn: &ExecutionArn) -> Answer {
        self.get(&workflow(arn, "status")).await
    }

    /// Cancels a workflow.
    pub async fn cancel(&self, arn: &ExecutionArn, reason: Option<&str>) -> Answer {
        self.post(&workflow(arn, "cancel"), &reason.map_or(json!({}), |reason| json!({ "reason": reason }))).await
    }

    /// Starts a new workflow for the failed actions of an ended one.
    pub async fn retry(&self, arn: &ExecutionArn) -> Answer {
        self.post(&workflow(arn, "retry"), &json!({})).await
    }

    /// Waits until a workflow has ended, and checks meanwhile that its progress is accurate (promise P6).
    pub async fn ended(&self, arn: &ExecutionArn) -> Value {
        self.ended_within(DEADLINE, arn).await
    }

    /// The same with another deadline.
    pub async fn ended_within(&self, time: Duration, arn: &ExecutionArn) -> Value {
        let seen = std::sync::Mutex::new(0);
        within(time, &format!("the end of {arn}"), || async {
            let Answer { status, body, .. } = self.status(arn).await;
            assert_eq!(status, 200, "{body}");
            let number = |field: &str| body[field].as_u64().expect(field);
            let failed = body["failedActions"].as_array().expect("failedActions").len() as u64;
            let processed = number("processedActions");
            // A cancelled workflow shows the progress that it had made, although every action has an outcome.
            assert!(body["status"] == "ABORTED" || processed == number("succeededActions") + failed, "{body}");
            assert!(processed <= number("totalActions"), "{body}");
            let ended = !matches!(body["status"].as_str(), Some("PENDING" | "RUNNING"));
            let whole = ended && body["status"] != "ABORTED";
            assert!(whole || number("progressPercentage") < 100, "{body}");
            let mut last = seen.lock().expect("one reader");
            assert!(processed >= *last, "progress went back from {last}: {body}");
            *last = processed;
            ended.then_some(body)
        })
        .await
    }

    /// All tasks of a goal, page by page.
    pub async fn tasks(&self, goal: &GoalId) -> Vec<Value> {
        let (mut tasks, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/api/goals/{goal}/tasks?limit=150{cursor}")).await;
            assert_eq!(page.status, 200, "{page:?}");
            tasks.extend(page.body["items"].as_array().expect("items").iter().cloned());
            match page.body["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return tasks,
            }
        }
    }
}

/// A route of a workflow.
fn workflow(arn: &ExecutionArn, route: &str) -> String {
    format!("/api/workflows/{}/{route}", arn.as_str().replace(':', "%3A"))
}
