use std::time::Duration;

use linkrelay_fake_youtube::Failure;
use linkrelay_testkit::wait::ok_if;
use serde_json::{Value, json};

use crate::helpers::{link, links, until, until_is, video_id};
use crate::role::{Path, Role, stop, up};
use crate::site::{Site, youtube};

async fn listed(role: &Role, query: &str) -> Vec<Value> {
    let (status, answer) = role.get(&format!("/requests{query}")).await;
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    answer["requests"].as_array().unwrap().clone()
}

/// The ids of the listed requests.
async fn ids(role: &Role, query: &str) -> Vec<String> {
    let requests = listed(role, query).await;
    requests.iter().map(|request| request["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_answered_201_is_listed_after_a_kill() {
    let data = tempfile::tempdir().unwrap();
    let (fake, youtube) = youtube(Duration::ZERO).await;
    // Nothing is complete before the kill.
    (0..20).for_each(|number| fake.set_failure(&video_id(number), Some(Failure::Hang)));
    let relay = up(data.path(), &[], &youtube).ready().await;
    let mut posted = Vec::new();
    for number in 0..10 {
        posted.push(relay.post_valid(&json!(links(2 * number..2 * number + 2))).await);
    }
    // Its drop kills the process.
    drop(relay);
    posted.reverse();
    let relay = up(data.path(), &[], &youtube).ready().await;
    assert_eq!(ids(&relay, "").await, posted);
    assert_eq!(ids(&relay, "?pending=true&limit=3").await, posted[..3]);
    let newest = &listed(&relay, "?limit=1").await[0];
    let counts = ["total", "stored", "pending"].map(|name| newest[name].as_u64());
    assert_eq!(counts, [2, 0, 2].map(Some), "{newest}");
    assert_eq!(newest["links"], json!(links(18..20)));
    fake.set_failure(&video_id(18), None);
    fake.set_failure(&video_id(19), None);
    relay.stop().await;
    let relay = up(data.path(), &[], &youtube).ready().await;
    relay.until_stored(&posted[0], 2).await;
    assert_eq!(ids(&relay, "?pending=true").await, posted[1..]);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_both_paths_are_listed_until_they_are_deleted() {
    let site = Site::new().await;
    let (producer, consumer) = site.roles_of_both_paths(&[], &[]).await;
    let first = producer.post_valid(&json!(links(0..3))).await;
    until_is("the request to be listed", vec![first.clone()], async || ids(&producer, "").await)
        .await;
    let (status, answer) = producer.post_to(Path::Waiting, &json!(link(7))).await;
    assert_eq!(status, 201, "{answer}");
    let second = answer["id"].as_str().unwrap().to_owned();
    producer.until_stored(&first, 3).await;
    let both = vec![second.clone(), first.clone()];
    until_is("both to be listed", both, async || ids(&producer, "").await).await;
    let paths: Vec<Value> =
        listed(&producer, "").await.iter().map(|request| request["path"].clone()).collect();
    assert_eq!(paths, ["waiting", "kafka"]);
    assert_eq!(ids(&producer, "?pending=true").await, [""; 0]);
    // A record without a request id belongs to no request.
    site.type_links(50..51);
    until("the typed link to be stored", async || {
        let documents = site.documents_count().await;
        ok_if(documents == 5, documents)
    })
    .await;
    assert_eq!(ids(&producer, "").await.len(), 2);
    let url = format!("{}/links/{second}", producer.url());
    let deleted = reqwest::Client::new().delete(url).send().await.unwrap();
    assert_eq!(deleted.status(), 200);
    assert_eq!(ids(&producer, "").await, [first]);
    stop([consumer, producer]).await;
}
