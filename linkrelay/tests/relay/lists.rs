use std::collections::BTreeSet;

use linkrelay_fake_youtube::ApiFailure;
use linkrelay_fake_youtube::pages::lists;
use linkrelay_testkit::wait::{SHORT, ok_if, wait_for};
use mongodb::bson::Document;
use serde_json::{Value, json};

use crate::helpers::{VERY_LONG, link, until, until_is};
use crate::role::stop;
use crate::site::Site;

const KEY: (&str, &str) = ("YOUTUBE_API_KEY", "a-key");
const EXPAND: (&str, &str) = ("EXPAND_LISTS", "true");

fn playlist(id: &str) -> String {
    format!("https://www.youtube.com/playlist?list={id}")
}

fn counts(status: &Value) -> [u64; 5] {
    ["total", "stored", "failed", "expanded", "pending"]
        .map(|name| status[name].as_u64().unwrap_or_else(|| panic!("no {name}: {status}")))
}

/// The videos of a request's documents, by index.
fn video_ids(documents: &[Document], id: &str) -> Vec<(i64, String)> {
    let of_request = documents.iter().filter(|document| document.get_str("request_id") == Ok(id));
    let mut videos: Vec<_> = of_request
        .filter_map(|document| {
            let index = document.get("index")?;
            let index = index.as_i64().or_else(|| index.as_i32().map(i64::from))?;
            Some((index, document.get_str("video_id").ok()?.to_owned()))
        })
        .collect();
    videos.sort();
    videos
}

#[tokio::test(flavor = "multi_thread")]
async fn playlists_and_channels_become_a_document_a_video() {
    let site = Site::new().await;
    let (producer, consumer) = site.roles(&[EXPAND], &[KEY, ("EXPAND_LIMIT", "60")]).await;
    let links = [
        playlist("PLmade-up_55"),
        link(0),
        "https://www.youtube.com/@many-120".to_owned(),
        playlist("PLgone-for-good"),
    ];
    let id = producer.post_valid(&json!(links)).await;
    let status = producer.until_nothing_is_pending(&id).await;
    let url = producer.url();
    let linkrelay = |arguments: &[&str]| site.linkrelay(arguments, &[("LINKRELAY_URL", &url)]);
    let shown = linkrelay(&["status", &id]).stdout;
    assert!(
        shown.starts_with(&format!("{id}: 119 links, 116 stored, 1 failed, 2 expanded, 0 pending")),
        "{shown}"
    );
    assert_eq!(shown.lines().count(), 120, "{shown}");
    // A list and each of its videos count as one; of 120 videos EXPAND_LIMIT are left.
    assert_eq!(counts(&status), [4 + 55 + 60, 1 + 55 + 60, 1, 2, 0]);
    assert_eq!(status["links"][0]["videos"], 55);
    assert_eq!(status["links"][3]["error"]["code"], "list_unavailable");

    let channel = lists::channel_of("many-120").unwrap();
    let uploads = lists::uploads_of(&channel).unwrap();
    let range = |list: &str, first: i64, count: usize| {
        (first..).zip(lists::video_ids(list, count)).collect::<Vec<_>>()
    };
    let mut expected = range("PLmade-up_55", 4, 55);
    expected.extend(range(&uploads, 20_004, 60));
    let found = video_ids(&site.documents().await, &id);
    assert_eq!(found[1..], expected, "behind the one video that was submitted");
    site.until_lag_is_zero().await;
    assert!(site.dead_letters().await.is_empty());
    let said = linkrelay(&["submit", "--wait", &playlist("PLagain-9")]).done();
    assert!(said.contains("stored 9, failed 0, expanded 1"), "{said}");
    assert!(said.contains("done: 10 of 10"), "{said}");
    stop([consumer, producer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_is_killed_in_an_expansion_loses_and_doubles_nothing() {
    let site = Site::new().await;
    let producer = site.ready_producer(&[EXPAND]).await;
    let consumers = || [0, 1].map(|_| site.consumer(&[KEY, ("MAX_IN_FLIGHT", "8")]));
    let mut killed = consumers();
    let lists: Vec<String> = (0..10).map(|number| format!("PLlist{number}_200")).collect();
    let links: Vec<String> = lists.iter().map(|list| playlist(list)).collect();
    let id = producer.post_valid(&json!(links)).await;
    until("expansions in flight", async || {
        let [total, stored, ..] = counts(&producer.status(&id).await);
        ok_if(total > 10 && stored > 0, format!("{total} {stored}"))
    })
    .await;
    for consumer in &mut killed {
        consumer.kill().unwrap();
    }
    let running = consumers();
    wait_for("everything to be stored", VERY_LONG, SHORT * 10, async || {
        let found = counts(&producer.status(&id).await);
        ok_if(found == [2_010, 2_000, 0, 10, 0], format!("{found:?}"))
    })
    .await
    .unwrap();
    site.until_lag_is_zero().await;
    let documents = site.documents().await;
    assert_eq!(documents.len(), 2_010);
    let found: BTreeSet<String> =
        video_ids(&documents, &id).into_iter().map(|(_, video_id)| video_id).collect();
    let expected: BTreeSet<String> =
        lists.iter().flat_map(|list| lists::video_ids(list, 200)).collect();
    assert_eq!(found, expected);
    stop(running).await;
    producer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_a_list_is_refused_by_the_producer_or_by_its_document() {
    let site = Site::new().await;
    let (careful, consumer) = site.roles(&[], &[]).await;
    let careless = site.ready_producer(&[EXPAND]).await;
    let (status, answer) = careful.post(&json!(playlist("PLmade-up_55"))).await;
    assert_eq!((status, &answer["results"][0]["error"]["code"]), (422, &json!("playlist")));
    let id = careless.post_valid(&json!(playlist("PLmade-up_55"))).await;
    let status = careless.until_nothing_is_pending(&id).await;
    assert_eq!(status["links"][0]["error"]["code"], "no_expansion");
    stop([consumer, careless, careful]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_up_quota_gives_a_list_up_and_a_replay_brings_it_back() {
    let site = Site::new().await;
    let (producer, consumer) = site.roles(&[EXPAND], &[KEY]).await;
    site.fake.set_api_failure(Some(ApiFailure::QuotaExceeded));
    let id = producer.post_valid(&json!(playlist("PLmade-up_5"))).await;
    let status = producer.until_nothing_is_pending(&id).await;
    let error = &status["links"][0]["error"];
    assert_eq!((&error["class"], &error["code"]), (&json!("transient"), &json!("stood_down")));
    consumer.stop().await;

    site.fake.set_api_failure(None);
    let consumer = site.ready_consumer(&[KEY]).await;
    site.linkrelay(&["dlq", "replay", "--all"], &[]).done();
    until_is("the number of expanded lists", json!(1), async || {
        producer.status(&id).await["expanded"].clone()
    })
    .await;
    let status = producer.until_nothing_is_pending(&id).await;
    assert_eq!(counts(&status), [6, 5, 0, 1, 0]);
    stop([consumer, producer]).await;
}
