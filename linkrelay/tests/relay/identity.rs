use linkrelay_fake_youtube::FakeYouTubeSettings;

use crate::site::{Site, link};

#[tokio::test(flavor = "multi_thread")]
async fn a_link_typed_into_a_topic_that_was_created_again_has_a_document_of_its_own() {
    let site = Site::start(FakeYouTubeSettings::default()).await;
    site.broker.delete_topic(&site.topic).await.unwrap();
    // One partition, so that both records have the same place but for their time.
    site.broker.create_topic(&site.topic, 1).await.unwrap();
    let consumer = site.consumer(&[]);
    consumer.until_ready().await;
    site.type_in(format!("{}\n", link(0)).as_bytes());
    site.until_lag_is_zero().await;
    consumer.stop().await;

    site.broker.delete_topic(&site.topic).await.unwrap();
    site.broker.create_topic(&site.topic, 1).await.unwrap();
    let consumer = site.consumer(&[]);
    consumer.until_ready().await;
    site.type_in(format!("{}\n", link(1)).as_bytes());
    site.until_lag_is_zero().await;
    let documents = site.documents().await;
    let links: Vec<&str> =
        documents.iter().map(|document| document.get_str("link").unwrap()).collect();
    assert_eq!(links.len(), 2, "the second link has no document: {links:?}");
    for document in &documents {
        let kafka = document.get_document("kafka").unwrap();
        let (offset, timestamp) = (kafka.get_i64("offset"), kafka.get_i64("timestamp"));
        let place = format!("{}:0:{}:{}", site.topic, offset.unwrap(), timestamp.unwrap());
        assert_eq!(document.get_str("_id").unwrap(), format!("{place}:0"));
    }
    consumer.stop().await;
}
