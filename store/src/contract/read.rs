//! What a store must answer.

use jiff::{SignedDuration, Timestamp};
use linkrelay_common::{DocumentId, RequestId, VideoId};

use super::sample;
use crate::videos::VideoMetadata;
use crate::{
    ExpandedRange, KnownDocument, LinkDocument, LinkState, LinkStore, RequestCounts, Store,
    StoreError,
};

/// Asking for missing documents, or for none, is not an error.
pub async fn missing_documents_are_left_out(store: &dyn LinkStore) -> Result<(), StoreError> {
    let request_id = RequestId::new(3);
    let there = sample::stored(request_id, 1);
    store.write_batch(std::slice::from_ref(&there)).await?;
    let asked: Vec<_> = [0, 1, 1, 2].map(|index| DocumentId::of_request(request_id, index)).into();
    assert_eq!(store.find(&asked).await?, [there]);
    assert_eq!(store.find(&[]).await?, []);
    let other = RequestId::new(3);
    assert_eq!(store.request_counts(other).await?, RequestCounts::default());
    assert_eq!(store.request_links(other, 0, 10).await?, []);
    Ok(())
}

/// More documents than fit into one query or one answer of a server.
pub async fn many_ids_are_found_in_one_call(store: &dyn LinkStore) -> Result<(), StoreError> {
    const LINKS: u32 = 1_100;
    let request_id = RequestId::new(LINKS);
    let documents: Vec<_> = (0..LINKS).map(|index| sample::failed(request_id, index)).collect();
    store.write_batch(&documents).await?;
    let ids: Vec<_> = documents.iter().rev().map(|document| document.id.clone()).collect();
    let mut found = store.find(&ids).await?;
    found.sort_by_key(|document| document.index);
    assert!(found == documents, "found {} of {LINKS}", found.len());
    assert_eq!(store.request_links(request_id, 0, LINKS).await?.len(), documents.len());
    Ok(())
}

/// More documents than fit into one query, with every status, and with the record of each.
pub async fn known_documents_show_whether_a_link_is_complete(
    store: &dyn LinkStore,
) -> Result<(), StoreError> {
    const LINKS: u32 = 1_100;
    let request_id = RequestId::new(LINKS);
    let mut documents: Vec<_> = (0..LINKS).map(|index| sample::failed(request_id, index)).collect();
    documents[0] = sample::stored(request_id, 0);
    documents[1] = sample::expanded(request_id, 1, 2);
    documents[2].kafka = None;
    store.write_batch(&documents).await?;
    let ids = documents.iter().rev().map(|document| document.id.clone());
    let ids: Vec<_> = ids.chain([DocumentId::of_request(request_id, LINKS)]).collect();
    let mut known = store.known(&[ids.clone(), ids].concat()).await?;
    known.sort_by(|a, b| a.id.cmp(&b.id));
    documents.sort_by(|a, b| a.id.cmp(&b.id));
    let expected: Vec<_> = documents.iter().map(KnownDocument::from).collect();
    assert!(known == expected, "known are {} of {LINKS}", known.len());
    assert_eq!(store.known(&[]).await?, []);
    // A store without a journal does nothing.
    store.done(&[documents[0].id.clone()]).await?;
    store.done(&[]).await
}

/// Links of another request, or without a request, do not count.
pub async fn counts_are_of_one_request(store: &dyn LinkStore) -> Result<(), StoreError> {
    let (one, other) = (RequestId::new(5), RequestId::new(5));
    store.write_batch(&mixed(one)).await?;
    store.write_batch(&[sample::stored(other, 0), sample::of_nulls(1)]).await?;
    assert_eq!(
        store.request_counts(one).await?,
        RequestCounts { stored: 2, failed: 1, ..RequestCounts::default() }
    );
    assert_eq!(
        store.request_counts(other).await?,
        RequestCounts { stored: 1, ..RequestCounts::default() }
    );
    Ok(())
}

/// A page is a range of indexes; a link that is not complete leaves a gap.
pub async fn links_come_page_by_page(store: &dyn LinkStore) -> Result<(), StoreError> {
    let request_id = RequestId::new(5);
    let mut documents = mixed(request_id);
    documents.reverse();
    store.write_batch(&documents).await?;
    for (from_index, limit, expected) in [
        (0, 5, vec![0, 2, 4]),
        (0, 2, vec![0]),
        (1, 3, vec![2]),
        (2, 1, vec![2]),
        (3, 0, vec![]),
        (5, 5, vec![]),
        (1, u32::MAX, vec![2, 4]),
        (u32::MAX, u32::MAX, vec![]),
    ] {
        let links = store.request_links(request_id, from_index, limit).await?;
        let indexes: Vec<_> = links.iter().map(|link| link.index).collect();
        assert_eq!(indexes, expected, "{limit} from {from_index}");
    }
    Ok(())
}

