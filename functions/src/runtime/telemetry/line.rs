use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::trace::{Joined, Subject};

/// Spans' own fields, which are for traces and not for lines.
pub(super) struct NoFields;

impl<'writer> FormatFields<'writer> for NoFields {
    fn format_fields<R: RecordFields>(&self, _: Writer<'writer>, _: R) -> fmt::Result {
        Ok(())
    }
}

/// Lines of JSON that end with the ids of the workflow and the trace that their spans are about.
pub(super) struct InContext<F>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for InContext<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let spans = || context.event_scope().into_iter().flatten();
        let subject = spans().find_map(|span| span.extensions().get::<Subject>().cloned());
        let has = |name| event.metadata().fields().field(name).is_some();
        // A line about something else than its span names that itself.
        let subject = subject.filter(|_| !has("executionArn") && !has("goalId"));
        let subject = subject.and_then(|subject| serde_json::to_string(&subject).ok());
        let trace = spans().find_map(|span| span.extensions().get::<Joined>().cloned());
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        let Some(object) = line.strip_suffix("}\n") else { return writer.write_str(&line) };
        // A non-empty object: it has the time.
        writer.write_str(object)?;
        if let Some(subject) = subject.as_deref().and_then(|subject| subject.strip_prefix('{')?.strip_suffix('}')) {
            write!(writer, ",{subject}")?;
        }
        if let Some(trace) = trace {
            write!(writer, r#","traceId":"{}""#, trace.id())?;
        }
        writer.write_str("}\n")
    }
}
