//! The spans of a workflow, named and described by OpenTelemetry's semantic conventions. They hold ids and counts, never a
//! text or a token.
//!
//! The span that accepts a request is the root of the workflow's trace. Its context is kept in the execution's row and goes
//! along in events, in the state machine's input and in its messages, whether anybody records spans or not; whatever is done
//! for the workflow later follows from it.

use std::pin::Pin;

use goal_activity_core::ports::Unavailable;
use goal_activity_events::{ActionId, ExecutionArn, FailureCode, GoalId, Traceparent};
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::field::Empty;
use tracing::{Instrument, Span, trace_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Registry;
use tracing_subscriber::registry::LookupSpan;

use crate::runtime::queue::MessageError;

/// By what these spans are told from all others. At level `trace`, so that logs are the same with and without them.
pub const TARGET: &str = "goal_activity_trace";

/// The answering of an HTTP request, a trace of its own. What the client says of its trace is linked and not followed: it
/// must not decide what is recorded, nor mix one workflow with another.
pub(crate) fn request(route: &'static str, client: Option<&Traceparent>) -> Span {
    let (method, path) = route.split_once(' ').unwrap_or_default();
    let span = trace_span!(
        target: TARGET, parent: None, "request", otel.name = route, otel.kind = "server", otel.status_code = Empty,
        http.request.method = method, http.route = path, http.response.status_code = Empty, faas.trigger = "http",
        goal_activity.execution_arn = Empty, goal_activity.goal_id = Empty,
    );
    link(&span, client);
    span
}

/// The handling of one message of a queue, as a part of the trace that the message names.
pub(crate) fn process(queue: &'static str, from: Option<&Traceparent>) -> Span {
    let span = trace_span!(
        target: TARGET, parent: None, "process", otel.name = format!("process {queue}"), otel.kind = "consumer",
        otel.status_code = Empty, error.r#type = Empty, messaging.system = "aws_sqs", messaging.operation.name = "process",
        messaging.operation.type = "process", messaging.destination.name = queue, faas.trigger = "pubsub",
        goal_activity.execution_arn = Empty, goal_activity.goal_id = Empty, goal_activity.batch_index = Empty,
    );
    follow(&span, from);
    span
}

/// The state machine's call of finalize.
pub(crate) fn finalize() -> Span {
    trace_span!(
        target: TARGET, parent: None, "SaveResults", otel.kind = "server", otel.status_code = Empty, error.r#type = Empty,
        faas.trigger = "other", goal_activity.execution_arn = Empty, goal_activity.goal_id = Empty,
    )
}

/// The launch of a workflow for which another's end has made room.
pub(crate) fn admission(from: Option<&Traceparent>) -> Span {
    let span = trace_span!(
        target: TARGET, parent: None, "admit", otel.kind = "internal", otel.status_code = Empty, error.r#type = Empty,
        faas.trigger = "pubsub", goal_activity.execution_arn = Empty, goal_activity.goal_id = Empty,
    );
    follow(&span, from);
    span
}

/// The repair of a workflow of which something was lost.
pub(crate) fn repair(from: Option<&Traceparent>) -> Span {
    let span = trace_span!(
        target: TARGET, parent: None, "reconcile", otel.kind = "internal", otel.status_code = Empty,
        error.r#type = Empty, faas.trigger = "timer", goal_activity.execution_arn = Empty, goal_activity.goal_id = Empty,
    );
    follow(&span, from);
    span
}

/// One attempt of the AI at an action.
pub(crate) fn attempt(action: &ActionId, attempt: u32) -> Span {
    trace_span!(
        target: TARGET, "generate_content", otel.kind = "client", otel.status_code = Empty, error.r#type = Empty,
        gen_ai.operation.name = "generate_content", gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty, goal_activity.action_id = action.as_str(), goal_activity.attempt = i64::from(attempt),
    )
}

/// Ends an attempt: what it took, and why it failed.
pub(crate) fn attempted(span: Span, input_tokens: u64, output_tokens: u64, failed: Option<FailureCode>) {
    let number = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
    span.record("gen_ai.usage.input_tokens", number(input_tokens));
    span.record("gen_ai.usage.output_tokens", number(output_tokens));
    if let Some(code) = failed {
        fail(&span, &format!("{code:?}"));
    }
}

/// A failure by its class. What it says in detail is for the log.
pub(crate) trait Classified {
    /// A word of a small vocabulary.
    fn class(&self) -> &'static str;
}

impl Classified for Unavailable {
    fn class(&self) -> &'static str {
        "unavailable"
    }
}

