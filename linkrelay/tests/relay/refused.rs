use linkrelay_fake_youtube::FakeYouTubeSettings;
use linkrelay_testkit::wait::{LONG, SHORT, wait_for};
use serde_json::{Value, json};

use crate::site::{Path, Role, Site, link, video_id};

/// Waits until the first link of a request is done.
async fn first_link(producer: &Role, id: &str) -> Value {
    let done = wait_for("the link to be done", LONG, SHORT, async || {
        let status = producer.status(id).await;
        if status["pending"] == 0 {
            Ok(status["links"][0].clone())
        } else {
            Err(status.to_string())
        }
    });
    let done = done.await;
    assert!(done.is_ok(), "{done:?}\n{}", producer.log());
    done.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_a_unique_index_refuses_is_told_on_both_ways() {
    let site = Site::start(FakeYouTubeSettings::default()).await;
    site.make_unique("video_id").await;
    let consumer = site.consumer(&[]);
    let producer = site.producer(&[("EXTRACTOR_URL", &consumer.url)]);
    producer.until_ready().await;
    consumer.until_ready().await;

    let id = producer.post_good(&json!(link(1))).await;
    assert_eq!(first_link(&producer, &id).await["status"], "stored");

    // Refused, but not the document that says so, which names no video.
    let id = producer.post_good(&json!(link(1))).await;
    let refused = first_link(&producer, &id).await;
    assert_eq!(refused["status"], "failed", "{refused}");
    assert_eq!(refused["error"]["code"], "refused_by_store", "{refused}");
    let letters = site.dead_letters().await;
    assert_eq!(letters.len(), 1);
    let reason = letters[0].header("linkrelay-error").unwrap();
    assert!(reason.contains("video_id_1") && !reason.contains(&video_id(1)), "{reason}");

    // No other document may be without a video now, so this link has none at all.
    let (status, answer) = producer.post_to(Path::Waiting, &json!(link(1))).await;
    assert_eq!((status, &answer["code"]), (503, &json!("refused_by_store")), "{answer}");
    let result = &answer["results"][0];
    assert_eq!(
        (&result["status"], &result["error"]["code"]),
        (&json!("unavailable"), &json!("refused_by_store"))
    );
    let readiness = consumer.readiness().await.unwrap();
    let warning = readiness["warnings"]["documents_refused"].as_str().unwrap();
    assert!(warning.contains("video_id_1"), "{warning}");
    let counted = consumer.metrics().await;
    assert!(counted.lines().any(|line| line == "linkrelay_documents_refused_total 1"), "{counted}");

    // The other way it is a dead letter, and pending as the status says.
    let id = producer.post_good(&json!(link(1))).await;
    wait_for("another dead letter", LONG, SHORT, async || {
        let count = site.dead_letters().await.len();
        if count == 2 { Ok(()) } else { Err(count.to_string()) }
    })
    .await
    .unwrap();
    site.until_lag_is_zero().await;
    assert_eq!(producer.status(&id).await["pending"], 1);
    assert_eq!(site.documents_count().await, 2);
    producer.stop().await;
    consumer.stop().await;
}
