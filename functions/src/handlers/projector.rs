//! `projector`: keeps the read model of every workflow, and concludes its end.

use goal_activity_core::execution::BatchState;
use goal_activity_core::inbound::{self, ProjectionMessage};
use goal_activity_core::outcome::End;
use goal_activity_core::port_set;
use goal_activity_core::ports::{ArchiveExecution, Notify, PublishEvent, RecordProgress};
use goal_activity_events::{BatchProgressed, Envelope, ExecutionStatusChanged, MachineStatus};

use crate::runtime::queue::{HandleMessage, Message, MessageError};
use crate::runtime::telemetry::trace;
use crate::steps::ending::{Conclude, EndingDb};

/// The function with all it needs.
#[derive(Debug, Clone)]
pub struct Projector<Db, Bus, Topic, Archive> {
    /// The tables.
    pub db: Db,
    /// Ends workflows, publishes their ends, notifies the operators and archives them.
    pub conclude: Conclude<Db, Bus, Topic, Archive>,
}

port_set! {
    /// What the projector reads and writes.
    pub trait ProjectorDb: EndingDb + RecordProgress
}

impl<Db: ProjectorDb, Bus: PublishEvent, Topic: Notify, Archive: ArchiveExecution> HandleMessage
    for Projector<Db, Bus, Topic, Archive>
{
    async fn handle(&self, message: Message<'_>) -> Result<(), MessageError> {
        let Some(envelope) = message.event()? else { return Ok(()) };
        match inbound::projection(&envelope)? {
            ProjectionMessage::Progress(event, state) => {
                let span = trace::process("projection", event.traceparent.as_ref());
                trace::within(span, self.progressed(&event, &state)).await
            }
            ProjectionMessage::StatusChange(change) => self.status_changed(&envelope, &change).await,
        }
    }
}

impl<Db: ProjectorDb, Bus: PublishEvent, Topic: Notify, Archive: ArchiveExecution> Projector<Db, Bus, Topic, Archive> {
    async fn progressed(&self, event: &BatchProgressed, state: &BatchState) -> Result<(), MessageError> {
        let (arn, batch) = (&event.execution_arn, event.batch_index);
        trace::about_batch(arn, &event.goal_id, batch);
        if self.db.record_batch(arn, &event.event_id, batch, state).await? {
            let what = if state.timeline_event(batch).is_some() { "batch finished" } else { "batch progressed" };
            tracing::info!(succeeded = state.succeeded, failed = state.failed.len(), total = state.total, "{what}");
        }
        Ok(())
    }

    async fn status_changed(&self, envelope: &Envelope, change: &ExecutionStatusChanged) -> Result<(), MessageError> {
        let arn = &change.execution_arn;
        tracing::debug!(executionArn = %arn, status = ?change.status, "execution status changed");
        match (change.status, End::of(change.status)) {
            (_, Some(end)) => {
                let at = change.stopped_at().unwrap_or(envelope.time);
                // The workflow's record says which trace it belongs to.
                trace::within(trace::process("projection", None), self.conclude.conclude(arn, end, at)).await?;
            }
            (MachineStatus::Running, None) => {
                // No span: the record, which knows the trace, is not read.
                if self.db.record_started(arn, envelope.id.as_str(), envelope.time).await? {
                    tracing::info!(executionArn = %arn, "workflow runs");
                }
            }
            (_, None) => {}
        }
        Ok(())
    }
}
