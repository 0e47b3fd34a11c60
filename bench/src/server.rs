//! A small HTTP/1.1 server on this machine: it implements the part that Lambda functions and their SDKs use. One thread
//! per connection, because some requests are answered long after they arrived.
//!
//! Not the testkit's stub: with that, every `cargo xtask` in a fresh clone would build an asynchronous runtime first. And the
//! times in docs/PERFORMANCE.md were measured with this one between the functions and their answers.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};

/// One request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Including the query.
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// The response.
#[derive(Debug)]
pub(crate) struct Response {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// The running server. It accepts no more connections when this is dropped; open ones are closed by the client.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

impl Request {
    /// Returns a header; its name is case-insensitive.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Reads the next request of a connection, if any.
    fn read(stream: &mut impl BufRead) -> Result<Option<Self>> {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, path) = words.next().zip(words.next()).context("no request line")?;
        let mut request = Self { method, path, ..Self::default() };
        loop {
            let mut line = String::new();
            ensure!(stream.read_line(&mut line)? > 0, "a head without an end");
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').context("a header without a name")?;
            request.headers.push((name.to_owned(), value.trim().to_owned()));
        }
        if request.header("transfer-encoding").is_some_and(|how| how.eq_ignore_ascii_case("chunked")) {
            request.body = chunks(stream)?;
        } else if let Some(length) = request.header("content-length") {
            request.body = vec![0; length.parse().context("a content-length that is no number")?];
            stream.read_exact(&mut request.body)?;
        }
        Ok(Some(request))
    }
}

/// A chunked body, each chunk preceded by its length in hexadecimal digits.
fn chunks(stream: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim_end(), 16).context("a chunk without a length")?;
        let mut chunk = vec![0; length + 2];
        stream.read_exact(&mut chunk)?;
        if length == 0 {
            return Ok(body);
        }
        body.extend(&chunk[..length]);
    }
}

impl Response {
    /// A response with this body.
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// The same with a header.
    #[must_use]
    pub(crate) fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// In one write, so that it is sent as one.
    fn written(&self) -> Vec<u8> {
        let Self { status, headers, body } = self;
        let mut text = format!("HTTP/1.1 {status} Whatever\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("\r\n");
        [text.as_bytes(), body].concat()
    }
}

impl Server {
    /// Starts a server on a free port that responds with the result of `answer`.
    pub(crate) fn start(answer: impl Fn(Request) -> Response + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (answer, stopped) = (Arc::new(answer), Arc::new(AtomicBool::new(false)));
        let server = Self { address: listener.local_addr()?, stopped: stopped.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let answer = answer.clone();
                // Ends with an error when the client is gone, such as a killed function.
                std::thread::spawn(move || serve(&stream, &*answer));
            }
        });
        Ok(server)
    }

    /// `127.0.0.1:<port>`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the server.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: &TcpStream, answer: &impl Fn(Request) -> Response) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = Request::read(&mut reader)? {
        let mut writer = stream;
        writer.write_all(&answer(request).written())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use goal_activity_local::aws;

    fn read(text: &str) -> Result<Option<Request>> {
        Request::read(&mut text.as_bytes())
    }

    #[test]
    fn a_body_is_read_whole_however_it_is_sent() {
        let plain = "POST /a?b HTTP/1.1\r\nHost: x\r\ncontent-length: 5\r\n\r\nhelloGET";
        let request = read(plain).unwrap().unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/a?b"));
        assert_eq!((request.header("HOST"), &*request.body), (Some("x"), &b"hello"[..]));
        let pieces = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
        assert_eq!(read(pieces).unwrap().unwrap().body, b"hello");
    }

    #[test]
    fn a_connection_may_end_between_requests_only() {
        assert!(read("").unwrap().is_none());
        for broken in ["GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nhel", "\r\n"] {
            assert!(read(broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn requests_of_a_connection_are_answered_one_by_one() {
        let server = Server::start(|request| Response::new(200, request.path).header("x-a", 1)).unwrap();
        let ask = |path: &str| aws::agent().get(format!("http://{}{path}", server.address())).call().unwrap();
        for path in ["/one", "/two"] {
            let mut answer = ask(path);
            assert_eq!(answer.headers()["x-a"], "1");
            assert_eq!(answer.body_mut().read_to_string().unwrap(), path);
        }
    }
}
