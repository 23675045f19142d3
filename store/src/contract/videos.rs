//! What a store must tell of videos.

#![allow(clippy::expect_used, reason = "a test may panic")]

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use linkrelay_common::video::Availability;
use linkrelay_common::{DocumentId, RequestId, VideoId};

use super::sample;
use crate::videos::{
    Between, Direction, LinkCursor, VideoFilter, VideoOrder, VideoQuery, VideoRow, VideoStatus,
};
use crate::{LinkDocument, Store, StoreError};

const VIDEO: &str = "5fR9AHlSDtc";

/// A stored link to [`VIDEO`], whose times are these seconds after the samples'.
fn stored(request_id: RequestId, index: u32, submitted_s: i64, extracted_s: i64) -> LinkDocument {
    let later = |time: Option<Timestamp>, seconds| {
        time.and_then(|time| time.checked_add(SignedDuration::from_secs(seconds)).ok())
    };
    let mut document = sample::stored(request_id, index);
    document.video_id = Some(VIDEO.to_owned());
    document.submitted_at = later(document.submitted_at, submitted_s);
    document.extracted_at = later(document.extracted_at, extracted_s);
    if let Some(video) = &mut document.video {
        video.title = format!("title {index}");
        video.view_count = Some(u64::from(index));
    }
    document
}

fn failed(request_id: RequestId, index: u32, stored_s: i64) -> LinkDocument {
    let mut document = sample::failed(request_id, index);
    document.video_id = Some(VIDEO.to_owned());
    document.extracted_at = None;
    let moment = document.stored_at.checked_add(SignedDuration::from_secs(stored_s));
    document.stored_at = moment.unwrap_or(document.stored_at);
    document
}

fn video_id(text: &str) -> VideoId {
    VideoId::parse(text).expect("the text is a video's id")
}

/// The row of the two documents below: the title of the one, the failure of the other.
fn title_and_error(row: &VideoRow) -> (Option<&str>, Option<&str>) {
    let title = row.metadata.as_ref().map(|metadata| metadata.video.title.as_str());
    (title, row.last_failure.as_ref().map(|failure| failure.error.code.as_str()))
}

/// A row shows the newest metadata and the last failure of all documents, and when the video was
/// seen.
pub async fn a_video_has_one_row_over_its_documents(store: &dyn Store) -> Result<(), StoreError> {
    let request_id = RequestId::new(4);
    assert_eq!(store.video(video_id(VIDEO)).await?, None);
    store.write_batch(&[failed(request_id, 0, 0)]).await?;
    let row = store.video(video_id(VIDEO)).await?.expect("the video has a row");
    assert_eq!(title_and_error(&row), (None, Some("private")));
    assert_eq!(store.stored_among(&[video_id(VIDEO)]).await?, HashSet::new());
    let newest = stored(request_id, 1, 20, 10);
    store.write_batch(&[newest.clone(), stored(request_id, 2, -20, 5)]).await?;
    let changed = store.video(video_id(VIDEO)).await?.expect("the video has a row");
    assert_eq!(title_and_error(&changed), (Some("title 1"), Some("private")));
    assert_eq!(changed.sequence, row.sequence);
    let ids = [video_id("jNQXAC9IVRw"), video_id(VIDEO), video_id(VIDEO)];
    assert_eq!(store.stored_among(&ids).await?, HashSet::from([video_id(VIDEO)]));
    let metadata = changed.metadata.expect("the video has metadata");
    assert_eq!(Some(metadata.video), newest.video);
    assert_eq!((metadata.extracted_at, metadata.source), (newest.extracted_at, newest.source));
    assert_eq!(metadata.document_id, newest.id);
    let span = changed.seen.last_at.duration_since(changed.seen.first_at);
    assert_eq!(span, SignedDuration::from_secs(40));
    Ok(())
}

