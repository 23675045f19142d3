//! Searches titles by reading them: the rows of a page's window, each compared with the text.

use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::doc;

use super::video_pages::{filter, order, window};
use super::video_row::StoredRow;
use crate::error::StoreError;
use crate::search::{Folded, SearchText};
use crate::videos::{MAX_ROWS_EXAMINED, VideoCursor, VideoFilter, VideoPage, VideoQuery, VideoRow};

pub(super) async fn videos(
    videos: &Collection<StoredRow>,
    query: &VideoQuery,
    text: &SearchText,
) -> Result<VideoPage, StoreError> {
    let selected = doc! { "$and": vec![window(query), filter(&query.filter)] };
    let examined = i64::from(MAX_ROWS_EXAMINED);
    let mut rows = videos.find(selected).sort(order(query)).limit(examined).await?;
    let mut page = VideoPage::default();
    let (mut count, mut last) = (0, None);
    while let Some(row) = rows.try_next().await? {
        if page.videos.len() == query.limit as usize {
            page.next = last;
            return Ok(page);
        }
        let row = VideoRow::try_from(row)?;
        count += 1;
        last = Some(VideoCursor::of(&row, query.order));
        if has_text(&row, text) {
            page.videos.push(row);
        }
    }
    page.next = last.filter(|_| count == MAX_ROWS_EXAMINED);
    Ok(page)
}

pub(super) async fn count(
    videos: &Collection<StoredRow>,
    selected: &VideoFilter,
    text: &SearchText,
) -> Result<u64, StoreError> {
    let mut rows = videos.find(filter(selected)).await?;
    let mut count = 0;
    while let Some(row) = rows.try_next().await? {
        count += u64::from(has_text(&VideoRow::try_from(row)?, text));
    }
    Ok(count)
}

fn has_text(row: &VideoRow, text: &SearchText) -> bool {
    let has_text = |title: &str| text.matches(&Folded::of(title));
    row.metadata.as_ref().is_some_and(|metadata| has_text(&metadata.video.title))
}
