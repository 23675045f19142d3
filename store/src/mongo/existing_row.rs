//! What a row that exists already has, so that what would change nothing is not sent.
//!
//! An update of a row costs a server more than its insert. A batch that is written again, because
//! the answer to the first attempt came too late, must cost less than the first one and not more:
//! otherwise a server that is too slow gets slower with each repetition.

use std::collections::HashMap;

use linkrelay_common::VideoId;
use mongodb::Collection;
use mongodb::bson::{DateTime, Document, RawDocumentBuf, doc};
use mongodb::options::{FindOptions, ReadConcern, ReadPreference, SelectionCriteria};
use serde::Deserialize;

use super::titles::{MetadataOfTitle, Title};
use super::{of_request, read};
use crate::error::StoreError;
use crate::videos::VideoChange;

/// The fields of a row that say how new it is.
#[derive(Debug, Deserialize)]
pub(super) struct ExistingRow {
    #[serde(rename = "_id")]
    video_id: VideoId,
    first_seen: DateTime,
    last_seen: DateTime,
    stored_at: Option<DateTime>,
    rank: Option<String>,
    failure_rank: Option<String>,
    newest: Option<MetadataOfTitle>,
}

impl ExistingRow {
    /// Whether a register has this rank or a greater one.
    pub(super) fn has(&self, register: &str, rank: &str) -> bool {
        let has = match register {
            "rank" => &self.rank,
            "failure_rank" => &self.failure_rank,
            _ => return false,
        };
        has.as_deref().is_some_and(|has| has >= rank)
    }

    /// Whether the row already says that the video was seen at these times.
    pub(super) fn has_seen(&self, change: &VideoChange) -> bool {
        let [first_at, last_at, stored_at] =
            [change.seen.first_at, change.seen.last_at, change.stored_at]
                .map(|time| DateTime::from_millis(time.as_millisecond()));
        self.first_seen <= first_at
            && last_at <= self.last_seen
            && self.stored_at.is_some_and(|stored| stored_at <= stored)
    }

    /// Whether its title is this one.
    pub(super) fn has_title(&self, title: &Title) -> bool {
        self.newest.as_ref().is_some_and(|newest| newest.title(self.video_id) == *title)
    }
}

/// Reads these rows from the primary; those that do not exist are left out.
pub(super) async fn read(
    videos: &Collection<RawDocumentBuf>,
    video_ids: &[VideoId],
) -> Result<HashMap<VideoId, ExistingRow>, StoreError> {
    let fields = doc! {
        "first_seen": 1, "last_seen": 1, "stored_at": 1, "rank": 1, "failure_rank": 1,
        "newest.video.title": 1,
    };
    let options = FindOptions::builder()
        .projection(fields)
        .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        .read_concern(ReadConcern::local())
        .build();
    let filters: Vec<Document> = of_request::by_ids(video_ids.iter().map(VideoId::as_str));
    let rows: Vec<ExistingRow> =
        read::find_all(&videos.clone_with_type(), filters, &options).await?;
    Ok(rows.into_iter().map(|row| (row.video_id, row)).collect())
}
