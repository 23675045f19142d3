use std::collections::BTreeMap;

use jiff::Timestamp;
use linkrelay_fake_youtube::Failure;
use linkrelay_testkit::kafka::TopicRecord;
use linkrelay_testkit::wait::ok_if;
use mongodb::bson::{Bson, Document};
use rdkafka::message::OwnedHeaders;
use serde_json::{Value, json};

use crate::helpers::{link, until, video_id};
use crate::role::{Path, stop, up};
use crate::site::Site;
use crate::topics::make;

fn topic(site: &Site) -> String {
    format!("{}.results", site.topic)
}

/// The results in their topic, in the order of their partitions and offsets.
async fn results(site: &Site) -> Vec<TopicRecord> {
    site.broker.topic_records(&topic(site)).await.unwrap()
}

/// The statuses of the results with this key, in their order.
fn statuses<'a>(results: &'a [TopicRecord], id: &str) -> Vec<&'a str> {
    let of_document = results.iter().filter(|result| result.key_text().as_deref() == Some(id));
    of_document.map(|result| result.header("linkrelay-status").unwrap()).collect()
}

fn value(result: &TopicRecord) -> Value {
    serde_json::from_slice(result.value.as_deref().unwrap()).unwrap()
}

/// A document of MongoDB as JSON, with RFC 3339 times.
fn as_json(value: &Bson) -> Value {
    match value {
        Bson::DateTime(date) => {
            json!(Timestamp::from_millisecond(date.timestamp_millis()).unwrap().to_string())
        }
        Bson::Document(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), as_json(value))).collect()
        }
        Bson::Array(values) => values.iter().map(as_json).collect(),
        other => other.clone().into_relaxed_extjson(),
    }
}

fn text<'a>(document: &'a Document, field: &str) -> &'a str {
    document.get_str(field).unwrap()
}

