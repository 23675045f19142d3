use linkrelay_fake_youtube::FakeYouTubeSettings;
use linkrelay_testkit::kafka::{CLUSTER_SIZE, KafkaCluster};
use linkrelay_testkit::wait::{SHORT, wait_for};
use serde_json::json;

use crate::site::{Role, Site, VERY_LONG, link};

const LINKS: usize = 100;

/// Posts so many links, the numbers from `first` on, until they are accepted; gives the id.
async fn post_until_accepted(producer: &Role, first: usize) -> String {
    let links: Vec<String> = (first..first + LINKS).map(link).collect();
    wait_for("links to be accepted", VERY_LONG, SHORT * 10, async || {
        match producer.post(&json!(links)).await {
            (201, answer) => Ok(answer["id"].as_str().unwrap().to_owned()),
            (status, answer) => Err(format!("{status} {answer}")),
        }
    })
    .await
    .unwrap()
}

/// Longer runs with every kind of fault: `make fault`.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_loses_nodes_loses_no_link_and_one_copy_is_never_acknowledged() {
    let site = Site::start(FakeYouTubeSettings::default()).await;
    let mut cluster = KafkaCluster::start().await.unwrap();
    cluster.node(0).create_topic(&site.topic, 3).await.unwrap();
    cluster.node(0).create_topic(&site.dlq, 1).await.unwrap();
    let brokers = cluster.node(0).bootstrap_servers();
    let settings = [("KAFKA_BROKERS", brokers.as_str()), ("REQUEST_TIMEOUT", "6s")];
    let (producer, consumer) = (site.producer(&settings), site.consumer(&settings[..1]));
    producer.until_ready().await;
    consumer.until_ready().await;
    let mut ids = vec![post_until_accepted(&producer, 0).await];

    // Two copies are enough, whichever broker coordinates the group.
    cluster.kill(cluster.coordinator(site.group()).await.unwrap()).unwrap();
    ids.push(post_until_accepted(&producer, 1_000).await);
    cluster.restart().await.unwrap();

    let (leader, survivor) = cluster.leader_and_follower(&site.topic).await.unwrap();
    let third = (0..CLUSTER_SIZE).find(|node| ![leader, survivor].contains(node)).unwrap();
    cluster.kill(leader).unwrap();
    cluster.kill(third).unwrap();
    let lonely: Vec<String> = (2_000..2_000 + LINKS).map(link).collect();
    let (status, answer) = producer.post(&json!(lonely)).await;
    assert_eq!(status, 503, "{answer}");
    cluster.restart().await.unwrap();
    ids.push(post_until_accepted(&producer, 3_000).await);

    for id in &ids {
        assert_eq!(producer.until_nothing_is_pending(id).await["stored"], LINKS, "{id}");
    }
    let documents = site.documents().await;
    let count = |id: &String| {
        let prefix = format!("{id}:");
        documents.iter().filter(|found| found.get_str("_id").unwrap().starts_with(&prefix)).count()
    };
    assert_eq!(ids.iter().map(count).collect::<Vec<_>>(), [LINKS; 3]);
    consumer.stop().await;
    producer.stop().await;
}
