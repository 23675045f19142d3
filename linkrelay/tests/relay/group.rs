use std::collections::BTreeSet;
use std::time::Duration;

use linkrelay_fake_youtube::FakeYouTubeSettings;
use linkrelay_testkit::wait::{LONG, SHORT, wait_for};
use serde_json::json;

use crate::site::{Role, Site, link};

/// KIP-848 leaves the session to the broker, whose settings the testkit has made short.
const NEW_PROTOCOL: [(&str, &str); 2] =
    [("KAFKA_GROUP_PROTOCOL", "consumer"), ("KAFKA_CONFIG", "")];

#[tokio::test(flavor = "multi_thread")]
async fn consumers_come_and_go_with_the_classic_protocol() {
    come_and_go(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_come_and_go_with_the_new_protocol() {
    come_and_go(&NEW_PROTOCOL).await;
}

/// 1 -> 3 -> 2 -> 1 consumers while links flow, the last leaving by a kill.
async fn come_and_go(settings: &[(&str, &str)]) {
    let latency = Duration::from_millis(20);
    let site = Site::start(FakeYouTubeSettings { latency, ..FakeYouTubeSettings::default() }).await;
    let producer = site.producer(&[]);
    let first = site.consumer(settings);
    producer.until_ready().await;
    first.until_ready().await;
    let mut ids = vec![post(&producer, 0).await];
    let (second, mut third) = (site.consumer(settings), site.consumer(settings));
    ids.push(post(&producer, 1).await);
    for joined in [&second, &third] {
        joined.until_ready().await;
    }
    ids.push(post(&producer, 2).await);
    first.stop().await;
    ids.push(post(&producer, 3).await);
    third.process.kill().unwrap();
    ids.push(post(&producer, 4).await);
    for id in &ids {
        assert_eq!(producer.until_nothing_is_pending(id).await["stored"], 400, "{id}");
    }
    site.until_lag_is_zero().await;
    assert_eq!(site.documents().await.len(), 2_000);
    assert!(site.dead_letters().await.is_empty());
    second.stop().await;
    producer.stop().await;
}

async fn post(producer: &Role, request: usize) -> String {
    let links: Vec<String> = (request * 400..(request + 1) * 400).map(link).collect();
    producer.post_good(&json!(links)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_member_that_restarts_in_time_moves_no_partition() {
    let site = Site::start(FakeYouTubeSettings::default()).await;
    let producer = site.producer(&[]);
    let config = ("KAFKA_CONFIG", "session.timeout.ms=30000");
    let named = |name| [config, ("KAFKA_GROUP_INSTANCE_ID", name)];
    let (stays, mut restarts) = (site.consumer(&named("a")), site.consumer(&named("b")));
    producer.until_ready().await;
    stays.until_ready().await;
    restarts.until_ready().await;
    // Both have a share: only then is there something to move.
    wait_for("the partitions to be shared", LONG, SHORT, async || {
        match (assignments(&stays), assignments(&restarts)) {
            (mine, other) if mine > 0 && other > 0 => Ok(()),
            counts => Err(format!("{counts:?}")),
        }
    })
    .await
    .unwrap();
    let id = post(&producer, 0).await;
    producer.until_nothing_is_pending(&id).await;
    let rebalances_before = rebalances(&stays).await;
    restarts.process.kill().unwrap();
    let restarted = site.consumer(&named("b"));
    restarted.until_ready().await;
    let id = post(&producer, 1).await;
    assert_eq!(producer.until_nothing_is_pending(&id).await["stored"], 400);
    assert_eq!(rebalances(&stays).await, rebalances_before);
    for role in [stays, restarted, producer] {
        role.stop().await;
    }
}

/// A broker of the new protocol gives a static member's name to no other before the session of the
/// one that was killed has ended (UNRELEASED_INSTANCE_ID of KIP-848).
#[tokio::test(flavor = "multi_thread")]
async fn a_static_member_of_the_new_protocol_waits_for_its_own_name_after_a_kill() {
    let site = Site::start(FakeYouTubeSettings::default()).await;
    let producer = site.producer(&[]);
    let settings = [&NEW_PROTOCOL[..], &[("KAFKA_GROUP_INSTANCE_ID", "a")]].concat();
    let mut first = site.consumer(&settings);
    producer.until_ready().await;
    first.until_ready().await;
    first.process.kill().unwrap();
    let second = site.consumer(&settings);
    second.until_not_ready("KAFKA_GROUP_INSTANCE_ID is still in use").await;
    second.until_ready().await;
    let id = post(&producer, 0).await;
    assert_eq!(producer.until_nothing_is_pending(&id).await["stored"], 400);
    second.stop().await;
    producer.stop().await;
}

fn assignments(role: &Role) -> usize {
    role.log().lines().filter(|line| line.contains("assigned")).count()
}

/// What the group decided so far, as /metrics counts it, in whatever order.
async fn rebalances(role: &Role) -> BTreeSet<String> {
    role.metrics()
        .await
        .lines()
        .filter(|line| line.starts_with("linkrelay_rebalances_total"))
        .map(str::to_owned)
        .collect()
}
