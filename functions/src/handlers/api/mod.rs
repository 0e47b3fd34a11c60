//! `api`: the HTTP API. Parses at the edge, decides with the core, answers JSON.
//!
//! Dispatches on the route that API Gateway has matched and on its path parameters. `lambda_http` would rebuild a URI from
//! the decoded path, where a `#` or `?` in a segment cuts it short.

mod actions;
mod cancel;
#[cfg(all(test, feature = "schema"))]
mod description;
mod edit;
mod goal;
mod goals;
mod history;
mod input;
mod operator;
mod problem;
mod route;
mod start;
mod status;
mod tasks;

use std::borrow::Cow;

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use aws_lambda_events::encodings::Body;
use aws_lambda_events::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use aws_lambda_events::http::{HeaderMap, HeaderValue};
use goal_activity_core::archive::Record;
use goal_activity_core::execution::Execution;
use goal_activity_core::goal::GoalHead;
use goal_activity_core::ledger::BatchLedger;
use goal_activity_core::port_set;
use goal_activity_core::ports::{
    FindLoad, FindPause, FindWorkflows, ListGoals, ListTasks, ListWaiting, ListWorkflows, LoadGoalHead, PortResult,
    PublishEvent, ReadArchive, ReadLedger, StopExecution, Stored, Unreadable, WriteChart,
};
use goal_activity_core::start::existing;
use goal_activity_events::{ExecutionArn, GoalId, Traceparent, UserId};
use serde::Serialize;
use tracing::Instrument;

use crate::runtime::budget::Budget;
use crate::runtime::telemetry::trace;
use crate::steps::cancel::Cancel;
use crate::steps::ending::EndingDb;
use crate::steps::intake::{Intake, IntakeDb};
use input::Input;
use problem::{Code, Problem};
use route::Route;

/// The function with all it needs.
#[derive(Debug, Clone)]
pub struct Api<Db, Sfn, Bus, Archive> {
    /// The tables.
    pub db: Db,
    /// Accepts requests.
    pub intake: Intake<Db>,
    /// Announces accepted requests.
    pub bus: Bus,
    /// Cancels workflows.
    pub cancel: Cancel<Db, Sfn, Bus>,
    /// Keeps the workflows whose rows have expired.
    pub archive: Archive,
    /// What may be done with the goals of users.
    pub goals: GoalsAccess,
}

/// What the API may do with the Goals table: that depends on which program it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GoalsAccess {
    /// There is an index by user.
    pub is_listed: bool,
    /// The table is the pipeline's own.
    pub is_own: bool,
}

port_set! {
    /// What the API reads and writes.
    pub trait ApiDb:
        IntakeDb + EndingDb + LoadGoalHead + ListTasks + ListWorkflows + FindWorkflows + ListWaiting + FindLoad
        + FindPause + ReadLedger + ListGoals + WriteChart
}

/// A successful answer.
struct Reply {
    status: i64,
    /// JSON.
    body: Cow<'static, str>,
    headers: Vec<(HeaderName, String)>,
}

impl Reply {
    fn ok(body: impl Serialize) -> Result<Self, Problem> {
        Self::new(200, body)
    }

    fn new(status: i64, body: impl Serialize) -> Result<Self, Problem> {
        let unwritable = |e: serde_json::Error| Problem::new(Code::Internal, e.to_string());
        let body = serde_json::to_string(&body).map_err(unwritable)?.into();
        Ok(Self { status, body, headers: Vec::new() })
    }

    fn with(mut self, header: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((header, value.into()));
        self
    }
}

impl<Db: ApiDb, Sfn: StopExecution, Bus: PublishEvent, Archive: ReadArchive> Api<Db, Sfn, Bus, Archive> {
    /// Handles one request of the gateway, or of an operator who has invoked the function. Every error becomes a response; a budget
    /// that is used up becomes a 503.
    pub async fn handle(&self, event: serde_json::Value, budget: Budget) -> ApiGatewayV2httpResponse {
        let input = Input::read(event);
        let route = input.as_ref().map_or("", Input::route).to_owned();
        let operator = input.as_ref().ok().and_then(Input::operator).map(|operator| operator.by().to_string());
        let answer = match input {
            Ok(input) => self.traced(&input, budget).await,
            Err(problem) => Err(problem),
        };
        match &answer {
            Ok(reply) => tracing::info!(route, operator, status = reply.status, "answered"),
            Err(problem) if problem.status() >= 500 => {
                tracing::error!(route, operator, status = problem.status(), detail = problem.detail, "answered");
            }
            Err(problem) => {
                tracing::info!(route, operator, status = problem.status(), code = ?problem.code, "answered");
            }
        }
        match answer {
            Ok(Reply { status, body, headers }) => response(status, "application/json", headers, body.into_owned()),
            Err(problem) => {
                // A struct of texts and numbers can always be written.
                let body = serde_json::to_string(&problem.body()).unwrap_or_default();
                let wait = problem.retry_after().map(|seconds| (RETRY_AFTER, seconds.to_string()));
                response(problem.status(), "application/problem+json", wait.into_iter().collect(), body)
            }
        }
    }

    /// Only what changes a workflow is a part of its trace; reading is not.
    async fn traced(&self, input: &Input, budget: Budget) -> Result<Reply, Problem> {
        let answer = trace::boxed(async move {
            let unfinished = || Problem::new(Code::Unavailable, "the function's time is over");
            budget.run(self.dispatch(input)).await.unwrap_or_else(|| Err(unfinished()))
        });
        let Some(route @ (Route::Start | Route::Cancel | Route::Retry)) = Route::of(input.route()) else {
            return answer.await;
        };
        let client = input.header::<Traceparent>("traceparent").ok().flatten();
        let span = trace::request(route.key(), client.as_ref());
        let answer = answer.instrument(span.clone()).await;
        trace::answered(&span, answer.as_ref().map_or_else(Problem::status, |reply| reply.status));
        answer
    }

