use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use linkrelay_common::health::Health;
use linkrelay_common::{LinkIdentity, LinkTarget, RequestId};
use linkrelay_embedded::journal::Journal;
use linkrelay_embedded::{JournaledAccept, SqliteJournal};
use linkrelay_kafka::LinkRecord;
use linkrelay_kafka::publish::{Publish, PublishError};
use linkrelay_store::SqliteStore;
use rdkafka::types::RDKafkaErrorCode;
use serde_json::json;
use tokio::net::TcpStream;

use crate::fake_journal::FakeJournal;
use crate::helpers::fake_publish::{Do, FakePublish};
use crate::helpers::{LINK, NO_BROKER, OTHER_LINK, TestApp, settings, until};

async fn start(publish: Arc<dyn Publish>, journal: Arc<dyn Journal>) -> TestApp {
    let (settings, health) = (settings(NO_BROKER), Health::default());
    let accept = JournaledAccept::new(journal, publish, settings.api.request_timeout, &health);
    TestApp::start_with(settings, Box::new(accept), health).await
}

async fn app(publish: Arc<dyn Publish>, journal: &Arc<FakeJournal>) -> TestApp {
    let app = start(publish, Arc::clone(journal) as _).await;
    // The app is ready once it has read the journal, so no later link counts as an earlier one.
    app.until_ready().await;
    app
}

/// Submits a link, and disconnects while the journal writes it.
async fn disconnect_while_journaling(app: &TestApp, journal: &FakeJournal) {
    journal.waits.store(true, Ordering::Relaxed);
    let is_journaling = async || journal.entries.lock().unwrap().len() == 1;
    let body = json!({"links": LINK});
    tokio::select! {
        _ = app.submit(&body) => panic!("answered before it was journaled"),
        () = until("the link is being journaled", is_journaling) => {}
    }
}

fn record(count: u32, index: u32) -> LinkRecord {
    LinkRecord {
        target: LinkTarget::Video("5fR9AHlSDtc".parse().unwrap()),
        link: LINK.to_owned(),
        force: false,
        identity: LinkIdentity::OfRequest { request_id: RequestId::new(count), index },
        submitted_at: Timestamp::UNIX_EPOCH,
        trace_parent: None,
        failed_in: None,
    }
}

#[tokio::test]
async fn what_is_accepted_is_journaled_and_published() {
    let (publish, journal) = (FakePublish::new(|_| Do::Ack), Arc::new(FakeJournal::default()));
    let app = app(publish.clone(), &journal).await;
    let taken = app.submit(&json!({"links": [LINK, OTHER_LINK]})).await;
    assert_eq!(taken.status, 201, "{taken:?}");
    assert_eq!(journal.entries.lock().unwrap().len(), 2);
    assert_eq!(publish.sent(), *journal.entries.lock().unwrap());
    app.stop().await;
}

#[tokio::test]
async fn without_the_journal_nothing_is_accepted_or_published() {
    let (publish, journal) = (FakePublish::new(|_| Do::Ack), Arc::new(FakeJournal::default()));
    let app = app(publish.clone(), &journal).await;
    journal.is_broken.store(true, Ordering::Relaxed);
    let refused = app.submit(&json!({"links": LINK})).await;
    refused.assert_problem(503, "journal_unavailable");
    assert!(!refused.json.to_string().contains("secret"), "{refused:?}");
    assert_eq!(app.get("/health/ready").await.status, 503);

    journal.is_broken.store(false, Ordering::Relaxed);
    journal.is_full.store(true, Ordering::Relaxed);
    let refused = app.submit(&json!({"links": LINK})).await;
    refused.assert_problem(503, "queue_full");
    assert_eq!(refused.retry_after.as_deref(), Some("1"));
    assert_eq!(publish.sent(), []);

    journal.is_full.store(false, Ordering::Relaxed);
    assert_eq!(app.submit(&json!({"links": LINK})).await.status, 201);
    app.until_ready().await;
    app.stop().await;
}

#[tokio::test]
async fn links_of_an_earlier_process_are_published_at_the_start() {
    let (publish, journal) = (FakePublish::new(|_| Do::Ack), Arc::new(FakeJournal::default()));
    let left: Vec<_> = (0..2_500).map(|index| record(2_500, index)).collect();
    *journal.entries.lock().unwrap() = left.clone();
    let app = app(publish.clone(), &journal).await;
    until("all are published", async || publish.sent().len() == left.len()).await;
    assert_eq!(publish.sent(), left);
    app.stop().await;
}

#[tokio::test]
async fn a_journaled_link_is_published_until_it_arrives() {
    let script = |n| match n {
        0 => Do::Ack,
        1 => Do::Refuse(PublishError::QueueFull),
        2 => Do::FailLater(RDKafkaErrorCode::MessageTimedOut),
        _ => Do::Ack,
    };
    let (publish, journal) = (FakePublish::new(script), Arc::new(FakeJournal::default()));
    let app = app(publish.clone(), &journal).await;
    let taken = app.submit(&json!({"links": [LINK, OTHER_LINK]})).await;
    assert_eq!(taken.status, 201, "the journal has both: {taken:?}");
    until("it is published twice more", async || publish.sent().len() == 4).await;
    let sent = publish.sent();
    assert!(sent[1..].iter().all(|record| record.link == OTHER_LINK), "{sent:?}");
    assert_eq!(sent[1], sent[3], "under the same id");
    app.stop().await;
}

#[tokio::test]
async fn a_client_that_disconnects_leaves_no_link_unpublished() {
    let (publish, journal) = (FakePublish::new(|_| Do::Ack), Arc::new(FakeJournal::default()));
    let app = app(publish.clone(), &journal).await;
    disconnect_while_journaling(&app, &journal).await;
    journal.go.notify_one();
    until("it is published nevertheless", async || publish.sent().len() == 1).await;
    app.stop().await;
}

#[tokio::test]
async fn a_stop_waits_for_a_link_whose_client_has_disconnected() {
    let (publish, journal) = (FakePublish::new(|_| Do::Ack), Arc::new(FakeJournal::default()));
    let app = app(publish.clone(), &journal).await;
    disconnect_while_journaling(&app, &journal).await;
    let addr = app.addr;
    let go = async {
        // The listener is closed first of all.
        until("the role stops", async || TcpStream::connect(addr).await.is_err()).await;
        journal.go.notify_one();
    };
    tokio::join!(app.stop(), go);
    assert_eq!(publish.sent(), *journal.entries.lock().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_outlives_the_process_in_the_store_s_own_file() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Arc::new(SqliteStore::open(&dir.path().join("linkrelay.sqlite")).unwrap());
    let journal = || Arc::new(SqliteJournal::new(open(), 500));
    let never = FakePublish::new(|_| Do::Refuse(PublishError::QueueFull));
    let first = start(never, journal()).await;
    let taken = first.submit(&json!({"links": [LINK, OTHER_LINK]})).await;
    assert_eq!(taken.status, 201, "{taken:?}");
    first.stop().await;

    let publish = FakePublish::new(|_| Do::Ack);
    let second = start(publish.clone(), journal()).await;
    until("both are published", async || publish.sent().len() == 2).await;
    let ids: Vec<_> = publish.sent().iter().map(|sent| sent.document_id().to_string()).collect();
    assert_eq!(ids, [0, 1].map(|index| format!("{}:{index}", taken.id())));
    second.stop().await;
}
