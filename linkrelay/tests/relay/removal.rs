use std::process::Command;
use std::time::Duration;

use linkrelay_fake_youtube::Failure;
use linkrelay_testkit::wait::ok_if;
use mongodb::bson::{Bson, doc};
use serde_json::{Value, json};

use crate::helpers::{binary, link, links, run, until, until_is, video_id};
use crate::redelivered::reset_to_earliest;
use crate::role::{Role, stop, up};
use crate::site::{Site, count, youtube};

/// Deletes a request; returns the status and the answer.
async fn delete(role: &Role, id: &str) -> (u16, Value) {
    let url = format!("{}/links/{id}", role.url());
    let response = reqwest::Client::new().delete(url).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn until_counted(role: &Role, reason: &str, removed: u64) {
    let line = format!("linkrelay_documents_removed_total{{reason=\"{reason}\"}} {removed}");
    until("the removed documents to be counted", async || {
        let metrics = role.metrics().await;
        ok_if(metrics.lines().any(|found| found == line), metrics)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_request_is_gone_and_neither_redelivery_nor_replay_brings_it_back() {
    let site = Site::new().await;
    site.fake.set_failure(&video_id(1), Some(Failure::Private));
    site.fake.set_failure(&video_id(2), Some(Failure::ServerError));
    // More that succeed, so that the breaker stays closed.
    let producer = site.ready_producer(&[]).await;
    let id = producer.post_valid(&json!(links(0..30))).await;
    let (status, answer) = delete(&producer, &id).await;
    assert_eq!((status, &answer["code"]), (409, &json!("request_pending")));

    let settings = [("MAX_ATTEMPTS", "1"), ("EXTRACTORS", "watch_page"), ("CACHE_TTL", "0s")];
    let consumer = site.ready_consumer(&settings).await;
    let kept = producer.post_valid(&json!(link(0))).await;
    for id in [&id, &kept] {
        producer.until_nothing_is_pending(id).await;
    }
    for deleted in [30, 0] {
        let (status, answer) = delete(&producer, &id).await;
        assert_eq!((status, answer), (200, json!({ "id": id, "deleted": deleted })));
        let (status, answer) = producer.get(&format!("/links/{id}")).await;
        assert!(status == 410 && answer.contains("request_deleted"), "{status} {answer}");
    }
    until_counted(&producer, "request", 30).await;
    let documents = site.documents().await;
    assert_eq!(documents.len(), 31);
    for document in documents.iter().filter(|document| document.get_str("request_id") == Ok(&id)) {
        assert_eq!(document.get_str("status"), Ok("deleted"));
        let text = document.to_string();
        assert!(!text.contains("youtube.com") && !text.contains("t00000"), "{text}");
        assert_eq!(document.get("video"), Some(&Bson::Null));
    }

    site.until_lag_is_zero().await;
    consumer.stop().await;
    let asked = site.fake.hits().total;
    reset_to_earliest(&site);
    let consumer = site.ready_consumer(&settings).await;
    site.until_lag_is_zero().await;
    let replayed = site.linkrelay(&["dlq", "replay", "--all"], &[]).done();
    assert!(replayed.contains("replayed 0, skipped 1: 1 stored already"), "{replayed}");
    assert_eq!(site.fake.hits().total, asked);
    assert_eq!(site.documents().await, documents);
    assert_eq!(producer.status(&kept).await["stored"], 1);
    stop([producer, consumer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dead_letters_of_a_deleted_request_leave_the_file() {
    let data = tempfile::tempdir().unwrap();
    let (fake, youtube) = youtube(Duration::ZERO).await;
    let mut env = youtube[..2].to_vec();
    env.extend([("MAX_ATTEMPTS", "1".to_owned()), ("EXTRACTORS", "watch_page".to_owned())]);
    let relay = up(data.path(), &[], &env).ready().await;
    let mut ids = Vec::new();
    for failing in [0, 100] {
        fake.set_failure(&video_id(failing), Some(Failure::ServerError));
        let id = relay.post_valid(&json!(links(failing..failing + 40))).await;
        assert_eq!(relay.until_nothing_is_pending(&id).await["failed"], 1);
        ids.push(id);
    }
    assert_eq!(count(data.path(), "dead_letter"), 2);
    assert_eq!(delete(&relay, &ids[0]).await.1["deleted"], 40);
    let mut list = Command::new(binary("linkrelay"));
    list.args(["dlq", "list", "--json"]).env("DATA_DIR", data.path());
    let said = run(list.env_remove("KAFKA_BROKERS").env_remove("MONGODB_URI"));
    assert_eq!(said.stdout.lines().count(), 1, "{}", said.all());
    assert!(said.stdout.contains(&ids[1]), "{}", said.all());
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_in_the_file_are_removed_when_they_are_too_old() {
    let data = tempfile::tempdir().unwrap();
    let relay = up(data.path(), &["--demo"], &[]).ready().await;
    let id = relay.post_valid(&json!(links(0..500))).await;
    relay.until_nothing_is_pending(&id).await;
    relay.stop().await;
    let file = rusqlite::Connection::open(data.path().join("linkrelay.sqlite")).unwrap();
    let age = "UPDATE document SET stored_at = stored_at - 7200000 WHERE idx > 0";
    assert_eq!(file.execute(age, []).unwrap(), 499);
    drop(file);

    let relay = up(data.path(), &["--demo"], &[]).ready().await;
    assert_eq!(relay.status(&id).await["stored"], 500, "without the setting, all are kept");
    relay.stop().await;
    let keep = [("KEEP_DOCUMENTS_FOR", "1h".to_owned())];
    let relay = up(data.path(), &["--demo"], &keep).ready().await;
    until_is("the old documents to be removed", 1, async || count(data.path(), "document")).await;
    until_counted(&relay, "retention", 499).await;
    assert_eq!(relay.status(&id).await["stored"], 1);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_removes_documents_as_long_as_the_setting_is_there() {
    let site = Site::new().await;
    let expiry = async || {
        let indexes = site.documents.list_indexes().await;
        let Ok(mut indexes) = indexes else { return None };
        while indexes.advance().await.unwrap() {
            let index = indexes.deserialize_current().unwrap();
            if index.keys == doc! { "stored_at": 1 } {
                return index.options.and_then(|options| options.expire_after);
            }
        }
        None
    };
    for (keep_for, hours) in [("1h", Some(1)), ("48h", Some(48)), ("0s", None)] {
        let consumer = site.ready_consumer(&[("KEEP_DOCUMENTS_FOR", keep_for)]).await;
        let expected = hours.map(|hours| Duration::from_secs(hours * 3_600));
        until_is("the index to follow the setting", expected, expiry).await;
        consumer.stop().await;
    }
}
