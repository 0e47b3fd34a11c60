//! A proxy between the functions and a service of AWS: it reads whole calls and forwards them.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// The end of an HTTP head.
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// Starts one that leaves every connection to `serve`: one call each, the end of the connection is the end of the
/// answer. Returns where it listens.
pub(crate) async fn start<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> String
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let served = serve(client);
            // A call whose caller is gone, perhaps killed, can be ignored.
            tokio::spawn(async move { drop(served.await) });
        }
    });
    endpoint
}

/// A whole request, head and body.
pub(crate) async fn read_call(client: &mut TcpStream) -> io::Result<Vec<u8>> {
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

/// The answer of the endpoint. The signed headers stay unchanged, including `Host`; an unsigned one requests the end of
/// the connection.
pub(crate) async fn pass_on(call: &[u8], endpoint: &str) -> io::Result<Vec<u8>> {
    let mut upstream = TcpStream::connect(endpoint.trim_start_matches("http://")).await?;
    let line = call.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    upstream.write_all(&[&call[..line], b"Connection: close\r\n", &call[line..]].concat()).await?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).await?;
    Ok(answer)
}

/// Forwards an answer.
pub(crate) async fn answer(mut client: TcpStream, answer: &[u8]) -> io::Result<()> {
    client.write_all(answer).await?;
    client.shutdown().await
}

/// Returns `true` if the caller still waits for its answer after that time. A caller that no longer waits ends the
/// connection.
pub(crate) async fn waits(client: &mut TcpStream, time: Duration) -> bool {
    timeout(time, client.read(&mut [0])).await.is_err()
}
