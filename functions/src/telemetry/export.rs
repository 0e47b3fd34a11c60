//! Spans as OTLP/JSON, the one form for both ways out: a line on standard output, as collectors read it from a file
//! (<https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/>), or a request to a collector
//! (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>). `opentelemetry-otlp` would write the request, but not the line,
//! and make each function 270 KB larger.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use goal_activity_core::ports::{Outside, Unavailable};
use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry::{KeyValue, Value as Attribute};
use opentelemetry_sdk::trace::SpanData;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::config::ConfigError;

/// How long a collector may take. It is on the same machine; somebody may be waiting for the function's answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// The way out.
#[derive(Debug)]
pub struct Exporter {
    function: &'static str,
    collector: Option<(Connector, String)>,
}

impl Exporter {
    /// To standard output.
    pub fn print(function: &'static str) -> Self {
        Self { function, collector: None }
    }

    /// To the collector at this endpoint, such as `http://localhost:4318`.
    pub fn otlp(function: &'static str, endpoint: &str) -> Result<Self, ConfigError> {
        let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        let exporter = Self { function, collector: Some((Connector::builder().build_http(), url)) };
        let valid = endpoint.starts_with("http://") && exporter.request(String::new()).is_some();
        valid.then_some(exporter).ok_or_else(|| ConfigError::Malformed {
            name: "OTEL_EXPORTER_OTLP_ENDPOINT",
            reason: "use http://<host>:<port>, a collector beside the function".to_owned(),
        })
    }

    /// Sends these spans off.
    pub async fn export(&self, spans: &[SpanData]) -> Outside<()> {
        let document = document(self.function, spans).to_string();
        let Some((connector, _)) = &self.collector else {
            println!("{document}");
            return Ok(());
        };
        let failed = |why: &str| Unavailable::new("the trace collector", why);
        let request = self.request(document).ok_or_else(|| failed("its URL is malformed"))?;
        match timeout(PATIENCE, connector.call(request)).await {
            Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
            Ok(Ok(answer)) => Err(failed(&format!("it answered {}", answer.status().as_u16()))),
            Ok(Err(_)) => Err(failed("it cannot be reached")),
            Err(_) => Err(failed("it does not answer")),
        }
    }

    fn request(&self, document: String) -> Option<HttpRequest> {
        let mut request = HttpRequest::new(document.into());
        request.set_method("POST").ok()?;
        request.set_uri(self.collector.as_ref()?.1.as_str()).ok()?;
        request.headers_mut().insert("content-type", "application/json");
        Some(request)
    }
}

/// An `ExportTraceServiceRequest`.
fn document(function: &str, spans: &[SpanData]) -> Value {
    let resource = [
        KeyValue::new("service.name", format!("goal-activity-{function}")),
        KeyValue::new("service.namespace", "goal-activity"),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
    ];
    let spans: Vec<Value> = spans.iter().map(span).collect();
    json!({ "resourceSpans": [{
        "resource": { "attributes": attributes(&resource) },
        "scopeSpans": [{ "scope": { "name": "goal-activity" }, "spans": spans }],
    }] })
}

fn span(span: &SpanData) -> Value {
    let context = &span.span_context;
    let links = span.links.iter().map(|link| {
        json!({ "traceId": link.span_context.trace_id().to_string(), "spanId": link.span_context.span_id().to_string() })
    });
    let mut written = json!({
        "traceId": context.trace_id().to_string(),
        "spanId": context.span_id().to_string(),
        "name": span.name,
        "kind": kind(&span.span_kind),
        "startTimeUnixNano": nanoseconds(span.start_time),
        "endTimeUnixNano": nanoseconds(span.end_time),
        "attributes": attributes(&span.attributes),
        "links": links.collect::<Vec<_>>(),
        "status": match span.status {
            Status::Unset => json!({}),
            Status::Ok => json!({ "code": 1 }),
            Status::Error { .. } => json!({ "code": 2 }),
        },
    });
    if span.parent_span_id != SpanId::INVALID {
        written["parentSpanId"] = span.parent_span_id.to_string().into();
    }
    written
}

fn kind(kind: &SpanKind) -> u8 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

/// As text, like every 64-bit number in OTLP/JSON.
fn nanoseconds(at: SystemTime) -> String {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string()
}

fn attributes(all: &[KeyValue]) -> Vec<Value> {
    let value = |value: &Attribute| match value {
        Attribute::Bool(b) => json!({ "boolValue": b }),
        Attribute::I64(n) => json!({ "intValue": n.to_string() }),
        Attribute::F64(n) => json!({ "doubleValue": n }),
        other => json!({ "stringValue": other.to_string() }),
    };
    all.iter().map(|attribute| json!({ "key": attribute.key.as_str(), "value": value(&attribute.value) })).collect()
}
