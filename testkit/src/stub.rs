//! A server on this machine with a scripted HTTP/1.1 behaviour, which records the requests.
//!
//! The protocol is hyper's. A library of mock servers, such as wiremock, answers whole, at once or after a delay: tests
//! also need a connection that closes in the middle of an answer, an endless answer, and the number of connections.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream::{self, Stream, StreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, HeaderMap};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::sleep;

/// How long a test waits for an expected event.
const PATIENCE: Duration = Duration::from_secs(10);

/// The unit of which a flood consists.
static PIECE: [u8; 64 * 1024] = [b' '; 64 * 1024];

/// A complete response.
#[derive(Debug, Clone)]
pub struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Response {
    /// Returns a response without headers of its own.
    pub fn new(status: u16, body: impl ToString) -> Self {
        Self { status, headers: Vec::new(), body: body.to_string() }
    }

    /// Returns the same with one more header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.headers.push((name.into(), value.to_string()));
        self
    }

    /// Returns the same with another body.
    #[must_use]
    pub fn body(self, body: impl ToString) -> Self {
        Self { body: body.to_string(), ..self }
    }
}

/// The server's reaction to a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// It answers, and keeps the connection.
    Whole(Response),
    /// It closes the connection in the middle of the body.
    Cut(Response),
    /// It closes the connection instead of an answer.
    HangUp,
    /// It sends nothing, for as long as the client waits.
    Silence,
    /// It sends one character a second, without end.
    Trickle(Response),
    /// It sends as much as the client accepts, without end.
    Flood(Response),
}

/// One received request.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The method and the path with its query, as in `POST /v1/chat`.
    pub line: String,
    /// The body, when it is JSON.
    pub body: Value,
    /// The body as text.
    pub text: String,
    headers: HeaderMap,
}

impl Seen {
    /// Returns a header, when it was sent.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    async fn read(request: hyper::Request<Incoming>) -> hyper::Result<Self> {
        let (head, body) = request.into_parts();
        let bytes = body.collect().await?.to_bytes();
        Ok(Self {
            line: format!("{} {}", head.method, head.uri),
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
            headers: head.headers,
        })
    }
}

/// Returns a URL at which no server listens.
pub fn nobody() -> String {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// The events so far.
#[derive(Debug, Clone, Default)]
struct Story {
    seen: Vec<Seen>,
    connections: usize,
    open: usize,
    flooded: usize,
}

/// What all connections share.
struct Shared {
    story: watch::Sender<Story>,
    reply: Box<dyn Fn(&Seen) -> Reply + Send + Sync>,
}

/// The running server. It ends with the runtime that it was started in, and shares its clock.
pub struct Stub {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Stub {
    /// Starts a server with these reactions to the first, the second, ... request, and the last one for all later ones.
    pub async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies: Mutex<VecDeque<Reply>> = Mutex::new(replies.into_iter().collect());
        Self::with(move |_| {
            let mut replies = replies.lock().unwrap();
            let next = if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() };
            next.expect("a stub has a reply")
        })
        .await
    }

    /// Starts a server that answers every request with this response.
    pub async fn answering(response: Response) -> Self {
        Self::start([Reply::Whole(response)]).await
    }

    /// Starts a server whose reaction to each request is what `reply` returns.
    pub async fn with(reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { story: watch::Sender::default(), reply: Box::new(reply) });
        tokio::spawn({
            let shared = shared.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    shared.story.send_modify(|s| (s.connections, s.open) = (s.connections + 1, s.open + 1));
                    tokio::spawn(serve(stream, shared.clone()));
                }
            }
        });
        Self { address, shared }
    }

    /// Returns its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns all received requests.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.story.borrow().seen.clone()
    }

    /// Returns the only received request.
    pub fn one(&self) -> Seen {
        let [seen] = self.seen().try_into().unwrap_or_else(|seen| panic!("one request, not {seen:?}"));
        seen
    }

    /// Returns how many connections there were.
    pub fn connections(&self) -> usize {
        self.shared.story.borrow().connections
    }

    /// Returns how many bytes it has sent in floods.
    pub fn flooded(&self) -> usize {
        self.shared.story.borrow().flooded
    }

    /// Waits until that many requests have arrived.
    pub async fn asked(&self, times: usize) {
        self.until(|story| story.seen.len() >= times).await;
    }

    /// Waits until no connection is open.
    pub async fn left_alone(&self) {
        self.until(|story| story.open == 0).await;
    }

    async fn until(&self, what: impl FnMut(&Story) -> bool) {
        let mut story = self.shared.story.subscribe();
        let waited = tokio::time::timeout(PATIENCE, story.wait_for(what)).await;
        assert!(waited.is_ok(), "what was waited for has not happened: {:?}", self.shared.story.borrow());
    }
}

