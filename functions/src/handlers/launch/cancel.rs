use goal_activity_core::execution::{Cancellation, Status};
use goal_activity_core::ports::{PublishEvent, StartExecution, StopExecution, StopReason};
use goal_activity_events::{Envelope, GoalActivityAccepted, GoalActivityCancelRequested, RejectionReason};

use super::{Launch, LaunchDb, NotLaunched, Rejection};
use crate::runtime::telemetry::trace;

impl<Db: LaunchDb, Sfn: StartExecution + StopExecution, Bus: PublishEvent> Launch<Db, Sfn, Bus> {
    /// Stops a workflow of the service that asks for it.
    ///
    /// The recorded cancellation decides the race with the natural end. The projector or the reconciler completes the end: this
    /// function has no access to tasks.
    pub(super) async fn cancel(
        &self,
        envelope: &Envelope,
        request: GoalActivityCancelRequested,
    ) -> Result<(), NotLaunched> {
        let own = self.own(envelope, &request.event_id, request.occurred_at)?;
        if self.intake.has_started(&own).await? {
            let message = "this eventId was used for a request that started a workflow; use a new one";
            return Err(Rejection {
                reason: RejectionReason::RequestIdReused,
                message: message.to_owned(),
                execution_arn: None,
            }
            .into());
        }
        let execution = self.of_requester(&request.execution_arn, &request.user_id, &own.source).await?;
        let arn = &execution.execution_arn;
        trace::about(arn, &execution.goal_id);
        let now = self.intake.context.now();
        let cancellation = Cancellation::by_user(request.user_id, now, Some(&format!("requested by {}", own.source)));
        if !execution.has_ended() && self.admission.db.record_cancellation(arn, &cancellation).await? {
            tracing::info!("cancellation recorded");
        }
        // As it is now: it may have ended meanwhile, or a delivery before this one has recorded it.
        let execution = self.of_requester(arn, &execution.user_id, &own.source).await?;
        let is_open = !execution.has_ended();
        let is_cancelled = execution.cancellation.is_some() && (is_open || execution.status() == Status::Aborted);
        if !is_cancelled {
            let message = format!("this workflow has ended already: {}", execution.status());
            let reason = RejectionReason::AlreadyEnded;
            return Err(Rejection { reason, message, execution_arn: Some(arn.clone()) }.into());
        }
        if is_open {
            self.admission.sfn.stop_execution(arn, StopReason::Cancelled).await?;
        }
        let event_id = GoalActivityAccepted::event_id_of_cancel(arn, &own);
        Ok(self.answer(&execution, event_id, own, request.correlation_id).await?)
    }
}
