//! `launch`: starts the execution for every `GoalActivityRequested` on the bus, when it is its turn.
//!
//! The API has claimed the goal before it emits the event; for any other service the claim is made here, by the same code.
//! Services also ask here to stop their workflows, and for new ones after these. Every `WorkflowCompleted` comes here as well:
//! what the workflow held is released, and those whose turn it is then are launched.

mod cancel;
mod retry;

use goal_activity_core::execution::Execution;
use goal_activity_core::facts::Fact;
use goal_activity_core::inbound::{self, LaunchMessage};
use goal_activity_core::limits::LAUNCHING;
use goal_activity_core::port_set;
use goal_activity_core::ports::{Event, PortResult, PublishEvent, StartExecution, StopExecution, Unavailable};
use goal_activity_core::start::{Scope, StartRejection, StartRequest};
use goal_activity_events::{
    CorrelationId, Envelope, EventId, ExecutionArn, GoalActivityAccepted, GoalActivityRejected, GoalActivityRequested,
    RejectionReason, RequestRef, SOURCE, Timestamp, UserId, Version,
};
use tokio::time::timeout;

use crate::runtime::queue::{HandleMessage, Message, MessageError};
use crate::runtime::telemetry::trace;
use crate::steps::admission::{Admission, AdmissionDb, waiting_before};
use crate::steps::intake::{Intake, IntakeDb, IntakeError, Origin};

/// The function with all it needs.
#[derive(Debug, Clone)]
pub struct Launch<Db, Sfn, Bus> {
    /// Accepts requests of other services.
    pub intake: Intake<Db>,
    /// Launches workflows.
    pub admission: Admission<Db, Sfn>,
    /// The event bus.
    pub bus: Bus,
}

port_set! {
    /// What launching requests of other services reads and writes.
    pub trait LaunchDb: IntakeDb + AdmissionDb
}

/// What a rejection says besides the request itself.
struct Rejection {
    reason: RejectionReason,
    message: String,
    execution_arn: Option<ExecutionArn>,
}

impl From<StartRejection> for Rejection {
    fn from(why: StartRejection) -> Self {
        Self { reason: why.reason(), execution_arn: why.running().cloned(), message: why.to_string() }
    }
}

impl Rejection {
    fn invalid(message: impl ToString) -> Self {
        Self { reason: RejectionReason::Invalid, message: message.to_string(), execution_arn: None }
    }
}

/// Why a request is not launched.
enum NotLaunched {
    Rejected(Rejection),
    Unavailable(Unavailable),
}

impl From<Rejection> for NotLaunched {
    fn from(why: Rejection) -> Self {
        Self::Rejected(why)
    }
}

impl From<IntakeError> for NotLaunched {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Rejected(why) => Self::Rejected(why.into()),
            IntakeError::KeyReused => Self::Rejected(Rejection {
                reason: RejectionReason::RequestIdReused,
                message: "this eventId was used for another request; use a new one".to_owned(),
                execution_arn: None,
            }),
            IntakeError::Unavailable(e) => Self::Unavailable(e),
        }
    }
}

impl From<Unavailable> for NotLaunched {
    fn from(e: Unavailable) -> Self {
        Self::Unavailable(e)
    }
}

impl<Db: LaunchDb, Sfn: StartExecution + StopExecution, Bus: PublishEvent> HandleMessage for Launch<Db, Sfn, Bus> {
    async fn handle(&self, message: Message<'_>) -> Result<(), MessageError> {
        let Some(envelope) = message.event()? else { return Ok(()) };
        let message = inbound::launch(&envelope)?;
        let span = trace::process("launch", message.traceparent());
        trace::within(span, self.take(&envelope, message)).await
    }
}

