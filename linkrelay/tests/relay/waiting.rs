use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use linkrelay_fake_youtube::FakeYouTubeSettings;
use serde_json::json;

use crate::site::{Path, Role, Site, link};

fn slow_youtube(latency: Duration) -> FakeYouTubeSettings {
    FakeYouTubeSettings { latency, ..FakeYouTubeSettings::default() }
}

async fn roles(site: &Site, more: &[(&str, &str)]) -> (Role, Role) {
    let consumer = site.consumer(more);
    let producer = site.producer(&[("EXTRACTOR_URL", &consumer.url)]);
    producer.until_ready().await;
    consumer.until_ready().await;
    (producer, consumer)
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_the_waiting_path_and_documents_agree() {
    let site = Site::start(slow_youtube(Duration::from_millis(200))).await;
    // Some of them do not find a place.
    let places = [("POST_LINKS_IN_FLIGHT", "20"), ("POST_LINKS_WAITING", "40")];
    let (producer, consumer) = roles(&site, &places).await;
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
    let documents = site.documents().await;
    let stored: BTreeSet<String> =
        documents.iter().map(|document| document.get_str("_id").unwrap().to_owned()).collect();
    assert_eq!(stored, promised);
    // The same documents as the other path's, and found in the same way.
    let (status, answer) = producer.post_to(Path::Waiting, &json!([link(1_000), "hello"])).await;
    assert_eq!((status, &answer["res"]), (207, &json!("partial")), "{answer}");
    let found = producer.status(answer["id"].as_str().unwrap()).await;
    assert_eq!((&found["stored"], &found["pending"]), (&json!(1), &json!(0)));
    producer.stop().await;
    consumer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_extractor_server_the_waiting_path_says_so_and_the_other_goes_on() {
    let site = Site::start(FakeYouTubeSettings::default()).await;
    let (producer, mut consumer) = roles(&site, &[]).await;
    consumer.process.kill().unwrap();
    let (status, answer) = producer.post_to(Path::Waiting, &json!(link(1))).await;
    assert_eq!((status, &answer["code"]), (503, &json!("extractor_unavailable")), "{answer}");
    producer.until_ready().await;
    let id = producer.post_good(&json!(link(2))).await;
    let other = site.consumer(&[]);
    let found = producer.until_nothing_is_pending(&id).await;
    assert_eq!(found["stored"], 1);
    producer.stop().await;
    other.stop().await;
}
