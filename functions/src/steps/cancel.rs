//! Stopping a workflow because its user or an operator wants it.

use goal_activity_core::execution::{Cancellation, Execution};
use goal_activity_core::limits::ANNOUNCING;
use goal_activity_core::outcome::End;
use goal_activity_core::ports::{PortResult, PublishEvent, StopExecution, StopReason, Unavailable};
use tokio::time::timeout;

use crate::runtime::telemetry::trace;

use super::ending::{EndWorkflow, EndingDb};

/// Cancels workflows.
#[derive(Debug, Clone)]
pub struct Cancel<Db, Sfn, Bus> {
    /// Step Functions.
    pub sfn: Sfn,
    /// Ends workflows and publishes their ends.
    pub ending: EndWorkflow<Db, Bus>,
}

/// How a cancellation went. Either way the workflow has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancelled {
    /// It ended as `ABORTED`, by this call or by another that came at the same time.
    Yes(Execution),
    /// It had ended before.
    AlreadyEnded(Execution),
}

impl<Db: EndingDb, Sfn: StopExecution, Bus: PublishEvent> Cancel<Db, Sfn, Bus> {
    /// Stops the workflow. Whoever asks for it must be allowed to.
    ///
    /// The recorded cancellation decides the race with the natural end. What comes after it is the normal end of a workflow,
    /// which the projector or the reconciler completes when this call does not get that far.
    pub async fn cancel(&self, execution: &Execution, cancellation: &Cancellation) -> PortResult<Cancelled> {
        if execution.has_ended() {
            return Ok(Cancelled::AlreadyEnded(execution.clone()));
        }
        let arn = &execution.execution_arn;
        trace::about(arn, &execution.goal_id);
        if self.ending.db.record_cancellation(arn, cancellation).await? {
            tracing::info!("cancellation recorded");
        } else {
            let gone = || Unavailable::new(format!("cancelling {arn}"), "its record is gone");
            let now = self.ending.db.find_execution(arn).await?.ok_or_else(gone)?;
            if now.has_ended() {
                return Ok(Cancelled::AlreadyEnded(now));
            }
        }
        // First of all: from here on no worker begins anything new, whatever else does not answer.
        self.ending.db.seal_ledger(arn, execution.batch_count()).await?;
        self.sfn.stop_execution(arn, StopReason::Cancelled).await?;
        let gone = || Unavailable::new(format!("cancelling {arn}"), "its record is gone");
        let ended = self.ending.end(arn, End::Aborted, cancellation.at).await?.ok_or_else(gone)?.execution;
        // What is not published now, the reconciler publishes: the cancellation itself has succeeded.
        match timeout(ANNOUNCING, self.ending.publish_and_mark(&ended)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the end is not published yet"),
            Err(_) => tracing::warn!("the end is not published in time"),
        }
        Ok(Cancelled::Yes(ended))
    }
}
