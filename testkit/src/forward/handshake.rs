//! The handshake of client and proxy before a tunnel: as little of RFC 9110 (`CONNECT`) and RFC 1928
//! (SOCKS 5) as clients need.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, ToSocketAddrs};

use self::Outcome::{Opened, Refused};
use super::ForwardSettings;

const MAX_HEAD_BYTES: usize = 8 * 1024;
const SOCKS_5: u8 = 5;
/// No authentication; success; connect; no such server.
const NO_AUTH: [u8; 2] = [SOCKS_5, 0];
const SOCKS_CONNECT: u8 = 1;
const SOCKS_DONE: [u8; 10] = [SOCKS_5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
const SOCKS_FAILED: [u8; 10] = [SOCKS_5, 4, 0, 1, 0, 0, 0, 0, 0, 0];

/// The result of a handshake. The caller counts it before it sends the answer to the client: a test
/// may read the counts as soon as the client has the answer.
pub(super) enum Outcome {
    /// The connection to the server, and the answer that precedes its bytes.
    Opened(TcpStream, &'static [u8]),
    /// The answer.
    Refused(&'static [u8]),
}

/// Reads which server the client asks for, and connects to it.
pub(super) async fn open(
    client: &mut TcpStream,
    settings: &ForwardSettings,
) -> io::Result<Outcome> {
    if client.read_u8().await? == SOCKS_5 {
        by_socks(client, settings).await
    } else {
        // The first letter of CONNECT.
        by_connect(client, settings).await
    }
}

async fn by_connect(client: &mut TcpStream, settings: &ForwardSettings) -> io::Result<Outcome> {
    let head = head(client).await?;
    let mut lines = head.lines();
    let target = lines.next().and_then(|line| line.strip_prefix("ONNECT ")?.split(' ').next());
    let Some(target) = target else {
        return Ok(Refused(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n"));
    };
    if !is_allowed(settings, lines) {
        return Ok(Refused(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"));
    }
    Ok(match connect(settings, target).await {
        Ok(server) => Opened(server, b"HTTP/1.1 200 OK\r\n\r\n"),
        Err(_) => Refused(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"),
    })
}

async fn by_socks(client: &mut TcpStream, settings: &ForwardSettings) -> io::Result<Outcome> {
    let mut methods = vec![0; usize::from(client.read_u8().await?)];
    client.read_exact(&mut methods).await?;
    client.write_all(&NO_AUTH).await?;
    let mut request = [0; 4];
    client.read_exact(&mut request).await?;
    let [SOCKS_5, SOCKS_CONNECT, _, kind] = request else {
        return Ok(Refused(&SOCKS_FAILED));
    };
    let host = match kind {
        1 => Ipv4Addr::from(client.read_u32().await?).to_string(),
        3 => {
            let mut name = vec![0; usize::from(client.read_u8().await?)];
            client.read_exact(&mut name).await?;
            String::from_utf8_lossy(&name).into_owned()
        }
        4 => Ipv6Addr::from(client.read_u128().await?).to_string(),
        _ => return Ok(Refused(&SOCKS_FAILED)),
    };
    let port = client.read_u16().await?;
    Ok(match connect(settings, (host, port)).await {
        Ok(server) => Opened(server, &SOCKS_DONE),
        Err(_) => Refused(&SOCKS_FAILED),
    })
}

async fn connect(settings: &ForwardSettings, target: impl ToSocketAddrs) -> io::Result<TcpStream> {
    match settings.to {
        Some(to) => TcpStream::connect(to).await,
        None => TcpStream::connect(target).await,
    }
}

/// A request's head, without its first letter.
async fn head(client: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MAX_HEAD_BYTES {
            return Err(io::Error::other("the request has no end"));
        }
        // Byte by byte: what follows belongs to the tunnel.
        head.push(client.read_u8().await?);
    }
    String::from_utf8(head).map_err(io::Error::other)
}

fn is_allowed<'a>(settings: &ForwardSettings, mut headers: impl Iterator<Item = &'a str>) -> bool {
    let Some((user, password)) = &settings.credentials else { return true };
    let wanted = STANDARD.encode(format!("{user}:{password}"));
    headers.any(|header| {
        let Some((name, value)) = header.split_once(':') else { return false };
        name.eq_ignore_ascii_case("proxy-authorization")
            && value.trim().strip_prefix("Basic ").is_some_and(|given| given == wanted)
    })
}
