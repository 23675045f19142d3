use std::collections::BTreeSet;
use std::time::Duration;

use linkrelay_testkit::wait::ok_if;
use serde_json::json;

use crate::helpers::{links, until};
use crate::role::{Role, stop};
use crate::site::Site;

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

/// 1 -> 3 -> 2 -> 1 consumers while links flow; the last change is a kill.
async fn come_and_go(settings: &[(&str, &str)]) {
    let site = Site::slow(Duration::from_millis(20)).await;
    let (producer, first) = site.roles(&[], settings).await;
    let mut ids = vec![post(&producer, 0).await];
    let (second, mut third) = (site.consumer(settings), site.consumer(settings));
    ids.push(post(&producer, 1).await);
    for joined in [&second, &third] {
        joined.until_ready().await;
    }
    ids.push(post(&producer, 2).await);
    first.stop().await;
    ids.push(post(&producer, 3).await);
    third.kill().unwrap();
    ids.push(post(&producer, 4).await);
    for id in &ids {
        assert_eq!(producer.until_nothing_is_pending(id).await["stored"], 400, "{id}");
    }
    site.until_lag_is_zero().await;
    assert_eq!(site.documents().await.len(), 2_000);
    assert!(site.dead_letters().await.is_empty());
    stop([second, producer]).await;
}

async fn post(producer: &Role, request: usize) -> String {
    producer.post_valid(&json!(links(request * 400..(request + 1) * 400))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_member_that_restarts_in_time_moves_no_partition() {
    let site = Site::new().await;
    let config = ("KAFKA_CONFIG", "session.timeout.ms=30000");
    let named = |name| [config, ("KAFKA_GROUP_INSTANCE_ID", name)];
    let (producer, stays) = site.roles(&[], &named("a")).await;
    let mut restarts = site.ready_consumer(&named("b")).await;
    // Both have a share: only then is there something to move.
    until("the partitions to be shared", async || {
        let counts = [&stays, &restarts].map(assignments);
        ok_if(!counts.contains(&0), format!("{counts:?}"))
    })
    .await;
    let id = post(&producer, 0).await;
    producer.until_nothing_is_pending(&id).await;
    let rebalances_before = rebalances(&stays).await;
    restarts.kill().unwrap();
    let restarted = site.ready_consumer(&named("b")).await;
    let id = post(&producer, 1).await;
    assert_eq!(producer.until_nothing_is_pending(&id).await["stored"], 400);
    assert_eq!(rebalances(&stays).await, rebalances_before);
    stop([stays, restarted, producer]).await;
}

/// With the new protocol a static member's name is taken until the session of the killed member has
/// ended (UNRELEASED_INSTANCE_ID of KIP-848).
#[tokio::test(flavor = "multi_thread")]
async fn a_static_member_of_the_new_protocol_waits_for_its_own_name_after_a_kill() {
    let site = Site::new().await;
    let settings = [&NEW_PROTOCOL[..], &[("KAFKA_GROUP_INSTANCE_ID", "a")]].concat();
    let (producer, mut first) = site.roles(&[], &settings).await;
    first.kill().unwrap();
    let second = site.consumer(&settings);
    second.until_not_ready("KAFKA_GROUP_INSTANCE_ID is still in use").await;
    second.until_ready().await;
    let id = post(&producer, 0).await;
    assert_eq!(producer.until_nothing_is_pending(&id).await["stored"], 400);
    stop([second, producer]).await;
}

fn assignments(role: &Role) -> usize {
    role.log().lines().filter(|line| line.contains("assigned")).count()
}

/// The decisions of the group so far, as counted in /metrics.
async fn rebalances(role: &Role) -> BTreeSet<String> {
    role.metrics()
        .await
        .lines()
        .filter(|line| line.starts_with("linkrelay_rebalances_total"))
        .map(str::to_owned)
        .collect()
}
