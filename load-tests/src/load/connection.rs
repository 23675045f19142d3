//! A connection that sends requests and reads the answers as cheaply as possible: what the load
//! generator costs is taken from the server on the same machine.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};
use linkrelay_http::keys::KeyText;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const MAX_HEADERS: usize = 32;

/// A connection that stays open.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    head: String,
    request: Vec<u8>,
    received: Vec<u8>,
}

/// The response to one request, as bytes.
#[derive(Debug)]
pub(crate) struct Response<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl Connection {
    /// Opens a connection for POSTs to this path, with an API key if there is one.
    pub(crate) async fn open(addr: SocketAddr, path: &str, key: Option<&KeyText>) -> Result<Self> {
        let stream =
            TcpStream::connect(addr).await.with_context(|| format!("connecting to {addr}"))?;
        stream.set_nodelay(true)?;
        let key = key.map(|key| format!("authorization: Bearer {}\r\n", key.expose()));
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {addr}\r\ncontent-type: application/json\r\n{}content-length: ",
            key.unwrap_or_default()
        );
        Ok(Self { stream, head, request: Vec::new(), received: Vec::with_capacity(4_096) })
    }

    /// Posts one body and awaits the response.
    ///
    /// # Errors
    /// If the connection breaks, or the response is not HTTP with a content length.
    pub(crate) async fn post(&mut self, body: &[u8]) -> Result<Response<'_>> {
        self.request.clear();
        self.request.extend_from_slice(self.head.as_bytes());
        self.request.extend_from_slice(format!("{}\r\n\r\n", body.len()).as_bytes());
        self.request.extend_from_slice(body);
        self.response().await
    }

    /// Gets a path and awaits the response.
    ///
    /// # Errors
    /// As for [`post`](Self::post).
    pub(crate) async fn get(&mut self, path: &str) -> Result<Response<'_>> {
        self.request.clear();
        self.request.extend_from_slice(format!("GET {path} HTTP/1.1\r\n").as_bytes());
        self.request.extend_from_slice(b"host: localhost\r\n\r\n");
        self.response().await
    }

    /// Sends the request and reads its response.
    async fn response(&mut self) -> Result<Response<'_>> {
        self.stream.write_all(&self.request).await?;
        self.received.clear();
        loop {
            let count = self.stream.read_buf(&mut self.received).await?;
            ensure!(count > 0, "the server closed the connection");
            if let Some((status, start, end)) = complete_response(&self.received)? {
                return Ok(Response { status, body: &self.received[start..end] });
            }
        }
    }
}

/// The status, and where the body begins and ends; `None` while a part is missing.
fn complete_response(received: &[u8]) -> Result<Option<(u16, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(start) = response.parse(received)? else { return Ok(None) };
    let length = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .context("a response without a content length")?;
    let length: usize = std::str::from_utf8(length.value)?.parse()?;
    let Some(status) = response.code else { bail!("a response without a status") };
    Ok((received.len() >= start + length).then_some((status, start, start + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_complete_once_its_body_is() {
        let text = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok";
        for end in 0..text.len() {
            assert_eq!(complete_response(&text[..end]).unwrap(), None);
        }
        assert_eq!(complete_response(text).unwrap(), Some((201, text.len() - 2, text.len())));
        assert!(complete_response(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
