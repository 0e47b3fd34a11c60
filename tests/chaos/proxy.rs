//! A proxy between the functions and DynamoDB that makes some of the calls fail.

use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a head of HTTP ends with.
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// What becomes of a call.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Not done: `InternalServerError`.
    Broken,
    /// Not done: `ProvisionedThroughputExceededException`.
    Throttled,
    /// Done, and nobody learns of it: the connection ends without an answer.
    AnswerLost,
}

/// The running proxy.
#[derive(Debug, Clone)]
pub(crate) struct FaultProxy {
    /// Where it listens, for `AWS_ENDPOINT_URL_DYNAMODB`.
    pub(crate) endpoint: String,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    upstream: String,
    random: Mutex<fastrand::Rng>,
    percent: AtomicU32,
    calls: AtomicU64,
    faults: AtomicU64,
}

impl FaultProxy {
    /// Starts one before that endpoint. It does no harm until it is told to.
    pub(crate) async fn start(endpoint: &str, seed: u64) -> Self {
        let upstream = endpoint.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let random = Mutex::new(fastrand::Rng::with_seed(seed));
        let state = State { upstream, random, percent: 0.into(), calls: 0.into(), faults: 0.into() };
        let proxy = Self { endpoint, state: Arc::new(state) };
        let state = Arc::clone(&proxy.state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = Arc::clone(&state);
                // A call whose caller is gone, killed perhaps, is nobody's loss.
                tokio::spawn(async move { drop(serve(client, &state).await) });
            }
        });
        proxy
    }

    /// From now on that part of the calls fails.
    pub(crate) fn fail(&self, percent: u32) {
        self.state.percent.store(percent, Ordering::Relaxed);
    }

    /// How many calls came, and how many of them were made to fail.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.state.calls.load(Ordering::Relaxed), self.state.faults.load(Ordering::Relaxed))
    }
}

impl State {
    fn fault(&self) -> Option<Fault> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mut random = self.random.lock().unwrap();
        if random.u32(0..100) >= self.percent.load(Ordering::Relaxed) {
            return None;
        }
        self.faults.fetch_add(1, Ordering::Relaxed);
        random.choice([Fault::Broken, Fault::Throttled, Fault::AnswerLost])
    }
}

/// One call a connection: the end of the connection is the end of the answer.
async fn serve(mut client: TcpStream, state: &State) -> io::Result<()> {
    let call = read_call(&mut client).await?;
    let answer = match state.fault() {
        None => pass_on(&call, state).await?,
        Some(Fault::AnswerLost) => return pass_on(&call, state).await.map(drop),
        Some(Fault::Broken) => error("500 Internal Server Error", "InternalServerError"),
        Some(Fault::Throttled) => error("400 Bad Request", "ProvisionedThroughputExceededException"),
    };
    client.write_all(&answer).await?;
    client.shutdown().await
}

/// A whole request, head and body.
async fn read_call(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut call = Vec::new();
    loop {
        if client.read_buf(&mut call).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(head) = call.windows(END_OF_HEAD.len()).position(|bytes| bytes == END_OF_HEAD) {
            let body = call.len() - head - END_OF_HEAD.len();
            if body >= content_length(&String::from_utf8_lossy(&call[..head])) {
                return Ok(call);
            }
        }
    }
}

fn content_length(head: &str) -> usize {
    let headers = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = headers.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    lengths.next().and_then(|(_, length)| length.trim().parse().ok()).unwrap_or(0)
}

/// The headers stay as they were signed, `Host` included; one that is not signed asks for the end of the connection.
async fn pass_on(call: &[u8], state: &State) -> io::Result<Vec<u8>> {
    let mut upstream = TcpStream::connect(&state.upstream).await?;
    let line = call.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    upstream.write_all(&[&call[..line], b"Connection: close\r\n", &call[line..]].concat()).await?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).await?;
    Ok(answer)
}

fn error(status: &str, code: &str) -> Vec<u8> {
    let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"injected"}}"#);
    let headers = format!("Content-Type: application/x-amz-json-1.0\r\nContent-Length: {}", body.len());
    format!("HTTP/1.1 {status}\r\n{headers}\r\nConnection: close\r\n\r\n{body}").into_bytes()
}
