//! A request of the gateway, and the same for a cell.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use goal_activity_events::{ExecutionArn, UserId};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;

use crate::problem::Problem;

/// What stands in a segment of a path as it is (RFC 3986, "unreserved").
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The headers that a cell gets. Not the address of the caller, nor what only the gateway in front needs.
const PASSED_ON: [&str; 10] = [
    "accept",
    "accept-language",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-none-match",
    "traceparent",
    "tracestate",
    "user-agent",
    "x-correlation-id",
];
/// The one route that needs no token.
const DESCRIPTION: &str = "GET /api/openapi.json";

/// A request of the gateway (payload format 2.0): only what is needed, and tolerantly.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Event {
    route_key: Option<String>,
    path_parameters: Option<HashMap<String, String>>,
    raw_query_string: Option<String>,
    headers: HashMap<String, Value>,
    body: Option<String>,
    is_base64_encoded: bool,
    request_context: Value,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// The route, as the gateway names it.
    pub(crate) route: String,
    /// Who asks. Nothing where no token is needed.
    pub(crate) user: Option<UserId>,
    /// The workflow that it is about.
    pub(crate) execution: Option<ExecutionArn>,
    pub(crate) method: String,
    /// The path and the query, as the cell's gateway takes them.
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn read(event: Value) -> Result<Self, Problem> {
        // `serde` alone would also accept an array of the fields' values.
        let event = Some(event).filter(Value::is_object).unwrap_or_default();
        let event = Event::deserialize(event).map_err(|_| Problem::Malformed("not a request of the gateway"))?;
        let route = event.route_key.unwrap_or_default();
        let (method, template) = route.split_once(' ').ok_or(Problem::NotFound)?;
        let parameters = event.path_parameters.unwrap_or_default();
        let mut target = path(template, &parameters)?;
        if let Some(query) = event.raw_query_string.filter(|query| !query.is_empty()) {
            target = format!("{target}?{query}");
        }
        let sub = event.request_context.pointer("/authorizer/jwt/claims/sub").and_then(Value::as_str);
        let user = sub.and_then(|sub| sub.parse().ok());
        if user.is_none() && route != DESCRIPTION {
            return Err(Problem::Unauthenticated);
        }
        let headers = PASSED_ON.into_iter().filter_map(|name| {
            let found = event.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            Some((name, found?.1.as_str()?.to_owned()))
        });
        let headers = headers.collect();
        let text = event.body.unwrap_or_default();
        let body = if event.is_base64_encoded {
            STANDARD.decode(text).map_err(|_| Problem::Malformed("the body is not valid base64"))?
        } else {
            text.into_bytes()
        };
        let execution = parameters.get("executionArn").and_then(|arn| arn.parse().ok());
        Ok(Self { method: method.to_owned(), route, user, execution, target, headers, body })
    }

    /// Returns `true` if it may change something of the user. A cancellation is none: it ends what keeps a move waiting.
    pub(crate) fn changes(&self) -> bool {
        self.method != "GET" && !self.route.ends_with("/cancel")
    }
}

/// The path of the route with these values. The gateway has decoded each once.
fn path(template: &str, parameters: &HashMap<String, String>) -> Result<String, Problem> {
    let mut path = String::new();
    for segment in template.split('/').skip(1) {
        path.push('/');
        match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => {
                let value = parameters.get(name).ok_or(Problem::Malformed("a part of the path is missing"))?;
                path.extend(utf8_percent_encode(value, SEGMENT));
            }
            None => path.push_str(segment),
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use goal_activity_testkit::GatewayRequest;
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:states:eu-west-1:123456789012:execution:goal-activity-one:g-1";

    #[test]
    fn a_request_keeps_its_path_its_query_its_body_and_some_headers() {
        let event = GatewayRequest::new("POST /api/workflows/{executionArn}/retry", "ann")
            .path(json!({ "executionArn": ARN }))
            .header("Authorization", "Bearer t")
            .header("Idempotency-Key", "k")
            .header("X-Forwarded-For", "1.2.3.4")
            .body("{}");
        let mut event: Value = event.into();
        event["rawQueryString"] = "a=%20b&a=c".into();
        let request = Request::read(event).unwrap();
        assert_eq!((request.method.as_str(), request.body.as_slice()), ("POST", b"{}".as_slice()));
        let path =
            "/api/workflows/arn%3Aaws%3Astates%3Aeu-west-1%3A123456789012%3Aexecution%3Agoal-activity-one%3Ag-1/retry";
        assert_eq!(request.target, format!("{path}?a=%20b&a=c"));
        let headers = [("authorization", "Bearer t".to_owned()), ("idempotency-key", "k".to_owned())];
        assert_eq!(request.headers, headers);
        assert_eq!((request.user, request.execution), (Some("ann".parse().unwrap()), Some(ARN.parse().unwrap())));
    }

    #[test]
    fn a_value_cannot_leave_its_segment() {
        let target = |goal: &str| {
            let event = GatewayRequest::new("GET /api/goals/{goalId}", "ann").path(json!({ "goalId": goal }));
            Request::read(event.into()).unwrap().target
        };
        assert_eq!(target("../workflows?x#y"), "/api/goals/..%2Fworkflows%3Fx%23y");
        assert_eq!(target("%2e"), "/api/goals/%252e");
        assert_eq!(target("é"), "/api/goals/%C3%A9");
    }

    #[test]
    fn what_changes_something_waits_for_a_move_and_a_cancellation_does_not() {
        let changes = |route: &str| {
            let event = GatewayRequest::new(route, "ann").path(json!({ "goalId": "g", "executionArn": ARN }));
            Request::read(event.into()).unwrap().changes()
        };
        for route in [
            "PUT /api/goals/{goalId}",
            "POST /api/goals/{goalId}/start-activity",
            "POST /api/workflows/{executionArn}/retry",
        ] {
            assert!(changes(route), "{route}");
        }
        for route in
            ["GET /api/goals", "GET /api/workflows/{executionArn}/status", "POST /api/workflows/{executionArn}/cancel"]
        {
            assert!(!changes(route), "{route}");
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for (event, problem) in [
            (json!([]), Problem::Malformed("not a request of the gateway")),
            (json!({ "headers": 1 }), Problem::Malformed("not a request of the gateway")),
            (json!({ "routeKey": "$default" }), Problem::NotFound),
            (json!({ "routeKey": "GET /api/goals" }), Problem::Unauthenticated),
            (GatewayRequest::new("GET /api/goals", "a\tb").into(), Problem::Unauthenticated),
            (
                GatewayRequest::new("GET /api/goals/{goalId}", "a").into(),
                Problem::Malformed("a part of the path is missing"),
            ),
        ] {
            assert_eq!(Request::read(event.clone()).unwrap_err(), problem, "{event}");
        }
        assert_eq!(Request::read(json!({ "routeKey": DESCRIPTION })).unwrap().user, None);
    }
}