impl<Db: LaunchDb, Sfn: StartExecution + StopExecution, Bus: PublishEvent> Launch<Db, Sfn, Bus> {
    /// Does what is asked, or rejects it with the reason.
    async fn take(&self, envelope: &Envelope, message: LaunchMessage) -> Result<(), MessageError> {
        let done = match message {
            LaunchMessage::End(end) => return Ok(self.ended(&end.execution_arn).await?),
            LaunchMessage::Request(request) => self.launch(envelope, request).await,
            LaunchMessage::Cancel(request) => self.cancel(envelope, request).await,
            LaunchMessage::Retry(request) => self.retry(envelope, request).await,
            LaunchMessage::Invalid(why) => Err(Rejection::invalid(why).into()),
        };
        match done {
            Ok(()) => Ok(()),
            Err(NotLaunched::Unavailable(e)) => Err(e.into()),
            Err(NotLaunched::Rejected(why)) => Ok(self.reject(envelope, why).await?),
        }
    }

    async fn launch(&self, envelope: &Envelope, request: GoalActivityRequested) -> Result<(), NotLaunched> {
        if let Some(arn) = &request.execution_arn {
            if envelope.source != SOURCE {
                return Err(Rejection::invalid("executionArn is for the pipeline's own requests; leave it out").into());
            }
            let Some(execution) = self.recorded(arn, &request).await? else { return Ok(()) };
            trace::about(&execution.execution_arn, &execution.goal_id);
            return Ok(self.admission.arrived(&execution).await?);
        }
        let (own, correlation_id) =
            (self.own(envelope, &request.event_id, request.occurred_at)?, request.correlation_id.clone());
        let execution = self.accepted(&own, request).await?;
        self.launch_accepted(&execution, own, correlation_id).await
    }

    /// Launches what was accepted for another service, and tells it so.
    async fn launch_accepted(
        &self,
        execution: &Execution,
        own: RequestRef,
        correlation_id: Option<CorrelationId>,
    ) -> Result<(), NotLaunched> {
        trace::about(&execution.execution_arn, &execution.goal_id);
        let launched = timeout(LAUNCHING, self.admission.arrived(execution)).await;
        // It is accepted, whatever comes of its launch.
        let event_id = GoalActivityAccepted::event_id_for(&execution.execution_arn, &own);
        self.answer(execution, event_id, own, correlation_id).await?;
        let too_slow = || Unavailable::new("launching a workflow", "it takes too long");
        Ok(launched.unwrap_or_else(|_| Err(too_slow()))?)
    }

    /// Tells the service that its request about this workflow was accepted.
    async fn answer(
        &self,
        execution: &Execution,
        event_id: EventId,
        request: RequestRef,
        correlation_id: Option<CorrelationId>,
    ) -> PortResult<()> {
        let arn = &execution.execution_arn;
        let now = self.intake.db.find_execution(arn).await?;
        let waiting = now.as_ref().is_some_and(Execution::is_waiting);
        let Admission { db, capacity, .. } = &self.admission;
        let waiting_before =
            if waiting { waiting_before(db, *capacity, now.as_ref().unwrap_or(execution)).await? } else { 0 };
        let accepted = GoalActivityAccepted {
            version: Version::V1,
            event_id,
            occurred_at: self.intake.context.now(),
            request,
            correlation_id,
            execution_arn: arn.clone(),
            goal_id: execution.goal_id.clone(),
            user_id: execution.user_id.clone(),
            total_actions: execution.total_actions,
            waiting,
            waiting_before,
            traceparent: execution.traceparent.clone(),
        };
        self.bus.publish(Event::Accepted(accepted)).await
    }

    /// Releases what an ended workflow held. What the event says is not enough: one that is recorded as open keeps it.
    async fn ended(&self, arn: &ExecutionArn) -> PortResult<()> {
        trace::about_execution(arn);
        let found = self.intake.db.find_execution(arn).await?;
        if found.as_ref().is_some_and(|execution| !execution.has_ended()) {
            tracing::warn!("an event says that this workflow has ended, and it is open; dropped");
            return Ok(());
        }
        self.admission.ended(arn, found.as_ref()).await
    }

