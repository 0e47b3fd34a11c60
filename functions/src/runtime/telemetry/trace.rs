//! The spans of a workflow, with the names and attributes of OpenTelemetry's semantic conventions. They contain ids and
//! counts, never a text or a token.
//!
//! The span that accepts a request is the root of the workflow's trace. Its context is stored in the execution's row
//! and propagated in events, in the state machine's input and in its messages, whether spans are recorded or not; all
//! later work for the workflow is part of that trace.

use std::pin::Pin;

use goal_activity_core::ports::Unavailable;
use goal_activity_events::{ActionId, ExecutionArn, FailureCode, GoalId, Traceparent};
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use serde::Serialize;
use tracing::field::Empty;
use tracing::{Instrument, Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Registry;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::runtime::queue::MessageError;

/// Distinguishes these spans from all others.
pub const TARGET: &str = "goal_activity_trace";

/// The handling of an HTTP request, a separate trace. The client's trace context is linked and not followed: it must
/// not decide what is recorded, nor combine workflows.
pub(crate) fn request(route: &'static str, client: Option<&Traceparent>) -> Span {
    let (method, path) = route.split_once(' ').unwrap_or_default();
    let span = info_span!(
        target: TARGET, parent: None, "request", otel.name = route, otel.kind = "server", otel.status_code = Empty,
        http.request.method = method, http.route = path, http.response.status_code = Empty, faas.trigger = "http",
        goal_activity.execution_arn = Empty, goal_activity.goal_id = Empty,
    );
    link(&span, client);
    span
}

/// The handling of one message of a queue, as part of the trace that the message names.
pub(crate) fn process(queue: &'static str, from: Option<&Traceparent>) -> Span {
    let span = info_span!(
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
    info_span!(
        target: TARGET, parent: None, "SaveResults", otel.kind = "server", otel.status_code = Empty, error.r#type = Empty,
        faas.trigger = "other", goal_activity.execution_arn = Empty, goal_activity.goal_id = Empty,
    )
}

/// The launch of a workflow after another one's end has released capacity.
pub(crate) fn admission(from: Option<&Traceparent>) -> Span {
    let span = info_span!(
        target: TARGET, parent: None, "admit", otel.kind = "internal", otel.status_code = Empty, error.r#type = Empty,
        faas.trigger = "pubsub", goal_activity.execution_arn = Empty, goal_activity.goal_id = Empty,
    );
    follow(&span, from);
    span
}

/// The repair of a workflow of which something was lost.
pub(crate) fn repair(from: Option<&Traceparent>) -> Span {
    let span = info_span!(
        target: TARGET, parent: None, "reconcile", otel.kind = "internal", otel.status_code = Empty,
        error.r#type = Empty, faas.trigger = "timer", goal_activity.execution_arn = Empty, goal_activity.goal_id = Empty,
    );
    follow(&span, from);
    span
}

/// One attempt of the AI at an action.
pub(crate) fn attempt(action: &ActionId, attempt: u32) -> Span {
    info_span!(
        target: TARGET, "generate_content", otel.kind = "client", otel.status_code = Empty, error.r#type = Empty,
        gen_ai.operation.name = "generate_content", gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty, goal_activity.action_id = action.as_str(), goal_activity.attempt = i64::from(attempt),
    )
}

/// Ends an attempt: its usage, and why it failed.
pub(crate) fn attempted(span: Span, input_tokens: u64, output_tokens: u64, failed: Option<FailureCode>) {
    let number = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
    span.record("gen_ai.usage.input_tokens", number(input_tokens));
    span.record("gen_ai.usage.output_tokens", number(output_tokens));
    if let Some(code) = failed {
        fail(&span, &format!("{code:?}"));
    }
}

/// A failure by its class. Its details are for the log.
pub(crate) trait Classified {
    /// A name of a small vocabulary.
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

/// Does the work in the span. A failure of the work is recorded in the span.
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

/// Boxes the future: otherwise the type of the whole would be too deep for the compiler.
pub(crate) fn boxed<'a, T>(work: impl Future<Output = T> + Send + 'a) -> Pin<Box<dyn Future<Output = T> + Send + 'a>> {
    Box::pin(work)
}

/// Ends an HTTP request's span. Only a server error is a failure.
pub(crate) fn answered(span: &Span, status: i64) {
    span.record("http.response.status_code", status);
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
}

fn fail(span: &Span, class: &str) {
    span.record("otel.status_code", "ERROR").record("error.type", class);
}

/// The workflow that a span is about. Log lines in the span contain its ids: they are named once, at the door.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Subject {
    execution_arn: ExecutionArn,
    #[serde(skip_serializing_if = "Option::is_none")]
    goal_id: Option<GoalId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_index: Option<u32>,
}

