use std::time::Duration;

use jiff::Timestamp;
use linkrelay_common::{RequestId, VideoId};
use linkrelay_extractor::{ExtractError, Refusal};
use linkrelay_kafka::{LinkMessage, RecordHeaders};
use linkrelay_store::{Expansion, LinkDocument, LinkState, LinkStore};

use crate::relay::{Relay, link, until, video_id};

const LIST: &str = "https://www.youtube.com/playlist?list=PL1";

fn videos(numbers: std::ops::Range<usize>) -> Vec<VideoId> {
    numbers.map(video_id).collect()
}

/// Publishes a link to a list at this index of a request.
async fn publish(relay: &Relay, request_id: RequestId, index: u32) {
    let headers = RecordHeaders {
        request: Some((request_id, index)),
        submitted_at: Timestamp::from_second(1_764_000_000).ok(),
        ..RecordHeaders::default()
    };
    relay.publish(&LinkMessage::one(LIST, true), &headers, "PL1").await;
}

async fn until_done(relay: &Relay, documents_count: usize) {
    until("every document is there", || relay.store.documents_count() == documents_count).await;
    until("everything is committed", || relay.lag() == 0).await;
}

fn of_index(documents: &[LinkDocument], index: u32) -> &LinkDocument {
    documents.iter().find(|document| document.index == index).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_has_a_document_and_so_has_each_of_its_videos() {
    let relay = Relay::start();
    relay.extractor.list([Ok(videos(0..30))]);
    let running = relay.consume("--expand-limit 77").await;
    let request_id = RequestId::new(2);
    publish(&relay, request_id, 1).await;
    until_done(&relay, 31).await;
    let documents = relay.store.documents();
    let list = of_index(&documents, 1);
    let first_index = 10_002;
    let video_ids = videos(0..30);
    let expansion = Expansion { first_index, videos_count: 30, video_ids };
    assert_eq!((list.status, &list.expansion), (LinkState::Expanded, &Some(expansion)));
    assert_eq!((list.link.as_str(), list.source.as_deref()), (LIST, Some("data_api")));
    for number in 0..30 {
        let index = first_index + u32::try_from(number).unwrap();
        let document = of_index(&documents, index);
        assert_eq!(document.id.as_str(), format!("{request_id}:{index}"));
        assert_eq!(document.video_id, Some(video_id(number).to_string()));
        assert_eq!(document.link, link(number));
        assert_eq!(document.status, LinkState::Stored);
        assert_eq!(document.submitted_at, list.submitted_at);
    }
    assert_eq!(relay.extractor.list_limits(), [77]);
    assert!(relay.dead_letters().is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_a_deleted_request_is_not_expanded_again() {
    let relay = Relay::start();
    relay.extractor.list([Ok(videos(0..3))]);
    let running = relay.consume("").await;
    let request_id = RequestId::new(1);
    publish(&relay, request_id, 0).await;
    until_done(&relay, 4).await;
    assert_eq!(relay.store.delete_request(request_id, Timestamp::now()).await, Ok(4));
    let (calls, lists) = (relay.extractor.calls_count(), relay.extractor.list_limits().len());
    publish(&relay, request_id, 0).await;
    until_done(&relay, 4).await;
    let asked = (relay.extractor.calls_count(), relay.extractor.list_limits().len());
    assert_eq!(asked, (calls, lists));
    let statuses = relay.store.documents().into_iter().map(|document| document.status);
    assert!(statuses.eq([LinkState::Deleted; 4]));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_from_the_console_is_named_by_its_record() {
    let relay = Relay::start();
    relay.extractor.list([Ok(videos(0..3)), Ok(Vec::new())]);
    let running = relay.consume("").await;
    let both = format!(r#"{{"links": ["{}", "{LIST}"]}}"#, link(9));
    relay.type_in(both.as_bytes()).await;
    until_done(&relay, 5).await;
    let documents = relay.store.documents();
    let record = documents[0].kafka.clone().unwrap();
    for index in [0, 1, 131_072, 131_073, 131_074] {
        let document = of_index(&documents, index);
        assert_eq!(document.id.as_str(), format!("{record}:{index}"));
        assert_eq!(document.request_id, None);
    }
    relay.type_in(LIST.as_bytes()).await;
    until_done(&relay, 6).await;
    let empty = relay.store.documents().into_iter().find(|found| !documents.contains(found));
    let expansion = empty.unwrap().expansion.unwrap();
    assert_eq!((expansion.videos_count, expansion.video_ids), (0, Vec::new()));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_changes_between_two_deliveries_stays_what_it_was() {
    let relay = Relay::start();
    relay.extractor.list([Ok(videos(0..3)), Ok(videos(2..9))]);
    let running = relay.consume("").await;
    let request_id = RequestId::new(1);
    publish(&relay, request_id, 0).await;
    until_done(&relay, 4).await;
    let before = relay.store.documents();
    publish(&relay, request_id, 0).await;
    until("everything is committed", || relay.lag() == 0).await;
    assert_eq!(relay.store.documents(), before);
    assert_eq!(relay.extractor.list_limits().len(), 1, "asked once");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_whose_document_is_written_continues_from_it() {
    let relay = Relay::start();
    let request_id = RequestId::new(1);
    relay.extractor.list([Ok(videos(0..5))]);
    let running = relay.consume("").await;
    publish(&relay, request_id, 0).await;
    until_done(&relay, 6).await;
    let complete = relay.store.documents();
    let list = of_index(&complete, 0).clone();
    running.stop().await;

    // A consumer that was killed right after it had written the document of the list.
    let relay = Relay::start();
    relay.store.write_batch(&[list]).await.unwrap();
    let running = relay.consume("").await;
    publish(&relay, request_id, 0).await;
    until_done(&relay, 6).await;
    let ids = |documents: &[LinkDocument]| {
        documents.iter().map(|document| document.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&relay.store.documents()), ids(&complete));
    assert!(relay.extractor.list_limits().is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_failure_is_retried_and_a_short_cool_down_is_waited_for() {
    let relay = Relay::start();
    let cool_down =
        ExtractError::StoodDown { reason: "api_rate_limit", reopens_in: Duration::from_millis(30) };
    let failure = ExtractError::Status(503);
    let cool_downs = vec![Err(cool_down); 5];
    relay.extractor.list(cool_downs.into_iter().chain([Err(failure), Ok(videos(0..2))]));
    let running = relay.consume("--max-attempts 2").await;
    publish(&relay, RequestId::new(1), 0).await;
    until_done(&relay, 3).await;
    assert_eq!(relay.extractor.list_limits().len(), 7);
    assert!(relay.dead_letters().is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_not_available_is_a_failed_document() {
    let relay = Relay::start();
    let unavailable = ExtractError::Refused(Refusal::ListUnavailable);
    let quota =
        ExtractError::StoodDown { reason: "quota_used_up", reopens_in: Duration::from_secs(9_000) };
    relay.extractor.list([Err(unavailable), Err(quota), Ok(videos(0..2))]);
    let running = relay.consume("").await;
    publish(&relay, RequestId::new(1), 0).await;
    until_done(&relay, 1).await;
    let error = relay.store.documents()[0].error.clone().unwrap();
    assert_eq!((error.code.as_str(), error.attempts), ("list_unavailable", 1));
    assert!(relay.dead_letters().is_empty(), "an operator cannot fix that");

    let request_id = RequestId::new(1);
    publish(&relay, request_id, 0).await;
    until_done(&relay, 2).await;
    let letters = relay.dead_letters();
    assert_eq!(letters.len(), 1, "this can be replayed later");
    assert_eq!(letters[0].headers["linkrelay-error-class"], "transient");
    publish(&relay, request_id, 0).await;
    until_done(&relay, 4).await;
    let replayed = relay.store.documents();
    let replayed: Vec<_> =
        replayed.iter().filter(|document| document.request_id == Some(request_id)).collect();
    assert_eq!(replayed[0].status, LinkState::Expanded);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_with_the_identity_of_a_video_s_document_is_complete() {
    let relay = Relay::start();
    let request_id = RequestId::new(1);
    let headers = RecordHeaders { request: Some((request_id, 0)), ..RecordHeaders::default() };
    let running = relay.consume("").await;
    relay.publish(&LinkMessage::one(link(0), false), &headers, "k").await;
    until_done(&relay, 1).await;
    let before = relay.store.documents();
    publish(&relay, request_id, 0).await;
    until("everything is committed", || relay.lag() == 0).await;
    assert_eq!(relay.store.documents(), before);
    assert!(relay.extractor.list_limits().is_empty(), "YouTube is not asked for it");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_at_an_index_beyond_the_request_is_refused() {
    let relay = Relay::start();
    let running = relay.consume("").await;
    // As if the video of a list were a list.
    publish(&relay, RequestId::new(1), 3).await;
    until_done(&relay, 1).await;
    let document = &relay.store.documents()[0];
    assert_eq!(document.error.as_ref().unwrap().code, "no_room");
    assert!(relay.extractor.list_limits().is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn videos_that_the_broker_refuses_are_reported_and_waited_for() {
    let relay = Relay::start();
    relay.extractor.list([Ok(videos(0..3))]);
    relay.store.set_down(true);
    let running = relay.consume("").await;
    publish(&relay, RequestId::new(1), 0).await;
    relay.refuse_records();
    relay.store.set_down(false);
    until("the lists part reports it", || {
        running.health.readiness().parts["lists"].contains("not published")
    })
    .await;
    until_done(&relay, 4).await;
    until("it is ready again", || running.is_ready()).await;
    running.stop().await;
}
