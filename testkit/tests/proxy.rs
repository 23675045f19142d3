//! The proxy between an echo server and its client.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use linkrelay_testkit::proxy::TcpProxy;
use linkrelay_testkit::wait::{LONG, SHORT, wait_for};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;

/// Sends everything back, after its own letter.
struct EchoServer {
    addr: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl EchoServer {
    async fn start(letter: u8) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                connections.spawn(async move {
                    stream.write_all(&[letter]).await?;
                    let (mut reader, mut writer) = stream.split();
                    tokio::io::copy(&mut reader, &mut writer).await
                });
            }
        });
        Self { addr, _task: AbortOnDropHandle::new(task) }
    }
}

async fn connect(proxy: &TcpProxy) -> (TcpStream, u8) {
    let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
    let letter = stream.read_u8().await.unwrap();
    (stream, letter)
}

async fn echo(stream: &mut TcpStream, text: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(text).await?;
    let mut back = vec![0; text.len()];
    stream.read_exact(&mut back).await?;
    Ok(back)
}

#[tokio::test]
async fn what_goes_in_comes_out_and_the_end_too() {
    let server = EchoServer::start(b'a').await;
    let proxy = TcpProxy::start(server.addr).await.unwrap();
    let (mut stream, letter) = connect(&proxy).await;
    assert_eq!(letter, b'a');
    // More than all buffers on the way hold, so that both directions must flow at once.
    let sent: Vec<u8> = (0..8_000_000_u32).map(|i| (i % 251) as u8).collect();
    let (mut reader, mut writer) = stream.split();
    let send = async {
        writer.write_all(&sent).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let mut received = Vec::new();
    let ((), read) = tokio::join!(send, reader.read_to_end(&mut received));
    read.unwrap();
    assert!(received == sent, "{} of {} bytes", received.len(), sent.len());
}

#[tokio::test]
async fn a_cut_resets_and_refuses_until_it_is_mended() {
    let server = EchoServer::start(b'a').await;
    let proxy = TcpProxy::start(server.addr).await.unwrap();
    let (mut stream, _) = connect(&proxy).await;
    proxy.cut().await.unwrap();
    let error = echo(&mut stream, b"lost").await.unwrap_err();
    let is_gone = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];
    assert!(is_gone.contains(&error.kind()), "{error}");
    let refused = TcpStream::connect(proxy.addr()).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    proxy.cut().await.unwrap();
    proxy.mend().await.unwrap();
    proxy.mend().await.unwrap();
    let (mut stream, _) = connect(&proxy).await;
    assert_eq!(echo(&mut stream, b"back").await.unwrap(), b"back");
}

#[tokio::test]
async fn a_stall_takes_connections_and_passes_nothing() {
    let server = EchoServer::start(b'a').await;
    let proxy = TcpProxy::start(server.addr).await.unwrap();
    let (mut stream, _) = connect(&proxy).await;
    proxy.stall();
    let mut new = TcpStream::connect(proxy.addr()).await.unwrap();
    let silent = timeout(Duration::from_millis(200), echo(&mut stream, b"held"));
    assert!(silent.await.is_err(), "an answer through a stalled proxy");
    let silent = timeout(Duration::from_millis(200), new.read_u8());
    assert!(silent.await.is_err(), "a greeting through a stalled proxy");
    proxy.flow();
    assert_eq!(new.read_u8().await.unwrap(), b'a');
    let mut held = [0; 4];
    stream.read_exact(&mut held).await.unwrap();
    assert_eq!(&held, b"held");
}

#[tokio::test]
async fn a_delay_holds_each_direction_but_not_the_bandwidth() {
    let server = EchoServer::start(b'a').await;
    let proxy = TcpProxy::start(server.addr).await.unwrap();
    let (mut stream, _) = connect(&proxy).await;
    let delay = Duration::from_millis(100);
    proxy.delay(delay);
    let start = Instant::now();
    echo(&mut stream, b"x").await.unwrap();
    // The lower bound is what a delay means, not a measurement.
    assert!(start.elapsed() >= delay * 2, "{:?}", start.elapsed());
    // A delay for each of these chunks, one after the other, would take longer than the limit.
    let long = vec![7; 16 * 1024 * 1024];
    let (mut reader, mut writer) = stream.split();
    let mut received = vec![0; long.len()];
    let both = async { tokio::join!(writer.write_all(&long), reader.read_exact(&mut received)) };
    let (sent, read) = timeout(LONG, both).await.unwrap();
    sent.unwrap();
    read.unwrap();
    assert!(received == long);
}

#[tokio::test]
async fn new_connections_go_to_the_new_target() {
    let (old, new) = (EchoServer::start(b'o').await, EchoServer::start(b'n').await);
    let proxy = TcpProxy::start(old.addr).await.unwrap();
    let (mut stream, letter) = connect(&proxy).await;
    assert_eq!(letter, b'o');
    proxy.retarget(new.addr);
    assert_eq!(connect(&proxy).await.1, b'n');
    assert_eq!(echo(&mut stream, b"still").await.unwrap(), b"still");
}

#[tokio::test]
async fn a_target_that_is_not_there_is_a_reset() {
    let gone = EchoServer::start(b'a').await.addr;
    let is_gone = wait_for("the server's end", LONG, SHORT, async || {
        TcpStream::connect(gone).await.map_or(Ok(()), |_| Err("it accepts".to_owned()))
    });
    is_gone.await.unwrap();
    let proxy = TcpProxy::start(gone).await.unwrap();
    let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
    assert!(stream.read_u8().await.is_err());
}

#[tokio::test]
async fn a_dropped_proxy_takes_its_connections_along() {
    let server = EchoServer::start(b'a').await;
    let proxy = TcpProxy::start(server.addr).await.unwrap();
    let (mut stream, _) = connect(&proxy).await;
    let addr = proxy.addr();
    drop(proxy);
    assert!(stream.read_u8().await.is_err());
    let refused = wait_for("a refusal", LONG, SHORT, async || {
        TcpStream::connect(addr).await.map_or(Ok(()), |_| Err("it accepts".to_owned()))
    });
    refused.await.unwrap();
}
