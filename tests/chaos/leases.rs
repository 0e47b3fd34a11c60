//! A proxy between the functions and SQS that kills workers which hold a lease, and no others.
//!
//! A worker only calls SQS to set how long its current messages stay hidden, a minute, and less when it returns one, and to
//! delete one that is done before the others are. The proxy executes the call, and the worker waits for the answer while it
//! continues its work. As long as it waits it has not received other messages, for which it would be unknown whether they are
//! hidden for the queue's 330 s.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpStream;

use crate::proxy::{self, answer, pass_on, read_call, waits};
use crate::workers::{self, Worker};

/// How long a worker that will be killed may continue, in milliseconds: until it has leased its other messages, which it does
/// side by side, then as long as most batches take, and less than the SDK waits for an answer.
const LAST_MOMENTS: std::ops::Range<u64> = 200..1_500;
/// Long enough to notice that a connection ended before its process was stopped.
const A_LOOK: Duration = Duration::from_millis(20);

/// The running proxy.
#[derive(Debug, Clone)]
pub(crate) struct LeaseProxy {
    /// Its endpoint, for `AWS_ENDPOINT_URL_SQS`.
    pub(crate) endpoint: String,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    upstream: String,
    function: String,
    random: Mutex<fastrand::Rng>,
    doomed: AtomicUsize,
    killed: AtomicUsize,
}

impl LeaseProxy {
    /// Starts one in front of that endpoint, for the workers of the function of that name. It kills none until
    /// configured.
    pub(crate) async fn start(endpoint: &str, function: &str, seed: u64) -> Self {
        let state = Arc::new(State {
            upstream: endpoint.to_owned(),
            function: function.to_owned(),
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            doomed: 0.into(),
            killed: 0.into(),
        });
        let serving = Arc::clone(&state);
        let endpoint = proxy::start(move |client| serve(client, Arc::clone(&serving))).await;
        Self { endpoint, state }
    }

    /// Kills that many of the workers that acquire or extend a lease from now on, unless they finish before.
    pub(crate) fn doom(&self, workers: usize) {
        self.state.doomed.store(workers, Ordering::Relaxed);
    }

    /// Returns how many have died.
    pub(crate) fn killed(&self) -> usize {
        self.state.killed.load(Ordering::Relaxed)
    }
}

impl State {
    /// The worker at the other end of the connection, if it will be killed.
    fn victim(&self, client: &TcpStream) -> io::Result<Option<Worker>> {
        if self.doomed.load(Ordering::Relaxed) == 0 {
            return Ok(None);
        }
        let caller = workers::of(&self.function, &self.upstream).into_iter();
        let (from, to) = (client.peer_addr()?.port(), client.local_addr()?.port());
        let caller = workers::socket(from, to).and_then(|socket| caller.into_iter().find(|w| w.has(&socket)));
        let left = |doomed: usize| doomed.checked_sub(1);
        Ok(caller.filter(|_| self.doomed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok()))
    }
}

async fn serve(mut client: TcpStream, state: Arc<State>) -> io::Result<()> {
    let call = read_call(&mut client).await?;
    let done = pass_on(&call, &state.upstream).await?;
    if done.starts_with(b"HTTP/1.1 200 ")
        && let Some(worker) = state.victim(&client)?
    {
        let last_moments = state.random.lock().unwrap().u64(LAST_MOMENTS);
        if waits(&mut client, Duration::from_millis(last_moments)).await && worker.stop().await {
            // Now that it is halted: is it still waiting?
            if waits(&mut client, A_LOOK).await {
                worker.crash();
                state.killed.fetch_add(1, Ordering::Relaxed);
            } else {
                worker.go_on();
            }
        }
    }
    answer(client, &done).await
}
