use goal_activity_core::ports::{PublishEvent, StartExecution, StopExecution};
use goal_activity_core::start::retry_of;
use goal_activity_events::{Envelope, GoalActivityRetryRequested};

use super::{Launch, LaunchDb, NotLaunched, Rejection};
use crate::runtime::telemetry::trace;
use crate::steps::intake::Origin;

impl<Db: LaunchDb, Sfn: StartExecution + StopExecution, Bus: PublishEvent> Launch<Db, Sfn, Bus> {
    /// Starts a workflow for the failed actions of an ended one of the service that asks for it.
    pub(super) async fn retry(
        &self,
        envelope: &Envelope,
        request: GoalActivityRetryRequested,
    ) -> Result<(), NotLaunched> {
        let own = self.own(envelope, &request.event_id, request.occurred_at)?;
        let ended = self.of_requester(&request.execution_arn, &request.user_id, &own.source).await?;
        let start = retry_of(&ended, request.priority_class).map_err(|why| Rejection {
            reason: why.reason(),
            message: why.to_string(),
            execution_arn: Some(ended.execution_arn.clone()),
        })?;
        trace::see_also(ended.traceparent.as_ref());
        let origin = Origin::event(own.clone(), request.correlation_id.clone(), request.traceparent);
        let execution = self.intake.accept(&start, &origin).await?;
        self.launch_accepted(&execution, own, request.correlation_id).await
    }
}
