//! `projector`: keeps the read model of every workflow, and concludes its end.

use goal_activity_core::execution::{BatchReport, BatchReports, BatchState};
use goal_activity_core::inbound::{self, ProjectionMessage};
use goal_activity_core::outcome::End;
use goal_activity_core::port_set;
use goal_activity_core::ports::{ArchiveExecution, Notify, PublishEvent, RecordProgress, Unavailable};
use goal_activity_events::{BatchProgressed, Envelope, ExecutionArn, ExecutionStatusChanged, MachineStatus};
use tracing::Span;

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
            ProjectionMessage::Progress(event, state) => self.progressed(vec![(event, state)]).await,
            ProjectionMessage::StatusChange(change) => self.status_changed(&envelope, &change).await,
        }
    }

    /// The workflow that a report is about: each write of its row costs as much as the row is large, whatever it changes.
    fn subject(&self, message: Message<'_>) -> Option<String> {
        report(message).map(|(event, _)| event.execution_arn.to_string())
    }

    async fn handle_together(&self, messages: &[Message<'_>]) -> Result<(), MessageError> {
        let reports = messages.iter().map(|message| report(*message)).collect::<Option<Vec<_>>>();
        let other = || MessageError::Malformed("no report, and handled together with reports".to_owned());
        self.progressed(reports.ok_or_else(other)?).await
    }
}

/// A worker's event, and what it says of the batch.
type Report = (Box<BatchProgressed>, BatchState);

/// The report in a message, if that is one that can be read.
fn report(message: Message<'_>) -> Option<Report> {
    let envelope = Envelope::parse(message.body).ok().filter(|envelope| !inbound::is_foreign(envelope))?;
    match inbound::projection(&envelope).ok()? {
        ProjectionMessage::Progress(event, state) => Some((event, state)),
        ProjectionMessage::StatusChange(_) => None,
    }
}

impl<Db: ProjectorDb, Bus: PublishEvent, Topic: Notify, Archive: ArchiveExecution> Projector<Db, Bus, Topic, Archive> {
    /// Records reports of one workflow, each in a span of its own.
    async fn progressed(&self, told: Vec<Report>) -> Result<(), MessageError> {
        let Some(arn) = told.first().map(|(event, _)| event.execution_arn.clone()) else { return Ok(()) };
        let told: Vec<_> = told.into_iter().map(begun).collect();
        let work = trace::boxed(self.record(&arn, &told));
        told.iter().fold(work, |work, (_, span)| trace::boxed(trace::within(span.clone(), work))).await
    }

    /// Records those that are news, in one write. What is known already, or came too late, is left out.
    async fn record(&self, arn: &ExecutionArn, told: &[(BatchReport, Span)]) -> Result<(), MessageError> {
        let mut left = BatchReports::of(told.iter().map(|(report, _)| report.clone()));
        while let Some(reports) = left {
            if self.db.record_batches(arn, &reports).await? {
                for report in reports.iter() {
                    recorded(report, told);
                }
                return Ok(());
            }
            // Alone, it is what was refused.
            left = match reports.len() {
                1 => None,
                _ => reports.new_to(self.db.find_execution(arn).await?.as_ref()),
            };
            // What was refused stays so: the state of a batch never goes back.
            if left.as_ref() == Some(&reports) {
                let why = "they are refused, and seem to be news";
                return Err(Unavailable::new(format!("recording reports of {arn}"), why).into());
            }
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

/// What is recorded of a report, and the span in which that is done.
fn begun((event, state): Report) -> (BatchReport, Span) {
    let BatchProgressed { execution_arn, goal_id, batch_index, traceparent, event_id, .. } = *event;
    let span = trace::process("projection", traceparent.as_ref());
    span.in_scope(|| trace::about_batch(&execution_arn, &goal_id, batch_index));
    (BatchReport { event: event_id, batch_index, state }, span)
}

/// Logs a state that was recorded, once however often it came.
fn recorded(report: &BatchReport, told: &[(BatchReport, Span)]) {
    let Some((BatchReport { batch_index, state, .. }, span)) = told.iter().find(|(known, _)| known == report) else {
        return;
    };
    let what = if state.timeline_event(*batch_index).is_some() { "batch finished" } else { "batch progressed" };
    span.in_scope(|| {
        tracing::info!(succeeded = state.succeeded, failed = state.failed.len(), total = state.total, "{what}");
    });
}
