use linkrelay_common::{RecordOrigin, RequestId};
use linkrelay_extractor::ExtractError;
use linkrelay_kafka::{LinkMessage, RecordHeaders};
use linkrelay_store::LinkState;

use crate::relay::{DeadLetter, Relay, link, until, video_id};

/// Publishes a dead letter as a replay does.
async fn replay(relay: &Relay, letter: &DeadLetter) {
    let origin: RecordOrigin = letter.headers["linkrelay-origin"].parse().unwrap();
    let index = letter.headers["linkrelay-index"].parse().unwrap();
    let submitted_at = letter.headers["linkrelay-submitted-at"].parse().unwrap();
    let headers = RecordHeaders {
        origin: Some((origin, index)),
        submitted_at: Some(submitted_at),
        ..RecordHeaders::default()
    };
    let message = LinkMessage::decode(&letter.value).unwrap();
    relay.publish(&message, &headers, "k").await;
}

fn failed_count(relay: &Relay) -> usize {
    let documents = relay.store.documents();
    documents.iter().filter(|document| document.status == LinkState::Failed).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_link_without_a_request_finds_its_own_document() {
    let relay = Relay::start();
    relay.extractor.fail(video_id(1), [ExtractError::Status(500), ExtractError::Status(503)]);
    let running = relay.consume("--max-attempts 1").await;
    let links = (0..3).map(link).collect();
    relay.publish(&LinkMessage { links, force: false }, &RecordHeaders::default(), "k").await;
    until("everything is committed", || relay.lag() == 0).await;
    let before = relay.store.documents();
    assert_eq!((before.len(), failed_count(&relay)), (3, 1));

    // It fails again: the dead letter still has the origin of the record.
    replay(&relay, &relay.dead_letters()[0]).await;
    until("it is given up again", || relay.dead_letters().len() == 2 && relay.lag() == 0).await;
    let letters = relay.dead_letters();
    for name in ["linkrelay-origin", "linkrelay-index", "linkrelay-submitted-at"] {
        assert_eq!(letters[0].headers[name], letters[1].headers[name], "{name}");
    }
    assert_ne!(letters[0].headers["linkrelay-error"], letters[1].headers["linkrelay-error"]);
    assert_eq!(failed_count(&relay), 1);

    replay(&relay, &letters[1]).await;
    until("it is stored", || failed_count(&relay) == 0).await;
    let after = relay.store.documents();
    assert_eq!(after.len(), 3);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((&before.id, before.index, &before.link), (&after.id, after.index, &after.link));
        assert_eq!(before.submitted_at, after.submitted_at);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_record_with_several_links_only_the_refused_one_becomes_a_dead_letter() {
    let relay = Relay::start();
    relay.store.refuse(&link(2));
    let running = relay.consume("").await;
    let links = (0..3).map(link).collect();
    relay.publish(&LinkMessage { links, force: true }, &RecordHeaders::default(), "k").await;
    until("everything is committed", || relay.lag() == 0).await;
    let letters = relay.dead_letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(LinkMessage::decode(&letters[0].value).unwrap(), LinkMessage::one(link(2), true));
    assert_eq!(letters[0].headers["linkrelay-index"], "2");
    relay.store.refuse_none();
    replay(&relay, &letters[0]).await;
    until("it is stored", || failed_count(&relay) == 0).await;
    assert_eq!(relay.store.documents_count(), 3);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forced_link_whose_document_is_there_is_not_asked_for_again() {
    let relay = Relay::start();
    let running = relay.consume("").await;
    let request = Some((RequestId::new(1), 0));
    let headers = RecordHeaders { request, ..RecordHeaders::default() };
    for _ in 0..2 {
        relay.publish(&LinkMessage::one(link(1), true), &headers, "k").await;
        until("everything is committed", || relay.lag() == 0).await;
    }
    assert_eq!((relay.extractor.calls_count(), relay.store.documents_count()), (1, 1));
    // A link of a new request is asked for.
    let request = Some((RequestId::new(1), 0));
    let headers = RecordHeaders { request, ..RecordHeaders::default() };
    relay.publish(&LinkMessage::one(link(1), true), &headers, "k").await;
    until("it has its own document", || relay.store.documents_count() == 2).await;
    assert_eq!(relay.extractor.calls_count(), 2);
    running.stop().await;
}
