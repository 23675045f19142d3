//! What a store must find of videos with old metadata.

use jiff::Timestamp;
use linkrelay_common::{ErrorClass, RequestId, VideoId};

use super::sample;
use crate::{FoundStale, LinkDocument, StaleVideo, StaleVideos, Store, StoreError};

/// When the documents of the samples were extracted or stored, in these tests.
const EPOCH_MS: i64 = 1_764_000_000_000;

/// A video with several documents counts with its newest, and pages of any size follow each other
/// to the end, also where several videos have the same time.
pub async fn stale_videos_come_oldest_first_and_each_once(
    store: &dyn Store,
) -> Result<(), StoreError> {
    let request_id = RequestId::new(99);
    // The video, and when YouTube answered.
    let documents =
        [(4, 70), (1, 30), (2, 30), (3, 10), (1, 5), (5, 100), (4, 71), (0, 30), (6, 99)];
    let documents: Vec<LinkDocument> = (0..)
        .zip(documents)
        .map(|(index, (video, millis))| stored(request_id, index, video, millis))
        .collect();
    store.write_batch(&documents).await?;
    // A list and a record without a link have no video.
    store.write_batch(&[sample::expanded(request_id, 98, 1), sample::of_nulls(1)]).await?;
    let expected = [(3, 10), (0, 30), (1, 30), (2, 30), (4, 71), (6, 99)];
    let expected = expected.map(|(video, millis)| stale_video(video, millis)).to_vec();
    let before =
        |millis| StaleVideos { extracted_before: time(millis), with_failed: false, after: None };
    for limit in 1..=7 {
        let (mut found, mut stale) = (Vec::new(), before(100));
        loop {
            let left = expected.len() - found.len();
            let FoundStale { oldest: page, count } = stale.find(store, limit).await?;
            assert_eq!(count, left as u64, "after {found:?}");
            assert!(page.len() <= limit, "{} of {limit}", page.len());
            let Some(last) = page.last() else { break };
            stale.after = Some(last.clone());
            found.extend(page);
        }
        assert_eq!(found, expected, "in pages of {limit}");
    }
    assert_eq!(before(10).find(store, 9).await?, FoundStale::default());
    for limit in 1..=7 {
        assert_eq!(registered(store, limit).await?, (0..=6).map(video_id).collect::<Vec<_>>());
    }
    store.delete_request(request_id, time(0)).await?;
    assert_eq!(before(100).find(store, 9).await?, FoundStale::default());
    Ok(())
}

/// Only a refusal by YouTube counts, and only one after the newest metadata.
pub async fn a_refused_video_is_stale_only_on_request(store: &dyn Store) -> Result<(), StoreError> {
    let request_id = RequestId::new(99);
    let failed = |index, video, millis, class| {
        let mut document = sample::failed(request_id, index);
        document.error.iter_mut().for_each(|error| error.class = class);
        LinkDocument { video_id: Some(name(video)), stored_at: time(millis), ..document }
    };
    let documents = [
        // Refused after it was found, before that, and after the time in question.
        stored(request_id, 1, 1, 20),
        failed(11, 1, 30, ErrorClass::Permanent),
        stored(request_id, 2, 2, 20),
        failed(12, 2, 10, ErrorClass::Permanent),
        stored(request_id, 3, 3, 20),
        failed(13, 3, 100, ErrorClass::Permanent),
        // Given up, which says nothing of the video.
        stored(request_id, 4, 4, 20),
        failed(14, 4, 30, ErrorClass::Transient),
        // Never found.
        failed(15, 5, 30, ErrorClass::Permanent),
    ];
    store.write_batch(&documents).await?;
    for (with_failed, videos) in [(false, &[2, 4][..]), (true, &[1, 2, 4])] {
        let stale = StaleVideos { extracted_before: time(100), with_failed, after: None };
        let expected: Vec<_> = videos.iter().map(|video| stale_video(*video, 20)).collect();
        let count = expected.len() as u64;
        let expected = FoundStale { oldest: expected, count };
        assert_eq!(stale.find(store, 9).await?, expected, "with failed: {with_failed}");
    }
    Ok(())
}

/// Returns the videos that have a row, read in pages of this size.
async fn registered(store: &dyn Store, limit: u32) -> Result<Vec<VideoId>, StoreError> {
    let mut found: Vec<VideoId> = Vec::new();
    loop {
        let page = store.registers(found.last().copied(), limit).await?;
        assert!(page.len() <= limit as usize, "{} of {limit}", page.len());
        if page.is_empty() {
            return Ok(found);
        }
        found.extend(page.iter().map(|row| row.video_id));
    }
}

fn stored(request_id: RequestId, index: u32, video: u32, millis: i64) -> LinkDocument {
    let (video_id, extracted_at) = (Some(name(video)), Some(time(millis)));
    LinkDocument { video_id, extracted_at, ..sample::stored(request_id, index) }
}

fn stale_video(video: u32, millis: i64) -> StaleVideo {
    StaleVideo { extracted_at: time(millis), video_id: video_id(video) }
}

#[allow(clippy::expect_used, reason = "a test may panic")]
fn video_id(video: u32) -> VideoId {
    VideoId::parse(&name(video)).expect("the name has eleven characters")
}

fn name(video: u32) -> String {
    format!("video-{video:05}")
}

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(EPOCH_MS + millis).unwrap_or_default()
}
