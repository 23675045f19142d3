use std::time::Instant;

use linkrelay_fake_youtube::Failure;
use linkrelay_testkit::wait::{SHORT, ok_if, wait_for};
use serde_json::json;

use crate::helpers::{VERY_LONG, links, video_id};
use crate::role::stop;
use crate::site::Site;

const HANGING: usize = 64;
const FINISHED: usize = 10_000;
const LINKS_PER_REQUEST: usize = 500;

/// Parallel Consumer did 36 to 95 % of the finished work again in this case.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_repeats_what_was_in_flight_and_little_more() {
    let site = Site::with_one_partition().await;
    // The very first record is among those that hang, so no offset can be committed.
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
    let (producer, mut victim) = site.roles(&[], &settings).await;
    for batch in links(0..HANGING + FINISHED).chunks(LINKS_PER_REQUEST) {
        producer.post_valid(&json!(batch)).await;
    }
    wait_for("all that do not hang to be stored", VERY_LONG, SHORT * 10, async || {
        let stored = site.documents_count().await;
        ok_if(stored >= FINISHED as u64, format!("{stored} stored"))
    })
    .await
    .unwrap();
    let committed = site.broker.committed(site.group(), &site.topic).await.unwrap();
    victim.kill().unwrap();
    assert!(committed[&0].unwrap_or(0) == 0, "the first record is not complete: {committed:?}");

    let asked_before = site.fake.hits().total;
    for number in 0..HANGING {
        site.fake.set_failure(&video_id(number), None);
    }
    let heir = site.ready_consumer(&settings).await;
    let begun = Instant::now();
    site.until_lag_is_zero().await;
    println!("the documents of {FINISHED} were found and skipped in {:?}", begun.elapsed());
    let asked_again = site.fake.hits().total - asked_before;
    println!(
        "{FINISHED} complete, {HANGING} in flight at the kill; asked for again: {asked_again}"
    );
    assert_eq!(site.documents_count().await, (FINISHED + HANGING) as u64);
    assert!(asked_again >= HANGING as u64);
    assert_eq!(asked_again, HANGING as u64, "only what was in flight is asked for again");
    stop([heir, producer]).await;
}
