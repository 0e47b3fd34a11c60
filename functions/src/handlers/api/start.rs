use aws_lambda_events::http::header::LOCATION;
use goal_activity_core::execution::{Execution, Status};
use goal_activity_core::facts::Fact;
#[cfg(feature = "schema")]
use goal_activity_core::limits::MAX_ACTIONS;
use goal_activity_core::limits::{ANNOUNCING, PENDING_IS_STALE_AFTER};
use goal_activity_core::operator::OperatorRequest;
use goal_activity_core::ports::{Event, PortResult, PublishEvent, ReadArchive, StopExecution, Unavailable};
use goal_activity_core::start::{RetryRejection, Scope, StartRejection, StartRequest, requested_event, retry_of};
use goal_activity_events::{ActionId, ExecutionArn, GoalId, PriorityClass, Timestamp, UserId};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::input::Input;
use super::problem::{Code, Problem};
use super::{Api, ApiDb, Reply};
use crate::runtime::telemetry::trace;
use crate::steps::intake::{IntakeError, Origin};

/// The header that makes a start or a retry repeatable (the IETF draft "The Idempotency-Key HTTP Header Field").
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The header by which the caller recognises the events of the workflow, which repeat it.
const CORRELATION_ID: &str = "x-correlation-id";

/// The body of a start. Unknown fields are ignored.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "StartRequest"))]
#[serde(rename_all = "camelCase")]
pub(super) struct Body {
    /// Only these actions. Without it: the first 64 that have no tasks yet.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_ACTIONS)))]
    action_ids: Option<Vec<ActionId>>,
    /// Replace the tasks of actions that already have some, except finished ones. Without it: `false`.
    #[serde(default)]
    regenerate: Option<bool>,
    /// How urgent it is. Without it: `INTERACTIVE`.
    priority_class: Option<PriorityClass>,
}

/// The body of a retry. Unknown fields are ignored.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "RetryRequest"))]
#[serde(rename_all = "camelCase")]
pub(super) struct RetryBody {
    /// How urgent it is. Without it: `INTERACTIVE`.
    priority_class: Option<PriorityClass>,
}

/// A workflow that was accepted.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct Started<'a> {
    execution_arn: &'a ExecutionArn,
    start_date: Timestamp,
    status: Status,
    total_actions: u32,
}

impl<Db: ApiDb, Sfn: StopExecution, Bus: PublishEvent, Archive: ReadArchive> Api<Db, Sfn, Bus, Archive> {
    /// Starts a workflow for a goal of that user.
    pub(super) async fn start(&self, goal_id: GoalId, user_id: UserId, input: &Input) -> Result<Reply, Problem> {
        let body: Body = input.body()?;
        let scope = Scope::of(body.action_ids).map_err(|e| Problem::new(Code::InvalidRequest, e.to_string()))?;
        let (regenerate, class) = (body.regenerate.unwrap_or_default(), body.priority_class.unwrap_or_default());
        self.begin(input, &StartRequest { goal_id, user_id, scope, regenerate, class }).await
    }

    /// Starts a new workflow for the actions that an ended one has left undone; everything else stays as it is.
    pub(super) async fn retry(&self, ended: &Execution, input: &Input) -> Result<Reply, Problem> {
        let body: RetryBody = input.body()?;
        let request = retry_of(ended, body.priority_class.unwrap_or_default()).map_err(|why| {
            let code = match why {
                RetryRejection::NotEnded => Code::NotEnded,
                RetryRejection::NothingFailed => Code::NothingFailed,
            };
            Problem::new(code, why.to_string()).about(&ended.execution_arn)
        })?;
        trace::see_also(ended.traceparent.as_ref());
        let Some(operator) = input.operator() else { return self.begin(input, &request).await };
        let (by, reason) = (operator.by().clone(), operator.reason()?.to_owned());
        let requested = OperatorRequest { by, reason, retry_of: ended.execution_arn.clone() };
        self.accept(&request, &Origin::operator(requested, input.header(IDEMPOTENCY_KEY)?)).await
    }

    /// Accepts the request and announces it. A repeated one, by its key, gets the answer of the first.
    async fn begin(&self, input: &Input, request: &StartRequest) -> Result<Reply, Problem> {
        // Proxies add it as well: one that is malformed is as good as none.
        let correlation_id = input.header(CORRELATION_ID).unwrap_or_default();
        let origin = Origin::call(&request.user_id, input.header(IDEMPOTENCY_KEY)?, correlation_id);
        self.accept(request, &origin).await
    }

    /// The same for an origin that is known.
    async fn accept(&self, request: &StartRequest, origin: &Origin) -> Result<Reply, Problem> {
        let execution = match self.intake.accept(request, origin).await {
            Ok(execution) => execution,
            Err(IntakeError::Rejected(why)) => return Err(self.refuse(why).await?),
            Err(error) => return Err(error.into()),
        };
        trace::about(&execution.execution_arn, &execution.goal_id);
        if execution.traceparent != trace::current() {
            // A repeated call: the first one began the workflow's trace.
            trace::see_also(execution.traceparent.as_ref());
        }
        // The claim stands even if this fails: the reconciler, or a later start, announces it again.
        if execution.status() == Status::Pending {
            self.announce(&execution).await.map_err(|e| Problem::from(e).about(&execution.execution_arn))?;
        }

        let arn = &execution.execution_arn;
        let location = format!("/api/workflows/{}/status", utf8_percent_encode(arn.as_str(), NON_ALPHANUMERIC));
        // As it was when it was accepted, however far it is by now.
        let (start_date, status, total_actions) = (execution.start_date, Status::Pending, execution.total_actions);
        let reply = Reply::new(202, Started { execution_arn: arn, start_date, status, total_actions })?;
        Ok(reply.with(LOCATION, location))
    }

    async fn announce(&self, execution: &Execution) -> PortResult<()> {
        let announced = timeout(ANNOUNCING, self.bus.publish(Event::Requested(requested_event(execution)))).await;
        announced.unwrap_or_else(|_| Err(Unavailable::new("the event bus", "it did not answer in time")))
    }

    /// Refuses a start; when a workflow is in the way that was perhaps never announced, announces it again.
    async fn refuse(&self, why: StartRejection) -> Result<Problem, Problem> {
        self.intake.context.count(Fact::RequestRejected { reason: why.reason() });
        if let Some(arn) = why.running()
            && let Some(running) = self.db.find_execution(arn).await?
            && running.status() == Status::Pending
            && self.intake.context.now().since(running.start_date) > PENDING_IS_STALE_AFTER
        {
            tracing::warn!(executionArn = %arn, goalId = %running.goal_id, "still pending; announced again");
            self.announce(&running).await?;
        }
        Ok(why.into())
    }
}
