use std::time::Instant;

use linkrelay_fake_youtube::{Failure, FakeYouTubeSettings};
use linkrelay_testkit::wait::{SHORT, wait_for};
use serde_json::json;

use crate::site::{Site, VERY_LONG, link, video_id};

const HANGING: usize = 64;
const FINISHED: usize = 10_000;
const LINKS_PER_REQUEST: usize = 500;

/// Parallel Consumer did 36 to 95 % of the finished work again in this case.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_repeats_what_was_in_flight_and_little_more() {
    let site = Site::without_topics(FakeYouTubeSettings::default()).await;
    site.broker.create_topic(&site.topic, 1).await.unwrap();
    site.broker.create_topic(&site.dlq, 1).await.unwrap();
    // The very first record is among those that hang: nothing can be committed but what is
    // complete beyond it.
    for number in 0..HANGING {
        site.fake.set_failure(&video_id(number), Some(Failure::Hang));
    }
    let settings = [
        ("MAX_IN_FLIGHT", "128"),
        ("CONCURRENCY_PER_PARTITION", "128"),
        ("MAX_CONCURRENT_FETCHES", "128"),
        ("EXTRACTOR_TIMEOUT", "10m"),
        ("EXTRACTOR_READ_TIMEOUT", "10m"),
    ];
    let producer = site.producer(&[]);
    let mut victim = site.consumer(&settings);
    producer.until_ready().await;
    victim.until_ready().await;
    let numbers: Vec<usize> = (0..HANGING + FINISHED).collect();
    for batch in numbers.chunks(LINKS_PER_REQUEST) {
        producer.post_good(&json!(batch.iter().copied().map(link).collect::<Vec<_>>())).await;
    }
    wait_for("all that do not hang to be stored", VERY_LONG, SHORT * 10, async || {
        let stored = site.documents_count().await;
        if stored >= FINISHED as u64 { Ok(()) } else { Err(format!("{stored} stored")) }
    })
    .await
    .unwrap();
    let committed = site.broker.committed(site.group(), &site.topic).await.unwrap();
    victim.process.kill().unwrap();
    assert!(committed[&0].unwrap_or(0) == 0, "the first record is not complete: {committed:?}");

    let asked_before = site.fake.hits().total;
    for number in 0..HANGING {
        site.fake.set_failure(&video_id(number), None);
    }
    let heir = site.consumer(&settings);
    heir.until_ready().await;
    let begun = Instant::now();
    site.until_lag_is_zero().await;
    println!("the documents of {FINISHED} were found and passed over in {:?}", begun.elapsed());
    let asked_again = site.fake.hits().total - asked_before;
    println!(
        "{FINISHED} complete, {HANGING} in flight at the kill; asked for again: {asked_again}"
    );
    assert_eq!(site.documents_count().await, (FINISHED + HANGING) as u64);
    assert!(asked_again >= HANGING as u64);
    assert_eq!(asked_again, HANGING as u64, "only what was in flight is asked for again");
    heir.stop().await;
    producer.stop().await;
}
