use mongodb::IndexModel;
use mongodb::bson::doc;
use mongodb::options::IndexOptions;
use serde_json::{Value, json};

use crate::helpers::{link, until_is, video_id};
use crate::role::{Path, Role, stop};
use crate::site::Site;

/// The first link of a request when no link of it is pending.
async fn first_link(producer: &Role, id: &str) -> Value {
    producer.until_nothing_is_pending(id).await["links"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_a_unique_index_refuses_is_reported_on_both_paths() {
    let site = Site::new().await;
    // An index that an operator has made: no two documents may have the same value there.
    let unique = IndexOptions::builder().unique(true).build();
    let index = IndexModel::builder().keys(doc! { "video_id": 1 }).options(unique).build();
    site.documents.create_index(index).await.unwrap();
    let (producer, consumer) = site.roles_of_both_paths(&[], &[]).await;

    let id = producer.post_valid(&json!(link(1))).await;
    assert_eq!(first_link(&producer, &id).await["status"], "stored");

    // Refused, unlike the document that reports it, which names no video.
    let id = producer.post_valid(&json!(link(1))).await;
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

    // On the Kafka path it is a dead letter, and pending as the status says.
    let id = producer.post_valid(&json!(link(1))).await;
    until_is("the number of dead letters", 2, async || site.dead_letters().await.len()).await;
    site.until_lag_is_zero().await;
    assert_eq!(producer.status(&id).await["pending"], 1);
    assert_eq!(site.documents_count().await, 2);
    stop([producer, consumer]).await;
}
