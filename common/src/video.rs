//! The metadata of a video: what the extractor finds, documents keep and answers show.
//!
//! A field that the source does not have is `None` (null in JSON and BSON), never 0 or "".

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The metadata of one video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[allow(missing_docs, reason = "the names are YouTube's own; units are named where there is one")]
pub struct Video {
    /// May be blank: YouTube has such videos.
    pub title: String,
    pub description: Option<String>,
    pub author: Author,
    /// Seconds; `None` for a live or upcoming broadcast.
    pub length_seconds: Option<u64>,
    pub view_count: Option<u64>,
    pub like_count: Option<u64>,
    /// A page that gives only a day counts as midnight UTC.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub publish_date: Option<Timestamp>,
    pub category: Option<String>,
    pub keywords: Option<Vec<String>>,
    pub thumbnails: Option<Vec<Thumbnail>>,
    pub availability: Option<Availability>,
    pub is_live: Option<bool>,
    pub is_upcoming: Option<bool>,
    pub family_safe: Option<bool>,
    pub chapters: Option<Vec<Chapter>>,
}

impl Video {
    /// Returns a video of which only the title is known.
    pub fn titled(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            description: None,
            author: Author::default(),
            length_seconds: None,
            view_count: None,
            like_count: None,
            publish_date: None,
            category: None,
            keywords: None,
            thumbnails: None,
            availability: None,
            is_live: None,
            is_upcoming: None,
            family_safe: None,
            chapters: None,
        }
    }
}

/// Whether a video whose metadata is public can also be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say everything")]
pub enum Availability {
    Ok,
    AgeRestricted,
    GeoBlocked,
    MembersOnly,
    PaymentRequired,
    Upcoming,
    /// Cannot be played, and the page gives no reason (for example, a missing recording).
    Unavailable,
}

impl Availability {
    /// All values.
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::AgeRestricted,
        Self::GeoBlocked,
        Self::MembersOnly,
        Self::PaymentRequired,
        Self::Upcoming,
        Self::Unavailable,
    ];

    /// Returns the value as documents and answers write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::AgeRestricted => "age_restricted",
            Self::GeoBlocked => "geo_blocked",
            Self::MembersOnly => "members_only",
            Self::PaymentRequired => "payment_required",
            Self::Upcoming => "upcoming",
            Self::Unavailable => "unavailable",
        }
    }
}

/// The channel that published a video.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[allow(missing_docs, reason = "the names are YouTube's own")]
pub struct Author {
    pub name: Option<String>,
    pub channel_id: Option<String>,
    pub url: Option<String>,
    pub subscribers: Option<u64>,
    pub verified: Option<bool>,
}

/// A thumbnail of a video, in one size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[allow(missing_docs, reason = "the names are YouTube's own")]
pub struct Thumbnail {
    pub url: String,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
}

/// One chapter of a video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[allow(missing_docs, reason = "the names are YouTube's own")]
pub struct Chapter {
    pub title: String,
    /// From the video's beginning.
    pub start_seconds: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_availability_is_written_as_it_is_named() {
        for availability in Availability::ALL {
            let written = serde_json::to_value(availability).unwrap();
            assert_eq!(written, availability.as_str());
        }
    }
}
