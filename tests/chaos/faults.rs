//! A proxy between the functions and DynamoDB that makes some of the calls fail.

use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::net::TcpStream;

use crate::proxy::{self, answer, pass_on, read_call};

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
        let random = Mutex::new(fastrand::Rng::with_seed(seed));
        let state =
            State { upstream: endpoint.to_owned(), random, percent: 0.into(), calls: 0.into(), faults: 0.into() };
        let state = Arc::new(state);
        let serving = Arc::clone(&state);
        let endpoint = proxy::start(move |client| serve(client, Arc::clone(&serving))).await;
        Self { endpoint, state }
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

async fn serve(mut client: TcpStream, state: Arc<State>) -> io::Result<()> {
    let call = read_call(&mut client).await?;
    let said = match state.fault() {
        None => pass_on(&call, &state.upstream).await?,
        Some(Fault::AnswerLost) => return pass_on(&call, &state.upstream).await.map(drop),
        Some(Fault::Broken) => error("500 Internal Server Error", "InternalServerError"),
        Some(Fault::Throttled) => error("400 Bad Request", "ProvisionedThroughputExceededException"),
    };
    answer(client, &said).await
}

fn error(status: &str, code: &str) -> Vec<u8> {
    let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"injected"}}"#);
    let headers = format!("Content-Type: application/x-amz-json-1.0\r\nContent-Length: {}", body.len());
    format!("HTTP/1.1 {status}\r\n{headers}\r\nConnection: close\r\n\r\n{body}").into_bytes()
}