/// Every order of the same documents, in one batch or several, and again, gives the same row.
pub async fn the_order_of_writes_does_not_matter_to_a_row(
    store: &dyn Store,
) -> Result<(), StoreError> {
    let request_id = RequestId::new(8);
    // Two of them have the same time: then the greater id counts.
    let documents = [
        stored(request_id, 0, 5, 1),
        stored(request_id, 1, 0, 2),
        stored(request_id, 2, 9, 2),
        failed(request_id, 3, 7),
        failed(request_id, 4, 3),
    ];
    let mut rows = Vec::new();
    for rotation in 0..documents.len() {
        let id = |document: &LinkDocument, video: usize| LinkDocument {
            id: DocumentId::from_stored(format!("T:{video}:{}", document.index)),
            video_id: Some(format!("rotation-{video:02}")),
            ..document.clone()
        };
        let mut turned: Vec<_> = documents.iter().map(|document| id(document, rotation)).collect();
        turned.rotate_left(rotation);
        if rotation % 2 == 0 {
            store.write_batch(&turned).await?;
        }
        for document in turned.iter().chain(&turned) {
            store.write_batch(std::slice::from_ref(document)).await?;
        }
        let row = store.video(video_id(&format!("rotation-{rotation:02}"))).await?;
        let row = row.expect("the video has a row");
        let failed_at = row.last_failure.as_ref().map(|failure| failure.failed_at);
        let title = row.metadata.map(|metadata| metadata.video.title);
        rows.push((title, failed_at, row.seen));
    }
    assert_eq!(rows[0].0.as_deref(), Some("title 2"));
    assert_eq!(rows[0].1, Some(documents[3].stored_at));
    assert!(rows.iter().all(|row| *row == rows[0]), "{rows:#?}");
    Ok(())
}

/// Writers that meet at a new video leave the greatest of what each of them knows. They meet in
/// another way each time, so there are many videos.
pub async fn concurrent_writers_leave_one_row(store: &dyn Store) -> Result<(), StoreError> {
    const WRITERS: u32 = 8;
    const VIDEOS: u64 = 12;
    for video in 0..VIDEOS {
        let request_id = RequestId::new(WRITERS);
        let id = format!("meet-{video:06}");
        let document = |index: u32| LinkDocument {
            video_id: Some(id.clone()),
            ..stored(request_id, index, i64::from(index), i64::from(index * 5 % WRITERS))
        };
        let documents: Vec<_> = (0..WRITERS).map(document).collect();
        let writes =
            documents.iter().map(|document| store.write_batch(std::slice::from_ref(document)));
        futures::future::try_join_all(writes).await?;
        let row = store.video(video_id(&id)).await?.expect("the video has a row");
        // 3 * 5 % 8 is 7, the greatest.
        assert_eq!(title_and_error(&row), (Some("title 3"), None));
        let span = row.seen.last_at.duration_since(row.seen.first_at);
        assert_eq!(span, SignedDuration::from_secs(i64::from(WRITERS) - 1));
    }
    assert_eq!(store.count_videos(&VideoFilter::default()).await?, VIDEOS);
    Ok(())
}

/// A client that pages sees every video that was there, and each once, in both directions.
pub async fn videos_come_page_by_page_while_others_are_written(
    store: &dyn Store,
) -> Result<(), StoreError> {
    let request_id = RequestId::new(100);
    let documents: Vec<_> = (0..20).map(|index| sample::stored(request_id, index)).collect();
    for document in &documents {
        store.write_batch(std::slice::from_ref(document)).await?;
    }
    let expected: Vec<_> =
        documents.iter().filter_map(|document| document.video_id.clone()).collect();
    let mut more = 50..;
    for direction in [Direction::Descending, Direction::Ascending] {
        for order in [VideoOrder::FirstSeen, VideoOrder::Published] {
            let mut query = VideoQuery { order, direction, limit: 7, ..VideoQuery::default() };
            let mut seen = Vec::new();
            loop {
                let page = store.videos(&query).await?;
                assert!(page.videos.len() <= 7);
                seen.extend(page.videos.iter().map(|video| video.video_id.to_string()));
                // The newest metadata of a video changes, and a video comes.
                let index = more.next().unwrap_or_default();
                let mut again = sample::stored(request_id, index);
                again.video_id.clone_from(&documents[3].video_id);
                store.write_batch(&[again, sample::stored(request_id, index + 1)]).await?;
                more.next();
                query.after = page.next;
                if page.next.is_none() {
                    break;
                }
            }
            seen.retain(|video_id| expected.contains(video_id));
            if direction == Direction::Descending {
                seen.reverse();
            }
            assert_eq!(seen, expected, "{order:?} {direction:?}");
        }
    }
    Ok(())
}

