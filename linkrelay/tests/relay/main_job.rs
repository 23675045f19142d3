use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;

use crate::helpers::link;
use crate::role::stop;
use crate::site::Site;

const REQUESTS: usize = 500;
const INTERVAL: Duration = Duration::from_millis(20);

/// 50 requests a second for 10 s, against a YouTube that takes 1.2 s a link. The program that
/// linkrelay replaces lost 53 of these 500 links, or took ten minutes.
#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_links_in_ten_seconds_are_all_answered_and_all_stored() {
    let site = Site::slow(Duration::from_millis(1_200)).await;
    let (producer, consumer) = site.roles(&[], &[]).await;
    let other = site.ready_consumer(&[]).await;
    let begin = Instant::now();
    // An open loop: each request begins at its own time, no matter how long the others take.
    let requests = (0..REQUESTS).map(|number| {
        let producer = &producer;
        async move {
            let due = begin + INTERVAL * u32::try_from(number).unwrap();
            tokio::time::sleep_until(due.into()).await;
            let id = producer.post_valid(&json!(link(number))).await;
            (id, due.elapsed())
        }
    });
    let (ids, mut times): (BTreeSet<String>, Vec<Duration>) =
        join_all(requests).await.into_iter().unzip();
    let posted = begin.elapsed();
    site.until_lag_is_zero().await;
    let drained = begin.elapsed();

    assert_eq!(ids.len(), REQUESTS);
    let documents = site.documents().await;
    let expected: Vec<String> = ids.iter().map(|id| format!("{id}:0")).collect();
    let stored: Vec<&str> =
        documents.iter().map(|document| document.get_str("_id").unwrap()).collect();
    assert_eq!(stored, expected);
    assert!(documents.iter().all(|document| document.get_str("status").unwrap() == "stored"));
    times.sort();
    println!(
        "500 x 201; POST p50 {:?}, p99 {:?}; posted within {posted:?}, all stored and committed within {drained:?} (the serial consumer: 10 minutes)",
        times[REQUESTS / 2],
        times[REQUESTS * 99 / 100]
    );
    stop([producer, consumer, other]).await;
}
