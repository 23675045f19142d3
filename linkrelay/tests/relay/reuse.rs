use mongodb::bson::Document;
use serde_json::json;

use crate::helpers::{link, until, video_id};
use crate::role::{Role, stop};
use crate::site::Site;

const VIDEO_INDEX: &str = "video_id_1_status_1_extracted_at_-1";

async fn stored(producer: &Role) -> String {
    let id = producer.post_valid(&json!(link(0))).await;
    assert_eq!(producer.until_nothing_is_pending(&id).await["stored"], 1);
    id
}

fn of_request<'a>(documents: &'a [Document], id: &str) -> &'a Document {
    documents.iter().find(|document| document.get_str("request_id") == Ok(id)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn recent_metadata_is_taken_from_the_store_unless_forced() {
    let site = Site::new().await;
    let producer = site.ready_producer(&[]).await;
    // The consumer's cache must not answer.
    let consumer = site.ready_consumer(&[("REUSE_WITHIN", "1h"), ("CACHE_ENTRIES", "0")]).await;
    let mut first = stored(&producer).await;
    let asked = || site.fake.hits().video(&video_id(0));
    let second = until("metadata to be reused", async || {
        let before = asked();
        let id = stored(&producer).await;
        let metrics = consumer.metrics().await;
        let reused = r#"linkrelay_reuse_lookups_total{outcome="reused"} 1"#;
        if metrics.lines().any(|line| line == reused) {
            assert_eq!(asked(), before);
            return Ok(id);
        }
        first = id;
        Err(metrics)
    })
    .await;
    assert!(!site.index_names().await.iter().any(|name| name == VIDEO_INDEX));

    let before = asked();
    let forced = json!({ "links": link(0), "force": true });
    let id = producer.post_body(&forced).await;
    producer.until_nothing_is_pending(&id).await;
    assert_eq!(asked(), before + 1);

    let documents = site.documents().await;
    let (first, second) = (of_request(&documents, &first), of_request(&documents, &second));
    for field in ["source", "extracted_at", "video", "video_id"] {
        assert_eq!(first.get(field), second.get(field), "{field}");
    }
    assert_ne!(first.get("extracted_at"), of_request(&documents, &id).get("extracted_at"));
    stop([consumer, producer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_setting_youtube_is_asked_and_no_index_is_made() {
    let site = Site::new().await;
    let (producer, consumer) = site.roles(&[], &[("CACHE_ENTRIES", "0")]).await;
    stored(&producer).await;
    stored(&producer).await;
    assert_eq!(site.fake.hits().video(&video_id(0)), 2);
    assert!(!site.index_names().await.iter().any(|name| name == VIDEO_INDEX));
    stop([consumer, producer]).await;
}
