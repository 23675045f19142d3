//! What every store must find by the text of a title.

#![allow(clippy::expect_used, reason = "a test may panic")]

use jiff::{SignedDuration, Timestamp};
use linkrelay_common::RequestId;

use super::sample;
use crate::videos::{Direction, VideoFilter, VideoOrder, VideoQuery};
use crate::{LinkDocument, Store, StoreError};

/// A stored link to the video with this index, which has this title and no description.
fn titled(request_id: RequestId, index: u32, title: &str) -> LinkDocument {
    let mut document = sample::stored(request_id, index);
    let video = document.video.as_mut().expect("the sample has metadata");
    video.title = title.to_owned();
    video.description = None;
    video.publish_date = Timestamp::from_second(i64::from(1_000 - index)).ok();
    document
}

fn query(text: &str) -> VideoQuery {
    let text = Some(text.parse().expect("the text can be searched for"));
    VideoQuery {
        filter: VideoFilter { text, ..VideoFilter::default() },
        direction: Direction::Ascending,
        limit: 100,
        ..VideoQuery::default()
    }
}

/// Writes documents, and lets a store that indexes later do it now.
async fn write(store: &dyn Store, documents: &[LinkDocument]) -> Result<(), StoreError> {
    store.write_batch(documents).await?;
    while store.index_videos().await?.is_some_and(|indexed| indexed.has_more) {}
    Ok(())
}

/// Returns the indexes of the videos on all pages, and checks that as many are counted.
async fn found(store: &dyn Store, mut query: VideoQuery) -> Result<Vec<u32>, StoreError> {
    let mut indexes = Vec::new();
    loop {
        let page = store.videos(&query).await?;
        assert!(page.videos.len() <= query.limit as usize);
        let ids = page.videos.iter().map(|video| video.video_id.to_string());
        indexes.extend(ids.filter_map(|id| id.strip_prefix("video-")?.parse::<u32>().ok()));
        query.after = page.next;
        if page.next.is_none() {
            break;
        }
    }
    assert_eq!(store.count_videos(&query.filter).await?, indexes.len() as u64, "{query:?}");
    Ok(indexes)
}

/// Parts of words from one character on are found without regard to case and accents, and only the
/// newest title of a video counts, as long as there is a document with it.
pub async fn a_search_finds_parts_of_words_in_any_script(
    store: &dyn Store,
) -> Result<(), StoreError> {
    let request_id = RequestId::new(20);
    let titles = [
        "Beyoncé – HALO (Live)",
        "한국어 뉴스",
        "東京タワーの夜",
        "ภาษาไทยวันละคำ",
        "Ёлка и \"Мороз\" 5% C++",
        "nabana panama",
    ];
    let mut documents: Vec<_> =
        (0..).zip(titles).map(|(index, title)| titled(request_id, index, title)).collect();
    documents.push(sample::failed(request_id, 6));
    write(store, &documents).await?;
    for (text, expected) in [
        ("beyonce", &[0][..]),
        ("LIVE hal", &[0]),
        ("(", &[0]),
        ("국어", &[1]),
        ("스", &[1]),
        ("京タワ", &[2]),
        ("の", &[2]),
        ("ไทย", &[3]),
        ("елка мороз", &[4]),
        ("% c++", &[4]),
        ("\"", &[4]),
        ("an", &[5]),
        // Its pairs are all there, but not as one word.
        ("nana", &[]),
        ("\"nabana panama\"", &[5]),
        ("\"panama nabana\"", &[]),
        ("panama nabana", &[5]),
        ("a", &[0, 5]),
        ("halo 뉴스", &[]),
    ] {
        assert_eq!(found(store, query(text)).await?, expected, "{text}");
    }
    let mut newer = titled(request_id, 10, "another name");
    newer.video_id.clone_from(&documents[1].video_id);
    newer.extracted_at =
        newer.extracted_at.and_then(|time| time.checked_add(SignedDuration::from_secs(9)).ok());
    write(store, &[newer]).await?;
    assert_eq!(found(store, query("another")).await?, [1]);
    assert_eq!(found(store, query("뉴스")).await?, [0_u32; 0]);
    store.delete_request(request_id, Timestamp::UNIX_EPOCH).await?;
    assert_eq!(found(store, query("a")).await?, [0_u32; 0]);
    Ok(())
}

/// Every order and direction, and a channel, give the same videos as the pages of a search.
pub async fn a_search_comes_page_by_page_with_every_filter(
    store: &dyn Store,
) -> Result<(), StoreError> {
    let request_id = RequestId::new(40);
    let title = |index: u32| if index.is_multiple_of(3) { "grün und blau" } else { "gelb" };
    let mut documents: Vec<_> =
        (0..30).map(|index| titled(request_id, index, title(index))).collect();
    for document in &mut documents {
        let video = document.video.as_mut().expect("the sample has metadata");
        let channel = if document.index < 15 { "UCone" } else { "UCother" };
        video.author.channel_id = Some(channel.to_owned());
    }
    for document in &documents {
        write(store, std::slice::from_ref(document)).await?;
    }
    for channel_id in [None, Some("UCone")] {
        for order in [VideoOrder::FirstSeen, VideoOrder::Published] {
            for direction in [Direction::Ascending, Direction::Descending] {
                let mut query = VideoQuery { order, direction, limit: 2, ..query("GRUN bl") };
                query.filter.channel_id = channel_id.map(str::to_owned);
                let last = if channel_id.is_some() { 15 } else { 30 };
                let mut expected: Vec<u32> = (0..last).step_by(3).collect();
                // The first that was seen was published last.
                let is_newest_first = direction == Direction::Descending;
                if is_newest_first != (order == VideoOrder::Published) {
                    expected.reverse();
                }
                assert_eq!(found(store, query).await?, expected, "{channel_id:?} {order:?}");
            }
        }
    }
    Ok(())
}
