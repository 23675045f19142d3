use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use crate::helpers::link;
use crate::role::{Path, stop};
use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_the_waiting_path_and_documents_agree() {
    let site = Site::slow(Duration::from_millis(200)).await;
    // Fewer slots than requests.
    let slots = [("POST_LINKS_IN_FLIGHT", "20"), ("POST_LINKS_WAITING", "40")];
    let (producer, consumer) = site.roles_of_both_paths(&[], &slots).await;
    let answers = join_all(
        (0..200).map(async |number| producer.post_to(Path::Waiting, &json!(link(number))).await),
    )
    .await;
    let mut promised = BTreeSet::new();
    for (status, answer) in &answers {
        match status {
            201 => {
                assert_eq!((&answer["res"], &answer["stored"]), (&json!("ok"), &json!(1)));
                promised.insert(answer["results"][0]["document_id"].as_str().unwrap().to_owned());
            }
            503 => assert_eq!(answer["code"], "overloaded", "{answer}"),
            status => panic!("{status}: {answer}"),
        }
    }
    assert!((60..200).contains(&promised.len()), "{} were answered", promised.len());
    assert_eq!(BTreeSet::from_iter(site.texts("_id").await), promised);
    // The same documents as on the Kafka path, found by the same status.
    let (status, answer) = producer.post_to(Path::Waiting, &json!([link(1_000), "hello"])).await;
    assert_eq!((status, &answer["res"]), (207, &json!("partial")), "{answer}");
    let found = producer.status(answer["id"].as_str().unwrap()).await;
    assert_eq!((&found["stored"], &found["pending"]), (&json!(1), &json!(0)));
    stop([producer, consumer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_extractor_server_the_waiting_path_answers_503_and_the_kafka_path_continues() {
    let site = Site::new().await;
    let (producer, mut consumer) = site.roles_of_both_paths(&[], &[]).await;
    consumer.kill().unwrap();
    let (status, answer) = producer.post_to(Path::Waiting, &json!(link(1))).await;
    assert_eq!((status, &answer["code"]), (503, &json!("extractor_unavailable")), "{answer}");
    producer.until_ready().await;
    let id = producer.post_valid(&json!(link(2))).await;
    let other = site.consumer(&[]);
    let found = producer.until_nothing_is_pending(&id).await;
    assert_eq!(found["stored"], 1);
    stop([producer, other]).await;
}
