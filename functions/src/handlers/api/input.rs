use std::collections::HashMap;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use goal_activity_core::history::moment;
use goal_activity_core::operator::{Invocation, OperatorArn, OperatorCall, kept_reason};
use goal_activity_events::{Timestamp, UserId, read_json, without_values};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::problem::{Code, Problem};

/// The longest body that is read, in bytes as the gateway hands it over. The ids of 64 actions fit.
const MAX_BODY: usize = 10 * 1024;

/// A request, read with care: of the gateway's event (payload format 2.0) only what the API needs. Whatever else a client
/// can put into it, such as headers that are no valid header values, must not keep it from being answered.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Input {
    route_key: Option<String>,
    path_parameters: Option<HashMap<String, String>>,
    query_string_parameters: Option<HashMap<String, String>>,
    headers: Value,
    body: Option<String>,
    is_base64_encoded: bool,
    request_context: RequestContext,
    /// Who has invoked the function instead of the gateway. Never read from the gateway's event.
    #[serde(skip)]
    operator: Option<Operator>,
}

/// An operator who has invoked the function, and why.
#[derive(Debug, Clone)]
pub(super) struct Operator {
    by: OperatorArn,
    reason: Option<String>,
}

impl Operator {
    pub(super) fn by(&self) -> &OperatorArn {
        &self.by
    }

