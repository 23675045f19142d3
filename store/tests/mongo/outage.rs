//! If a server is unreachable, stops, or falls silent, calls fail soon, and succeed again once it
//! is back.

use std::time::Duration;

use linkrelay_common::RequestId;
use linkrelay_store::contract::sample;
use linkrelay_store::{LinkStore, StoreError, WriteOutcome};
use linkrelay_testkit::mongo::MongoServer;
use linkrelay_testkit::tools::free_port;
use tokio::time::timeout;

use crate::mongo_store;

/// Much longer than the store's deadlines, to detect a call that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_server_that_does_not_listen_is_unreachable() {
    let port = free_port().unwrap();
    let store = mongo_store(&format!("mongodb://user:sesame@127.0.0.1:{port}"), "linkrelay");
    let documents = [sample::stored(RequestId::new(1), 0)];
    let error = timeout(PATIENCE, store.write_batch(&documents)).await.unwrap().unwrap_err();
    assert!(matches!(error, StoreError::Unreachable(_)), "{error:?}");
    let error = timeout(PATIENCE, store.ping()).await.unwrap().unwrap_err();
    assert!(!format!("{store:?} {error:?}").contains("sesame"));
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_killed_server() {
    let mut server = MongoServer::start().await.unwrap();
    let store = mongo_store(server.uri(), "linkrelay");
    let request_id = RequestId::new(2);
    let documents = [sample::stored(request_id, 0), sample::stored(request_id, 1)];
    store.write_batch(&documents[..1]).await.unwrap();
    server.kill().unwrap();
    let error = timeout(PATIENCE, store.write_batch(&documents)).await.unwrap().unwrap_err();
    assert!(matches!(error, StoreError::Unreachable(_)), "{error:?}");
    server.restart().await.unwrap();
    let outcomes = timeout(PATIENCE, until_written(&store, &documents)).await.unwrap();
    assert_eq!(outcomes, [WriteOutcome::AlreadyThere, WriteOutcome::Inserted]);
}

#[tokio::test]
async fn a_server_that_falls_silent_is_unreachable_and_then_written_to_again() {
    let mut server = MongoServer::start().await.unwrap();
    // The driver's heartbeat notices the silence; a short interval makes the test short.
    let uri = format!("{}&heartbeatFrequencyMS=500", server.uri());
    let store = mongo_store(&uri, "linkrelay");
    let documents = [sample::stored(RequestId::new(1), 0)];
    store.ping().await.unwrap();
    server.pause().unwrap();
    let error = timeout(PATIENCE, store.write_batch(&documents)).await.unwrap().unwrap_err();
    assert!(matches!(error, StoreError::Unreachable(_)), "{error:?}");
    server.resume().unwrap();
    timeout(PATIENCE, until_written(&store, &documents)).await.unwrap();
    let found = store.find(&[documents[0].id.clone()]).await.unwrap();
    assert_eq!(found, documents);
}

/// Writes again until it succeeds, as a caller does.
async fn until_written(
    store: &impl LinkStore,
    documents: &[linkrelay_store::LinkDocument],
) -> Vec<WriteOutcome> {
    loop {
        match store.write_batch(documents).await {
            Ok(outcomes) => return outcomes,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
