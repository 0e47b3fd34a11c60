//! A server on this machine, for what stands in for AWS and for Lambda's Runtime API.
//!
//! The protocol is hyper's, as in the testkit's stub, on a thread of its own: what answers may block, because some requests are
//! answered long after they arrived, and what measures is not asynchronous.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderMap;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

/// One request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Including the query.
    pub(crate) path: String,
    headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The response.
#[derive(Debug)]
pub(crate) struct Response {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

/// The running server. It ends, with its connections, when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    _until: oneshot::Sender<()>,
}

impl Request {
    /// Returns a header; its name is case-insensitive.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    async fn read(request: hyper::Request<Incoming>) -> Result<Self> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Self { method: head.method.to_string(), path: head.uri.to_string(), headers: head.headers, body })
    }
}

impl Response {
    /// A response with this body.
    pub(crate) fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// The same with a header.
    #[must_use]
    pub(crate) fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    fn written(self) -> Result<hyper::Response<Full<Bytes>>> {
        let head = hyper::Response::builder().status(self.status);
        let head = self.headers.into_iter().fold(head, |head, (name, value)| head.header(name, value));
        Ok(head.body(Full::new(self.body))?)
    }
}

impl Server {
    /// Starts a server on a free port that responds with the result of `answer`.
    pub(crate) fn start(answer: impl Fn(Request) -> Response + Send + Sync + 'static) -> Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listener = listener.context("no free port on 127.0.0.1")?;
        let address = listener.local_addr()?;
        let (until, over) = oneshot::channel();
        std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = over => {}
                    () = accept(listener, Arc::new(answer)) => {}
                }
            });
            // What still answers, such as for a function that waits for work, is not waited for.
            runtime.shutdown_background();
        });
        Ok(Self { address, _until: until })
    }

    /// `127.0.0.1:<port>`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn accept(listener: TcpListener, answer: Arc<impl Fn(Request) -> Response + Send + Sync + 'static>) {
    while let Ok((stream, _)) = listener.accept().await {
        // A small answer is not kept back to be sent with the next one.
        let _ = stream.set_nodelay(true);
        let answer = answer.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answered(request, answer.clone()));
            // Ends with an error when the client is gone, such as a killed function.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answered(
    request: hyper::Request<Incoming>,
    answer: Arc<impl Fn(Request) -> Response + Send + Sync + 'static>,
) -> Result<hyper::Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
    let request = Request::read(request).await?;
    let response = spawn_blocking(move || answer(request)).await?;
    Ok(response.written()?)
}

#[cfg(test)]
mod tests {
    use goal_activity_local::aws;

    use super::*;

    #[test]
    fn requests_are_answered_one_by_one_until_the_server_is_dropped() {
        let server = Server::start(|request| {
            let asked = format!("{} {} {}", request.method, request.path, request.header("X-B").unwrap_or_default());
            Response::new(200, [asked.as_bytes(), &request.body].concat()).header("x-a", 1)
        })
        .unwrap();
        let (agent, url) = (aws::agent(), format!("http://{}", server.address()));
        for path in ["/one?a=b", "/two"] {
            let mut answer = agent.post(format!("{url}{path}")).header("x-b", "c").send("body").unwrap();
            assert_eq!(answer.headers()["x-a"], "1");
            assert_eq!(answer.body_mut().read_to_string().unwrap(), format!("POST {path} cbody"));
        }
        drop(server);
        let gone = || agent.get(&url).call().is_err();
        let begun = std::time::Instant::now();
        while !gone() {
            assert!(begun.elapsed() < std::time::Duration::from_secs(10), "it still answers");
        }
    }
}
