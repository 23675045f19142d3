use linkrelay_common::RequestId;
use linkrelay_extractor::{ExtractError, Refusal};
use linkrelay_kafka::{LinkMessage, RecordHeaders};
use linkrelay_store::testing::Method;
use linkrelay_store::{LinkState, LinkStore};

use crate::relay::{Relay, Running, link, until, video_id};

/// Starts a consumer of another group, which reads from the beginning, as the same group does after
/// its commits were reset.
async fn read_again(relay: &Relay, group: &str, settings: &str) -> Running {
    relay.consume(&format!("{settings} --kafka-group-id {group}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn complete_links_are_not_asked_for_again_wherever_the_group_begins() {
    let relay = Relay::start();
    relay.extractor.always_fail(video_id(0), ExtractError::Refused(Refusal::Private));
    relay.extractor.always_fail(video_id(1), ExtractError::Status(503));
    let settings = "--max-attempts 1";
    let running = relay.consume(settings).await;
    relay.publish_links(0..1_000).await;
    relay.type_in(b"rubbish").await;
    relay.type_in(&LinkMessage { links: (0..3).map(link).collect(), force: true }.encode()).await;
    until("everything is committed", || relay.lag() == 0).await;
    running.stop().await;
    let calls = relay.extractor.calls_count();
    let letters = relay.dead_letters().len();

    let running = read_again(&relay, "again", settings).await;
    until("everything is committed", || relay.lag_of("again") == 0).await;
    assert_eq!(relay.extractor.calls_count(), calls, "something was asked for again");
    assert_eq!(relay.dead_letters().len(), letters, "a second dead letter");
    assert_eq!(relay.store.documents_count(), 1_004);
    assert_eq!(relay.store.counts(Method::Done).items, 1_004);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_several_links_is_complete_when_the_last_of_them_is() {
    let relay = Relay::start();
    let message = LinkMessage { links: (0..3).map(link).collect(), force: false };
    let running = relay.consume("").await;
    relay.type_in(&message.encode()).await;
    until("everything is committed", || relay.lag() == 0).await;
    running.stop().await;
    let removed = relay.store.documents()[1].clone();
    relay.store.remove(&removed.id);

    relay.extractor.close_gate();
    let running = read_again(&relay, "again", "").await;
    until("the one without a document is asked for", || relay.extractor.in_flight() == 1).await;
    assert_eq!(relay.lag_of("again"), 1);
    relay.extractor.open_gate();
    until("everything is committed", || relay.lag_of("again") == 0).await;
    assert_eq!(relay.extractor.calls_count(), 4);
    assert_eq!(relay.store.documents()[1].link, removed.link);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_another_record_does_not_complete_this_one() {
    let relay = Relay::start();
    let request_id = RequestId::new(2);
    let headers =
        |index| RecordHeaders { request: Some((request_id, index)), ..RecordHeaders::default() };
    relay.extractor.always_fail(video_id(0), ExtractError::Refused(Refusal::Private));
    relay.extractor.always_fail(video_id(1), ExtractError::Refused(Refusal::Private));
    let running = relay.consume("").await;
    for index in [0, 1] {
        let message = LinkMessage::one(link(index as usize), false);
        relay.publish(&message, &headers(index), "k").await;
    }
    until("everything is committed", || relay.lag() == 0).await;
    running.stop().await;
    // As the waiting path writes it: without a record.
    let mut waited = relay.store.documents()[0].clone();
    waited.kafka = None;
    relay.store.remove(&waited.id);
    relay.store.write_batch(&[waited]).await.unwrap();
    relay.extractor.recover();
    let running = read_again(&relay, "again", "").await;
    until("everything is committed", || relay.lag_of("again") == 0).await;
    let states: Vec<LinkState> =
        relay.store.documents().iter().map(|document| document.status).collect();
    assert_eq!(states, [LinkState::Stored, LinkState::Failed]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_failed_again_is_not_tried_at_the_next_take_over() {
    let relay = Relay::start();
    relay.extractor.always_fail(video_id(0), ExtractError::Status(503));
    let headers =
        RecordHeaders { request: Some((RequestId::new(1), 0)), ..RecordHeaders::default() };
    let message = LinkMessage::one(link(0), false);
    let settings = "--max-attempts 1";
    let running = relay.consume(settings).await;
    for records in 1..=2 {
        relay.publish(&message, &headers, "k").await;
        until("it is given up", || relay.lag() == 0 && relay.dead_letters().len() == records).await;
    }
    running.stop().await;
    let running = read_again(&relay, "again", settings).await;
    until("everything is committed", || relay.lag_of("again") == 0).await;
    // The first record's failure is replaced, so it is tried again; the second's is in the store.
    assert_eq!(relay.dead_letters().len(), 3);
    running.stop().await;
    relay.extractor.recover();
    let running = read_again(&relay, "third", settings).await;
    until("everything is committed", || relay.lag_of("third") == 0).await;
    assert_eq!(relay.store.documents()[0].status, LinkState::Stored);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_is_unreachable_a_lane_that_was_taken_over_waits() {
    let relay = Relay::start();
    relay.store.set_down(true);
    let running = relay.consume("").await;
    relay.publish_links(0..20).await;
    until("it reports the store", || {
        running.health.readiness().parts["store"].contains("no route to secret-host")
    })
    .await;
    assert_eq!(relay.extractor.calls_count(), 0);
    relay.store.set_down(false);
    until("everything is committed", || relay.lag() == 0).await;
    assert_eq!(relay.store.documents_count(), 20);
    running.stop().await;
}

/// After as many records as MAX_PREFIX_GAP without a finding, the store is no longer asked.
#[tokio::test(flavor = "multi_thread")]
async fn the_store_is_asked_until_enough_records_passed_without_a_finding() {
    let relay = Relay::start();
    let running = relay.consume("--max-prefix-gap 10 --lane-queue 1").await;
    for number in 0..40 {
        let message = LinkMessage::one(link(number), false);
        relay.publish(&message, &RecordHeaders::default(), "k").await;
    }
    until("everything is committed", || relay.lag() == 0).await;
    let asked = relay.store.counts(Method::Known).items;
    assert!((10..40).contains(&asked), "{asked}");
    running.stop().await;
}
