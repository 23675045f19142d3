//! What a store must remove.

use std::time::Duration;

use jiff::Timestamp;
use linkrelay_common::{RequestId, VideoId};

use super::sample;
use crate::{
    KnownDocument, LinkDocument, LinkState, LinkStore, RequestCounts, Store, StoreError,
    WriteOutcome,
};

/// Nothing of its links is left, other requests are not affected, and it can be repeated.
pub async fn a_deleted_request_keeps_only_its_ids(store: &dyn Store) -> Result<(), StoreError> {
    let (request_id, other) = (RequestId::new(3), RequestId::new(3));
    let documents = [
        sample::stored(request_id, 0),
        sample::failed(request_id, 1),
        sample::expanded(request_id, 2, 1),
        // A video of the list.
        sample::stored(request_id, 20_003),
    ];
    let kept = [sample::stored(other, 1), sample::of_nulls(1)];
    store.write_batch(&documents).await?;
    store.write_batch(&kept).await?;
    let deleted_at = time(1_767_000_000_123)?;
    assert_eq!(store.delete_request(request_id, deleted_at).await?, 4);
    assert_eq!(store.delete_request(request_id, time(1_768_000_000_000)?).await?, 0);
    for document in documents {
        let found = store.find(std::slice::from_ref(&document.id)).await?;
        assert_eq!(found, [document.deleted(deleted_at)]);
    }
    for document in &kept {
        let found = store.find(std::slice::from_ref(&document.id)).await?;
        assert_eq!(found, std::slice::from_ref(document));
    }
    let counts = store.request_counts(request_id).await?;
    assert_eq!(counts, RequestCounts { deleted: 4, ..RequestCounts::default() });
    let links = store.request_links(request_id, 0, 3).await?;
    assert_eq!(links.len(), 3);
    for link in links {
        let code = link.error.map(|error| error.code);
        assert_eq!((link.state, code.as_deref()), (LinkState::Deleted, Some("deleted")));
        assert_eq!((link.link.as_str(), link.video_id, link.title), ("", None, None));
    }
    assert_eq!(store.request_expansions(request_id).await?, []);
    assert_eq!(store.video(video_id("video-20003")?).await?, None);
    assert_eq!(store.delete_request(RequestId::new(1), deleted_at).await?, 0);
    Ok(())
}

/// A link that is delivered again, or replayed, is known to be complete.
pub async fn a_deleted_document_is_not_written_again(
    store: &dyn LinkStore,
) -> Result<(), StoreError> {
    let request_id = RequestId::new(2);
    let documents = [sample::failed(request_id, 0), sample::stored(request_id, 1)];
    store.write_batch(&documents).await?;
    store.delete_request(request_id, time(1_767_000_000_000)?).await?;
    let again = [sample::stored(request_id, 0), sample::failed(request_id, 1)]
        .map(|document| LinkDocument { kafka: Some(sample::origin(77)), ..document });
    let outcomes = store.write_batch(&again).await?;
    assert_eq!(outcomes, [WriteOutcome::AlreadyThere, WriteOutcome::AlreadyThere]);
    let ids = again.map(|document| document.id);
    let mut known = store.known(&ids).await?;
    known.sort_by(|a, b| a.id.cmp(&b.id));
    let expected = ids.map(|id| KnownDocument { id, status: LinkState::Deleted, kafka: None });
    assert_eq!(known, expected);
    Ok(())
}

/// A row shows nothing of a deleted document, and goes with the last one.
pub async fn a_deleted_request_leaves_the_rows_of_its_videos(
    store: &dyn Store,
) -> Result<(), StoreError> {
    let requests = [RequestId::new(1), RequestId::new(1), RequestId::new(2)];
    let video_id = video_id("video-00000")?;
    for (request_id, views) in requests.iter().zip([1, 2, 3]) {
        let mut document = sample::stored(*request_id, 0);
        document.extracted_at = Some(time(1_764_000_000_000 + views)?);
        if let Some(video) = &mut document.video {
            video.view_count = Some(views.cast_unsigned());
        }
        store.write_batch(&[document]).await?;
    }
    let mut failed = sample::failed(requests[2], 1);
    failed.video_id = Some(video_id.to_string());
    store.write_batch(&[failed]).await?;
    let deleted_at = time(1_767_000_000_000)?;
    for (request_id, views) in [(requests[0], Some(3)), (requests[2], Some(2)), (requests[1], None)]
    {
        let has_failed = store.video(video_id).await?.is_some_and(|row| row.last_failure.is_some());
        assert_eq!(has_failed, views.is_some(), "{views:?}");
        store.delete_request(request_id, deleted_at).await?;
        let row = store.video(video_id).await?;
        let metadata = row.and_then(|row| row.metadata);
        assert_eq!(metadata.and_then(|metadata| metadata.video.view_count), views);
    }
    assert_eq!(store.video(video_id).await?, None);
    Ok(())
}

/// Documents expire by the time at which they were stored, the oldest first. For stores that leave
/// the removal to their caller.
pub async fn old_documents_are_removed_oldest_first(store: &dyn Store) -> Result<(), StoreError> {
    let request_id = RequestId::new(5);
    let at = |index, millis| -> Result<LinkDocument, StoreError> {
        Ok(LinkDocument { stored_at: time(millis)?, ..sample::stored(request_id, index) })
    };
    let documents = [at(0, 300)?, at(1, 100)?, at(2, 400)?, at(3, 200)?, at(4, 199)?];
    store.write_batch(&documents).await?;
    store.set_retention(Some(Duration::from_secs(3_600))).await?;
    store.set_retention(Some(Duration::from_secs(7_200))).await?;
    let left = async || -> Result<Vec<u32>, StoreError> {
        let links = store.request_links(request_id, 0, 5).await?;
        Ok(links.into_iter().map(|link| link.index).collect())
    };
    for (before, limit, removed, expected) in [
        (100, 9, 0, &[0, 1, 2, 3, 4][..]),
        (400, 2, 2, &[0, 2, 3]),
        (300, 9, 1, &[0, 2]),
        (400, 1, 1, &[2]),
        (400, 1, 0, &[2]),
    ] {
        assert_eq!(store.remove_expired(time(before)?, limit).await?, removed, "{before}");
        assert_eq!(left().await?, expected, "{before}");
        for index in 0..5 {
            let row = store.video(video_id(&format!("video-{index:05}"))?).await?;
            assert_eq!(row.is_some(), expected.contains(&index), "{before}: {index}");
        }
    }
    // Without a limit of time, nothing is prepared, and everything else works.
    store.set_retention(None).await?;
    store.set_retention(None).await?;
    store.write_batch(&documents[..1]).await?;
    assert_eq!(left().await?, [0, 2]);
    Ok(())
}

fn video_id(text: &str) -> Result<VideoId, StoreError> {
    VideoId::parse(text).map_err(|error| StoreError::Unreadable(error.to_string()))
}

fn time(millis: i64) -> Result<Timestamp, StoreError> {
    let time = Timestamp::from_millisecond(millis);
    time.map_err(|error| StoreError::Unreadable(error.to_string()))
}
