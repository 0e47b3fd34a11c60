//! The way to a cell: its HTTP API.

use std::time::Duration;

use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Limited};
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use crate::request::Request;

/// How long it may take to reach a cell.
const CONNECT: Duration = Duration::from_secs(2);
/// The largest answer that is passed on, in bytes: Lambda's own limit for what the router answers is 6 MB, and JSON that is
/// escaped once more is larger.
const MAX_ANSWER: usize = 5 * 1024 * 1024;
/// The headers that belong to one connection (RFC 9110, 7.6.1), and those that the gateway writes itself.
const OF_A_CONNECTION: [&str; 10] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "proxy-authenticate",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "server",
];

/// Why a cell has not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// The request could not be made.
    #[error("the request cannot be sent on")]
    NotSent,
    /// Nothing listens, or not in time.
    #[error("no answer in time")]
    TooSlow,
    /// The connection failed.
    #[error("no connection")]
    Unreachable,
    /// The answer is too large or breaks off.
    #[error("an answer that is too large or breaks off")]
    Unreadable,
}

/// Sends requests to cells.
#[derive(Debug, Clone)]
pub struct Forward {
    http: SharedHttpConnector,
    time: Duration,
}

impl Forward {
    /// Each answer may take that long, from the connection to its end.
    pub fn new(time: Duration) -> Self {
        let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT).read_timeout(time).build();
        let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        let http = Connector::builder().connector_settings(settings).tls_provider(ring).build();
        Self { http: SharedHttpConnector::new(http), time }
    }

    /// Sends the request to the API at this URL. Returns its answer, for the gateway in front (payload format 2.0).
    pub(crate) async fn send(&self, url: &str, request: &Request) -> Result<Value, NoAnswer> {
        let answer = timeout(self.time, async {
            let answer = self.call(url, request).await?;
            passed_on(answer).await
        });
        answer.await.unwrap_or(Err(NoAnswer::TooSlow))
    }

    async fn call(&self, url: &str, request: &Request) -> Result<HttpResponse, NoAnswer> {
        let mut call = HttpRequest::new(SdkBody::from(request.body.clone()));
        call.set_method(&request.method).map_err(|_| NoAnswer::NotSent)?;
        call.set_uri(format!("{}{}", url.trim_end_matches('/'), request.target)).map_err(|_| NoAnswer::NotSent)?;
        for (name, value) in &request.headers {
            call.headers_mut().try_insert(*name, value.clone()).map_err(|_| NoAnswer::NotSent)?;
        }
        self.http.call(call).await.map_err(|error| match error.is_timeout() {
            true => NoAnswer::TooSlow,
            false => NoAnswer::Unreachable,
        })
    }
}

async fn passed_on(answer: HttpResponse) -> Result<Value, NoAnswer> {
    let status = answer.status().as_u16();
    let mut headers = Map::new();
    for (name, value) in answer.headers() {
        let name = name.to_ascii_lowercase();
        if OF_A_CONNECTION.contains(&name.as_str()) {
            continue;
        }
        // A header that is there twice is one with both values (RFC 9110, 5.3).
        match headers.get(&name).and_then(Value::as_str) {
            Some(before) => headers.insert(name.clone(), format!("{before}, {value}").into()),
            None => headers.insert(name.clone(), value.into()),
        };
    }
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(|_| NoAnswer::Unreadable)?;
    Ok(match String::from_utf8(body.to_bytes().into()) {
        Ok(text) => json!({ "statusCode": status, "headers": headers, "body": text }),
        Err(error) => {
            let body = STANDARD.encode(error.into_bytes());
            json!({ "statusCode": status, "headers": headers, "body": body, "isBase64Encoded": true })
        }
    })
}
