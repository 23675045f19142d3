//! A server that speaks MongoDB's wire protocol: that it answers, and what it survives.
//!
//! What documents do in it is for the store's contract tests; here a driver is not even needed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::net::SocketAddr;
use std::time::Duration;

use linkrelay_testkit::mongo::MongoServer;
use linkrelay_testkit::wait::LONG;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// An OP_MSG of `{ping: 1, $db: "admin"}` (MongoDB wire protocol, opcode 2013).
fn ping_message() -> Vec<u8> {
    let mut document = vec![0x10];
    document.extend(b"ping\0");
    document.extend(1_i32.to_le_bytes());
    document.push(0x02);
    document.extend(b"$db\0");
    document.extend(6_i32.to_le_bytes());
    document.extend(b"admin\0\0");
    let document_bytes = i32::try_from(document.len() + 4).unwrap();
    let message_bytes = 16 + 4 + 1 + document_bytes;
    let mut message = Vec::new();
    for number in [message_bytes, 7, 0, 2013, 0] {
        message.extend(number.to_le_bytes());
    }
    message.push(0);
    message.extend(document_bytes.to_le_bytes());
    message.extend(document);
    message
}

/// Sends a ping and gives the number of the request that the answer belongs to.
async fn ping(addr: SocketAddr) -> std::io::Result<i32> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.write_all(&ping_message()).await?;
    let mut header = [0; 16];
    stream.read_exact(&mut header).await?;
    Ok(i32::from_le_bytes([header[8], header[9], header[10], header[11]]))
}

#[tokio::test]
async fn a_shared_server_is_one_server() {
    let (one, other) = tokio::join!(MongoServer::shared(), MongoServer::shared());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.uri(), other.uri());
    assert!(one.uri().starts_with("mongodb"), "{}", one.uri());
}

#[tokio::test]
async fn it_answers_when_it_is_started_and_after_a_kill_and_a_pause() {
    let mut server = MongoServer::start().await.unwrap();
    let addr = server.addr().unwrap();
    assert_eq!(server.uri(), format!("mongodb://{addr}/?directConnection=true"));
    assert_eq!(ping(addr).await.unwrap(), 7);

    server.kill().unwrap();
    assert!(ping(addr).await.is_err());
    server.restart().await.unwrap();
    assert_eq!(server.addr().unwrap(), addr);
    assert_eq!(ping(addr).await.unwrap(), 7);

    server.pause().unwrap();
    assert!(timeout(Duration::from_millis(200), ping(addr)).await.is_err());
    server.resume().unwrap();
    assert_eq!(timeout(LONG, ping(addr)).await.unwrap().unwrap(), 7);

    drop(server);
    assert!(ping(addr).await.is_err());
}
