//! `GET /lag`, on the mock cluster.

use std::time::Duration;

use linkrelay_store::processes::{
    ProcessFigures, ProcessIdentity, ProcessRole, ProcessRow, ProcessStore as _,
};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::{Value, json};

use crate::helpers::kafka::Broker;
use crate::helpers::{LINK, NO_BROKER, TOPIC, TestApp, settings, until};

/// Commits for the group of the consumers.
fn commit(broker: &Broker, partition: i32, offset: i64) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.addresses())
        .set("group.id", "linkrelay")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(TOPIC, partition, Offset::Offset(offset)).unwrap();
    consumer.commit(&list, CommitMode::Sync).unwrap();
}

fn with_records(lag: &Value) -> Vec<Value> {
    let partitions = lag["partitions"].as_array().unwrap();
    partitions.iter().filter(|partition| partition["end"] != 0).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lag_is_what_the_group_has_not_committed() {
    let broker = Broker::with_topic();
    let app = TestApp::with_broker(&broker).await;
    app.get("/lag?x=1").await.assert_problem(400, "bad_query");
    // All of one video are in one partition.
    let four = vec![LINK; 4];
    assert_eq!(app.submit(&json!({ "links": four })).await.status, 201);
    let answer = app.get("/lag").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        (&answer.json["topic"], &answer.json["group"]),
        (&json!(TOPIC), &json!("linkrelay"))
    );
    assert_eq!(answer.json["partitions"].as_array().unwrap().len(), 3);
    assert_eq!(answer.json["lag"], 4, "{answer:?}");
    let [partition] = &with_records(&answer.json)[..] else { panic!("{answer:?}") };
    let number = i32::try_from(partition["partition"].as_i64().unwrap()).unwrap();
    let expected = json!({"partition": number, "committed": null, "end": 4, "lag": 4,
        "owner": null, "error": null});
    assert_eq!(*partition, expected);
    // Answers are shared for a while.
    assert_eq!(app.get("/lag").await.json["as_of"], answer.json["as_of"]);
    tokio::task::block_in_place(|| commit(&broker, number, 3));
    let figures = ProcessFigures { partitions: Some(vec![number]), ..ProcessFigures::default() };
    let identity = ProcessIdentity::new(ProcessRole::Consumer, Some("consumer-1".to_owned()));
    let row = ProcessRow { identity, interval_ms: 60_000, figures };
    app.store.beat(&row).await.unwrap();
    until("the commit is seen", async || app.get("/lag").await.json["lag"] == 1).await;
    let answer = app.get("/lag").await;
    let [partition] = &with_records(&answer.json)[..] else { panic!("{answer:?}") };
    assert_eq!(partition["committed"], 3);
    assert_eq!(partition["owner"], "consumer-1");
    // Without the store, only the owner is missing.
    app.store.set_down(true);
    let answer = app.get("/lag").await;
    assert_eq!((answer.status, &answer.json["lag"]), (200, &json!(1)));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_partition_that_cannot_be_read_costs_its_row() {
    let broker = Broker::with_topic();
    let app = TestApp::with_broker(&broker).await;
    assert_eq!(app.submit(&json!({ "links": LINK })).await.status, 201);
    broker.without_leader(2);
    let answer = app.get("/lag").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let rows = answer.json["partitions"].as_array().unwrap();
    let errors: Vec<_> = rows.iter().map(|row| row["error"].is_string()).collect();
    assert_eq!(errors, [false, false, true], "{answer:?}");
    assert!(rows[2]["lag"].is_null() && answer.json["lag"].is_null(), "{answer:?}");
    assert!(rows[..2].iter().all(|row| row["lag"].is_number()), "{answer:?}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_does_not_answer_is_a_503_and_delays_no_stop() {
    let app = TestApp::with_acks().await;
    let answer = app.get("/lag").await;
    answer.assert_problem(503, "lag_unavailable");
    assert!(!answer.json.to_string().contains(NO_BROKER), "{answer:?}");
    app.stop().await;
    let broker = Broker::without_topic();
    let app = TestApp::with_broker(&broker).await;
    let answer = app.get("/lag").await;
    answer.assert_problem(503, "lag_unavailable");
    assert!(answer.json["detail"].as_str().unwrap().contains("does not exist"), "{answer:?}");
    app.stop().await;
    let mut slow = settings(&broker.addresses());
    slow.drain_timeout = Duration::from_secs(15);
    broker.answer_after(Duration::from_secs(60));
    let app = TestApp::with_settings(slow).await;
    app.get("/lag").await.assert_problem(503, "lag_unavailable");
    app.stop().await;
}