/// Each field selects on its own, and a field that is not known is not selected.
pub async fn a_filter_selects_by_each_of_its_fields(store: &dyn Store) -> Result<(), StoreError> {
    let request_id = RequestId::new(5);
    let mut documents: Vec<_> = (0..3).map(|index| sample::stored(request_id, index)).collect();
    documents.push(sample::failed(request_id, 3));
    let changed = documents[1].video.as_mut().expect("the sample has metadata");
    changed.author.channel_id = Some("UCother".to_owned());
    changed.category = Some("Comedy".to_owned());
    changed.availability = Some(Availability::Ok);
    changed.publish_date = Timestamp::from_second(1_700_000_000).ok();
    changed.length_seconds = Some(3_600);
    let unknown = documents[2].video.as_mut().expect("the sample has metadata");
    *unknown = linkrelay_common::Video::titled("only a title");
    store.write_batch(&documents).await?;
    let day = |seconds| Timestamp::from_second(seconds).ok();
    let all = VideoFilter::default;
    let published = |from, below| VideoFilter { published: Between { from, below }, ..all() };
    let length = |from, below| VideoFilter { length_seconds: Between { from, below }, ..all() };
    for (filter, expected) in [
        (all(), &[0, 1, 2, 3][..]),
        (VideoFilter { channel_id: Some("UCother".to_owned()), ..all() }, &[1]),
        (VideoFilter { channel_id: Some("UCnone".to_owned()), ..all() }, &[]),
        (VideoFilter { category: Some("Comedy".to_owned()), ..all() }, &[1]),
        (VideoFilter { availability: Some(Availability::AgeRestricted), ..all() }, &[0]),
        (VideoFilter { status: Some(VideoStatus::Stored), ..all() }, &[0, 1, 2]),
        (VideoFilter { status: Some(VideoStatus::Failed), ..all() }, &[3]),
        (published(day(0), None), &[1]),
        (published(None, day(0)), &[0]),
        (published(day(1_700_000_000), day(1_700_000_001)), &[1]),
        (published(day(-10), day(1_700_000_000)), &[0]),
        (length(Some(213), None), &[1]),
        (length(Some(212), Some(3_600)), &[0]),
        (length(None, Some(212)), &[]),
    ] {
        let query = VideoQuery {
            filter: filter.clone(),
            direction: Direction::Ascending,
            limit: 10,
            ..VideoQuery::default()
        };
        let page = store.videos(&query).await?;
        let found: Vec<_> = page.videos.iter().map(|row| row.video_id.to_string()).collect();
        let expected: Vec<_> = expected.iter().map(|index| format!("video-{index:05}")).collect();
        assert_eq!(found, expected, "{filter:?}");
        assert_eq!(page.next, None);
        assert_eq!(store.count_videos(&filter).await?, expected.len() as u64, "{filter:?}");
    }
    let both = VideoQuery {
        filter: VideoFilter { channel_id: Some("UCother".to_owned()), ..published(day(0), None) },
        order: VideoOrder::Published,
        limit: 10,
        ..VideoQuery::default()
    };
    assert_eq!(store.videos(&both).await?.videos.len(), 1);
    Ok(())
}

/// The links that named a video, with what was counted then, page by page.
pub async fn the_links_of_a_video_come_newest_first(store: &dyn Store) -> Result<(), StoreError> {
    let request_id = RequestId::new(8);
    let mut documents: Vec<_> = (0..4).map(|index| stored(request_id, index, 0, 0)).collect();
    documents.push(failed(request_id, 4, 60));
    documents.push(sample::stored(request_id, 5));
    store.write_batch(&documents).await?;
    let mut after: Option<LinkCursor> = None;
    let mut found = Vec::new();
    for expected in [2, 2, 1, 0] {
        let page = store.links_of_video(video_id(VIDEO), after, 2).await?;
        assert_eq!(page.len(), expected);
        after = page.last().or_else(|| found.last()).map(crate::videos::VideoLink::cursor);
        found.extend(page);
    }
    let indexes: Vec<_> = found.iter().map(|link| link.index).collect();
    assert_eq!(indexes, [4, 3, 2, 1, 0]);
    assert_eq!(found[0].error_code.as_deref(), Some("private"));
    assert_eq!((found[1].view_count, found[1].request_id), (Some(3), Some(request_id)));
    assert_eq!(store.count_links_of_video(video_id(VIDEO)).await?, 5);
    assert_eq!(store.count_links_of_video(video_id("jNQXAC9IVRw")).await?, 0);
    Ok(())
}