    /// Why, for what changes a workflow: that needs a reason.
    pub(super) fn reason(&self) -> Result<&str, Problem> {
        self.reason.as_deref().ok_or_else(|| invalid("reason: an operator has to say why"))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RequestContext {
    authorizer: Option<Authorizer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Authorizer {
    jwt: Option<Jwt>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Jwt {
    claims: HashMap<String, Value>,
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidRequest, detail)
}

impl Input {
    /// Reads the gateway's event, or an operator's invocation.
    ///
    /// The gateway chooses the names of its event's fields, none of which is `operator`: whatever a client puts into a request
    /// is a value in it. What has the field is an invocation and has nothing else; if it has, it is neither.
    pub(super) fn read(event: Value) -> Result<Self, Problem> {
        let Some(fields) = event.as_object() else {
            return Err(invalid("not a request: expected an object"));
        };
        if let Some(call) = fields.get("operator") {
            let malformed = |why: String| invalid(format!("not an operator's invocation: {why}"));
            // `serde` alone would also accept an array of its fields' values.
            if !call.is_object() {
                return Err(malformed("expected an object".to_owned()));
            }
            let read = Invocation::deserialize(event);
            return read.map(|read| Self::of_operator(read.operator)).map_err(|e| malformed(without_values(&e)));
        }
        Self::deserialize(event).map_err(|e| invalid(format!("not a request: {}", without_values(&e))))
    }

    fn of_operator(call: OperatorCall) -> Self {
        let OperatorCall { by, reason, route, path, query, idempotency_key, priority_class } = call;
        let headers = idempotency_key.map_or(Value::Null, |key| json!({ "idempotency-key": key }));
        Self {
            route_key: Some(route),
            path_parameters: Some(path.into_iter().collect()),
            query_string_parameters: Some(query.into_iter().collect()),
            headers,
            body: Some(json!({ "priorityClass": priority_class }).to_string()),
            operator: Some(Operator { by, reason: reason.as_deref().and_then(kept_reason) }),
            ..Self::default()
        }
    }

    /// Who has invoked the function instead of the gateway.
    pub(super) fn operator(&self) -> Option<&Operator> {
        self.operator.as_ref()
    }

    /// The route that the gateway has matched.
    pub(super) fn route(&self) -> &str {
        self.route_key.as_deref().unwrap_or_default()
    }

    /// The user whom the gateway's authorizer has found in the token.
    pub(super) fn user(&self) -> Result<UserId, Problem> {
        let jwt = self.request_context.authorizer.as_ref().and_then(|a| a.jwt.as_ref());
        let sub = jwt.and_then(|jwt| jwt.claims.get("sub")?.as_str()?.parse().ok());
        sub.ok_or_else(|| {
            Problem::new(Code::Unauthenticated, "the token names no user: its sub claim is missing or malformed")
        })
    }

    /// An id in the path. The gateway decodes paths; one that still has escapes was encoded twice.
    pub(super) fn path<I: FromStr>(&self, name: &'static str) -> Result<I, Problem>
    where
        I::Err: std::fmt::Display,
    {
        let raw = self.path_parameters.as_ref().and_then(|p| p.get(name)).map_or("", String::as_str);
        let decoded =
            percent_decode_str(raw).decode_utf8().map_err(|_| invalid(format!("{name} is not valid UTF-8")))?;
        decoded.parse().map_err(|e| invalid(format!("{name}: {e}")))
    }

    /// The JSON body; an empty one is an empty object.
    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        self.body_within(MAX_BODY)
    }

    /// The same for a route that takes larger ones.
    pub(super) fn body_within<T: DeserializeOwned>(&self, bytes: usize) -> Result<T, Problem> {
        if self.body.as_ref().is_some_and(|body| body.len() > bytes) {
            return Err(Problem::new(Code::BodyTooLarge, format!("the body may have {bytes} bytes")));
        }
        self.body_of_any_size()
    }

    /// The same for a route that must not fail for many words.
    pub(super) fn body_of_any_size<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let raw = self.body.as_deref().unwrap_or_default();
        let decoded;
        let text = if self.is_base64_encoded {
            decoded = STANDARD.decode(raw).map_err(|_| invalid("the body is not valid base64"))?;
            std::str::from_utf8(&decoded).map_err(|_| invalid("the body is not valid UTF-8"))?
        } else {
            raw
        };
        // Some clients and editors write a byte order mark, which JSON does not have (RFC 8259, section 8.1: it may be ignored).
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let text = if text.trim_ascii().is_empty() { "{}" } else { text };
        read_json(text).map_err(|e| invalid(format!("the body is not what this route takes: {e}")))
    }

    /// A parameter of the query, when it is there.
    pub(super) fn query<V: FromStr>(&self, name: &'static str) -> Result<Option<V>, Problem>
    where
        V::Err: std::fmt::Display,
    {
        let read = |value: &str| value.parse().map_err(|e| invalid(format!("the query parameter {name} is {e}")));
        self.parameter(name).map(read).transpose()
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.query_string_parameters.as_ref()?.get(name).map(String::as_str)
    }

    /// A moment in the query, when it is there: a time, or a day for its begin in UTC.
    pub(super) fn moment(&self, name: &'static str) -> Result<Option<Timestamp>, Problem> {
        let read = |value: &str| {
            // The gateway decodes a `+` to a space.
            let hint = if value.contains(' ') { "; a + is written as %2B" } else { "" };
            moment(value).map_err(|e| invalid(format!("the query parameter {name} is {e}{hint}")))
        };
        self.parameter(name).map(read).transpose()
    }

    /// How long a page may be.
    pub(super) fn limit(&self, default: u16, most: u16) -> Result<u16, Problem> {
        let limit = self.parameter("limit").map_or(Some(default), |value| value.parse().ok());
        let limit = limit.filter(|limit| (1..=most).contains(limit));
        limit.ok_or_else(|| invalid(format!("the query parameter limit is not a number from 1 to {most}")))
    }

    /// Where the page before has ended, as that page wrote it.
    pub(super) fn cursor<P: DeserializeOwned>(&self) -> Result<Option<P>, Problem> {
        let malformed = || invalid("the cursor is not one that this API gave; leave it out to begin at the start");
        let Some(cursor) = self.query::<String>("cursor")? else { return Ok(None) };
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| malformed())?;
        serde_json::from_slice(&bytes).map(Some).map_err(|_| malformed())
    }

    /// A header, when it is there. Its name in lower case.
    pub(super) fn header<V: FromStr>(&self, name: &'static str) -> Result<Option<V>, Problem>
    where
        V::Err: std::fmt::Display,
    {
        let headers = self.headers.as_object().into_iter().flatten();
        let value = headers.filter(|(n, _)| n.eq_ignore_ascii_case(name)).find_map(|(_, value)| value.as_str());
        value.map(str::parse).transpose().map_err(|e| invalid(format!("the header {name} is {e}")))
    }
}

/// A cursor that leads on from here.
pub(super) fn cursor_after(position: &impl Serialize) -> String {
    // A position is a few texts: it can always be written.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(position).unwrap_or_default())
}
