use std::ops::Range;
use std::time::Duration;

use linkrelay_testkit::wait::{LONG, SHORT, ok_if, wait_for};
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::helpers::link;
use crate::role::Role;
use crate::site::Site;

/// Publishes links faster than a user could: before a client refreshes its metadata of the topic.
async fn publish_links(site: &Site, numbers: Range<usize>) {
    let producer: FutureProducer = site.broker.client_config().create().unwrap();
    for number in numbers {
        let link = link(number);
        let record = FutureRecord::<[u8], str>::to(&site.topic).payload(&link);
        producer.send(record, LONG).await.unwrap();
    }
}

/// Waits until each of these links has its document, and no other link has one.
async fn until_links(site: &Site, consumer: &Role, expected: &[usize]) {
    let mut expected: Vec<String> = expected.iter().copied().map(link).collect();
    expected.sort();
    let stored = wait_for("the documents", LONG, SHORT * 5, async || {
        let links = site.texts("link").await;
        ok_if(links == expected, format!("{links:?}"))
    });
    let stored = stored.await;
    assert!(stored.is_ok(), "{stored:?}\n{}", consumer.log());
}

/// Waits until all of the topic's records, which are these links in their order, are committed.
/// No commit may ever be beyond a record without its document: a kill at any time loses nothing.
async fn until_committed(site: &Site, consumer: &Role, numbers: Range<usize>) {
    let committed = wait_for("the commit", LONG, Duration::ZERO, async || {
        let committed = site.broker.committed(site.group(), &site.topic).await;
        let committed = committed.ok().and_then(|partitions| *partitions.get(&0)?).unwrap_or(0);
        let count = usize::try_from(committed).unwrap();
        let stored = site.texts("link").await;
        let missing = numbers.clone().take(count).map(link).find(|link| !stored.contains(link));
        assert_eq!(missing, None, "{committed} committed\n{}", consumer.log());
        ok_if(count == numbers.len(), format!("{committed} committed"))
    });
    let committed = committed.await;
    assert!(committed.is_ok(), "{committed:?}\n{}", consumer.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_were_deleted_before_they_were_read_are_counted_with_a_warning() {
    let site = Site::with_one_partition().await;
    let consumer = site.consumer(&[]);
    site.type_links(0..4);
    site.until_lag_is_zero().await;
    consumer.stop().await;
    site.type_links(4..10);
    site.broker.delete_records_before(&site.topic, &[(0, 7)]).await.unwrap();
    let consumer = site.ready_consumer(&[]).await;
    until_links(&site, &consumer, &[0, 1, 2, 3, 7, 8, 9]).await;
    let metrics = consumer.metrics().await;
    let missed = format!("linkrelay_records_missed_total{{topic=\"{}\"}} 3", site.topic);
    assert!(metrics.contains(&missed), "{metrics}");
    let readiness = consumer.readiness().await.unwrap();
    let warning = readiness["warnings"]["records_missed"].as_str().unwrap_or_default();
    assert!(warning.contains("up to 3 records"), "{readiness}");
    assert!(consumer.log().contains("deleted before they were read"), "{}", consumer.log());
    consumer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_created_again_under_a_running_group_loses_no_link() {
    let site = Site::with_one_partition().await;
    let consumer = site.ready_consumer(&[]).await;
    site.type_links(0..3);
    site.until_lag_is_zero().await;
    // Fewer than before, as many, and more: the consumer's position is beyond the new log's end,
    // at it, or within it.
    let mut expected: Vec<usize> = (0..3).collect();
    for numbers in [10..11, 20..21, 30..38, 40..60] {
        site.broker.delete_topic(&site.topic).await.unwrap();
        site.broker.create_topic(&site.topic, 1).await.unwrap();
        publish_links(&site, numbers.clone()).await;
        until_committed(&site, &consumer, numbers.clone()).await;
        expected.extend(numbers);
        until_links(&site, &consumer, &expected).await;
    }
    site.until_lag_is_zero().await;
    consumer.stop().await;
}