/// The text of a metric of a role, with its labels.
async fn until_metric(role: &crate::role::Role, line: &str) {
    until("a metric", async || {
        let metrics = role.metrics().await;
        ok_if(metrics.lines().any(|found| found == line), format!("{line} is not in\n{metrics}"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_link_has_a_result_that_is_its_document() {
    let site = Site::without_topics().await;
    let results_topic = topic(&site);
    let env = [("KAFKA_RESULTS_TOPIC", results_topic.as_str())];
    let made = site.linkrelay(&["topics", "create"], &env).done();
    assert!(made.contains(&format!("{results_topic}: created with 6 partitions")), "{made}");
    let with_key = [env[0], ("YOUTUBE_API_KEY", "a-key"), ("MAX_ATTEMPTS", "1")];
    let (producer, consumer) = site.roles(&[("EXPAND_LISTS", "true")], &with_key).await;
    site.fake.set_failure(&video_id(1), Some(Failure::Private));
    site.fake.set_failure(&video_id(2), Some(Failure::ServerError));
    let list = "https://www.youtube.com/playlist?list=PLmade-up_3";
    let id = producer.post_valid(&json!([link(0), link(1), link(2), list])).await;
    site.publish(&site.topic, b"a word", OwnedHeaders::new()).await;
    producer.until_nothing_is_pending(&id).await;
    site.until_lag_is_zero().await;

    let of_links: BTreeMap<String, Value> = results(&site)
        .await
        .iter()
        .map(|result| (result.key_text().unwrap(), value(result)))
        .collect();
    let documents = site.documents().await;
    let is_link = |document: &&Document| {
        text(document, "status") != "expanded" && text(document, "link") != "a word"
    };
    let expected: BTreeMap<String, Value> = documents
        .iter()
        .filter(is_link)
        .map(|document| (text(document, "_id").to_owned(), as_json(&document.clone().into())))
        .collect();
    assert_eq!((documents.len(), expected.len()), (3 + 1 + 3 + 1, 3 + 3));
    assert_eq!(of_links, expected);

    let all = results(&site).await;
    for (number, status) in [(0, "stored"), (1, "failed"), (2, "failed")] {
        let key = format!("{id}:{number}");
        assert_eq!(statuses(&all, &key), [status]);
        let result = all.iter().find(|result| result.key_text().as_deref() == Some(&*key)).unwrap();
        let headers: Vec<(&str, &str)> = result
            .headers
            .iter()
            .map(|(name, value)| (&**name, std::str::from_utf8(value.as_ref().unwrap()).unwrap()))
            .collect();
        let video_id = video_id(number);
        let expected = [
            ("linkrelay-video-id", video_id.as_str()),
            ("linkrelay-status", status),
            ("linkrelay-schema-version", "1"),
        ];
        assert_eq!(headers, expected);
    }
    until_metric(&consumer, "linkrelay_results_published_total 6").await;
    stop([producer, consumer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_document_has_another_result_behind_the_first() {
    let site = Site::new().await;
    let results_topic = topic(&site);
    site.broker.create_topic(&results_topic, 3).await.unwrap();
    let env = [("KAFKA_RESULTS_TOPIC", &*results_topic), ("MAX_ATTEMPTS", "1")];
    let (producer, consumer) = site.roles(&[], &env).await;
    site.fake.set_failure(&video_id(0), Some(Failure::ServerError));
    let id = producer.post_valid(&json!(link(0))).await;
    producer.until_nothing_is_pending(&id).await;
    site.until_lag_is_zero().await;
    site.fake.set_failure(&video_id(0), None);
    site.linkrelay(&["dlq", "replay", "--all"], &[]).done();
    producer.until_stored(&id, 1).await;
    site.until_lag_is_zero().await;
    let all = results(&site).await;
    assert_eq!(statuses(&all, &format!("{id}:0")), ["failed", "stored"]);
    let stored_at = |index: usize| value(&all[index])["stored_at"].as_str().unwrap().to_owned();
    assert!(stored_at(0) < stored_at(1));
    stop([producer, consumer]).await;
}

/// The consumer is killed while the topic of results does not exist: after the store, before the
/// broker.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_killed_between_document_and_result_loses_no_result() {
    let site = Site::new().await;
    let results_topic = topic(&site);
    // A record that was complete too early would be committed before the kill.
    let env = [("KAFKA_RESULTS_TOPIC", results_topic.as_str()), ("COMMIT_INTERVAL", "20ms")];
    let producer = site.ready_producer(&[]).await;
    let mut consumer = site.consumer(&env);
    let id = producer.post_valid(&json!([link(0), link(1)])).await;
    producer.until_stored(&id, 2).await;
    consumer.until_not_ready("a result cannot be published").await;
    assert_eq!(site.lag().await, 2, "a record is complete without its result");
    consumer.kill().unwrap();
    let requests = site.fake.hits().total;
    site.broker.create_topic(&results_topic, 1).await.unwrap();
    let other = site.ready_consumer(&env).await;
    site.until_lag_is_zero().await;
    let all = results(&site).await;
    let documents = site.documents().await;
    for document in &documents {
        let id = text(document, "_id");
        assert_eq!(statuses(&all, id), ["stored"]);
        let found = all.iter().find(|result| result.key_text().as_deref() == Some(id)).unwrap();
        assert_eq!(value(found), as_json(&document.clone().into()));
    }
    assert_eq!((documents.len(), all.len()), (2, 2));
    assert_eq!(site.fake.hits().total, requests, "a link was asked for again");
    stop([producer, other]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_consumer_waits_for_a_missing_topic_and_then_continues() {
    let site = Site::new().await;
    let results_topic = topic(&site);
    let env = [("KAFKA_RESULTS_TOPIC", results_topic.as_str())];
    let producer = site.ready_producer(&[]).await;
    let consumer = site.consumer(&env);
    let id = producer.post_valid(&json!(link(0))).await;
    producer.until_stored(&id, 1).await;
    consumer.until_not_ready("linkrelay topics create").await;
    assert_eq!(consumer.get("/health/live").await.0, 200);
    assert_eq!(site.linkrelay(&["topics", "describe"], &env).code, Some(1));
    site.linkrelay(&["topics", "create"], &env).done();
    consumer.until_ready().await;
    site.until_lag_is_zero().await;
    assert_eq!(statuses(&results(&site).await, &format!("{id}:0")), ["stored"]);
    stop([producer, consumer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_waiting_path_answers_after_the_result() {
    let site = Site::new().await;
    let results_topic = topic(&site);
    let env = [("KAFKA_RESULTS_TOPIC", &*results_topic), ("POST_LINKS_TIMEOUT", "3s")];
    let consumer = site.consumer(&env);
    let post = async || {
        let request = reqwest::Client::new().post(format!("{}/links", consumer.url()));
        let request = request.header("Idempotency-Key", "k").json(&json!({"links": link(0)}));
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    consumer.until_not_ready("linkrelay topics create").await;
    let (status, answer) = post().await;
    assert_eq!((status, &answer["code"]), (503, &json!("result_unpublished")), "{answer}");
    site.broker.create_topic(&results_topic, 1).await.unwrap();
    consumer.until_ready().await;
    let (status, answer) = post().await;
    assert_eq!(status, 201, "{answer}");
    let all = results(&site).await;
    let document_id = answer["results"][0]["document_id"].as_str().unwrap();
    assert!(statuses(&all, document_id).contains(&"stored"), "{all:?}");
    assert_eq!(value(&all[0]), as_json(&site.documents().await[0].clone().into()));

    let producer = site.ready_producer(&[("EXTRACTOR_URL", &consumer.url())]).await;
    let (status, answer) = producer.post_to(Path::Waiting, &json!(link(1))).await;
    assert_eq!(status, 201, "{answer}");
    let id = answer["id"].as_str().unwrap();
    assert_eq!(statuses(&results(&site).await, &format!("{id}:0")), ["stored"]);
    stop([producer, consumer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_the_broker_refuses_for_its_size_is_truncated() {
    for (max_bytes, has_video) in [("1750", true), ("900", false)] {
        let site = Site::new().await;
        let results_topic = topic(&site);
        make(&site, &results_topic, &[("max.message.bytes", max_bytes)]).await;
        let env = [
            ("KAFKA_RESULTS_TOPIC", results_topic.as_str()),
            ("KAFKA_CONFIG", "session.timeout.ms=6000,compression.type=none"),
        ];
        let consumer = site.ready_consumer(&env).await;
        site.type_links(0..1);
        site.until_lag_is_zero().await;
        let document = as_json(&site.documents().await[0].clone().into());
        assert!(document["video"]["description"].is_string(), "{document}");
        let all = results(&site).await;
        let whole_bytes = serde_json::to_vec(&document).unwrap().len().to_string();
        assert_eq!(all[0].header("linkrelay-truncated"), Some(&*whole_bytes));
        assert_eq!(all[0].header("linkrelay-status"), Some("stored"));
        let mut expected = document;
        if has_video {
            expected["video"]["description"] = Value::Null;
        } else {
            expected["video"] = Value::Null;
        }
        assert_eq!((all.len(), value(&all[0])), (1, expected));
        consumer.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_mode_has_no_results_and_says_so() {
    let data = tempfile::tempdir().unwrap();
    let env = [("KAFKA_RESULTS_TOPIC", "RESULTS".to_owned())];
    let relay = up(data.path(), &["--demo"], &env).ready().await;
    let id = relay.post_valid(&json!(link(0))).await;
    assert_eq!(relay.until_nothing_is_pending(&id).await["stored"], 1);
    let log = relay.process().unwrap().stderr().unwrap();
    assert_eq!(log.matches("KAFKA_RESULTS_TOPIC has no effect").count(), 1, "{log}");
    relay.stop().await;
}
