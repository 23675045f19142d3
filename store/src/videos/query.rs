//! Which videos to return, in what order, and where a page begins.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use linkrelay_common::DocumentId;
use linkrelay_common::video::Availability;

use super::VideoRow;
use crate::search::SearchText;

/// How many rows a page may examine, so that a rare value costs many small queries and not one
/// that blocks the store.
pub const MAX_ROWS_EXAMINED: u32 = 20_000;

/// A page of videos.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VideoQuery {
    /// Which videos.
    pub filter: VideoFilter,
    /// By what they are sorted.
    pub order: VideoOrder,
    /// In which direction.
    pub direction: Direction,
    /// The end of the page before; `None` for the first page.
    pub after: Option<VideoCursor>,
    /// How many videos at most.
    pub limit: u32,
}

/// Selects videos; a field that is `None` selects all. A video of which a field is not known is not
/// selected by that field.
#[derive(Debug, Clone, PartialEq, Default)]
#[allow(missing_docs, reason = "the names are those of the metadata")]
pub struct VideoFilter {
    pub channel_id: Option<String>,
    pub category: Option<String>,
    pub availability: Option<Availability>,
    pub status: Option<VideoStatus>,
    pub published: Between<Timestamp>,
    pub length_seconds: Between<u64>,
    /// Parts of words of the title; in SQLite of the title and the description.
    pub text: Option<SearchText>,
}

/// Values from `from` on and below `below`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Between<T> {
    /// The smallest value that is included.
    pub from: Option<T>,
    /// The smallest value that is not included any more.
    pub below: Option<T>,
}

impl<T> Default for Between<T> {
    fn default() -> Self {
        Self { from: None, below: None }
    }
}

impl<T: PartialOrd + Copy> Between<T> {
    /// Whether the values are not limited.
    pub fn is_all(&self) -> bool {
        self.from.is_none() && self.below.is_none()
    }

    /// Whether this value is included; what is not known is only if the values are not limited.
    pub fn includes(&self, value: Option<T>) -> bool {
        let Some(value) = value else { return self.is_all() };
        self.from.is_none_or(|from| from <= value) && self.below.is_none_or(|below| value < below)
    }
}

/// Whether a video has metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VideoStatus {
    /// It has.
    Stored,
    /// It has none: all of its links have failed.
    Failed,
}

impl VideoStatus {
    /// The status as users write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Failed => "failed",
        }
    }
}

/// By what videos are sorted. Views and likes are not among it: they change while a client pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VideoOrder {
    /// By the row's number, which is the order in which the store has first seen them.
    #[default]
    FirstSeen,
    /// By the time of publication. Videos of which it is not known are left out.
    Published,
}

/// The direction of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// The newest first.
    #[default]
    Descending,
    /// The oldest first.
    Ascending,
}

/// Some of the videos that a query selects.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VideoPage {
    /// The videos, sorted.
    pub videos: Vec<VideoRow>,
    /// The end of this page, if there may be more.
    pub next: Option<VideoCursor>,
}

/// The end of a page: the row at which it ended. Its text is `<sequence>`, or
/// `<published, ms>.<sequence>` in the order by publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoCursor {
    /// The time of publication in milliseconds, in the order by publication.
    pub published_ms: Option<i64>,
    /// The row's number.
    pub sequence: i64,
}

impl VideoCursor {
    /// Returns where a page in this order ends that ends with this row.
    pub fn of(row: &VideoRow, order: VideoOrder) -> Self {
        let published = row.metadata.as_ref().and_then(|metadata| metadata.video.publish_date);
        Self {
            published_ms: published
                .filter(|_| order == VideoOrder::Published)
                .map(Timestamp::as_millisecond),
            sequence: row.sequence,
        }
    }

    /// Whether a page in this order can begin here.
    pub fn is_of(&self, order: VideoOrder) -> bool {
        self.published_ms.is_some() == (order == VideoOrder::Published)
    }
}

impl fmt::Display for VideoCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.published_ms {
            Some(published_ms) => write!(f, "{published_ms}.{}", self.sequence),
            None => write!(f, "{}", self.sequence),
        }
    }
}

/// The end of a page of a video's documents: the document at which it ended. Its text is
/// `<stored, ms>.<document id>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkCursor {
    /// When the document was written, in milliseconds.
    pub stored_ms: i64,
    /// The document's id.
    pub document_id: DocumentId,
}

impl fmt::Display for LinkCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.stored_ms, self.document_id.as_str())
    }
}

impl FromStr for LinkCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (stored, document_id) = text.split_once('.').ok_or(CursorError)?;
        let stored_ms = stored.parse().map_err(|_| CursorError)?;
        Ok(Self { stored_ms, document_id: DocumentId::from_stored(document_id.to_owned()) })
    }
}

/// The text is not the end of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it must be the `next` of an answer with the same parameters")]
pub struct CursorError;

impl FromStr for VideoCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (published, sequence) = match text.split_once('.') {
            Some((published, sequence)) => (Some(published), sequence),
            None => (None, text),
        };
        let number = |text: &str| text.parse().map_err(|_| CursorError);
        let cursor =
            Self { published_ms: published.map(number).transpose()?, sequence: number(sequence)? };
        // `+1` and `01` are numbers, but no text of ours.
        (cursor.to_string() == text).then_some(cursor).ok_or(CursorError)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_as_it_is_written(published_ms: Option<i64>, sequence: i64) {
            let cursor = VideoCursor { published_ms, sequence };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn what_is_read_is_written_the_same(text in "[-+.0-9a ]{0,12}") {
            if let Ok(cursor) = text.parse::<VideoCursor>() {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }
    }

    #[test]
    fn what_is_not_known_is_selected_only_without_limits() {
        let all = Between::<u64>::default();
        assert!(all.includes(None) && all.includes(Some(0)));
        let some = Between { from: Some(2), below: Some(4) };
        let included = [None, Some(1), Some(2), Some(3), Some(4)].map(|value| some.includes(value));
        assert_eq!(included, [false, false, true, true, false]);
    }
}
