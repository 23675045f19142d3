//! Searches titles: of few rows that may match, or else of those of a page's window, the titles are
//! read and compared with the text, and of those that match the whole row.

use std::collections::{BTreeSet, HashMap};

use futures::TryStreamExt;
use linkrelay_common::VideoId;
use mongodb::Collection;
use mongodb::bson::{DateTime, Document, doc};
use serde::Deserialize;

use super::condition::all_of;
use super::video_pages::{PUBLISHED, end_of_window, filter, order, window, within};
use super::video_row::StoredRow;
use crate::error::StoreError;
use crate::search::{Folded, SearchText};
use crate::videos::{
    Direction, VideoCursor, VideoFilter, VideoOrder, VideoPage, VideoQuery, VideoRow,
};

const TITLE: &str = "newest.video.title";
/// After how many titles other tasks of the runtime have their turn.
const TITLES_PER_TURN: u32 = 500;

/// All videos that may match, if they are few.
pub(super) type Among = BTreeSet<VideoId>;

/// What is read of a row to compare it.
#[derive(Debug, Deserialize)]
struct Candidate {
    #[serde(rename = "_id")]
    video_id: VideoId,
    sequence: i64,
    newest: Option<CandidateMetadata>,
}

#[derive(Debug, Deserialize)]
struct CandidateMetadata {
    video: CandidateVideo,
}

#[derive(Debug, Deserialize)]
struct CandidateVideo {
    title: String,
    publish_date: Option<DateTime>,
}

impl Candidate {
    fn fields() -> Document {
        doc! { "sequence": 1, TITLE: 1, PUBLISHED: 1 }
    }

    fn has(&self, text: &SearchText) -> bool {
        let has_text = |title: &str| text.matches(&Folded::of(title));
        self.newest.as_ref().is_some_and(|newest| has_text(&newest.video.title))
    }

    fn cursor(&self, order: VideoOrder) -> VideoCursor {
        let published = self.newest.as_ref().and_then(|newest| newest.video.publish_date);
        let published = published.filter(|_| order == VideoOrder::Published);
        VideoCursor {
            published_ms: published.map(DateTime::timestamp_millis),
            sequence: self.sequence,
        }
    }
}

/// Returns a page of the rows in the query's order.
pub(super) async fn videos(
    videos: &Collection<StoredRow>,
    query: &VideoQuery,
    text: &SearchText,
) -> Result<VideoPage, StoreError> {
    let window = window(query);
    let end = end_of_window(videos, query, &window).await?;
    let within = end.map(|end| within(query, end)).unwrap_or_default();
    let selected = all_of([window, within, filter(&query.filter)]);
    let candidates = videos.clone_with_type::<Candidate>();
    let mut candidates =
        candidates.find(selected).projection(Candidate::fields()).sort(order(query)).await?;
    let (mut found, mut count, mut last, mut next) = (Vec::new(), 0, None, None);
    while let Some(candidate) = candidates.try_next().await? {
        if found.len() == query.limit as usize {
            next = last;
            break;
        }
        count += 1;
        last = Some(candidate.cursor(query.order));
        if candidate.has(text) {
            found.push(candidate.video_id);
        }
        take_turns(count).await;
    }
    Ok(VideoPage { videos: rows(videos, &found).await?, next: next.or(end) })
}

/// Returns a page of these rows. Their order and the page before are left to this program, because
/// some servers use no index for several conditions.
pub(super) async fn videos_among(
    videos: &Collection<StoredRow>,
    query: &VideoQuery,
    (text, among): (&SearchText, &Among),
) -> Result<VideoPage, StoreError> {
    let selected = all_of([may_match(Some(among)), filter(&query.filter)]);
    let candidates = videos.clone_with_type::<Candidate>();
    let candidates = candidates.find(selected).projection(Candidate::fields()).await?;
    let candidates: Vec<Candidate> = candidates.try_collect().await?;
    let is_descending = query.direction == Direction::Descending;
    let is_behind = |cursor: &VideoCursor| {
        query.after.is_none_or(|after| {
            let (cursor, after) = (place(cursor), place(&after));
            if is_descending { cursor < after } else { cursor > after }
        })
    };
    let matching = candidates.into_iter().filter(|candidate| candidate.has(text));
    let mut matching: Vec<(VideoCursor, VideoId)> = matching
        .map(|candidate| (candidate.cursor(query.order), candidate.video_id))
        .filter(|(cursor, _)| {
            let is_in_order = query.order == VideoOrder::FirstSeen || cursor.published_ms.is_some();
            is_in_order && is_behind(cursor)
        })
        .collect();
    matching.sort_by_key(|(cursor, _)| place(cursor));
    if is_descending {
        matching.reverse();
    }
    let has_more = matching.len() > query.limit as usize;
    matching.truncate(query.limit as usize);
    let next = matching.last().filter(|_| has_more).map(|(cursor, _)| *cursor);
    let ids: Vec<VideoId> = matching.into_iter().map(|(_, video_id)| video_id).collect();
    Ok(VideoPage { videos: rows(videos, &ids).await?, next })
}

/// By what rows are sorted.
fn place(cursor: &VideoCursor) -> (Option<i64>, i64) {
    (cursor.published_ms, cursor.sequence)
}

/// Returns these rows, in this order; one that was removed meanwhile is left out.
async fn rows(
    videos: &Collection<StoredRow>,
    ids: &[VideoId],
) -> Result<Vec<VideoRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let texts: Vec<&str> = ids.iter().map(VideoId::as_str).collect();
    let found = videos.find(doc! { "_id": { "$in": texts } }).await?;
    let found: Vec<StoredRow> = found.try_collect().await?;
    let found = found.into_iter().map(VideoRow::try_from);
    let mut by_id = HashMap::new();
    for row in found {
        let row = row?;
        by_id.insert(row.video_id, row);
    }
    Ok(ids.iter().filter_map(|id| by_id.remove(id)).collect())
}

pub(super) async fn count(
    videos: &Collection<StoredRow>,
    selected: &VideoFilter,
    (text, among): (&SearchText, Option<&Among>),
) -> Result<u64, StoreError> {
    let candidates = videos.clone_with_type::<Candidate>();
    let mut candidates = candidates
        .find(all_of([may_match(among), filter(selected)]))
        .projection(Candidate::fields())
        .await?;
    let (mut count, mut compared) = (0, 0);
    while let Some(candidate) = candidates.try_next().await? {
        count += u64::from(candidate.has(text));
        compared += 1;
        take_turns(compared).await;
    }
    Ok(count)
}

/// Returns which rows may match.
fn may_match(among: Option<&Among>) -> Document {
    let Some(among) = among else { return doc! {} };
    let ids: Vec<&str> = among.iter().map(VideoId::as_str).collect();
    doc! { "_id": { "$in": ids } }
}

/// The rows that a cursor has read already come without a wait.
async fn take_turns(titles: u32) {
    if titles.is_multiple_of(TITLES_PER_TURN) {
        tokio::task::yield_now().await;
    }
}
