//! Spans as OTLP/JSON, the same format for both exports: a line on standard output, as collectors read it from a file
//! (<https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/>), or a request to a collector
//! (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>). `opentelemetry-otlp` would write the request, but not the
//! line, and make each function 270 KB larger.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use goal_activity_core::ports::{PortResult, Unavailable};
use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry::{KeyValue, Value as Attribute};
use opentelemetry_sdk::trace::SpanData;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::runtime::config::ConfigError;

/// How long a collector may take. It is on the same machine; a caller may be waiting for the function's response.
const PATIENCE: Duration = Duration::from_secs(1);

/// The destination.
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
            name: "OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(),
            reason: "use http://<host>:<port>, a collector beside the function".to_owned(),
        })
    }

    /// Exports these spans.
    pub async fn export(&self, spans: &[SpanData]) -> PortResult<()> {
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

#[cfg(test)]
mod tests {
    use goal_activity_testkit::stub::{Reply, Response, Stub, nobody};
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Wire;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::runtime::telemetry::{collect, trace};

    const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const EXECUTION: &str = "arn:aws:states:us-east-1:123456789012:execution:goal-activity:g-1";

    /// A request that has a link and failed, and a batch that is its child.
    fn spans() -> Vec<SpanData> {
        let (layer, finished) = collect::layer();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let request = trace::request("POST /x", CALLER.parse().ok().as_ref());
            let context = request.in_scope(trace::current);
            trace::answered(&request, 503);
            drop(request);
            let batch = trace::process("batch", context.as_ref());
            batch.in_scope(|| trace::about_batch(&EXECUTION.parse().unwrap(), &"g".parse().unwrap(), 3));
        });
        finished.take()
    }

    #[test]
    fn a_collector_reads_what_is_written() {
        let document = document("worker", &spans());
        let read: ExportTraceServiceRequest = serde_json::from_value(document).unwrap();
        let resource = read.resource_spans[0].resource.as_ref().unwrap();
        let service = resource.attributes.iter().find(|a| a.key == "service.name").and_then(|a| a.value.clone());
        assert_eq!(service.unwrap().value, Some(Wire::StringValue("goal-activity-worker".to_owned())));
        let [request, batch] = &*read.resource_spans[0].scope_spans[0].spans else { panic!("two spans") };
        assert_eq!((request.name.as_str(), request.kind, request.parent_span_id.len()), ("POST /x", 2, 0));
        assert_eq!(request.status.as_ref().map(|status| status.code), Some(2));
        let caller = [0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36];
        assert_eq!(request.links[0].trace_id, caller);
        assert_eq!((batch.kind, &batch.parent_span_id, &batch.trace_id), (5, &request.span_id, &request.trace_id));
        assert!(batch.start_time_unix_nano > 0 && batch.end_time_unix_nano >= batch.start_time_unix_nano);
        let index =
            batch.attributes.iter().find(|a| a.key == "goal_activity.batch_index").and_then(|a| a.value.clone());
        assert_eq!(index.unwrap().value, Some(Wire::IntValue(3)));
    }

    #[tokio::test]
    async fn spans_are_posted_to_the_collector() {
        let collector = Stub::answering(Response::new(200, "")).await;
        Exporter::otlp("api", &format!("{}/", collector.url())).unwrap().export(&spans()).await.unwrap();
        let heard = collector.one();
        assert_eq!(heard.line, "POST /v1/traces");
        assert_eq!(heard.header("content-type"), Some("application/json"));
        assert!(heard.text.contains("\"POST /x\"") && heard.text.ends_with("]}"), "{heard:?}");
    }

    #[tokio::test]
    async fn a_collector_that_refuses_is_silent_or_is_not_there_costs_a_second_at_most() {
        let reason = async |endpoint: &str| {
            let begun = tokio::time::Instant::now();
            let failed = Exporter::otlp("api", endpoint).unwrap().export(&spans()).await.unwrap_err().to_string();
            assert!(begun.elapsed() < 2 * PATIENCE, "{failed}");
            failed
        };
        let refuses = Stub::answering(Response::new(429, "")).await;
        assert!(reason(&refuses.url()).await.contains("it answered 429"));
        let silent = Stub::start([Reply::Silence]).await;
        assert!(reason(&silent.url()).await.contains("it does not answer"));
        assert!(reason(&nobody()).await.contains("it cannot be reached"));
    }

    #[test]
    fn an_endpoint_is_checked_when_a_function_starts() {
        for endpoint in ["", "localhost:4318", "https://collector.example", "http://a b"] {
            assert!(Exporter::otlp("api", endpoint).is_err(), "{endpoint}");
        }
    }
}
