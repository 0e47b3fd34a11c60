//! A proxy between the functions and a service that makes some calls fail or hang.

use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use goal_activity_events::Timestamp;
use tokio::net::TcpStream;

use crate::goal_app::now;
use crate::proxy::{self, answer, pass_on, read_call, waits};

/// Longer than a function waits for a call and all its retries (`aws/connection.rs`: 7 s).
const HELD: Duration = Duration::from_secs(8);

/// The outcome of a call. The errors are DynamoDB's.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Not done: `InternalServerError`.
    Broken,
    /// Not done: `ProvisionedThroughputExceededException`.
    Throttled,
    /// Done, without a response: the connection is closed.
    AnswerLost,
    /// It hangs until the caller's timeout, done or not.
    Held { done: bool },
}

/// The running proxy.
#[derive(Debug, Clone)]
pub(crate) struct FaultProxy {
    /// Its endpoint, for `AWS_ENDPOINT_URL_DYNAMODB` and similar variables.
    pub(crate) endpoint: String,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    upstream: String,
    random: Mutex<fastrand::Rng>,
    failing: AtomicU32,
    hanging: AtomicU32,
    calls: AtomicU64,
    failed: AtomicU64,
    held: AtomicU64,
    /// From when calls hung, and until when they did.
    hung: Mutex<Vec<(Timestamp, Option<Timestamp>)>>,
}

impl FaultProxy {
    /// Starts one in front of that endpoint. It injects no faults until configured.
    pub(crate) async fn start(endpoint: &str, seed: u64) -> Self {
        let state = Arc::new(State {
            upstream: endpoint.to_owned(),
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            failing: 0.into(),
            hanging: 0.into(),
            calls: 0.into(),
            failed: 0.into(),
            held: 0.into(),
            hung: Mutex::default(),
        });
        let serving = Arc::clone(&state);
        let endpoint = proxy::start(move |client| serve(client, Arc::clone(&serving))).await;
        Self { endpoint, state }
    }

    /// From now on that share of the calls fails.
    pub(crate) fn fail(&self, percent: u32) {
        self.state.failing.store(percent, Ordering::Relaxed);
    }

    /// From now on that share of the calls hangs.
    pub(crate) fn hang(&self, percent: u32) {
        self.state.hanging.store(percent, Ordering::Relaxed);
        let mut hung = self.state.hung.lock().unwrap();
        match hung.last_mut() {
            Some((_, until @ None)) if percent == 0 => *until = Some(now()),
            Some((_, None)) => {}
            _ if percent > 0 => hung.push((now(), None)),
            _ => {}
        }
    }

    /// When its calls hung. To be asked when they do not any more.
    pub(crate) fn hung(&self) -> Vec<(Timestamp, Timestamp)> {
        let hung = self.state.hung.lock().unwrap();
        hung.iter().map(|(from, until)| (*from, until.expect("calls that hang no more"))).collect()
    }

    /// Returns the number of calls, and how many of them were made to fail and to hang.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let State { calls, failed, held, .. } = &*self.state;
        (calls.load(Ordering::Relaxed), failed.load(Ordering::Relaxed), held.load(Ordering::Relaxed))
    }
}

impl State {
    fn fault(&self) -> Option<Fault> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mut random = self.random.lock().unwrap();
        if random.u32(0..100) < self.hanging.load(Ordering::Relaxed) {
            self.held.fetch_add(1, Ordering::Relaxed);
            return Some(Fault::Held { done: random.bool() });
        }
        if random.u32(0..100) >= self.failing.load(Ordering::Relaxed) {
            return None;
        }
        self.failed.fetch_add(1, Ordering::Relaxed);
        random.choice([Fault::Broken, Fault::Throttled, Fault::AnswerLost])
    }
}

async fn serve(mut client: TcpStream, state: Arc<State>) -> io::Result<()> {
    let call = read_call(&mut client).await?;
    let said = match state.fault() {
        None => pass_on(&call, &state.upstream).await?,
        Some(Fault::AnswerLost) => return pass_on(&call, &state.upstream).await.map(drop),
        Some(Fault::Held { done }) => {
            if done {
                pass_on(&call, &state.upstream).await?;
            }
            waits(&mut client, HELD).await;
            return Ok(());
        }
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