/// The client that submitted a link sees its title, or the error.
pub async fn a_link_s_status_shows_title_and_error(
    store: &dyn LinkStore,
) -> Result<(), StoreError> {
    let request_id = RequestId::new(2);
    let documents = [sample::stored(request_id, 0), sample::failed(request_id, 1)];
    store.write_batch(&documents).await?;
    let links = store.request_links(request_id, 0, 2).await?;
    for (link, document) in links.iter().zip(&documents) {
        assert_eq!(link.link, document.link);
        assert_eq!(link.video_id, document.video_id);
        assert_eq!(link.state, document.status);
        assert_eq!(link.error, document.error);
    }
    let titles: Vec<_> = links.into_iter().map(|link| (link.state, link.title)).collect();
    let expected = [(LinkState::Stored, Some(sample::title(0))), (LinkState::Failed, None)];
    assert_eq!(titles, expected);
    Ok(())
}

/// Lists are counted separately, and show the indexes of their videos.
pub async fn a_request_s_lists_are_found(store: &dyn LinkStore) -> Result<(), StoreError> {
    let (one, other) = (RequestId::new(3), RequestId::new(1));
    let lists = [sample::expanded(one, 0, 2), sample::expanded(one, 2, 0)];
    assert_eq!(store.request_expansions(one).await?, []);
    store.write_batch(&[sample::stored(one, 1), lists[1].clone(), sample::stored(one, 3)]).await?;
    store.write_batch(&[lists[0].clone(), sample::expanded(other, 0, 7)]).await?;
    let ranges = [(3, 2), (20_003, 0)]
        .map(|(first_index, videos_count)| ExpandedRange { first_index, videos_count });
    assert_eq!(store.request_expansions(one).await?, ranges);
    let counts = store.request_counts(one).await?;
    assert_eq!(counts, RequestCounts { stored: 2, expanded: 2, ..RequestCounts::default() });
    let links = store.request_links(one, 0, 4).await?;
    let shown: Vec<_> = links.iter().map(|link| (link.state, link.expanded)).collect();
    let video = (LinkState::Stored, None);
    let list = |range| (LinkState::Expanded, Some(range));
    assert_eq!(shown, [list(ranges[0]), video, list(ranges[1]), video]);
    Ok(())
}

/// The newest is the one extracted last, not written last; with or without the index; and only
/// documents with metadata count.
pub async fn the_newest_of_a_video_is_found(store: &dyn Store) -> Result<(), StoreError> {
    let request_id = RequestId::new(9);
    let video_id =
        |text| VideoId::parse(text).map_err(|error| StoreError::Unreadable(error.to_string()));
    let (video, failed) = (video_id("video-00001")?, video_id("video-00002")?);
    let newest = async |video| -> Result<_, StoreError> {
        Ok(store.video(video).await?.and_then(|row| row.metadata))
    };
    let at = |index: u32, millis: i64| LinkDocument {
        id: DocumentId::of_request(request_id, index),
        extracted_at: Timestamp::from_millisecond(1_764_000_000_000 + millis).ok(),
        ..sample::stored(request_id, 1)
    };
    // A whole second between two that are not; the newest is neither first nor last.
    let documents = [at(0, 1_999), at(1, 2_001), at(2, 2_000), at(3, 1_001)];
    let newer = sample::failed(request_id, 5);
    let newer = LinkDocument { video_id: Some(video.to_string()), ..newer };
    store.write_batch(&[sample::failed(request_id, 2), newer, sample::of_nulls(7)]).await?;
    assert_eq!(newest(video).await?, None);
    store.write_batch(&documents).await?;
    for _ in 0..3 {
        assert_eq!(newest(video).await?, metadata(&documents[1]));
        assert_eq!(newest(failed).await?, None);
    }
    let latest = documents.iter().filter_map(|document| document.extracted_at).max();
    let later = latest.and_then(|at| at.checked_add(SignedDuration::from_millis(1)).ok());
    let later = LinkDocument { extracted_at: later, ..at(8, 0) };
    store.write_batch(std::slice::from_ref(&later)).await?;
    assert_eq!(newest(video).await?, metadata(&later));
    Ok(())
}

fn metadata(document: &LinkDocument) -> Option<VideoMetadata> {
    let LinkDocument { id, extracted_at, source, video, .. } = document.clone();
    Some(VideoMetadata { document_id: id, extracted_at, source, video: video? })
}

/// Three complete links of five.
fn mixed(request_id: RequestId) -> Vec<LinkDocument> {
    vec![
        sample::stored(request_id, 0),
        sample::failed(request_id, 2),
        sample::stored(request_id, 4),
    ]
}
