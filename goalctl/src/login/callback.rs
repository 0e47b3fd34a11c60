//! The listener on this machine to which a browser returns from the issuer's page (RFC 8252, section 7.3).

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use goal_activity_client::Secret;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::failure::{Failure, NO_ACCESS, NOT_DONE};

/// The ports that the stack's user pool knows (`infra/lib/users.ts`): Cognito compares them, so any free one will not do.
const PORTS: [u16; 3] = [28476, 28477, 28478];

const PATH: &str = "/callback";

/// A listener for the end of one sign-in.
#[derive(Debug)]
pub(super) struct Callback {
    listener: TcpListener,
    port: u16,
}

/// What the browser brings.
#[derive(Debug, PartialEq, Eq)]
enum Arrival {
    Code(Secret),
    /// The issuer's error.
    Refused(String),
}

/// The expected answer.
#[derive(Debug)]
struct Expected {
    state: String,
    issuer: String,
}

impl Callback {
    /// Listens on the given port, or on the first known one that is free. Not on `::1`: a browser tries both.
    pub(super) async fn listen(port: Option<u16>) -> Result<Self> {
        let ports = port.map_or(PORTS.to_vec(), |port| vec![port]);
        for port in &ports {
            if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).await {
                let port = listener.local_addr().map_or(*port, |address| address.port());
                return Ok(Self { listener, port });
            }
        }
        let ports = ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        let advice = "end the program that listens there, or choose a port that the issuer knows with --callback-port";
        Err(Failure::usage(format!("cannot listen on 127.0.0.1, port {ports}"), advice).into())
    }

    /// Returns the URL to which the issuer sends the browser. Cognito allows no other name without TLS.
    pub(super) fn url(&self) -> String {
        format!("http://localhost:{}{PATH}", self.port)
    }

    /// Waits for the browser, and returns the code that it brings. Requests that do not belong to this sign-in change
    /// nothing.
    pub(super) async fn code(self, state: &str, issuer: &str, patience: Duration) -> Result<Secret> {
        let expected = Arc::new(Expected { state: state.to_owned(), issuer: issuer.to_owned() });
        let (sender, mut arrivals) = mpsc::channel(1);
        let accepting = async {
            // Each connection by itself: browsers open some that they do not use.
            while let Ok((stream, _)) = self.listener.accept().await {
                tokio::spawn(serve(stream, expected.clone(), sender.clone()));
            }
        };
        let arrived = tokio::select! {
            arrived = timeout(patience, arrivals.recv()) => arrived.ok().flatten(),
            () = accepting => None,
        };
        match arrived {
            Some(Arrival::Code(code)) => Ok(code),
            Some(Arrival::Refused(why)) => Err(Failure {
                exit: NO_ACCESS,
                title: "the issuer did not sign you in".into(),
                detail: Some(why),
                ..Failure::default()
            }
            .into()),
            None => Err(Failure {
                exit: NOT_DONE,
                title: format!("nobody signed in within {} s", patience.as_secs()),
                advice: Some("try again, with a longer --timeout if needed".into()),
                ..Failure::default()
            }
            .into()),
        }
    }
}

/// Serves one request.
async fn serve(stream: TcpStream, expected: Arc<Expected>, arrivals: mpsc::Sender<Arrival>) {
    let arrival = Mutex::new(None);
    let service = service_fn(|request: Request<Incoming>| {
        let (status, text, found) = answer(request.method(), request.uri().path(), request.uri().query(), &expected);
        *arrival.lock().unwrap_or_else(PoisonError::into_inner) = found;
        let response = page(status, text);
        async move { response }
    });
    // A browser may disconnect at any time.
    let _ = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service).await;
    // Only now has the browser its page.
    let found = arrival.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(found) = found {
        let _ = arrivals.send(found).await;
    }
}

