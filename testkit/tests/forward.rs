//! The forward proxy, in front of a server that greets every client.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::net::SocketAddr;

use linkrelay_testkit::forward::{ForwardProxy, ForwardSettings};
use linkrelay_testkit::tools::free_port;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

const GREETING: &[u8] = b"hello";

async fn greeter() -> (SocketAddr, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            client.write_all(GREETING).await.unwrap();
        }
    });
    (addr, AbortOnDropHandle::new(task))
}

/// Sends a request; returns everything that comes back.
async fn ask(proxy: &ForwardProxy, question: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
    stream.write_all(question).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

fn connect(to: SocketAddr, headers: &str) -> Vec<u8> {
    format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n{headers}\r\n").into_bytes()
}

fn socks(to: SocketAddr) -> Vec<u8> {
    let host = to.ip().to_string();
    let length = u8::try_from(host.len()).unwrap();
    let begin = [&[5, 1, 0, 5, 1, 0, 3, length], host.as_bytes()].concat();
    [begin.as_slice(), &to.port().to_be_bytes()].concat()
}

#[tokio::test]
async fn a_tunnel_leads_to_the_requested_server_by_connect_and_by_socks() {
    let (server, _task) = greeter().await;
    let proxy = ForwardProxy::start(ForwardSettings::default()).await.unwrap();
    let answer = ask(&proxy, &connect(server, "")).await;
    assert_eq!(answer, [b"HTTP/1.1 200 OK\r\n\r\n", GREETING].concat());
    let answer = ask(&proxy, &socks(server)).await;
    assert!(answer.starts_with(&[5, 0, 5, 0]) && answer.ends_with(GREETING), "{answer:?}");
    assert_eq!((proxy.tunnels(), proxy.refused()), (2, 0));
    let unused = SocketAddr::from(([127, 0, 0, 1], free_port().unwrap()));
    assert!(ask(&proxy, &connect(unused, "")).await.starts_with(b"HTTP/1.1 502 "));
    assert_eq!(ask(&proxy, &socks(unused)).await[2..4], [5, 4]);
    assert_eq!((proxy.tunnels(), proxy.refused()), (2, 2));
}

#[tokio::test]
async fn a_set_server_gets_all_tunnels_and_a_password_is_checked() {
    let (server, _task) = greeter().await;
    let credentials = Some(("user".to_owned(), "sesame".to_owned()));
    let settings = ForwardSettings { to: Some(server), credentials };
    let proxy = ForwardProxy::start(settings).await.unwrap();
    let elsewhere = SocketAddr::from(([127, 0, 0, 1], 9));
    for headers in ["", "Proxy-Authorization: Basic bm9ib2R5\r\n"] {
        let answer = ask(&proxy, &connect(elsewhere, headers)).await;
        assert!(answer.starts_with(b"HTTP/1.1 407 "), "{headers}");
    }
    // user:sesame
    let headers = "proxy-authorization: Basic dXNlcjpzZXNhbWU=\r\n";
    assert!(ask(&proxy, &connect(elsewhere, headers)).await.ends_with(GREETING));
    assert_eq!((proxy.tunnels(), proxy.refused()), (1, 2));
}
