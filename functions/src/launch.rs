//! `launch`: starts the execution for every `GoalActivityRequested` on the bus.
//!
//! The API has claimed the goal before it emits the event; for any other service the claim is made here, by the same code.

use goal_activity_core::execution::{Execution, Status};
use goal_activity_core::facts::Fact;
use goal_activity_core::inbound;
use goal_activity_core::ports::{
    ActionsWithTasks, ClaimGoal, Clock, Event, ExecutionInput, FindExecution, LoadGoal, Outside, PublishEvent,
    StartExecution, StopExecution, StopReason, Unavailable,
};
use goal_activity_core::start::{Scope, StartRejection, StartRequest};
use goal_activity_events::{
    Envelope, EventId, ExecutionArn, GoalActivityRejected, GoalActivityRequested, ReadError, RejectionReason, Version,
};

use crate::intake::{Intake, IntakeError, Origin};
use crate::queue::{HandleMessage, Message, MessageError};
use crate::telemetry::trace;

/// The function with all it needs.
#[derive(Debug, Clone)]
pub struct Launch<G, T, E, C, K, M, B> {
    /// Accepts requests of other services.
    pub intake: Intake<G, T, E, C, K>,
    /// Starts executions.
    pub machine: M,
    /// Tells of rejections.
    pub bus: B,
}

/// What a rejection tells besides the request itself.
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

impl From<Unavailable> for NotLaunched {
    fn from(e: Unavailable) -> Self {
        Self::Unavailable(e)
    }
}

/// Whether nothing may run for a workflow any more. One that ended by itself has no execution left to stop.
fn is_over(execution: &Execution) -> bool {
    execution.cancellation.is_some() || matches!(execution.status, Status::Aborted | Status::TimedOut)
}

impl<G, T, E, C, K, M, B> HandleMessage for Launch<G, T, E, C, K, M, B>
where
    G: LoadGoal,
    T: ActionsWithTasks,
    E: FindExecution,
    C: ClaimGoal,
    K: Clock,
    M: StartExecution + StopExecution,
    B: PublishEvent,
{
    async fn handle(&self, message: Message<'_>) -> Result<(), MessageError> {
        let malformed = |e: &ReadError| MessageError::Malformed(e.to_string());
        let envelope = Envelope::parse(message.body).map_err(|e| malformed(&e))?;
        let request = envelope.detail::<GoalActivityRequested>();
        let from = request.as_ref().ok().and_then(|request| request.traceparent.as_ref());
        trace::within(trace::process("launch", from), self.take(&envelope, request)).await
    }
}

