use jiff::Timestamp;
use linkrelay_common::{ErrorClass, RequestId};
use linkrelay_extractor::{ExtractError, Refusal};
use linkrelay_kafka::{LinkMessage, RecordHeaders};
use linkrelay_store::LinkState;

use crate::relay::{Relay, link, until, video_id};

#[tokio::test(flavor = "multi_thread")]
async fn a_link_becomes_one_document_with_its_index_in_the_request() {
    let relay = Relay::start();
    let running = relay.consume("").await;
    let request_id = RequestId::new(2);
    let submitted_at = Timestamp::from_second(1_700_000_000).unwrap();
    for index in [0, 1, 1] {
        let headers = RecordHeaders {
            request: Some((request_id, index)),
            submitted_at: Some(submitted_at),
            ..RecordHeaders::default()
        };
        let number = index as usize;
        relay
            .publish(&LinkMessage::one(link(number), false), &headers, video_id(number).as_str())
            .await;
    }
    until("everything is committed", || relay.lag() == 0).await;
    let documents = relay.store.documents();
    let ids: Vec<String> = documents.iter().map(|document| document.id.to_string()).collect();
    assert_eq!(ids, [format!("{request_id}:0"), format!("{request_id}:1")]);
    assert_eq!(documents[1].request_id, Some(request_id));
    assert_eq!(documents[1].index, 1);
    assert_eq!(documents[1].link, link(1));
    assert_eq!(documents[1].submitted_at, Some(submitted_at));
    assert_eq!(documents[1].source.as_deref(), Some("scripted"));
    assert_eq!(documents[1].video.as_ref().unwrap().title, format!("video {}", video_id(1)));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_s_origin_has_the_timestamp_that_its_producer_set() {
    let relay = Relay::start();
    let running = relay.consume("").await;
    let timestamps = [1_700_000_000_123, 1_700_000_000_456];
    for (number, timestamp) in timestamps.into_iter().enumerate() {
        relay.type_in_at(link(number).as_bytes(), timestamp).await;
    }
    until("everything is committed", || relay.lag() == 0).await;
    for (number, timestamp) in timestamps.into_iter().enumerate() {
        let document = relay.document(&link(number));
        let origin = document.kafka.as_ref().unwrap();
        assert_eq!(origin.timestamp, timestamp);
        assert_eq!(document.id.as_str(), format!("{origin}:0"));
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_types_becomes_documents_and_invalid_input_a_dead_letter() {
    let relay = Relay::start();
    let running = relay.consume("").await;
    relay.type_in(format!(r#"{{"links":"{}"}}"#, link(0)).as_bytes()).await;
    relay.type_in(format!(r#"{{"links":["{}","{}"]}}"#, link(1), link(2)).as_bytes()).await;
    relay.type_in(link(3).as_bytes()).await;
    relay.type_in(b"rubbish \xff\x00").await;
    relay.type_in(b"").await;
    until("everything is committed", || relay.lag() == 0).await;
    let (malformed, documents): (Vec<_>, Vec<_>) =
        relay.store.documents().into_iter().partition(|document| document.error.is_some());
    let mut links: Vec<String> = documents.into_iter().map(|document| document.link).collect();
    links.sort();
    assert_eq!(links, [link(0), link(1), link(2), link(3)]);
    assert_eq!(malformed.len(), 2);
    for document in &malformed {
        assert_eq!(document.error.as_ref().unwrap().class, ErrorClass::Malformed);
        assert_eq!(document.id.as_str(), format!("{}:0", document.kafka.as_ref().unwrap()));
    }
    assert!(malformed.iter().any(|document| document.link == "rubbish \u{fffd}\0"));
    let mut dead_letters = relay.dead_letters();
    dead_letters.sort_by(|a, b| a.value.cmp(&b.value));
    let values: Vec<&[u8]> = dead_letters.iter().map(|letter| letter.value.as_slice()).collect();
    assert_eq!(values, [b"".as_slice(), b"rubbish \xff\x00"]);
    let headers = &dead_letters[1].headers;
    assert_eq!(headers["linkrelay-error-class"], "malformed");
    assert_eq!(headers["linkrelay-attempts"], "0");
    assert!(headers["linkrelay-origin"].starts_with("LINKS-YOUTUBE:"));
    assert!(headers["linkrelay-failed-at"].parse::<Timestamp>().is_ok());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_too_many_links_is_a_dead_letter_as_a_whole() {
    let relay = Relay::start();
    let running = relay.consume("").await;
    let links = (0..1_001).map(link).collect();
    let message = LinkMessage { links, force: false };
    relay.type_in(&message.encode()).await;
    until("everything is committed", || relay.lag() == 0).await;
    assert_eq!(relay.dead_letters()[0].value, message.encode());
    let documents = relay.store.documents();
    let error = documents[0].error.as_ref().unwrap();
    assert_eq!((documents.len(), error.code.as_str()), (1, "malformed"));
    assert!(error.message.contains("1001 links, more than 1000"), "{}", error.message);
    running.stop().await;
}

/// The refused document waits for its dead letter, which cannot be written.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_document_does_not_block_the_others_of_its_batch() {
    let relay = Relay::start();
    relay.store.refuse(&link(0));
    relay.refuse_dead_letters(true);
    let running = relay.consume("--batch-linger 1s --batches-in-flight 1").await;
    let keyed = |number| (LinkMessage::one(link(number), false), RecordHeaders::default());
    // All in one partition, the refused one last.
    for number in [1, 2, 0] {
        let (message, headers) = keyed(number);
        relay.publish(&message, &headers, "k").await;
    }
    until("the others are committed", || relay.lag() == 1).await;
    let (message, headers) = keyed(3);
    relay.publish(&message, &headers, "k").await;
    until("the next one is stored", || relay.store.documents_count() == 3).await;
    relay.refuse_dead_letters(false);
    until("everything is committed", || relay.lag() == 0).await;
    assert_eq!((relay.store.documents_count(), relay.dead_letters().len()), (4, 1));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_class_of_error_has_its_own_outcome() {
    let relay = Relay::start();
    let transient = || ExtractError::Status(503);
    relay.extractor.always_fail(video_id(0), ExtractError::Refused(Refusal::Private));
    relay.extractor.fail(video_id(1), [transient(), transient()]);
    relay.extractor.always_fail(video_id(2), transient());
    let running = relay.consume("--max-attempts 3").await;
    relay.publish_links(0..3).await;
    relay.type_in(b"https://example.com/").await;
    until("everything is committed", || relay.lag() == 0).await;

    let private = relay.document(&link(0)).error.unwrap();
    assert_eq!(
        (private.class, private.code.as_str(), private.attempts),
        (ErrorClass::Permanent, "private", 1)
    );
    assert_eq!(relay.document(&link(1)).status, LinkState::Stored);
    let given_up = relay.document(&link(2)).error.unwrap();
    assert_eq!((given_up.class, given_up.attempts), (ErrorClass::Transient, 3));
    let foreign = relay.document("https://example.com/");
    assert_eq!(foreign.video_id, None);
    assert_eq!(foreign.error.unwrap().code, "not_youtube");

    let dead_letters = relay.dead_letters();
    assert_eq!(dead_letters.len(), 1, "{dead_letters:?}");
    assert_eq!(dead_letters[0].key.as_deref(), Some(video_id(2).as_str().as_bytes()));
    assert_eq!(dead_letters[0].headers["linkrelay-attempts"], "3");
    assert_eq!(dead_letters[0].headers["linkrelay-error-class"], "transient");
    assert_eq!(LinkMessage::decode(&dead_letters[0].value).unwrap().links, [link(2)]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_record_with_several_links_only_the_one_that_fails_becomes_a_dead_letter() {
    let relay = Relay::start();
    relay.extractor.always_fail(video_id(1), ExtractError::Status(500));
    let running = relay.consume("--max-attempts 1").await;
    let links = (0..3).map(link).collect();
    relay.publish(&LinkMessage { links, force: false }, &RecordHeaders::default(), "k").await;
    until("everything is committed", || relay.lag() == 0).await;
    assert_eq!(relay.store.documents_count(), 3);
    let dead_letters = relay.dead_letters();
    assert_eq!(dead_letters.len(), 1);
    assert_eq!(LinkMessage::decode(&dead_letters[0].value).unwrap().links, [link(1)]);
    assert_eq!(dead_letters[0].headers["linkrelay-index"], "1");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_costs_no_attempt() {
    let relay = Relay::start();
    let throttled = ExtractError::Throttled { reason: "status_429", retry_after: None };
    relay.extractor.fail(video_id(0), [throttled]);
    let running = relay.consume("--max-attempts 1").await;
    relay.publish_links(0..1).await;
    until("it is stored", || relay.store.documents_count() == 1).await;
    assert_eq!(relay.store.documents()[0].status, LinkState::Stored);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_the_store_refuses_affects_no_other() {
    let relay = Relay::start();
    relay.store.refuse(&link(1));
    let running = relay.consume("").await;
    relay.publish_links(0..3).await;
    until("everything is committed", || relay.lag() == 0).await;
    let documents = relay.store.documents();
    assert_eq!(documents.len(), 3);
    for document in documents {
        assert_eq!(document.status == LinkState::Failed, document.link == link(1));
    }
    assert_eq!(relay.dead_letters().len(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_the_extractor_fails_only_that_link() {
    let relay = Relay::start();
    relay.extractor.panics.lock().unwrap().insert(video_id(0));
    let running = relay.consume("--max-attempts 2").await;
    relay.publish_links(0..20).await;
    until("everything is committed", || relay.lag() == 0).await;
    let mut failed = relay.store.documents();
    failed.retain(|document| document.status == LinkState::Failed);
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].link, link(0));
    assert!(running.is_running());
    running.stop().await;
}
