//! Documents to write. Their times have milliseconds, like BSON's.

use jiff::Timestamp;
use linkrelay_common::video::{Author, Availability, Chapter, Thumbnail};
use linkrelay_common::{
    DocumentId, ErrorClass, LinkFailure, Offset, Partition, RecordOrigin, RequestId, Video, VideoId,
};

use crate::{Expansion, LinkDocument, LinkState};

/// A stored link with every field set, including numbers beyond 32 bits.
pub fn stored(request_id: RequestId, index: u32) -> LinkDocument {
    LinkDocument {
        id: DocumentId::of_request(request_id, index),
        request_id: Some(request_id),
        index,
        link: format!("https://youtu.be/video-{index:05}?t=1&q=\"ü\""),
        video_id: Some(format!("video-{index:05}")),
        status: LinkState::Stored,
        video: Some(video(index)),
        expansion: None,
        error: None,
        source: Some("watch_page".to_owned()),
        submitted_at: Some(time(1_000)),
        extracted_at: Some(time(2_001)),
        stored_at: time(3_999),
        kafka: Some(origin(1_i64 << 40)),
        trace_parent: None,
    }
}

/// A failed link.
pub fn failed(request_id: RequestId, index: u32) -> LinkDocument {
    LinkDocument {
        status: LinkState::Failed,
        video: None,
        error: Some(LinkFailure {
            class: ErrorClass::Permanent,
            code: "private".to_owned(),
            message: "This video is private.".to_owned(),
            attempts: 3,
        }),
        source: None,
        ..stored(request_id, index)
    }
}

/// A link to a list of `videos_count` videos.
pub fn expanded(request_id: RequestId, index: u32, videos_count: u32) -> LinkDocument {
    let video_id = |number: u32| VideoId::parse(&format!("video-{number:05}")).ok();
    LinkDocument {
        link: "https://www.youtube.com/playlist?list=PL1".to_owned(),
        video_id: None,
        status: LinkState::Expanded,
        video: None,
        expansion: Some(Expansion {
            first_index: request_id.links_count() + 10_000 * index,
            videos_count,
            video_ids: (0..videos_count).filter_map(video_id).collect(),
        }),
        source: Some("data_api".to_owned()),
        ..stored(request_id, index)
    }
}

/// A failed link with as few fields set as possible.
pub fn of_nulls(offset: i64) -> LinkDocument {
    LinkDocument {
        id: DocumentId::of_record(&origin(offset), 0),
        request_id: None,
        index: 0,
        link: String::new(),
        video_id: None,
        status: LinkState::Failed,
        video: None,
        expansion: None,
        error: None,
        source: None,
        submitted_at: None,
        extracted_at: None,
        stored_at: time(0),
        kafka: None,
        trace_parent: None,
    }
}

/// The title of the video at an index.
pub fn title(index: u32) -> String {
    format!("Título nº {index} 🎬\n\0end")
}

fn video(index: u32) -> Video {
    Video {
        title: title(index),
        description: Some("d".repeat(2_000)),
        author: Author {
            name: Some("An author".to_owned()),
            channel_id: Some("UC0123456789012345678901".to_owned()),
            url: Some("https://www.youtube.com/@author".to_owned()),
            subscribers: Some(u64::from(u32::MAX) + 1),
            verified: Some(true),
        },
        length_seconds: Some(212),
        view_count: Some(15_000_000_000),
        like_count: Some(0),
        // A time before 1970 is also valid.
        publish_date: Timestamp::from_millisecond(-1_500).ok(),
        category: Some("Music".to_owned()),
        keywords: Some(vec!["one".to_owned(), String::new()]),
        thumbnails: Some(vec![Thumbnail {
            url: "https://i.ytimg.com/1.jpg".to_owned(),
            width: Some(120),
            height: None,
        }]),
        availability: Some(Availability::AgeRestricted),
        is_live: Some(false),
        is_upcoming: Some(true),
        family_safe: Some(false),
        chapters: Some(vec![Chapter { title: "Intro".to_owned(), start_seconds: 0 }]),
    }
}

/// The origin of a record with this offset.
pub fn origin(offset: i64) -> RecordOrigin {
    let (topic, timestamp) = ("LINKS-YOUTUBE".to_owned(), 1_764_000_000_123);
    RecordOrigin { topic, partition: Partition(5), offset: Offset(offset), timestamp }
}

pub(super) fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_764_000_000_000 + millis).unwrap_or_default()
}
