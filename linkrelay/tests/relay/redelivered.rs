use std::process::Command;

use linkrelay_fake_youtube::Failure;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::json;

use crate::helpers::{link, links, run, video_id};
use crate::site::Site;

const LINKS: usize = 60;

pub(crate) fn reset_to_earliest(site: &Site) {
    let mut command = Command::new(site.broker.home().join("bin/kafka-consumer-groups.sh"));
    command.args(["--bootstrap-server", &site.broker.bootstrap_servers()]);
    command.args(["--group", site.group(), "--topic", &site.topic]);
    command.args(["--reset-offsets", "--to-earliest", "--execute"]);
    run(&mut command).done();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_reset_to_the_earliest_youtube_is_not_asked_for_what_is_complete() {
    let site = Site::new().await;
    site.fake.set_failure(&video_id(3), Some(Failure::Private));
    let consumer = site.ready_consumer(&[("CACHE_TTL", "0s")]).await;
    site.type_links(0..LINKS);
    site.type_in("this is no link\n");
    site.until_lag_is_zero().await;
    consumer.stop().await;
    let (asked, letters) = (site.fake.hits().total, site.dead_letters().await.len());
    let documents = site.documents().await;

    reset_to_earliest(&site);
    assert_eq!(site.lag().await, LINKS as i64 + 1);
    let consumer = site.ready_consumer(&[("CACHE_TTL", "0s")]).await;
    site.until_lag_is_zero().await;
    assert_eq!(site.fake.hits().total, asked, "YouTube was asked again for what is done");
    assert_eq!(
        site.dead_letters().await.len(),
        letters,
        "the malformed line is a second dead letter"
    );
    assert_eq!(site.documents().await, documents);
    consumer.stop().await;
}

/// A tool that copied commits has left an offset with the metadata of another one: the run-length
/// form of "complete from the fifth record to the fiftieth".
#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_was_copied_to_another_offset_loses_no_link() {
    let site = Site::with_one_partition().await;
    site.type_links(0..LINKS);
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
    let site = Site::new().await;
    let consumer = site.ready_consumer(&[("MAX_LINKS_PER_REQUEST", "5")]).await;
    let value = json!({ "links": links(0..6) }).to_string();
    site.type_in(format!("{value}\n{}\n", link(6)));
    site.until_lag_is_zero().await;
    let letters = site.dead_letters().await;
    assert_eq!(letters.len(), 1, "the record should be a dead letter as a whole");
    assert_eq!(letters[0].value_text(), Some(value));
    assert_eq!(letters[0].header("linkrelay-error-class"), Some("malformed"));
    assert_eq!(site.documents_count().await, 2, "one that says why, and one of the valid link");
    consumer.stop().await;
}
