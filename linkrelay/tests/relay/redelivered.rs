use std::process::Command;

use linkrelay_fake_youtube::{Failure, FakeYouTubeSettings};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::site::{Site, link, video_id};

const LINKS: usize = 60;

/// Lines for the console producer: links of these numbers, one a record.
fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| format!("{}\n", link(number))).collect()
}

fn reset_to_earliest(site: &Site) {
    let mut command = Command::new(site.broker.home().join("bin/kafka-consumer-groups.sh"));
    command.args(["--bootstrap-server", &site.broker.bootstrap_servers()]);
    command.args(["--group", site.group(), "--topic", &site.topic]);
    command.args(["--reset-offsets", "--to-earliest", "--execute"]);
    let reset = tokio::task::block_in_place(|| command.output().unwrap());
    assert!(reset.status.success(), "{}", String::from_utf8_lossy(&reset.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_reset_to_the_earliest_youtube_is_asked_for_nothing_that_is_done() {
    let site = Site::start(FakeYouTubeSettings::default()).await;
    site.fake.set_failure(&video_id(3), Some(Failure::Private));
    let consumer = site.consumer(&[("CACHE_TTL", "0s")]);
    consumer.until_ready().await;
    site.type_in(format!("{}this is rubbish\n", lines(0..LINKS)).as_bytes());
    site.until_lag_is_zero().await;
    consumer.stop().await;
    let (asked, letters) = (site.fake.hits().total, site.dead_letters().await.len());
    let documents = site.documents().await;

    reset_to_earliest(&site);
    assert_eq!(site.lag().await, LINKS as i64 + 1);
    let consumer = site.consumer(&[("CACHE_TTL", "0s")]);
    consumer.until_ready().await;
    site.until_lag_is_zero().await;
    assert_eq!(site.fake.hits().total, asked, "YouTube was asked again for what is done");
    assert_eq!(site.dead_letters().await.len(), letters, "the rubbish is a second dead letter");
    assert_eq!(site.documents().await, documents);
    consumer.stop().await;
}

/// What a tool that copies commits leaves: an offset with the metadata of another one. Here it is
/// the run-length form that said "complete from the fifth record to the fiftieth".
#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_was_copied_beside_another_offset_loses_no_link() {
    let site = Site::without_topics(FakeYouTubeSettings::default()).await;
    site.broker.create_topic(&site.topic, 1).await.unwrap();
    site.broker.create_topic(&site.dlq, 1).await.unwrap();
    site.type_in(lines(0..LINKS).as_bytes());
    let mut config = site.broker.client_config();
    config.set("group.id", site.group());
    let topic = site.topic.clone();
    let committed = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = config.create()?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&topic, 0, Offset::Offset(0))?;
        list.find_partition(&topic, 0).unwrap().set_metadata("lr1r:BS0");
        consumer.commit(&list, CommitMode::Sync)
    });
    committed.await.unwrap().unwrap();
    let consumer = site.consumer(&[]);
    site.until_lag_is_zero().await;
    assert_eq!(site.documents_count().await, LINKS as u64, "links without a document");
    consumer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_too_many_links_is_one_dead_letter() {
    let site = Site::start(FakeYouTubeSettings::default()).await;
    let consumer = site.consumer(&[("MAX_LINKS_PER_REQUEST", "5")]);
    consumer.until_ready().await;
    let links: Vec<String> = (0..6).map(|number| format!("\"{}\"", link(number))).collect();
    let value = format!("{{\"links\":[{}]}}", links.join(","));
    site.type_in(format!("{value}\n{}\n", link(6)).as_bytes());
    site.until_lag_is_zero().await;
    let letters = site.dead_letters().await;
    assert_eq!(letters.len(), 1, "the record should be a dead letter as a whole");
    assert_eq!(letters[0].value_text(), Some(value));
    assert_eq!(letters[0].header("linkrelay-error-class"), Some("malformed"));
    assert_eq!(site.documents_count().await, 2, "one that says why, and one of the good link");
    consumer.stop().await;
}
