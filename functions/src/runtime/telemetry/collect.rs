//! Spans that have ended, kept until their invocation exports them. The SDK's own processors block a thread or need
//! their own, which does not run while Lambda has the process frozen.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, Span, SpanData, SpanProcessor};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::trace::TARGET;

/// The maximum number of spans of one invocation: ten times that of a full batch. Further spans are dropped.
const MOST: usize = 512;

/// The spans that have ended since they were last taken.
#[derive(Debug, Clone, Default)]
pub struct Finished(Arc<Mutex<Vec<SpanData>>>);

impl Finished {
    /// Takes them.
    pub fn take(&self) -> Vec<SpanData> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SpanProcessor for Finished {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if span.span_context.is_sampled() && spans.len() < MOST {
            spans.push(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Turns the spans of [`super::trace`], and nothing else, into OpenTelemetry's. The SDK reads the sampling from the
/// standard variables `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`; without them every span is sampled, unless
/// its trace is not.
pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>() -> (impl Layer<S>, Finished) {
    let finished = Finished::default();
    // The exporter reports the source of the spans.
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder_empty().build())
        .with_span_processor(finished.clone())
        .build();
    let spans = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("goal-activity"))
        // Not until a span has a child or ends: its parent can be read from a record after it began.
        .with_context_activation(false)
        .with_tracked_inactivity(false)
        .with_location(false)
        .with_threads(false)
        .with_target(false);
    (spans.with_filter(filter_fn(|metadata| metadata.is_span() && metadata.target() == TARGET)), finished)
}
