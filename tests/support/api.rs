use std::fmt::Debug;
use std::marker::PhantomData;
use std::time::Duration;

use goal_activity_client::Credentials;
use goal_activity_client::api::{
    Aborted, CancelRequest, Goal, GoalSummary, Page, Problem, ProblemCode, StartRequest, Started, Status, Task,
    Timeline, WorkflowStatus, WorkflowSummary,
};
use goal_activity_client::cognito::Tokens;
use goal_activity_client::http::encode;
use goal_activity_events::{ExecutionArn, GoalId, UserId};
use goal_activity_local::user;
use reqwest::header::HeaderMap;
use serde::Serialize;
use serde::de::DeserializeOwned;
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

/// A response of the API: a `T`, unless it was refused.
#[derive(Debug, Clone)]
pub struct Answer<T = Value> {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`.
    pub content_type: String,
    /// The body as JSON.
    pub body: Value,
    headers: HeaderMap,
    of: PhantomData<T>,
}

impl<T> Answer<T> {
    /// A header of the response.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What went wrong, if the API has said so. The gateway says it otherwise.
    pub fn problem(&self) -> Option<Problem> {
        let is_problem = self.status >= 400 && self.body.get("code").is_some();
        is_problem.then(|| read(&self.body))
    }

    /// What went wrong, which must be this.
    #[track_caller]
    pub fn refused(&self, status: u16, code: ProblemCode) -> Problem {
        let problem = self.problem().unwrap_or_else(|| panic!("no problem: {} {}", self.status, self.body));
        assert_eq!((self.status, problem.code.known()), (status, Some(code)), "{problem:?}");
        assert_eq!((problem.status, self.content_type.as_str()), (status, "application/problem+json"), "{problem:?}");
        problem
    }
}

impl<T: Debug + DeserializeOwned + Serialize> Answer<T> {
    /// What was answered, which must be a success.
    #[track_caller]
    pub fn ok(&self) -> T {
        assert!((200..=299).contains(&self.status), "{} {}", self.status, self.body);
        read(&self.body)
    }
}

impl Answer {
    /// The same as the response of a route that answers with this.
    fn of<T>(self) -> Answer<T> {
        let Self { status, content_type, body, headers, .. } = self;
        Answer { status, content_type, body, headers, of: PhantomData }
    }
}

/// Reads what the API has answered. The type must know all of it.
#[track_caller]
pub fn read<T: Debug + DeserializeOwned + Serialize>(answer: &Value) -> T {
    let read: T = serde_json::from_value(answer.clone()).unwrap_or_else(|e| panic!("{e}: {answer}"));
    let known = serde_json::to_value(&read).expect("what was read can be written");
    assert_eq!(known, *answer, "the type of the client does not know all of this answer");
    read
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
            let again = self.patient && answer.problem().is_some_and(|problem| problem.retryable);
            (!again).then_some(answer)
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
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status, content_type, body, headers, of: PhantomData }
    }

    /// Calls a route with GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.stack.http.get(self.stack.url(path))).await
    }

    /// The status of a workflow, unless it is still that of this entity tag.
    pub async fn status_unless(&self, arn: &ExecutionArn, tag: &str) -> Answer<WorkflowStatus> {
        let url = self.stack.url(&workflow(arn, "status"));
        self.send(self.stack.http.get(url).header("If-None-Match", tag)).await.of()
    }

    /// Calls a route with PUT.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.stack.http.put(self.stack.url(path)).json(body)).await
    }

    /// Calls a route with POST.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.stack.http.post(self.stack.url(path)).json(body)).await
    }

    /// Creates a goal, or replaces its chart.
    pub async fn put_goal(&self, goal: &GoalId, chart: &Value) -> Answer<Goal> {
        self.put(&format!("/api/goals/{goal}"), chart).await.of()
    }

    /// A goal with its chart.
    pub async fn goal(&self, goal: &GoalId) -> Answer<Goal> {
        self.get(&format!("/api/goals/{goal}")).await.of()
    }

    /// The first page of the user's goals.
    pub async fn goals(&self) -> Answer<Page<GoalSummary>> {
        self.get("/api/goals").await.of()
    }

    /// Starts the activity of a goal.
    pub async fn start(&self, goal: &GoalId) -> Answer<Started> {
        self.start_with(goal, &StartRequest::default()).await
    }

    /// Starts the activity of a goal as it is asked for.
    pub async fn start_with(&self, goal: &GoalId, request: &StartRequest) -> Answer<Started> {
        self.post(&activity(goal), &json!(request)).await.of()
    }

    /// Starts the activity of a goal with an idempotency key.
    pub async fn start_once(&self, goal: &GoalId, key: &str) -> Answer<Started> {
        let request = self.stack.http.post(self.stack.url(&activity(goal))).header("Idempotency-Key", key);
        self.send(request.json(&StartRequest::default())).await.of()
    }

    /// Starts the activity of a goal, which must be accepted. On a busy machine a start may be answered with 503: it is
    /// repeated with its key.
    pub async fn started(&self, goal: &GoalId) -> ExecutionArn {
        let key = Uuid::new_v4().to_string();
        let answer = eventually("a start that is answered", || async {
            let answer = self.start_once(goal, &key).await;
            (answer.status != 503).then_some(answer)
        })
        .await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.ok().execution_arn
    }

    /// The status of a workflow.
    pub async fn status(&self, arn: &ExecutionArn) -> Answer<WorkflowStatus> {
        self.get(&workflow(arn, "status")).await.of()
    }

    /// What happened in a workflow.
    pub async fn timeline(&self, arn: &ExecutionArn) -> Answer<Timeline> {
        self.get(&workflow(arn, "timeline")).await.of()
    }

    /// A page of the workflows of a goal, with this query.
    pub async fn history(&self, goal: &GoalId, query: &str) -> Answer<Page<WorkflowSummary>> {
        self.get(&format!("/api/goals/{goal}/workflows?{query}")).await.of()
    }

    /// Cancels a workflow.
    pub async fn cancel(&self, arn: &ExecutionArn, reason: Option<&str>) -> Answer<Aborted> {
        let request = CancelRequest { reason: reason.map(str::to_owned) };
        self.post(&workflow(arn, "cancel"), &json!(request)).await.of()
    }

    /// Starts a new workflow for the failed actions of an ended one.
    pub async fn retry(&self, arn: &ExecutionArn) -> Answer<Started> {
        self.post(&workflow(arn, "retry"), &json!({})).await.of()
    }

    /// Waits until a workflow has ended, and checks meanwhile that its progress is accurate (promise P6).
    pub async fn ended(&self, arn: &ExecutionArn) -> WorkflowStatus {
        self.ended_within(DEADLINE, arn).await
    }

    /// The same with another deadline.
    pub async fn ended_within(&self, time: Duration, arn: &ExecutionArn) -> WorkflowStatus {
        let seen = std::sync::Mutex::new(0);
        within(time, &format!("the end of {arn}"), || async {
            let status = self.status(arn).await.ok();
            let (processed, failed) = (status.processed_actions, status.failed_actions.len());
            let is_aborted = status.status == Status::Aborted;
            // A cancelled workflow shows the progress that it had made, although every action has an outcome.
            let counted = status.succeeded_actions as usize + failed;
            assert!(is_aborted || processed as usize == counted, "{status:?}");
            assert!(processed <= status.total_actions, "{status:?}");
            let whole = status.has_ended() && !is_aborted;
            assert!(whole || status.progress_percentage < 100, "{status:?}");
            let mut last = seen.lock().expect("one reader");
            assert!(processed >= *last, "progress went back from {last}: {status:?}");
            *last = processed;
            status.has_ended().then_some(status)
        })
        .await
    }

    /// All tasks of a goal, page by page.
    pub async fn tasks(&self, goal: &GoalId) -> Vec<Task> {
        let (mut tasks, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/api/goals/{goal}/tasks?limit=150{cursor}")).await.of::<Page<Task>>().ok();
            tasks.extend(page.items);
            match page.next_cursor {
                Some(next) => cursor = format!("&cursor={}", encode(&next)),
                None => return tasks,
            }
        }
    }
}

/// The route that starts the activity of a goal.
fn activity(goal: &GoalId) -> String {
    format!("/api/goals/{goal}/start-activity")
}

/// A route of a workflow.
fn workflow(arn: &ExecutionArn, route: &str) -> String {
    format!("/api/workflows/{}/{route}", encode(arn.as_str()))
}
