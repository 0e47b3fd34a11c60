use std::str::FromStr;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use goal_activity_core::keys;
use goal_activity_events::UserId;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::problem::{Code, Problem};

/// A request, read with care.
pub(super) struct Input {
    request: ApiGatewayV2httpRequest,
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidRequest, detail)
}

impl Input {
    pub(super) fn new(request: ApiGatewayV2httpRequest) -> Self {
        Self { request }
    }

    /// The user whom the gateway's authorizer has found in the token.
    pub(super) fn user(&self) -> Result<UserId, Problem> {
        let authorizer = self.request.request_context.authorizer.as_ref();
        let claims = authorizer.and_then(|a| a.jwt.as_ref()).map(|jwt| &jwt.claims);
        let sub = claims.and_then(|c| c.get("sub")).and_then(|sub| sub.parse().ok());
        sub.ok_or_else(|| {
            Problem::new(Code::Unauthenticated, "the token names no user: its sub claim is missing or malformed")
        })
    }

    /// An id in the path. The gateway decodes paths; one that still has escapes was encoded twice.
    pub(super) fn path<I: FromStr>(&self, name: &'static str) -> Result<I, Problem>
    where
        I::Err: std::fmt::Display,
    {
        let raw = self.request.path_parameters.get(name).map_or("", String::as_str);
        let decoded =
            percent_decode_str(raw).decode_utf8().map_err(|_| invalid(format!("{name} is not valid UTF-8")))?;
        decoded.parse().map_err(|e| invalid(format!("{name}: {e}")))
    }

    /// The JSON body; an empty one is an empty object.
    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let raw = self.request.body.as_deref().unwrap_or_default();
        let bytes = match self.request.is_base64_encoded {
            true => STANDARD.decode(raw).map_err(|_| invalid("the body is not valid base64"))?,
            false => raw.as_bytes().to_vec(),
        };
        let bytes = if bytes.trim_ascii().is_empty() { b"{}".as_slice() } else { &bytes };
        let unfit = |e: serde_json::Error| invalid(format!("the body is not what this route takes: {e}"));
        // By way of a map: serde would also take an array for a struct.
        let object: Map<String, Value> = serde_json::from_slice(bytes).map_err(unfit)?;
        T::deserialize(Value::Object(object)).map_err(unfit)
    }

    /// A parameter of the query, when it is there.
    pub(super) fn query<V: FromStr>(&self, name: &'static str) -> Result<Option<V>, Problem> {
        let value = self.request.query_string_parameters.first(name);
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
