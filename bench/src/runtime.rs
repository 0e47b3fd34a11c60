//! Lambda's Runtime API (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>) for one function at a time,
//! and the times at which the function uses it.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::server::{Request, Response, Server};

/// The timeout of any step of a function.
const PATIENCE: Duration = Duration::from_secs(30);
/// The timeout that it is given, in milliseconds: Lambda's own limit.
const TIME: Duration = Duration::from_secs(900);
/// The path prefix of the API.
const PREFIX: &str = "/2018-06-01/runtime/";

/// A step of a function.
#[derive(Debug)]
enum Step {
    /// It requests work.
    Asks(Instant),
    /// It has done its work.
    Answers(Instant, Value),
    /// It reports a failure.
    Fails(String),
}

/// The API for one function.
#[derive(Debug)]
pub(crate) struct Runtime {
    server: Server,
    steps: Receiver<Step>,
    work: Sender<String>,
}

/// One invocation.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// From the hand-over of the event to the answer.
    pub(crate) time: Duration,
    pub(crate) answer: Value,
}

impl Runtime {
    /// Starts it.
    pub(crate) fn start() -> Result<Self> {
        let (tell, steps) = channel();
        let (work, events) = channel::<String>();
        let events = Mutex::new(events);
        let server = Server::start(move |request| answer(&request, &tell, &events))?;
        Ok(Self { server, steps, work })
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Waits until the function requests work. Returns the time of the request.
    pub(crate) fn asked(&self) -> Result<Instant> {
        match self.step()? {
            Step::Asks(at) => Ok(at),
            Step::Answers(..) => bail!("it has answered what nobody asked"),
            Step::Fails(why) => bail!("it failed: {why}"),
        }
    }

    /// Passes an event to the function, which has requested work, and waits until it has answered and requests again:
    /// only then is it idle.
    pub(crate) fn invoke(&self, event: &Value) -> Result<Invocation> {
        let handed = Instant::now();
        self.work.send(event.to_string()).context("nobody waits for work")?;
        let (answered, answer) = match self.step()? {
            Step::Answers(at, answer) => (at, answer),
            Step::Asks(_) => bail!("it asks for more work before it has answered"),
            Step::Fails(why) => bail!("it failed: {why}"),
        };
        self.asked()?;
        Ok(Invocation { time: answered - handed, answer })
    }

    fn step(&self) -> Result<Step> {
        self.steps.recv_timeout(PATIENCE).with_context(|| format!("it did nothing for {} s", PATIENCE.as_secs()))
    }
}

fn answer(request: &Request, tell: &Sender<Step>, events: &Mutex<Receiver<String>>) -> Response {
    let now = Instant::now();
    let what = request.path.strip_prefix(PREFIX).unwrap_or_default();
    let body = || String::from_utf8_lossy(&request.body).into_owned();
    // There is no receiver any more once this function has been measured.
    let step = |step| drop(tell.send(step));
    match (request.method.as_str(), what) {
        ("GET", "invocation/next") => {
            step(Step::Asks(now));
            let event = events.lock().ok().and_then(|events| events.recv().ok());
            event.map_or_else(|| Response::new(410, "over"), |event| handed(&event))
        }
        ("POST", path) if path.starts_with("invocation/") && path.ends_with("/response") => {
            step(serde_json::from_slice(&request.body).map_or_else(|_| Step::Fails(body()), |a| Step::Answers(now, a)));
            Response::new(202, "{}")
        }
        ("POST", path) if path == "init/error" || path.ends_with("/error") => {
            step(Step::Fails(body()));
            Response::new(202, "{}")
        }
        _ => Response::new(404, "no such thing in the Runtime API"),
    }
}

/// An event as a function gets it.
#[allow(clippy::disallowed_methods, reason = "a deadline is a moment of the clock")]
fn handed(event: &str) -> Response {
    let deadline = (std::time::SystemTime::now() + TIME).duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Response::new(200, event.to_owned())
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        .header("lambda-runtime-deadline-ms", deadline.as_millis())
        .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:measured")
        .header("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use goal_activity_local::aws;
    use serde_json::json;
    use std::thread::JoinHandle;

    /// A function that answers a given number of times, and then fails.
    fn function(at: SocketAddr, answers: usize) -> JoinHandle<()> {
        std::thread::spawn(move || {
            let url = |what: &str| format!("http://{at}{PREFIX}invocation/{what}");
            for n in 0.. {
                let Ok(mut event) = aws::agent().get(url("next")).call() else { return };
                // It is told that it is over, or nothing any more.
                let Some(id) = event.headers().get("lambda-runtime-aws-request-id") else { return };
                let id = id.to_str().unwrap().to_owned();
                let event: Value = event.body_mut().read_json().unwrap();
                let how = if n < answers { "response" } else { "error" };
                if aws::agent().post(url(&format!("{id}/{how}"))).send_json(json!({ "got": event })).is_err() {
                    return;
                }
            }
        })
    }

    #[test]
    fn a_function_asks_gets_its_event_and_answers_until_nothing_more_is_wanted() {
        let runtime = Runtime::start().unwrap();
        let begun = Instant::now();
        let function = function(runtime.address(), 2);
        assert!(runtime.asked().unwrap() >= begun);
        for n in [1, 2] {
            let done = runtime.invoke(&json!({ "n": n })).unwrap();
            assert_eq!(done.answer, json!({"got": {"n": n}}));
            assert!(done.time < begun.elapsed());
        }
        let failed = runtime.invoke(&json!({"n": 3})).unwrap_err().to_string();
        let said: Value = serde_json::from_str(failed.strip_prefix("it failed: ").unwrap()).unwrap();
        assert_eq!(said, json!({"got": {"n": 3}}));
        drop(runtime);
        function.join().unwrap();
    }
}
