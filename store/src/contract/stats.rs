//! What a store must count.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use linkrelay_common::video::Availability;
use linkrelay_common::{ErrorClass, RequestId};

use super::sample;
use crate::stats::{ChannelStats, StoreStats, TOP_CHANNELS, VideoStats};
use crate::{LinkDocument, LinkState, Store, StoreError};

/// A document, and what is changed in it.
fn changed(mut document: LinkDocument, change: impl FnOnce(&mut LinkDocument)) -> LinkDocument {
    change(&mut document);
    document
}

fn stored(
    id: RequestId,
    index: u32,
    channel: Option<u32>,
    availability: Option<Availability>,
    source: Option<&str>,
) -> LinkDocument {
    changed(sample::stored(id, index), |document| {
        document.source = source.map(str::to_owned);
        if let Some(video) = &mut document.video {
            video.availability = availability;
            video.author.channel_id = channel.map(|channel| format!("UC{channel:022}"));
        }
    })
}

fn failed(id: RequestId, index: u32, class: ErrorClass) -> LinkDocument {
    changed(sample::failed(id, index), |document| {
        document.error.as_mut().into_iter().for_each(|error| error.class = class);
    })
}

fn counts<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<String, u64> {
    counts.map(|(name, count)| (name.to_owned(), count)).into()
}

/// An empty store counts nothing.
pub async fn an_empty_store_has_no_statistics(store: &dyn Store) -> Result<(), StoreError> {
    assert_eq!(store.stats().await?, StoreStats::default());
    Ok(())
}

/// Each kind of document and video is counted once, and what is not known is counted as such.
pub async fn documents_and_videos_are_counted_by_kind(store: &dyn Store) -> Result<(), StoreError> {
    let id = RequestId::new(20);
    let geo = Some(Availability::GeoBlocked);
    let later = |time: Option<Timestamp>| {
        time.and_then(|time| time.checked_add(SignedDuration::from_hours(1)).ok())
    };
    store
        .write_batch(&[
            stored(id, 0, Some(1), Some(Availability::Ok), Some("watch_page")),
            stored(id, 1, Some(2), geo, Some("watch_page")),
            stored(id, 2, Some(2), geo, Some("oembed")),
            stored(id, 3, None, None, None),
            failed(id, 4, ErrorClass::Permanent),
            failed(id, 5, ErrorClass::Transient),
            // A second link to a stored video is a document, and no video; neither is a failure of
            // a video that has metadata.
            changed(stored(id, 6, Some(1), Some(Availability::Ok), Some("watch_page")), |second| {
                second.video_id = Some("video-00000".to_owned());
                second.submitted_at = later(second.submitted_at);
            }),
            changed(failed(id, 7, ErrorClass::Permanent), |failure| {
                failure.video_id = Some("video-00001".to_owned());
            }),
            sample::expanded(id, 8, 2),
            // Of no request, and of no video.
            sample::of_nulls(1),
        ])
        .await?;
    let submitted_at = sample::stored(id, 0).submitted_at;
    let expected = StoreStats {
        documents: [(LinkState::Stored, 5), (LinkState::Failed, 4), (LinkState::Expanded, 1)]
            .into(),
        videos: VideoStats {
            stored: 4,
            failed: 2,
            by_error_class: counts([("permanent", 1), ("transient", 1)]),
            by_availability: counts([("geo_blocked", 2), ("ok", 1), ("unknown", 1)]),
            by_source: counts([("oembed", 1), ("unknown", 1), ("watch_page", 2)]),
            seen: submitted_at.zip(later(submitted_at)),
        },
        top_channels: vec![channel(2, 2), channel(1, 1)],
    };
    assert_eq!(store.stats().await?, expected);
    Ok(())
}

fn channel(number: u32, videos: u64) -> ChannelStats {
    ChannelStats { channel_id: format!("UC{number:022}"), videos }
}

/// Only the channels with the most videos are named, and of equal ones the smallest id.
pub async fn the_channels_with_the_most_videos_are_named(
    store: &dyn Store,
) -> Result<(), StoreError> {
    let id = RequestId::new(60);
    // Channel 11 has three videos, 10 has two, and 0 to 9 have one each.
    let channels = (0..10).chain([10, 10, 11, 11, 11]);
    let documents: Vec<LinkDocument> = channels
        .zip(0..)
        .map(|(number, index)| stored(id, index, Some(number), None, None))
        .collect();
    store.write_batch(&documents).await?;
    let mut expected = vec![channel(11, 3), channel(10, 2)];
    expected.extend((0..8).map(|number| channel(number, 1)));
    assert_eq!(expected.len(), TOP_CHANNELS);
    assert_eq!(store.stats().await?.top_channels, expected);
    Ok(())
}

/// A deleted request is counted as deleted documents, and as no videos.
pub async fn what_is_deleted_is_no_longer_counted_as_a_video(
    store: &dyn Store,
) -> Result<(), StoreError> {
    let id = RequestId::new(2);
    store.write_batch(&[sample::stored(id, 0), sample::failed(id, 1)]).await?;
    store.delete_request(id, Timestamp::UNIX_EPOCH).await?;
    let deleted =
        StoreStats { documents: [(LinkState::Deleted, 2)].into(), ..StoreStats::default() };
    assert_eq!(store.stats().await?, deleted);
    Ok(())
}