    /// The execution that the API has recorded for this request; nothing where that has ended so long ago that only the archive
    /// knows it.
    async fn recorded(
        &self,
        arn: &ExecutionArn,
        request: &GoalActivityRequested,
    ) -> Result<Option<Execution>, NotLaunched> {
        let executions = &self.intake.db;
        let found = executions.find_execution(arn).await?;
        let found = found.filter(|e| e.goal_id == request.goal_id && e.user_id == request.user_id);
        if found.is_none() && arn.belongs_to(&request.goal_id) && executions.find_archived(arn).await?.is_some() {
            tracing::info!(executionArn = %arn, goalId = %request.goal_id, "ended long ago");
            return Ok(None);
        }
        let message =
            "executionArn names no execution of this goal and user; leave it out in requests of other services";
        found.map(Some).ok_or_else(|| Rejection::invalid(message).into())
    }

    /// The execution as which a request of another service is accepted.
    async fn accepted(&self, own: &RequestRef, request: GoalActivityRequested) -> Result<Execution, NotLaunched> {
        let origin = Origin::event(own.clone(), request.correlation_id, request.traceparent);
        let start = StartRequest {
            goal_id: request.goal_id,
            user_id: request.user_id,
            scope: Scope::of(request.action_ids).map_err(Rejection::invalid)?,
            regenerate: request.regenerate,
            class: request.priority_class,
        };
        Ok(self.intake.accept(&start, &origin).await?)
    }

    /// By what this request is known, if it may be one: its source can be repeated, and it is recent.
    fn own(&self, envelope: &Envelope, event_id: &EventId, occurred_at: Timestamp) -> Result<RequestRef, NotLaunched> {
        inbound::source(&envelope.source).map_err(Rejection::invalid)?;
        inbound::age(occurred_at, self.intake.context.now()).map_err(Rejection::invalid)?;
        Ok(RequestRef { source: envelope.source.clone(), event_id: event_id.clone() })
    }

    /// The workflow of that user that the service has asked for.
    async fn of_requester(&self, arn: &ExecutionArn, user: &UserId, source: &str) -> Result<Execution, NotLaunched> {
        let refused = |reason, message: &str| {
            // It repeats what the request says, and tells nothing.
            Rejection { reason, message: message.to_owned(), execution_arn: Some(arn.clone()) }
        };
        let Some(execution) = self.intake.db.find_execution(arn).await? else {
            let message = "there is no such workflow, or it ended more than 90 days ago";
            return Err(refused(RejectionReason::UnknownExecution, message).into());
        };
        if execution.user_id != *user {
            return Err(refused(RejectionReason::NotOwner, "the workflow belongs to another user").into());
        }
        // What a user has started is nobody's, also for whoever uses the pipeline's own name.
        if execution.request_source.as_deref() != Some(source) || source == SOURCE {
            return Err(refused(RejectionReason::NotRequester, "this service has not asked for the workflow").into());
        }
        Ok(execution)
    }

    async fn reject(&self, envelope: &Envelope, why: Rejection) -> PortResult<()> {
        let Some(request_event_id) = envelope.field::<EventId>("eventId") else {
            tracing::error!(eventId = %envelope.id, reason = %why.reason, "request rejected, and its own id cannot be read");
            return Ok(());
        };
        let source = inbound::source(&envelope.source).is_ok().then(|| envelope.source.clone());
        tracing::warn!(
            requestId = %request_event_id, source = source.as_deref().unwrap_or_default(), reason = %why.reason, detail = why.message, "request rejected"
        );
        let rejected = GoalActivityRejected {
            version: Version::V1,
            event_id: request_event_id
                .rejection(&envelope.source, &format!("{} {} {}", envelope.id, why.reason, why.message)),
            occurred_at: self.intake.context.now(),
            request: source.map(|source| RequestRef { source, event_id: request_event_id.clone() }),
            request_event_id,
            correlation_id: envelope.field("correlationId"),
            execution_arn: why.execution_arn,
            goal_id: envelope.field("goalId"),
            user_id: envelope.field("userId"),
            reason: why.reason,
            message: why.message,
            retryable: Some(why.reason.is_retryable()),
            traceparent: envelope
                .field::<String>("traceparent")
                .and_then(|text| text.parse().ok())
                .or_else(trace::current),
        };
        let reason = rejected.reason;
        self.bus.publish(Event::Rejected(rejected)).await?;
        self.intake.context.count(Fact::RequestRejected { reason });
        Ok(())
    }
}
