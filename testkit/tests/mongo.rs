//! A server that speaks MongoDB's wire protocol: that it answers, and what it survives. The contract
//! tests of the store prove how it treats documents.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use linkrelay_testkit::mongo::MongoServer;
use mongodb::Client;
use mongodb::bson::doc;

/// Asks a server with a new client, which gives up after this many milliseconds.
async fn ping(uri: &str, limit_ms: u64) -> mongodb::error::Result<()> {
    let limits = format!("serverSelectionTimeoutMS={limit_ms}&connectTimeoutMS={limit_ms}");
    let client = Client::with_uri_str(format!("{uri}&{limits}")).await?;
    client.database("admin").run_command(doc! { "ping": 1 }).await.map(drop)
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
    let (addr, uri) = (server.addr().unwrap(), server.uri().to_owned());
    assert_eq!(uri, format!("mongodb://{addr}/?directConnection=true"));
    ping(&uri, 60_000).await.unwrap();

    server.kill().unwrap();
    assert!(ping(&uri, 200).await.is_err());
    server.restart().await.unwrap();
    assert_eq!(server.addr().unwrap(), addr);
    ping(&uri, 60_000).await.unwrap();

    server.pause().unwrap();
    assert!(ping(&uri, 200).await.is_err());
    server.resume().unwrap();
    ping(&uri, 60_000).await.unwrap();

    drop(server);
    assert!(ping(&uri, 200).await.is_err());
}