impl Subject {
    /// What is known of the same workflow together with what was known before.
    fn or_before(self, before: Option<&Self>) -> Self {
        let before = before.filter(|before| before.execution_arn == self.execution_arn);
        let goal_id = self.goal_id.or_else(|| before?.goal_id.clone());
        Self { goal_id, batch_index: self.batch_index.or_else(|| before?.batch_index), ..self }
    }
}

/// Records the workflow of the current span, of which only the execution is known.
pub(crate) fn about_execution(execution: &ExecutionArn) {
    record(Subject { execution_arn: execution.clone(), goal_id: None, batch_index: None });
}

/// Records the workflow of the current span.
pub(crate) fn about(execution: &ExecutionArn, goal: &GoalId) {
    record(Subject { execution_arn: execution.clone(), goal_id: Some(goal.clone()), batch_index: None });
}

/// Records the workflow of the current span, and its batch.
pub(crate) fn about_batch(execution: &ExecutionArn, goal: &GoalId, batch_index: u32) {
    let (execution_arn, goal_id) = (execution.clone(), Some(goal.clone()));
    record(Subject { execution_arn, goal_id, batch_index: Some(batch_index) });
}

/// Records each attribute once: OpenTelemetry's spans keep one that is recorded twice, twice.
fn record(subject: Subject) {
    let span = Span::current();
    let before = registered(&span, |span| span.extensions().get::<Subject>().cloned()).flatten();
    let before = before.as_ref();
    let subject = subject.or_before(before);
    if before.is_none_or(|before| before.execution_arn != subject.execution_arn) {
        span.record("goal_activity.execution_arn", subject.execution_arn.as_str());
    }
    let (goal, index) = (subject.goal_id.as_ref(), subject.batch_index);
    if let Some(goal) = goal.filter(|_| before.is_none_or(|before| before.goal_id != subject.goal_id)) {
        span.record("goal_activity.goal_id", goal.as_str());
    }
    if let Some(index) = index.filter(|_| before.is_none_or(|before| before.batch_index != subject.batch_index)) {
        // OpenTelemetry's only integer type.
        span.record("goal_activity.batch_index", i64::from(index));
    }
    extend(&span, subject);
}

/// The trace of a span, recorded as soon as it is known: reading it from OpenTelemetry's own record would start the
/// span, after which it could no longer join a trace.
#[derive(Debug, Clone)]
pub(super) struct Joined(Traceparent);

impl Joined {
    /// The trace's id.
    pub(super) fn id(&self) -> &str {
        self.0.trace_id()
    }
}

/// Keeps a value with the span, for the log lines in it.
fn extend<T: Send + Sync + 'static>(span: &Span, value: T) {
    registered(span, |span| span.extensions_mut().replace(value));
}

/// Reads or writes a span in the registry, if one keeps it.
fn registered<T>(span: &Span, access: impl FnOnce(SpanRef<'_, Registry>) -> T) -> Option<T> {
    span.with_subscriber(|(id, dispatch)| dispatch.downcast_ref::<Registry>()?.span(id).map(access)).flatten()
}

/// Makes the current span part of the workflow's trace, if that is known only now and the span has no child yet.
pub(crate) fn join(workflow: Option<&Traceparent>) {
    follow(&Span::current(), workflow);
}

/// Links the current span to another trace.
pub(crate) fn see_also(other: Option<&Traceparent>) {
    link(&Span::current(), other);
}

/// Returns the context of the current span, to propagate it. `None` if no spans are recorded here.
pub(crate) fn current() -> Option<Traceparent> {
    let present = Span::current();
    let context = present.context();
    let span = context.span().span_context().clone();
    let flags = span.trace_flags() & TraceFlags::SAMPLED;
    // An id of zeros, which means no span, is rejected.
    let own: Traceparent = format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), flags).parse().ok()?;
    extend(&present, Joined(own.clone()));
    Some(own)
}

fn follow(span: &Span, from: Option<&Traceparent>) {
    let Some((from, parent)) = from.and_then(|from| Some((from, remote(from)?))) else { return };
    // Fails if no spans are recorded, or if it is too late: then the span stays unchanged.
    if span.set_parent(Context::new().with_remote_span_context(parent)).is_ok() {
        extend(span, Joined(from.clone()));
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