impl<G, T, E, C, K, M, B> Launch<G, T, E, C, K, M, B>
where
    G: LoadGoal,
    T: ActionsWithTasks,
    E: FindExecution,
    C: ClaimGoal,
    K: Clock,
    M: StartExecution + StopExecution,
    B: PublishEvent,
{
    async fn take(
        &self,
        envelope: &Envelope,
        request: Result<GoalActivityRequested, ReadError>,
    ) -> Result<(), MessageError> {
        let malformed = |e: &ReadError| MessageError::Malformed(e.to_string());
        let launched = match request {
            Ok(request) => self.launch(envelope, request).await,
            // With the request's id its sender can be answered; without it only people can help.
            Err(ref e @ ReadError::BadDetail { .. }) if envelope.field::<EventId>("eventId").is_some() => {
                Err(NotLaunched::Rejected(Rejection::invalid(e)))
            }
            Err(e) => return Err(malformed(&e)),
        };
        match launched {
            Ok(()) => Ok(()),
            Err(NotLaunched::Unavailable(e)) => Err(e.into()),
            Err(NotLaunched::Rejected(why)) => Ok(self.reject(envelope, why).await?),
        }
    }

    async fn launch(&self, envelope: &Envelope, request: GoalActivityRequested) -> Result<(), NotLaunched> {
        let execution = match &request.execution_arn {
            Some(arn) => self.recorded(arn, &request).await?,
            None => self.accepted(envelope, request).await?,
        };
        trace::about(&execution.execution_arn, &execution.goal_id);
        if is_over(&execution) {
            // An earlier delivery may have started it and not come further.
            return Ok(self.stop(&execution).await?);
        }
        if execution.status != Status::Pending {
            tracing::info!(
                executionArn = %execution.execution_arn, goalId = %execution.goal_id, status = %execution.status,
                "already launched"
            );
            return Ok(());
        }
        self.machine.start_execution(&ExecutionInput::from(&execution)).await?;
        tracing::info!(
            executionArn = %execution.execution_arn, goalId = %execution.goal_id, actions = execution.total_actions,
            "launched"
        );
        // It may have been cancelled between the reading and the start, when there was nothing to stop yet.
        let now = self.intake.executions.find_execution(&execution.execution_arn).await?;
        if now.as_ref().is_some_and(is_over) {
            self.stop(&execution).await?;
        }
        Ok(())
    }

    async fn stop(&self, execution: &Execution) -> Outside<()> {
        tracing::info!(
            executionArn = %execution.execution_arn, goalId = %execution.goal_id, status = %execution.status,
            "over before it was launched"
        );
        self.machine.stop_execution(&execution.execution_arn, StopReason::Ended).await
    }

    /// The execution that the API has recorded for this request.
    async fn recorded(&self, arn: &ExecutionArn, request: &GoalActivityRequested) -> Result<Execution, NotLaunched> {
        let found = self.intake.executions.find_execution(arn).await?;
        found.filter(|e| e.goal_id == request.goal_id && e.user_id == request.user_id).ok_or_else(|| {
            let message =
                "executionArn names no execution of this goal and user; leave it out in requests of other services";
            NotLaunched::Rejected(Rejection::invalid(message))
        })
    }

    /// The execution as which a request of another service is accepted.
    async fn accepted(&self, envelope: &Envelope, request: GoalActivityRequested) -> Result<Execution, NotLaunched> {
        let invalid = |e: &dyn ToString| NotLaunched::Rejected(Rejection::invalid(e.to_string()));
        inbound::source(&envelope.source).map_err(|e| invalid(&e))?;
        let origin = Origin::event(envelope.source.clone(), request.event_id, request.traceparent);
        let start = StartRequest {
            goal_id: request.goal_id,
            user_id: request.user_id,
            scope: Scope::of(request.action_ids).map_err(|e| invalid(&e))?,
            regenerate: request.regenerate,
        };
        self.intake.accept(&start, &origin).await.map_err(|e| match e {
            IntakeError::Rejected(why) => NotLaunched::Rejected(why.into()),
            IntakeError::KeyReused => NotLaunched::Rejected(Rejection::invalid(IntakeError::KeyReused)),
            IntakeError::Unavailable(e) => NotLaunched::Unavailable(e),
        })
    }

    async fn reject(&self, envelope: &Envelope, why: Rejection) -> Outside<()> {
        let Some(request_event_id) = envelope.field::<EventId>("eventId") else { return Ok(()) };
        let source = inbound::source(&envelope.source).map_or("", |()| &envelope.source);
        tracing::warn!(
            requestId = %request_event_id, source, reason = %why.reason, detail = why.message, "request rejected"
        );
        let rejected = GoalActivityRejected {
            version: Version::V1,
            event_id: request_event_id.rejection(&envelope.source),
            occurred_at: self.intake.clock.now(),
            request_event_id,
            execution_arn: why.execution_arn,
            goal_id: envelope.field("goalId"),
            user_id: envelope.field("userId"),
            reason: why.reason,
            message: why.message,
        };
        let reason = rejected.reason;
        self.bus.publish(Event::Rejected(rejected)).await?;
        self.intake.facts.count(Fact::RequestRejected { reason });
        Ok(())
    }
}