/// Serves one connection to its end.
async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(|request| answer(request, shared.clone()));
    // A test sets the date itself where it matters.
    let connection = http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(stream), service);
    // The client may disconnect at any time, and some reactions break the connection.
    let _ = connection.await;
    shared.story.send_modify(|s| s.open -= 1);
}

/// Closes the connection at once.
#[derive(Debug)]
struct BreakOff;

impl fmt::Display for BreakOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stub was told to close the connection")
    }
}

impl std::error::Error for BreakOff {}

type Body = UnsyncBoxBody<Bytes, BreakOff>;

async fn answer(request: hyper::Request<Incoming>, shared: Arc<Shared>) -> Result<hyper::Response<Body>, BreakOff> {
    let seen = Seen::read(request).await.map_err(|_| BreakOff)?;
    let reply = (shared.reply)(&seen);
    shared.story.send_modify(|s| s.seen.push(seen));
    match reply {
        Reply::Whole(response) => Ok(whole(response)),
        Reply::Cut(response) => Ok(cut(response)),
        Reply::HangUp => Err(BreakOff),
        // hyper drops this when the client has disconnected.
        Reply::Silence => std::future::pending().await,
        Reply::Trickle(response) => Ok(trickle(response)),
        Reply::Flood(response) => Ok(flood(response, shared)),
    }
}

fn whole(response: Response) -> hyper::Response<Body> {
    let body = Full::from(response.body.clone()).map_err(|never: Infallible| match never {});
    written(response, body.boxed_unsync())
}

fn cut(response: Response) -> hyper::Response<Body> {
    let length = response.body.len();
    let half = Bytes::from(response.body.clone()).slice(..length - length / 2);
    // hyper sends what it has while the body is pending, and drops it when the body fails.
    let broken = stream::once(async {
        yield_now().await;
        Err(BreakOff)
    });
    sized(response, length as u64, stream::once(async { Ok(half) }).chain(broken))
}

fn trickle(response: Response) -> hyper::Response<Body> {
    let second = Duration::from_secs(1);
    let pieces = stream::unfold(Duration::ZERO, move |wait| async move {
        sleep(wait).await;
        Some((Ok(Bytes::from_static(b" ")), second))
    });
    sized(response, 1_000_000, pieces)
}

fn flood(response: Response, shared: Arc<Shared>) -> hyper::Response<Body> {
    let pieces = stream::repeat_with(move || {
        shared.story.send_modify(|s| s.flooded += PIECE.len());
        Ok(Bytes::from_static(&PIECE))
    });
    sized(response, 1 << 40, pieces)
}

/// A response that declares a body of that length.
fn sized(
    response: Response,
    length: u64,
    pieces: impl Stream<Item = Result<Bytes, BreakOff>> + Send + 'static,
) -> hyper::Response<Body> {
    let mut written = written(response, StreamBody::new(pieces.map(|piece| piece.map(Frame::data))).boxed_unsync());
    written.headers_mut().insert(CONTENT_LENGTH, length.into());
    written
}

fn written(response: Response, body: Body) -> hyper::Response<Body> {
    let head = hyper::Response::builder().status(response.status);
    let head = response.headers.into_iter().fold(head, |head, (name, value)| head.header(name, value));
    head.body(body).unwrap()
}
