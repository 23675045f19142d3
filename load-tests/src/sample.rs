//! Links and videos to measure with: a different video for each number.
//!
//! It must not know: which benchmark uses them.

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use linkrelay_common::video::{Author, Availability, Thumbnail, Video};
use linkrelay_common::{DocumentId, Offset, Partition, RecordOrigin, RequestId, VideoId};
use linkrelay_store::{LinkDocument, LinkState};
use serde_json::json;

/// Returns the id of the video with this number.
///
/// # Errors
/// If the number has more than ten digits.
pub(crate) fn video_id(number: usize) -> Result<VideoId> {
    VideoId::parse(&id_text(number)).with_context(|| format!("video {number} is one too many"))
}

fn id_text(number: usize) -> String {
    format!("b{number:010}")
}

/// Returns a link to the video with this number, as users paste it.
pub(crate) fn link(number: usize) -> String {
    format!("https://www.youtube.com/watch?v={}", id_text(number))
}

/// Returns the body of a request: one link is sent as is, several as a list.
pub(crate) fn body(links: &[String]) -> String {
    match links {
        [link] => json!({ "links": link }).to_string(),
        links => json!({ "links": links }).to_string(),
    }
}

/// Returns metadata that makes a document of about 1.5 kB of BSON, which is an ordinary size.
pub(crate) fn video() -> Video {
    let words = "A description of some paragraphs, with links, a list of chapters and thanks. ";
    let thumbnail = |(width, height)| Thumbnail {
        url: format!("https://i.ytimg.com/vi/b0000000000/{width}.jpg"),
        width: Some(width),
        height: Some(height),
    };
    let sizes = [(120, 90), (320, 180), (480, 360), (1_280, 720)];
    Video {
        title: "An ordinary title of an ordinary video (official)".to_owned(),
        description: Some(words.repeat(5)),
        author: Author {
            name: Some("An ordinary channel".to_owned()),
            channel_id: Some("UC0123456789012345678901".to_owned()),
            url: Some("https://www.youtube.com/@ordinary".to_owned()),
            subscribers: Some(1_234_567),
            verified: Some(true),
        },
        length_seconds: Some(212),
        view_count: Some(15_000_000),
        like_count: Some(123_456),
        publish_date: Some(Timestamp::UNIX_EPOCH),
        category: Some("Music".to_owned()),
        keywords: Some((0..12).map(|number| format!("keyword {number}")).collect()),
        thumbnails: Some(sizes.map(thumbnail).to_vec()),
        availability: Some(Availability::Ok),
        is_live: Some(false),
        is_upcoming: Some(false),
        family_safe: Some(true),
        chapters: None,
    }
}

/// Returns documents of requests of one link each, as the consumer makes them.
pub(crate) fn documents(count: usize) -> Vec<LinkDocument> {
    let (video, now) = (video(), Timestamp::now());
    let document = |number| {
        let request_id = RequestId::new(1);
        LinkDocument {
            id: DocumentId::of_request(request_id, 0),
            request_id: Some(request_id),
            index: 0,
            link: link(number),
            video_id: Some(id_text(number)),
            status: LinkState::Stored,
            video: Some(video.clone()),
            expansion: None,
            error: None,
            source: Some("watch_page".to_owned()),
            submitted_at: Some(now),
            extracted_at: Some(now),
            stored_at: now,
            kafka: Some(RecordOrigin {
                topic: "LINKS-YOUTUBE".to_owned(),
                partition: Partition(0),
                offset: Offset(i64::try_from(number).unwrap_or(i64::MAX)),
                timestamp: now.as_millisecond(),
            }),
            trace_parent: None,
        }
    };
    (0..count).map(document).collect()
}

#[cfg(test)]
mod tests {
    use linkrelay_common::parse_link;
    use linkrelay_kafka::LinkMessage;

    use super::*;

    #[test]
    fn a_link_names_the_video_of_its_number() {
        for number in [0, 7, 9_999_999_999] {
            assert_eq!(parse_link(&link(number)).unwrap(), video_id(number).unwrap());
        }
        assert!(video_id(10_000_000_000).is_err());
    }

    #[test]
    fn a_body_is_what_the_producer_reads() {
        for count in [1, 3] {
            let links: Vec<String> = (7..7 + count).map(link).collect();
            assert_eq!(LinkMessage::decode(body(&links).as_bytes()).unwrap().links, links);
        }
        assert!(body(&[link(7)]).contains(r#""links":"https"#));
    }

    #[test]
    fn a_sample_document_is_of_ordinary_size() {
        let document = &documents(1)[0];
        let json = serde_json::to_string(document).unwrap();
        assert!((1_300..1_900).contains(&json.len()), "{}", json.len());
    }
}
