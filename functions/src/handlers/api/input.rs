use std::collections::HashMap;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use goal_activity_events::{UserId, read_json, without_values};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
        if self.body.as_ref().is_some_and(|body| body.len() > MAX_BODY) {
            return Err(Problem::new(Code::BodyTooLarge, format!("the body may have {MAX_BODY} bytes")));
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
        let text = if text.trim_ascii().is_empty() { "{}" } else { text };
        read_json(text).map_err(|e| invalid(format!("the body is not what this route takes: {e}")))
    }

    /// A parameter of the query, when it is there.
    pub(super) fn query<V: FromStr>(&self, name: &'static str) -> Result<Option<V>, Problem> {
        let value = self.query_string_parameters.as_ref().and_then(|q| q.get(name));
        value.map(|v| v.parse().map_err(|_| invalid(format!("the query parameter {name} is malformed")))).transpose()
    }

    /// How long a page may be.
    pub(super) fn limit(&self, default: u16, most: u16) -> Result<u16, Problem> {
        let limit = self.query("limit")?.unwrap_or(default);
        if (1..=most).contains(&limit) { Ok(limit) } else { Err(invalid(format!("limit is 1 to {most}"))) }
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
