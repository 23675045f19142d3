use linkrelay_testkit::kafka::{CLUSTER_SIZE, KafkaCluster};
use serde_json::json;

use crate::helpers::links;
use crate::role::stop;
use crate::site::Site;

/// Longer runs with every kind of fault: `make fault`.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_loses_nodes_loses_no_link_and_one_copy_is_never_acknowledged() {
    let site = Site::new().await;
    let mut cluster = KafkaCluster::start().await.unwrap();
    cluster.node(0).create_topic(&site.topic, 3).await.unwrap();
    cluster.node(0).create_topic(&site.dlq, 1).await.unwrap();
    let brokers = cluster.node(0).bootstrap_servers();
    let settings = [("KAFKA_BROKERS", brokers.as_str()), ("REQUEST_TIMEOUT", "6s")];
    let (producer, consumer) = site.roles(&settings, &settings[..1]).await;
    let mut ids = vec![producer.until_accepted(&json!(links(0..100))).await];

    // Two copies are enough, no matter which broker coordinates the group.
    cluster.kill(cluster.coordinator(site.group()).await.unwrap()).unwrap();
    ids.push(producer.until_accepted(&json!(links(1_000..1_100))).await);
    cluster.restart().await.unwrap();

    let (leader, survivor) = cluster.leader_and_follower(&site.topic).await.unwrap();
    let third = (0..CLUSTER_SIZE).find(|node| ![leader, survivor].contains(node)).unwrap();
    cluster.kill(leader).unwrap();
    cluster.kill(third).unwrap();
    let (status, answer) = producer.post(&json!(links(2_000..2_100))).await;
    assert_eq!(status, 503, "{answer}");
    cluster.restart().await.unwrap();
    ids.push(producer.until_accepted(&json!(links(3_000..3_100))).await);

    for id in &ids {
        assert_eq!(producer.until_nothing_is_pending(id).await["stored"], 100, "{id}");
    }
    let documents = site.texts("_id").await;
    let count = |id: &String| {
        let prefix = format!("{id}:");
        documents.iter().filter(|found| found.starts_with(&prefix)).count()
    };
    assert_eq!(ids.iter().map(count).collect::<Vec<_>>(), [100; 3]);
    stop([consumer, producer]).await;
}
