//! Many concurrent links: each video is asked for once, and throttling costs little and loses
//! nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use linkrelay_common::VideoId;
use linkrelay_extractor::{Extract, Extraction, Extractor, ExtractorSettings};
use linkrelay_fake_youtube::pages;
use linkrelay_fake_youtube::{Failure, FakeYouTube, FakeYouTubeSettings};

use super::{ID, settings};

async fn fake(change: impl FnOnce(&mut FakeYouTubeSettings)) -> FakeYouTube {
    let mut settings = FakeYouTubeSettings { http2: true, ..FakeYouTubeSettings::default() };
    change(&mut settings);
    FakeYouTube::start(settings).await.unwrap()
}

fn extractor(fake: &FakeYouTube, change: impl FnOnce(&mut ExtractorSettings)) -> Arc<Extractor> {
    let default = ExtractorSettings::default().extractors;
    let mut settings = settings(&default, fake.base_url(), fake.ca_cert_path());
    settings.cache_entries = 10_000;
    change(&mut settings);
    settings.build_extractor().unwrap()
}

fn videos(count: usize) -> Vec<VideoId> {
    let ids = (0..count).map(|i| pages::id_from_name(&format!("load {i}")));
    ids.map(|id| VideoId::parse(&id).unwrap()).collect()
}

/// Asks for all of these videos concurrently, and returns how many were found.
async fn found(extractor: &Arc<Extractor>, ids: &[VideoId]) -> usize {
    let asks = ids.iter().map(|id| {
        let (extractor, id) = (extractor.clone(), *id);
        tokio::spawn(async move { extractor.extract(id, false).await })
    });
    let answers = join_all(asks.collect::<Vec<_>>()).await;
    let found = ids.iter().zip(answers).filter(|(id, answer)| match answer {
        Ok(Ok(Extraction { video_id, .. })) => video_id == *id,
        _ => false,
    });
    found.count()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_links_to_five_hundred_videos_are_five_hundred_requests() {
    let fake = fake(|_| {}).await;
    let extractor = extractor(&fake, |_| {});
    let ids: Vec<VideoId> = videos(500).into_iter().cycle().take(5_000).collect();
    assert_eq!(found(&extractor, &ids).await, 5_000);
    let hits = fake.hits();
    assert_eq!(hits.total, 500, "{:?}, {:?}", hits.by_route, extractor.state());
    assert_eq!(hits.by_video.len(), 500);
    assert!(hits.max_in_flight <= 64, "{}", hits.max_in_flight);
    let cache = extractor.state().cache;
    assert_eq!((cache.misses_total, cache.hits_total + cache.joins_total), (500, 4_500));
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_after_every_hundred_requests_loses_nothing_and_costs_few_more() {
    let fake = fake(|fake| fake.throttle_every = Some(100)).await;
    let extractor = extractor(&fake, |settings| {
        settings.cool_down_min = Duration::from_millis(20);
    });
    let ids = videos(1_000);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 1_000);
    assert_eq!(found(&extractor, &ids).await, 1_000);
    let hits = fake.hits();
    // Each video takes one good answer; all other answers were the status 429.
    assert!((1_009..=1_100).contains(&hits.total), "{} requests", hits.total);
    let gate = extractor.state().gate;
    assert!(gate.limit < 64 && gate.cool_downs_total >= 9, "{gate:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_retry_after_is_returned_and_no_request_is_made_until_then() {
    let wait = Duration::from_secs(60);
    let fake = fake(|_| {}).await;
    fake.set_failure(ID, Some(Failure::Throttled { retry_after: Some(wait) }));
    let extractor = extractor(&fake, |_| {});
    let ids = [vec![VideoId::parse(ID).unwrap()], videos(1)].concat();
    for id in ids {
        let error = extractor.extract(id, false).await.unwrap_err();
        assert_eq!(error.code(), "throttled");
    }
    assert_eq!(fake.hits().total, 1);
    assert!(extractor.state().gate.cooling.is_some());
}