    /// Whose it is comes first, here and in one place: a handler is only asked about what is the caller's.
    async fn dispatch(&self, input: &Input) -> Result<Reply, Problem> {
        let route = Route::of(input.route());
        if input.operator().is_some() && !route.is_some_and(Route::is_for_operators) {
            return self.operate(input).await;
        }
        match route {
            Some(Route::Start) => self.start(self.own_goal(input).await?, input.user()?, input).await,
            Some(Route::Goals) => self.list_goals(input).await,
            Some(Route::Goal) => self.show_goal(self.own_goal(input).await?).await,
            Some(Route::PutGoal) => self.put_goal(input).await,
            Some(Route::Tasks) => tasks::tasks(&self.db, &self.own_goal(input).await?, input).await,
            Some(Route::History) => history::history(&self.db, self.own_goal(input).await?, input).await,
            Some(Route::Workflows) => history::workflows(&self.db, input).await,
            Some(Route::Status) => {
                let capacity = self.intake.capacity;
                status::status(&self.db, capacity, &self.own_workflow(input).await?, input, self.intake.context.now())
                    .await
            }
            Some(Route::Actions) => self.actions(input).await,
            Some(Route::Timeline) => history::timeline(&self.own_workflow(input).await?),
            Some(Route::Cancel) => cancel::cancel(&self.cancel, &self.own_workflow(input).await?, input).await,
            Some(Route::Retry) => self.retry(&self.own_workflow(input).await?, input).await,
            Some(Route::Description) => Ok(description()),
            None => Err(Problem::new(Code::NotFound, "there is no such route")),
        }
    }

    /// The goal in the path, which must be the caller's unless an operator asks. Only its head is read, for every caller: how
    /// long a refusal takes reveals nothing else about a goal.
    async fn own_goal(&self, input: &Input) -> Result<GoalId, Problem> {
        let user = owner(input)?;
        let goal: GoalId = input.path("goalId")?;
        let stored = self.db.load_goal_head(&goal).await?;
        owned(user.as_ref(), existing(&goal, by_owner(stored))?)?;
        Ok(goal)
    }

    /// The workflow in the path, which must be the caller's unless an operator asks.
    async fn own_workflow(&self, input: &Input) -> Result<Execution, Problem> {
        Ok(self.own(input).await?.0)
    }

    /// The same with its archived ledger, if it was found in the archive.
    async fn own(&self, input: &Input) -> Result<(Execution, Option<Vec<BatchLedger>>), Problem> {
        let user = owner(input)?;
        let arn: ExecutionArn = input.path("executionArn")?;
        let unknown = || Problem::new(Code::UnknownExecution, format!("there is no workflow {arn}"));
        let (execution, archived) = self.find_workflow(&arn).await?.ok_or_else(unknown)?;
        if user.is_some_and(|user| execution.user_id != user) {
            return Err(Problem::new(Code::NotOwner, "this workflow belongs to another user"));
        }
        Ok((execution, archived))
    }

    /// The workflow by its row, or from the archive when that has expired. One that is unknown costs two reads of the
    /// table, for every caller.
    async fn find_workflow(&self, arn: &ExecutionArn) -> PortResult<Option<(Execution, Option<Vec<BatchLedger>>)>> {
        if let Some(execution) = self.db.find_execution(arn).await? {
            return Ok(Some((execution, None)));
        }
        let Some(record) = self.find_record(arn).await? else { return Ok(None) };
        let ledgers = record.ledgers();
        Ok(Some((record.into_execution(), Some(ledgers))))
    }

    /// The workflow's archived record.
    async fn find_record(&self, arn: &ExecutionArn) -> PortResult<Option<Record>> {
        let Some(key) = self.db.find_archived(arn).await? else { return Ok(None) };
        self.archive.read_archive(&key).await.map(Some)
    }
}

/// Whose a goal or a workflow must be: the caller's. Nothing if an operator asks.
fn owner(input: &Input) -> Result<Option<UserId>, Problem> {
    if input.operator().is_some() { Ok(None) } else { input.user().map(Some) }
}

/// Whose a goal is. Whatever else is wrong with the row, its owner may read on: only some routes need more of it.
fn by_owner(stored: Stored<GoalHead>) -> Stored<UserId> {
    match stored {
        Stored::Unreadable(Unreadable { owner: Some(owner), .. }) => Stored::Value(owner),
        stored => stored.map(|head| head.user_id),
    }
}

/// Refuses what belongs to another user.
fn owned(user: Option<&UserId>, owner: UserId) -> Result<(), Problem> {
    match user {
        Some(user) if owner != *user => Err(Problem::new(Code::NotOwner, "this goal belongs to another user")),
        _ => Ok(()),
    }
}

/// What the API looks like: the committed `OpenAPI` document, as it is.
fn description() -> Reply {
    Reply { status: 200, body: include_str!("../../../openapi.json").into(), headers: Vec::new() }
}

fn response(
    status: i64,
    content_type: &'static str,
    others: Vec<(HeaderName, String)>,
    body: String,
) -> ApiGatewayV2httpResponse {
    let mut headers = HeaderMap::new();
    // What is a user's own: nothing between here and the client may keep it.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // 304 has none.
    if !body.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    for (name, value) in others {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = status;
    response.headers = headers;
    response.body = Some(Body::Text(body));
    response
}