fn answer(
    method: &Method,
    path: &str,
    query: Option<&str>,
    expected: &Expected,
) -> (StatusCode, &'static str, Option<Arrival>) {
    if path != PATH {
        return (StatusCode::NOT_FOUND, "There is nothing here.", None);
    }
    if method != Method::GET {
        return (StatusCode::METHOD_NOT_ALLOWED, "This page is for a browser.", None);
    }
    let value = |name: &str| parameter(query.unwrap_or_default(), name);
    // Another page may have sent the browser here, to sign the user in as another one (RFC 6749, section 10.12).
    if value("state").as_deref() != Some(expected.state.as_str()) {
        return (StatusCode::BAD_REQUEST, "This does not belong to the sign-in that goalctl waits for.", None);
    }
    // Another issuer (RFC 9207).
    if value("iss").is_some_and(|issuer| issuer.trim_end_matches('/') != expected.issuer.trim_end_matches('/')) {
        return (StatusCode::BAD_REQUEST, "This comes from another issuer than goalctl waits for.", None);
    }
    match (value("error"), value("code")) {
        (Some(error), _) => {
            let why = value("error_description").map_or_else(String::new, |text| format!(": {text}"));
            let refused = Some(Arrival::Refused(format!("{error}{why}")));
            (StatusCode::OK, "You are not signed in. goalctl says why. You may close this page.", refused)
        }
        (None, Some(code)) => {
            let code = Some(Arrival::Code(code.into()));
            (StatusCode::OK, "goalctl has received the sign-in. You may close this page.", code)
        }
        (None, None) => (StatusCode::BAD_REQUEST, "This is no answer to a sign-in.", None),
    }
}

/// Returns a parameter of a query (`application/x-www-form-urlencoded`).
fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    Some(percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned())
}

fn page(status: StatusCode, text: &str) -> hyper::http::Result<Response<Full<Bytes>>> {
    // Nothing of the request is repeated, and nothing is loaded.
    let html =
        format!("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>goalctl</title><p>{text}</p>\n");
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "text/html; charset=utf-8")
        .header(CACHE_CONTROL, "no-store")
        .header(REFERRER_POLICY, "no-referrer")
        .header(CONTENT_SECURITY_POLICY, "default-src 'none'")
        .body(Full::from(html))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: Method = Method::GET;

    fn expected() -> Expected {
        Expected { state: "s 1".into(), issuer: "https://issuer.example".into() }
    }

    fn arrival(query: &str) -> (u16, Option<Arrival>) {
        let (status, _, arrival) = answer(&GET, PATH, Some(query), &expected());
        (status.as_u16(), arrival)
    }

    #[test]
    fn the_code_of_this_sign_in_is_accepted_and_no_other() {
        let code = || Some(Arrival::Code("c/1".into()));
        assert_eq!(arrival("code=c%2F1&state=s+1"), (200, code()));
        assert_eq!(arrival("state=s%201&iss=https%3A%2F%2Fissuer.example&code=c%2F1"), (200, code()));
        for query in
            ["", "code=c", "code=c&state=other", "state=s+1", "code=c&state=s+1&iss=https%3A%2F%2Fother.example"]
        {
            assert_eq!(arrival(query), (400, None), "{query}");
        }
        assert_eq!(answer(&GET, "/favicon.ico", Some("code=c&state=s+1"), &expected()).2, None);
        assert_eq!(answer(&Method::POST, PATH, Some("code=c&state=s+1"), &expected()).2, None);
    }

    #[test]
    fn the_issuers_refusal_ends_the_wait_only_if_it_belongs_to_this_sign_in() {
        let refused = Some(Arrival::Refused("access_denied: not today".into()));
        assert_eq!(arrival("error=access_denied&error_description=not+today&state=s+1"), (200, refused));
        assert_eq!(arrival("error=access_denied&state=other"), (400, None));
    }

    #[tokio::test]
    async fn a_browser_gets_its_page_and_an_idle_connection_hinders_no_other() {
        let callback = Callback::listen(Some(0)).await.unwrap();
        let (url, port) = (callback.url(), callback.port);
        let browser = tokio::task::spawn_blocking(move || {
            let idle = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
            let get = |query: &str| {
                let mut page = crate::http::agent(&url).get(format!("{url}?{query}")).call()?;
                Ok::<_, ureq::Error>((page.status().as_u16(), page.body_mut().read_to_string()?))
            };
            let pages = [get("code=c&state=forged").unwrap(), get("code=c&state=s").unwrap()];
            drop(idle);
            pages
        });
        let code = callback.code("s", "https://issuer.example", Duration::from_secs(10)).await.unwrap();
        assert_eq!(code.reveal(), "c");
        let [forged, page] = browser.await.unwrap();
        assert_eq!((forged.0, page.0), (400, 200));
        assert!(page.1.contains("may close this page"), "{page:?}");
    }

    #[tokio::test]
    async fn the_wait_has_an_end() {
        let callback = Callback::listen(Some(0)).await.unwrap();
        let failure = callback.code("s", "https://issuer.example", Duration::from_millis(10)).await.unwrap_err();
        let failure = Failure::of(&failure);
        assert_eq!((failure.exit, failure.title.as_str()), (NOT_DONE, "nobody signed in within 0 s"));
    }
}
