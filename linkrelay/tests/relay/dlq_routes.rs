use std::collections::BTreeSet;
use std::time::Duration;

use linkrelay_fake_youtube::{Failure, FakeYouTube};
use linkrelay_testkit::wait::{LONG, SHORT, ok_if, wait_for};
use mongodb::bson::doc;
use rdkafka::message::OwnedHeaders;
use serde_json::{Value, json};

use crate::dlq::{PREPARED, prepare_dead_letters};
use crate::helpers::{VERY_LONG, links, until, video_id};
use crate::role::{Role, stop, up};
use crate::site::{Site, youtube};

async fn get(role: &Role, path: &str) -> Value {
    let (status, body) = role.get(path).await;
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

async fn replay(role: &Role, body: &Value) -> (u16, Value) {
    role.post_json("/dlq/replay", body).await.unwrap()
}

/// Begins a replay; returns the path of its status.
async fn begin(role: &Role, body: &Value) -> String {
    let (status, answer) = replay(role, body).await;
    assert_eq!(status, 202, "{answer}");
    let url = answer["status_url"].as_str().unwrap();
    assert_eq!(url, format!("/dlq/replays/{}", answer["id"].as_str().unwrap()));
    url.to_owned()
}

async fn until_state(role: &Role, url: &str, state: &str) -> Value {
    wait_for("the state of a replay", LONG, SHORT, async || {
        let job = get(role, url).await;
        ok_if(job["state"] == state, &job).map(|()| job)
    })
    .await
    .unwrap()
}

/// The ids of the documents of all dead letters, page by page.
async fn listed(role: &Role, query: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut next = Some(format!("/dlq?{query}"));
    while let Some(path) = next {
        let page = get(role, &path).await;
        let letters = page["letters"].as_array().unwrap();
        ids.extend(letters.iter().map(|letter| letter["document_id"].as_str().unwrap().to_owned()));
        next = page["next"].as_str().map(str::to_owned);
    }
    ids
}

fn fail(fake: &FakeYouTube, numbers: &[usize], failure: Option<Failure>) {
    for number in numbers {
        fake.set_failure(&video_id(*number), failure);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_link_is_listed_and_replayed_by_routes_of_any_producer() {
    let site = Site::new().await;
    let consumer = site.ready_consumer(&[("MAX_ATTEMPTS", "2")]).await;
    let (first, second) = (site.ready_producer(&[]).await, site.ready_producer(&[]).await);
    let failing = [3, 7, 11];
    fail(&site.fake, &failing, Some(Failure::ServerError));
    let id = first.post_valid(&json!(links(0..40))).await;
    site.publish(&site.topic, b"rubbish \xff", OwnedHeaders::new()).await;
    site.until_lag_is_zero().await;
    let failed: BTreeSet<String> = failing.iter().map(|index| format!("{id}:{index}")).collect();

    let all = get(&second, "/dlq").await;
    assert_eq!((all["letters"].as_array().unwrap().len(), all.get("next")), (4, None), "{all}");
    let page = get(&second, &format!("/dlq?class=transient&code=bad_status&request_id={id}")).await;
    let letters = page["letters"].as_array().unwrap();
    let ids = letters.iter().map(|letter| letter["document_id"].as_str().unwrap().to_owned());
    assert_eq!(ids.collect::<BTreeSet<_>>(), failed, "{page}");
    for letter in letters {
        assert_eq!((&letter["state"], &letter["attempts"]), (&json!("waiting"), &json!(2)));
        assert_eq!(
            (&letter["code"], &letter["class"]),
            (&json!("bad_status"), &json!("transient"))
        );
        assert!(letter["link"].as_str().unwrap().ends_with(letter["video_id"].as_str().unwrap()));
        assert!(letter["error"].is_string() && letter["origin"].is_string(), "{letter}");
    }
    // Page by page, each is there once.
    let paged = listed(&first, "limit=1").await;
    assert_eq!((paged.len(), paged.iter().collect::<BTreeSet<_>>().len()), (4, 4), "{paged:?}");

    let dry = begin(&first, &json!({"classes": ["transient"], "dry_run": true})).await;
    let dry = until_state(&second, &dry, "done").await;
    assert_eq!((&dry["counts"]["replayed"], &dry["total"]), (&json!(3), &json!(3)), "{dry}");
    fail(&site.fake, &failing, None);
    let job = begin(&first, &json!({"all": true})).await;
    let done = until_state(&second, &job, "done").await;
    assert_eq!(done, get(&first, &job).await, "two producers answer for the same job");
    let counts = &done["counts"];
    assert_eq!((&counts["replayed"], &counts["malformed"]), (&json!(3), &json!(1)), "{done}");
    first.until_stored(&id, 40).await;
    site.until_lag_is_zero().await;
    let page = get(&first, "/dlq?class=transient").await;
    for letter in page["letters"].as_array().unwrap() {
        assert_eq!(letter["state"], "stored", "{letter}");
    }
    let replays = get(&second, "/dlq/replays").await;
    assert_eq!(replays["replays"].as_array().unwrap().len(), 2, "{replays}");
    assert_eq!(replays["replays"][0], done, "the newest first");
    stop([first, second, consumer]).await;
}

async fn topic_count(site: &Site) -> i64 {
    site.broker.end_offsets(&site.topic).await.unwrap().values().sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_whose_producer_was_killed_is_interrupted_and_completed_by_another_one() {
    let site = Site::new().await;
    prepare_dead_letters(&site).await;
    let (first, second) = (site.ready_producer(&[]).await, site.ready_producer(&[]).await);
    let all = json!({"all": true, "batch": 1});
    let job = begin(&first, &all).await;
    wait_for("a few to be replayed", LONG, Duration::from_millis(5), async || {
        let count = topic_count(&site).await;
        ok_if(count > 5, count)
    })
    .await
    .unwrap();
    let (status, refused) = replay(&second, &all).await;
    assert_eq!((status, &refused["code"]), (409, &json!("replay_running")), "{refused}");
    assert_eq!(refused["status_url"], job.as_str());
    // Its drop kills the process.
    drop(first);
    let replayed = topic_count(&site).await;
    assert!(replayed < PREPARED, "it was not killed midway");
    assert_eq!(get(&second, &job).await["state"], "running");
    until_state(&second, &job, "interrupted").await;

    let rest = begin(&second, &json!({"all": true})).await;
    let rest = until_state(&second, &rest, "done").await;
    let replayed = topic_count(&site).await;
    assert_eq!(replayed, PREPARED, "none twice: {rest}");
    let counts = &rest["counts"];
    let sum = counts["replayed"].as_i64().unwrap() + counts["in_flight"].as_i64().unwrap();
    assert_eq!(sum, PREPARED, "{rest}");
    let consumer = site.consumer(&[]);
    site.until_lag_is_zero().await;
    let failed = site.documents.count_documents(doc! { "status": "failed" }).await.unwrap();
    assert_eq!(failed, 0);
    stop([second, consumer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_interrupts_a_replay_and_says_so() {
    let site = Site::new().await;
    prepare_dead_letters(&site).await;
    let (first, second) = (site.ready_producer(&[]).await, site.ready_producer(&[]).await);
    let job = begin(&first, &json!({"all": true, "batch": 1})).await;
    wait_for("a few to be replayed", LONG, Duration::from_millis(5), async || {
        let count = topic_count(&site).await;
        ok_if(count > 5, count)
    })
    .await
    .unwrap();
    first.stop().await;
    let ended = get(&second, &job).await;
    assert_eq!(ended["state"], "interrupted", "{ended}");
    assert_eq!(ended["counts"]["replayed"], topic_count(&site).await, "{ended}");
    // No silence has to pass.
    let rest = begin(&second, &json!({"all": true})).await;
    until_state(&second, &rest, "done").await;
    assert_eq!(topic_count(&site).await, PREPARED);
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded_dead_letters_are_listed_and_replayed_by_routes() {
    let (fake, youtube) = youtube(Duration::ZERO).await;
    let mut env = youtube[..2].to_vec();
    env.extend([("MAX_ATTEMPTS", "1".to_owned()), ("EXTRACTORS", "watch_page".to_owned())]);
    let data = tempfile::tempdir().unwrap();
    let relay = up(data.path(), &[], &env).ready().await;
    fail(&fake, &[0, 1, 2], Some(Failure::ServerError));
    let id = relay.post_valid(&json!(links(0..40))).await;
    relay.until_nothing_is_pending(&id).await;
    let ids = until("the dead letters", async || {
        let ids = listed(&relay, "limit=2").await;
        ok_if(ids.len() == 3, format!("{ids:?}")).map(|()| ids)
    })
    .await;
    let expected: BTreeSet<String> = (0..3).map(|index| format!("{id}:{index}")).collect();
    assert_eq!(ids.iter().cloned().collect::<BTreeSet<_>>(), expected);
    fail(&fake, &[0, 1, 2], None);
    let job = begin(&relay, &json!({ "ids": [ids[0]] })).await;
    let done = until_state(&relay, &job, "done").await;
    assert_eq!((&done["counts"]["replayed"], &done["total"]), (&json!(1), &json!(1)), "{done}");
    relay.until_stored(&id, 38).await;
    let job = begin(&relay, &json!({ "request_id": id })).await;
    until_state(&relay, &job, "done").await;
    relay.until_stored(&id, 40).await;
    wait_for("the dead letters to be settled", VERY_LONG, SHORT, async || {
        let page = get(&relay, "/dlq").await;
        let letters = page["letters"].as_array().unwrap();
        ok_if(letters.iter().all(|letter| letter["state"] == "stored"), &page)
    })
    .await
    .unwrap();
    relay.stop().await;
}
