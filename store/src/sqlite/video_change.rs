//! What a document changes in the row of its video, as columns.

use linkrelay_common::video::Availability;

use super::grams::tokens;
use crate::document::LinkDocument;
use crate::search::Folded;
use crate::videos::VideoChange;

/// What a document changes in the row of its video, ready for the writer's thread.
#[derive(Debug)]
pub(super) struct VideoRowChange {
    pub(super) change: VideoChange,
    pub(super) failure: Option<String>,
    pub(super) columns: Columns,
}

/// The columns that the newest metadata sets.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) title: Option<String>,
    pub(super) channel_id: Option<String>,
    pub(super) category: Option<String>,
    pub(super) availability: Option<&'static str>,
    pub(super) published_ms: Option<i64>,
    pub(super) length_seconds: Option<i64>,
    /// What a search finds it by.
    pub(super) grams: String,
    pub(super) source: Option<String>,
}

impl VideoRowChange {
    /// Returns what a document changes; `None` if it is about no video.
    pub(super) fn of(document: &LinkDocument) -> serde_json::Result<Option<Self>> {
        let Some(change) = VideoChange::of(document) else { return Ok(None) };
        let failure = change.failure.as_ref().map(|failure| serde_json::to_string(&failure.0));
        let video = document.video.as_ref();
        let columns = video.map(|video| Columns {
            title: Some(video.title.clone()),
            channel_id: video.author.channel_id.clone(),
            category: video.category.clone(),
            availability: video.availability.map(Availability::as_str),
            published_ms: video.publish_date.map(|date| date.as_millisecond()),
            // No video is longer than 64 bits of seconds.
            length_seconds: video.length_seconds.and_then(|length| length.try_into().ok()),
            grams: tokens(&Folded::of_video(video)),
            source: document.source.clone(),
        });
        Ok(Some(Self {
            failure: failure.transpose()?,
            columns: columns.unwrap_or_default(),
            change,
        }))
    }
}
