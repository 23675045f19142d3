use std::sync::atomic::Ordering;

use linkrelay_consumer::ConsumerError;
use linkrelay_extractor::ExtractError;
use linkrelay_store::LinkState;
use linkrelay_store::testing::Method;

use crate::relay::{Relay, until, video_id};

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_drains_and_commits_and_the_next_start_continues_from_there() {
    let relay = Relay::start();
    relay.extractor.close_gate();
    let running = relay.consume("--max-in-flight 10").await;
    relay.publish_links(0..50).await;
    until("ten links are in flight", || relay.extractor.in_flight() == 10).await;
    let stopping = tokio::spawn(running.stop());
    relay.extractor.open_gate();
    stopping.await.unwrap();
    let stored = relay.store.documents_count();
    assert!((10..=50).contains(&stored), "{stored}");
    let running = relay.consume("").await;
    until("everything is committed", || relay.lag() == 0).await;
    assert_eq!(relay.store.documents_count(), 50);
    // What the first run finished was committed, except completions beyond the prefix.
    assert!(relay.extractor.calls_count() <= 50 + stored, "{}", relay.extractor.calls_count());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_do_not_end_in_time_are_left_to_the_next_start() {
    let relay = Relay::start();
    relay.extractor.close_gate();
    let running = relay.consume("--drain-timeout 100ms").await;
    relay.publish_links(0..5).await;
    until("they are in flight", || relay.extractor.in_flight() == 5).await;
    running.stop().await;
    assert_eq!(relay.store.documents_count(), 0);
    assert_eq!(relay.lag(), 5);
    assert_eq!(relay.extractor.in_flight(), 0);
    relay.extractor.open_gate();
    let running = relay.consume("").await;
    until("everything is committed", || relay.lag() == 0).await;
    assert_eq!(relay.store.documents_count(), 5);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_links_that_only_back_off() {
    let relay = Relay::start();
    relay.extractor.always_fail(video_id(0), ExtractError::Status(503));
    let running =
        relay.consume("--retry-backoff-min 1h --retry-backoff-max 1h --drain-timeout 3900ms").await;
    relay.publish_links(0..1).await;
    until("it was tried", || {
        relay.extractor.calls_count() == 1 && relay.extractor.in_flight() == 0
    })
    .await;
    running.stop().await;
    assert_eq!(relay.lag(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_outage_holds_everything_and_loses_nothing() {
    let relay = Relay::start();
    relay.store.set_down(true);
    let running = relay.consume("--lane-queue 5 --batch-documents 10").await;
    relay.publish_links(0..500).await;
    until("it reports the store", || {
        running.health.readiness().parts["store"].contains("no route to secret-host")
    })
    .await;
    assert_eq!(relay.lag(), 500);
    relay.store.set_down(false);
    until("everything is committed", || relay.lag() == 0).await;
    assert_eq!(relay.store.documents_count(), 500);
    until("it is ready again", || running.is_ready()).await;
    running.stop().await;
}

/// A full disk answers pings, and a slow one fails a ping now and then.
#[tokio::test(flavor = "multi_thread")]
async fn no_ping_makes_a_consumer_ready_whose_write_has_failed() {
    let relay = Relay::start();
    let running = relay.consume("").await;
    until("it is ready", || running.is_ready()).await;
    relay.store.fail(Method::WriteBatch, 0..usize::MAX);
    relay.publish_links(0..1).await;
    let store_works = || running.health.readiness().parts["store"] == "ok";
    until("it reports the write", || !store_works()).await;
    relay.store.hang(Method::WriteBatch);
    let pings = relay.store.counts(Method::Ping).calls;
    relay.store.fail(Method::Ping, pings..pings + 2);
    until("pings succeed again", || {
        assert!(!store_works(), "no write has succeeded");
        relay.store.counts(Method::Ping).calls >= pings + 5
    })
    .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_lanes_fill_and_empty_until_all_is_done() {
    let relay = Relay::start();
    let running = relay
        .consume(
            "--lane-queue 2 --max-prefix-gap 7 --concurrency-per-partition 3 --max-held-bytes 5000",
        )
        .await;
    relay.publish_links(0..1_000).await;
    until("everything is committed", || relay.lag() == 0).await;
    assert_eq!(relay.store.documents_count(), 1_000);
    assert_eq!(relay.extractor.calls_count(), 1_000);
    assert!(relay.extractor.most_in_flight.load(Ordering::SeqCst) <= 9);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn max_in_flight_bounds_the_whole_process() {
    let relay = Relay::start();
    let running = relay.consume("--max-in-flight 4").await;
    relay.publish_links(0..200).await;
    until("everything is committed", || relay.lag() == 0).await;
    assert!(relay.extractor.most_in_flight.load(Ordering::SeqCst) <= 4);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_move_between_consumers_and_every_link_is_stored_once() {
    let relay = Relay::start();
    let first = relay.consume("").await;
    relay.publish_links(0..300).await;
    let second = relay.consume("").await;
    relay.publish_links(300..600).await;
    until("both have partitions", || second.group_works()).await;
    first.stop().await;
    relay.publish_links(600..900).await;
    until("everything is committed", || relay.lag() == 0).await;
    assert_eq!(relay.store.documents_count(), 900);
    second.stop().await;
}

/// A fault run found partitions that never made progress again: librdkafka keeps the pause of a
/// partition that was given back while it drained.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_come_back_are_worked_on() {
    let relay = Relay::start();
    let stays = relay.consume("").await;
    relay.publish_links(0..100).await;
    until("everything is committed", || relay.lag() == 0).await;
    let visits = relay.consume("").await;
    until("it has partitions", || visits.group_works()).await;
    relay.publish_links(100..200).await;
    until("everything is committed", || relay.lag() == 0).await;
    visits.stop().await;
    relay.publish_links(200..400).await;
    until("everything is committed", || relay.lag() == 0).await;
    assert_eq!(relay.store.documents_count(), 400);
    stays.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_every_link_fails_all_are_held_and_none_becomes_a_dead_letter() {
    let relay = Relay::start();
    for number in 0..200 {
        relay.extractor.always_fail(video_id(number), ExtractError::Status(503));
    }
    let running =
        relay.consume("--max-attempts 2 --breaker-probe-interval 100ms --max-in-flight 20").await;
    relay.publish_links(0..200).await;
    until("it reports that links are held", || {
        running.health.readiness().parts["extraction"].contains("status 503")
    })
    .await;
    assert!(!running.is_ready());
    let calls = relay.extractor.calls_count();
    until("it has probed some times", || relay.extractor.calls_count() >= calls + 5).await;
    assert!(relay.extractor.in_flight() <= 20);
    assert!(relay.dead_letters().is_empty());
    assert_eq!(relay.store.documents_count(), 0);
    relay.extractor.recover();
    until("everything is committed", || relay.lag() == 0).await;
    assert_eq!(relay.store.documents_count(), 200);
    assert!(relay.store.documents().iter().all(|document| document.status == LinkState::Stored));
    assert!(relay.dead_letters().is_empty());
    until("it is ready again", || running.is_ready()).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_repeats_only_what_was_in_flight() {
    let relay = Relay::start();
    // One link that never ends holds the prefix of its partition.
    relay.extractor.hang(video_id(0));
    let settings = "--drain-timeout 100ms --commit-interval 50ms";
    let running = relay.consume(settings).await;
    relay.publish_links(0..2_000).await;
    until("all others are stored", || relay.store.documents_count() == 1_999).await;
    running.stop().await;
    assert!(relay.lag() > 500, "the prefix of one partition is at its first link");
    relay.extractor.recover();
    let calls = relay.extractor.calls_count();
    let running = relay.consume(settings).await;
    until("everything is committed", || relay.lag() == 0).await;
    assert_eq!(relay.store.documents_count(), 2_000);
    assert_eq!(
        relay.extractor.calls_count() - calls,
        1,
        "only the one that hung is asked for again"
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_that_has_failed_permanently_ends_the_consumer() {
    let relay = Relay::start();
    relay.refuse_a_producer();
    let ended = relay.consume("").await.ended().await;
    assert!(matches!(ended, Err(ConsumerError::Fatal(_))), "{ended:?}");
}
