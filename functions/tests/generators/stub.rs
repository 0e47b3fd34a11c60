//! A server on this machine with a scripted HTTP/1.1 behaviour, which records the requests.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

/// How long a test waits for an expected event.
const PATIENCE: Duration = Duration::from_secs(10);

/// A complete response.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Response {
    pub(crate) fn new(status: u16, body: impl ToString) -> Self {
        Self { status, headers: Vec::new(), body: body.to_string() }
    }

    #[must_use]
    pub(crate) fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// The same with another body.
    #[must_use]
    pub(crate) fn body(self, body: impl ToString) -> Self {
        Self { body: body.to_string(), ..self }
    }
}

/// The server's reaction to a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
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
pub(crate) struct Seen {
    /// The method and the path, as in `POST /v1/chat`.
    pub(crate) line: String,
    head: String,
    pub(crate) body: Value,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// The events so far.
#[derive(Debug, Clone, Default)]
struct Story {
    seen: Vec<Seen>,
    connections: usize,
    open: usize,
    flooded: usize,
}

/// The running server. It ends with the test's runtime.
pub(crate) struct Stub {
    address: SocketAddr,
    story: Arc<watch::Sender<Story>>,
}

impl Stub {
    /// Starts a server with these reactions to the first, the second, ... request, and the last one for all later
    /// requests.
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let story = Arc::new(watch::Sender::new(Story::default()));
        let replies: Arc<Mutex<VecDeque<Reply>>> = Arc::new(Mutex::new(replies.into_iter().collect()));
        tokio::spawn({
            let story = story.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    story.send_modify(|s| (s.connections, s.open) = (s.connections + 1, s.open + 1));
                    let (story, replies) = (story.clone(), replies.clone());
                    tokio::spawn(async move {
                        // The client may disconnect at any time.
                        let _ = serve(stream, &story, &replies).await;
                        story.send_modify(|s| s.open -= 1);
                    });
                }
            }
        });
        Self { address, story }
    }

    pub(crate) async fn answering(response: Response) -> Self {
        Self::start([Reply::Whole(response)]).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.story.borrow().seen.clone()
    }

    /// Returns the only received request.
    pub(crate) fn one(&self) -> Seen {
        let [seen] = self.seen().try_into().unwrap_or_else(|seen| panic!("one request, not {seen:?}"));
        seen
    }

    pub(crate) fn connections(&self) -> usize {
        self.story.borrow().connections
    }

    /// Returns how many bytes it has sent in floods.
    pub(crate) fn flooded(&self) -> usize {
        self.story.borrow().flooded
    }

    /// Waits until that many requests have arrived.
    pub(crate) async fn asked(&self, times: usize) {
        self.until(|story| story.seen.len() >= times).await;
    }

    /// Waits until no connection is open.
    pub(crate) async fn left_alone(&self) {
        self.until(|story| story.open == 0).await;
    }

    async fn until(&self, what: impl FnMut(&Story) -> bool) {
        let mut story = self.story.subscribe();
        let waited = tokio::time::timeout(PATIENCE, story.wait_for(what)).await;
        assert!(waited.is_ok(), "what was waited for has not happened: {:?}", self.story.borrow());
    }
}

async fn serve(
    mut stream: TcpStream,
    story: &watch::Sender<Story>,
    replies: &Mutex<VecDeque<Reply>>,
) -> std::io::Result<()> {
    while let Some(seen) = receive(&mut stream).await? {
        story.send_modify(|s| s.seen.push(seen));
        let reply = {
            let mut replies = replies.lock().unwrap();
            if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() }
        };
        match reply.expect("a stub has a reply") {
            Reply::Whole(response) => stream.write_all(written(&response, response.body.len()).as_bytes()).await?,
            Reply::Cut(response) => {
                let whole = written(&response, response.body.len());
                let half = whole.len() - response.body.len() / 2;
                return stream.write_all(&whole.as_bytes()[..half]).await;
            }
            Reply::HangUp => return Ok(()),
            Reply::Silence => {
                // No more data arrives, so this ends when the client has disconnected.
                stream.read_u8().await?;
            }
            Reply::Trickle(response) => {
                stream.write_all(written(&response.body(""), 1_000_000).as_bytes()).await?;
                loop {
                    stream.write_all(b" ").await?;
                    sleep(Duration::from_secs(1)).await;
                }
            }
            Reply::Flood(response) => {
                let piece = vec![b' '; 64 * 1024];
                stream.write_all(written(&response.body(""), 1 << 40).as_bytes()).await?;
                loop {
                    stream.write_all(&piece).await?;
                    story.send_modify(|s| s.flooded += piece.len());
                }
            }
        }
    }
    Ok(())
}

/// A response that declares that many bytes.
fn written(Response { status, headers, body }: &Response, length: usize) -> String {
    let headers = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<Vec<_>>().concat();
    format!("HTTP/1.1 {status} Whatever\r\n{headers}content-length: {length}\r\n\r\n{body}")
}

/// The next request of a connection, while there is one.
async fn receive(stream: &mut TcpStream) -> std::io::Result<Option<Seen>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await? == 0 {
            return Ok(None);
        }
        head.extend(byte);
    }
    let head = String::from_utf8(head).expect("a head in ASCII");
    let line = head.lines().next().and_then(|line| line.strip_suffix(" HTTP/1.1")).expect("a request").to_owned();
    let mut seen = Seen { line, head, body: Value::Null };
    let length = seen.header("content-length").map_or(0, |length| length.parse().expect("a length"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    seen.body = serde_json::from_slice(&body).unwrap_or_default();
    Ok(Some(seen))
}
