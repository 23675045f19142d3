use std::time::Duration;

use linkrelay_fake_youtube::{Failure, FakeYouTube};
use linkrelay_testkit::wait::ok_if;
use serde_json::{Value, json};

use crate::helpers::{links, until, until_is, video_id};
use crate::role::{Role, stop, up};
use crate::site::{Site, count, youtube};

/// How many links of a request fail.
const FAILING: usize = 3;

fn fail(fake: &FakeYouTube, failure: Option<Failure>) {
    for number in 0..FAILING {
        fake.set_failure(&video_id(number), failure);
    }
}

/// Posts ten links, of which YouTube refuses some; returns the request's id.
async fn with_failed_links(relay: &Role, fake: &FakeYouTube) -> String {
    fail(fake, Some(Failure::Private));
    let id = relay.post_valid(&json!(links(0..10))).await;
    assert_eq!(relay.until_nothing_is_pending(&id).await["failed"], FAILING);
    id
}

async fn retry(relay: &Role, id: &str, body: &Value) -> (u16, Value) {
    relay.post_json(&format!("/links/{id}/retry"), body).await.unwrap()
}

async fn retry_all(relay: &Role, id: &str) {
    let (status, answer) = retry(relay, id, &json!({})).await;
    assert_eq!((status, &answer["accepted"]), (202, &json!(FAILING)), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_was_answered_outlives_a_kill() {
    let data = tempfile::tempdir().unwrap();
    let (fake, youtube) = youtube(Duration::ZERO).await;
    let relay = up(data.path(), &[], &youtube).ready().await;
    let id = with_failed_links(&relay, &fake).await;
    // YouTube does not answer before the kill.
    fail(&fake, Some(Failure::Hang));
    retry_all(&relay, &id).await;
    // Its drop kills the process.
    drop(relay);
    fail(&fake, None);
    let relay = up(data.path(), &[], &youtube).ready().await;
    relay.until_stored(&id, 10).await;
    assert_eq!(count(data.path(), "document"), 10);
    until_is("the journal to be empty", 0, async || count(data.path(), "journal")).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_fails_again_is_over_and_can_be_retried() {
    let data = tempfile::tempdir().unwrap();
    let (fake, youtube) = youtube(Duration::ZERO).await;
    let relay = up(data.path(), &[], &youtube).ready().await;
    let id = with_failed_links(&relay, &fake).await;
    fail(&fake, Some(Failure::Deleted));
    retry_all(&relay, &id).await;
    until("the new failures", async || {
        let status = relay.status(&id).await;
        let links = status["links"].as_array().unwrap();
        let are_new = links[..FAILING].iter().all(|link| link["error"]["code"] == "unavailable");
        ok_if(are_new && count(data.path(), "journal") == 0, status)
    })
    .await;
    fail(&fake, None);
    let (status, _) = retry(&relay, &id, &json!({"indexes": [1]})).await;
    assert_eq!(status, 202);
    relay.until_stored(&id, 8).await;
    let (status, refused) = retry(&relay, &id, &json!({"indexes": [0, 1]})).await;
    assert_eq!(
        (status, &refused["code"], &refused["indexes"]),
        (409, &json!("not_failed"), &json!([1]))
    );
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_retries_through_kafka_double_nothing() {
    let site = Site::new().await;
    let (producer, consumer) = site.roles(&[], &[]).await;
    let id = with_failed_links(&producer, &site.fake).await;
    fail(&site.fake, None);
    let body = json!({});
    let retries = (0..5).map(|_| retry(&producer, &id, &body));
    for (status, answer) in futures::future::join_all(retries).await {
        assert_eq!(status, 202, "{answer}");
    }
    producer.until_stored(&id, 10).await;
    site.until_lag_is_zero().await;
    assert_eq!(site.documents_count().await, 10);
    assert_eq!(site.texts("link").await, links(0..10));
    stop([consumer, producer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pasted_text_is_explained_with_what_is_stored() {
    let data = tempfile::tempdir().unwrap();
    let relay = up(data.path(), &["--demo"], &[]).ready().await;
    let id = relay.post_valid(&json!(links(0..1))).await;
    relay.until_stored(&id, 1).await;
    let text = format!("{0} and {1}\n{0}\nhttps://example.com", links(0..1)[0], links(1..2)[0]);
    let (status, parsed) =
        relay.post_json("/links/parse", &json!({ "links": text })).await.unwrap();
    assert_eq!(status, 200, "{parsed}");
    let totals = ["links", "accepted", "rejected", "videos", "doubles", "stored"];
    let totals = totals.map(|name| parsed["totals"][name].as_u64());
    assert_eq!(totals, [4, 3, 1, 2, 1, 1].map(Some), "{parsed}");
    assert_eq!(count(data.path(), "document"), 1);
    relay.stop().await;
}
