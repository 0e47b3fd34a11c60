use std::collections::HashMap;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use goal_activity_core::keys;
use goal_activity_events::{UserId, read_json, without_values};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::problem::{Code, Problem};

/// A request, read with care: of the gateway's event (payload format 2.0) only what the API needs. Whatever else a client
/// can put into it, such as headers that are no valid header values, must not keep it from being answered.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Input {
    route_key: Option<String>,
    path_parameters: Option<HashMap<String, String>>,
    query_string_parameters: Option<HashMap<String, String>>,
    body: Option<String>,
    is_base64_encoded: bool,
    request_context: RequestContext,
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
    /// Reads the gateway's event.
    pub(super) fn read(event: Value) -> Result<Self, Problem> {
        if !event.is_object() {
            return Err(invalid("not a request: expected an object"));
        }
        Self::deserialize(event).map_err(|e| invalid(format!("not a request: {}", without_values(&e))))
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
        let raw = self.body.as_deref().unwrap_or_default();
        let decoded;
        let text = if self.is_base64_encoded {
            decoded = STANDARD.decode(raw).map_err(|_| invalid("the body is not valid base64"))?;
            std::str::from_utf8(&decoded).map_err(|_| invalid("the body is not valid UTF-8"))?
        } else {
            raw
        };
        let text = if text.trim_ascii().is_empty() { "{}" } else { text };
        read_json(text).map_err(|e| invalid(format!("the body is not what this route takes: {e}")))
    }

    /// A parameter of the query, when it is there.
    pub(super) fn query<V: FromStr>(&self, name: &'static str) -> Result<Option<V>, Problem> {
        let value = self.query_string_parameters.as_ref().and_then(|q| q.get(name));
        value.map(|v| v.parse().map_err(|_| invalid(format!("the query parameter {name} is malformed")))).transpose()
    }

    /// Where the page before has ended.
    pub(super) fn cursor(&self) -> Result<Option<String>, Problem> {
        let malformed = || invalid("the cursor is not one that this API gave; leave it out to begin at the start");
        let Some(cursor) = self.query::<String>("cursor")? else { return Ok(None) };
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| malformed())?;
        // DynamoDB refuses what cannot be a key, which would look like an outage.
        let position = String::from_utf8(bytes).ok().filter(|position| keys::is_task(position));
        position.map(Some).ok_or_else(malformed)
    }
}

/// A cursor that leads on from here.
pub(super) fn cursor_after(position: &str) -> String {
    URL_SAFE_NO_PAD.encode(position)
}