impl Classified for MessageError {
    fn class(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Unavailable(e) => e.class(),
        }
    }
}

/// Does the work in the span. Its failure is the span's.
pub(crate) fn within<'a, T, E>(
    span: Span,
    work: impl Future<Output = Result<T, E>> + Send + 'a,
) -> impl Future<Output = Result<T, E>> + Send
where
    T: Send + 'a,
    E: Classified + Send + 'a,
{
    let work = boxed(work);
    async move {
        let done = work.instrument(span.clone()).await;
        if let Err(error) = &done {
            fail(&span, error.class());
        }
        done
    }
}

/// Without its type, or that of the whole would be too deep for the compiler.
pub(crate) fn boxed<'a, T>(work: impl Future<Output = T> + Send + 'a) -> Pin<Box<dyn Future<Output = T> + Send + 'a>> {
    Box::pin(work)
}

/// Ends an HTTP request's span. Only an answer that is our fault is a failure.
pub(crate) fn answered(span: &Span, status: i64) {
    span.record("http.response.status_code", status);
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
}

fn fail(span: &Span, class: &str) {
    span.record("otel.status_code", "ERROR").record("error.type", class);
}

/// Notes which workflow the present span is about.
pub(crate) fn about(execution: &ExecutionArn, goal: &GoalId) {
    let span = Span::current();
    span.record("goal_activity.execution_arn", execution.as_str()).record("goal_activity.goal_id", goal.as_str());
}

/// The same, and which of its batches.
pub(crate) fn about_batch(execution: &ExecutionArn, goal: &GoalId, batch_index: u32) {
    about(execution, goal);
    // The one type of number that OpenTelemetry has.
    Span::current().record("goal_activity.batch_index", i64::from(batch_index));
}

/// The trace of a span, noted at it as soon as it is known: OpenTelemetry's own record can only be asked by starting
/// the span, after which it could not join a trace any more.
#[derive(Debug, Clone)]
pub(super) struct Joined(Traceparent);

impl Joined {
    /// The trace's id.
    pub(super) fn id(&self) -> &str {
        self.0.trace_id()
    }
}

fn note(span: &Span, of: &Traceparent) {
    span.with_subscriber(|(id, dispatch)| {
        if let Some(span) = dispatch.downcast_ref::<Registry>().and_then(|registry| registry.span(id)) {
            span.extensions_mut().replace(Joined(of.clone()));
        }
    });
}

/// Makes the present span a part of the workflow's trace, if it is known only now and nothing has followed from it yet.
pub(crate) fn join(workflow: Option<&Traceparent>) {
    follow(&Span::current(), workflow);
}

/// Notes that the present span has to do with another trace.
pub(crate) fn see_also(other: Option<&Traceparent>) {
    link(&Span::current(), other);
}

/// The context of the present span, for whatever follows from it. None when no spans are recorded here.
pub(crate) fn current() -> Option<Traceparent> {
    let present = Span::current();
    let context = present.context();
    let span = context.span().span_context().clone();
    let flags = span.trace_flags() & TraceFlags::SAMPLED;
    // An id of zeros, which stands for no span, is refused.
    let own = format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), flags).parse().ok()?;
    note(&present, &own);
    Some(own)
}

fn follow(span: &Span, from: Option<&Traceparent>) {
    let Some((from, parent)) = from.and_then(|from| Some((from, remote(from)?))) else { return };
    // Fails where no spans are recorded, and where it is too late: then it stays what it was.
    if span.set_parent(Context::new().with_remote_span_context(parent)).is_ok() {
        note(span, from);
    }
}

fn link(span: &Span, other: Option<&Traceparent>) {
    if let Some(other) = other.and_then(remote) {
        span.add_link(other);
    }
}

fn remote(traceparent: &Traceparent) -> Option<SpanContext> {
    let trace = TraceId::from_hex(traceparent.trace_id()).ok()?;
    let span = SpanId::from_hex(traceparent.span_id()).ok()?;
    let flags = if traceparent.is_sampled() { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    Some(SpanContext::new(trace, span, flags, true, TraceState::NONE))
}
