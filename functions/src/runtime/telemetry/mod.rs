//! Logs: one JSON line per meaningful step, on standard output, from where Lambda collects it. And traces, if they are
//! enabled: [`trace`] creates spans, [`collect`] keeps those that ended, [`export`] exports them.

pub mod collect;
pub mod export;
mod line;
pub mod trace;

use std::pin::Pin;
use std::time::Duration;

use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::runtime::config::{self, ConfigError, Tracing};
use collect::Finished;
use export::Exporter;

/// The part of a function's `main` around each invocation.
#[derive(Debug, Default)]
pub struct Telemetry {
    traces: Option<(Finished, Exporter)>,
}

/// Starts logging, and tracing if it is configured, for the function of that name. Must be called once, at the start of
/// `main`.
pub fn start(function: &'static str) -> Result<Telemetry, ConfigError> {
    let filter = config::log_level().parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let filter = seeing_spans(filter);
    let exporter = match Tracing::from_env()? {
        Tracing::Off => {
            tracing_subscriber::registry().with(lines(std::io::stdout).with_filter(filter)).init();
            return Ok(Telemetry::default());
        }
        Tracing::Print => Exporter::print(function),
        Tracing::Otlp { endpoint } => Exporter::otlp(function, &endpoint)?,
    };
    let (layer, finished) = collect::layer();
    tracing_subscriber::registry().with(layer).with(lines(std::io::stdout).with_filter(filter)).init();
    Ok(Telemetry { traces: Some((finished, exporter)) })
}

/// The filter for log lines, extended so that lines can contain the workflow and the trace of their span.
pub fn seeing_spans(filter: Targets) -> Targets {
    filter.with_target(trace::TARGET, LevelFilter::INFO)
}

/// A duration as a field of a line. `as_millis` alone is a `u128`, which would become a string.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The common format of log lines, to that writer. Lines written in a span contain the ids of its workflow and its trace, as
/// far as they are known, if the layer sees spans.
pub fn lines<S, W>(writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .map_event_format(line::InContext)
        .fmt_fields(line::NoFields)
        .with_writer(writer)
}

impl Telemetry {
    /// Does the work of one invocation, and exports its spans before it is answered: afterwards Lambda freezes the
    /// process. Spans that cannot be exported are lost, which is logged; the work is done in any case.
    ///
    /// The work is boxed, otherwise the type of the whole would be too deep for the compiler.
    pub async fn invocation<T>(&self, work: Pin<Box<impl Future<Output = T>>>) -> T {
        let answer = work.await;
        if let Some((finished, exporter)) = &self.traces {
            let spans = finished.take();
            if !spans.is_empty()
                && let Err(error) = exporter.export(&spans).await
            {
                tracing::warn!(spans = spans.len(), %error, "spans not exported");
            }
        }
        answer
    }
}
