//! What a store must do to make the rows of videos from the documents.

use jiff::Timestamp;
use linkrelay_common::{DocumentId, RequestId};

use super::sample;
use crate::videos::rebuild::without_documents;
use crate::videos::{Direction, VideoQuery, VideoRow};
use crate::{LinkDocument, Store, StoreError};

/// When the documents of the samples were written.
const EPOCH_MS: i64 = 1_764_000_000_000;

/// Documents of `videos` videos, each named by three links of which one failed, with times in no
/// order.
fn documents(request_id: RequestId, videos: u32) -> Vec<LinkDocument> {
    let of_video = |index: u32| {
        let document = match index / videos {
            0 | 1 => sample::stored(request_id, index),
            _ => sample::failed(request_id, index),
        };
        let at = Timestamp::from_millisecond(EPOCH_MS + i64::from(index * 7 % 11));
        let at = at.unwrap_or_default();
        let extracted_at = document.extracted_at.map(|_| at);
        let video_id = Some(format!("video-{:05}", index % videos));
        LinkDocument { video_id, submitted_at: Some(at), extracted_at, stored_at: at, ..document }
    };
    (0..3 * videos).map(of_video).collect()
}

/// Returns all rows by their video, without the numbers that a row that is made again cannot keep.
async fn rows(store: &dyn Store) -> Result<Vec<VideoRow>, StoreError> {
    let direction = Direction::Ascending;
    let query = VideoQuery { direction, limit: 1_000, ..VideoQuery::default() };
    let mut rows = store.videos(&query).await?.videos;
    rows.iter_mut().for_each(|row| row.sequence = 0);
    rows.sort_by_key(|row| row.video_id);
    Ok(rows)
}

/// Makes the rows of all documents behind `after`; returns how many documents there were.
async fn rebuild(
    store: &dyn Store,
    mut after: Option<DocumentId>,
    limit: u32,
) -> Result<u64, StoreError> {
    let mut documents = 0;
    while let Some(page) = store.rebuild_videos(after.as_ref(), limit).await? {
        assert!(after.as_ref().is_none_or(|after| page.last > *after), "{after:?}, then {page:?}");
        assert!((1..=u64::from(limit)).contains(&page.documents), "{} of {limit}", page.documents);
        assert_eq!(page.unreadable, 0);
        documents += page.documents;
        after = Some(page.last);
    }
    Ok(documents)
}

/// The rows are the same as before, and a second rebuild changes nothing, not even their numbers.
pub async fn dropped_rows_are_made_again_from_the_documents(
    store: &dyn Store,
    drop_rows: impl AsyncFn(),
) -> Result<(), StoreError> {
    assert_eq!(rebuild(store, None, 9).await?, 0);
    let request_id = RequestId::new(99);
    store.write_batch(&documents(request_id, 7)).await?;
    store.write_batch(&[sample::expanded(request_id, 98, 1), sample::of_nulls(1)]).await?;
    let before = rows(store).await?;
    assert_eq!(before.len(), 7);
    assert!(store.estimate_documents().await? > 0);
    for limit in [1, 4, 100] {
        drop_rows().await;
        assert_eq!(rows(store).await?, []);
        assert_eq!(rebuild(store, None, limit).await?, 23, "in pages of {limit}");
        assert_eq!(rows(store).await?, before, "in pages of {limit}");
    }
    let query = VideoQuery { limit: 100, ..VideoQuery::default() };
    let numbered = store.videos(&query).await?;
    rebuild(store, None, 5).await?;
    assert_eq!(store.videos(&query).await?, numbered);
    assert_eq!(without_documents(store, &store.registers(None, 100).await?).await?, []);
    Ok(())
}

/// No document is read twice, and none is left out.
pub async fn an_interrupted_rebuild_goes_on_behind_its_last_document(
    store: &dyn Store,
    drop_rows: impl AsyncFn(),
) -> Result<(), StoreError> {
    store.write_batch(&documents(RequestId::new(99), 6)).await?;
    let before = rows(store).await?;
    drop_rows().await;
    let mut after = None;
    for _ in 0..3 {
        let page = store.rebuild_videos(after.as_ref(), 2).await?;
        after = page.map(|page| page.last);
    }
    assert!(after.is_some());
    assert_ne!(rows(store).await?, before);
    assert_eq!(rebuild(store, after, 5).await?, 12);
    assert_eq!(rows(store).await?, before);
    Ok(())
}

/// Rows that consumers write meanwhile keep the greatest of both.
pub async fn rows_are_made_again_while_others_write(
    store: &dyn Store,
    drop_rows: impl AsyncFn(),
) -> Result<(), StoreError> {
    let (old, new) = (documents(RequestId::new(99), 20), documents(RequestId::new(99), 25));
    store.write_batch(&old).await?;
    drop_rows().await;
    let write = async {
        for documents in new.chunks(3) {
            store.write_batch(documents).await?;
        }
        Ok::<(), StoreError>(())
    };
    let make = async {
        for _ in 0..3 {
            rebuild(store, None, 4).await?;
        }
        Ok(())
    };
    futures::future::try_join(write, make).await?;
    let after = rows(store).await?;
    // What the rows are if all documents are written before.
    drop_rows().await;
    rebuild(store, None, 1_000).await?;
    assert_eq!(after, rows(store).await?);
    assert_eq!(after.len(), 25);
    Ok(())
}

/// The documents of a deleted request say nothing of videos.
pub async fn a_rebuild_brings_nothing_back_of_a_deleted_request(
    store: &dyn Store,
    drop_rows: impl AsyncFn(),
) -> Result<(), StoreError> {
    let (deleted, kept) = (RequestId::new(9), RequestId::new(9));
    store.write_batch(&documents(kept, 2)).await?;
    let before = rows(store).await?;
    store.write_batch(&documents(deleted, 3)).await?;
    store.delete_request(deleted, Timestamp::UNIX_EPOCH).await?;
    drop_rows().await;
    assert_eq!(rebuild(store, None, 4).await?, 15);
    assert_eq!(rows(store).await?, before);
    Ok(())
}
