use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn a_link_typed_into_a_topic_that_was_created_again_has_its_own_document() {
    // One partition, so that the origins of both records differ only in their time.
    let site = Site::with_one_partition().await;
    let consumer = site.ready_consumer(&[]).await;
    site.type_links(0..1);
    site.until_lag_is_zero().await;
    consumer.stop().await;

    site.broker.delete_topic(&site.topic).await.unwrap();
    site.broker.create_topic(&site.topic, 1).await.unwrap();
    let consumer = site.ready_consumer(&[]).await;
    site.type_links(1..2);
    site.until_lag_is_zero().await;
    let documents = site.documents().await;
    assert_eq!(documents.len(), 2, "the second link has no document: {documents:?}");
    for document in &documents {
        let kafka = document.get_document("kafka").unwrap();
        let (offset, timestamp) = (kafka.get_i64("offset"), kafka.get_i64("timestamp"));
        let origin = format!("{}:0:{}:{}", site.topic, offset.unwrap(), timestamp.unwrap());
        assert_eq!(document.get_str("_id").unwrap(), format!("{origin}:0"));
    }
    consumer.stop().await;
}
