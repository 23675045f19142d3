//! `ytInitialData`: what is around the player. Readers find likes, subscribers and chapters
//! here; everything else is better in the player response.

use serde_json::{Value, json};

use super::Playability;
use super::video::{GeneratedChapter, GeneratedVideo};

/// The data of this video's page; of a page about nothing where there is no metadata.
pub fn response(video: &GeneratedVideo, playability: Playability) -> Value {
    let contents = if playability.has_metadata() {
        vec![primary(video), secondary(video)]
    } else {
        Vec::new()
    };
    json!({
        "contents": {"twoColumnWatchNextResults": {
            "results": {"results": {"contents": contents, "trackingParams": "CAEQ_PsBIhMI"}},
            "secondaryResults": {"secondaryResults": {"results": [], "trackingParams": "CAIQ_PsBIhMI"}},
        }},
        "currentVideoEndpoint": {"watchEndpoint": {"videoId": video.video_id}},
        "playerOverlays": {"playerOverlayRenderer": player_overlay(video, playability)},
        "trackingParams": "CAAQg2ciEwi-",
    })
}

fn primary(video: &GeneratedVideo) -> Value {
    let likes = video.like_count.map_or_else(|| "Like".to_owned(), abbreviated);
    json!({"videoPrimaryInfoRenderer": {
        "title": {"runs": [{"text": video.title}]},
        "viewCount": {"videoViewCountRenderer": {
            "viewCount": {"simpleText": format!("{} views", grouped(video.view_count))},
            "shortViewCount": {"simpleText": format!("{} views", abbreviated(video.view_count))},
        }},
        "videoActions": {"menuRenderer": {"topLevelButtons": [{"segmentedLikeDislikeButtonViewModel": {
            "likeButtonViewModel": {"likeButtonViewModel": {"toggleButtonViewModel": {"toggleButtonViewModel": {
                "defaultButtonViewModel": {"buttonViewModel": {"iconName": "LIKE", "title": likes}},
            }}}},
        }}]}},
        "dateText": {"simpleText": video.published_at.strftime("%b %-d, %Y").to_string()},
    }})
}

fn secondary(video: &GeneratedVideo) -> Value {
    let channel = json!({"browseEndpoint": {
        "browseId": video.channel_id, "canonicalBaseUrl": format!("/{}", video.channel_handle),
    }});
    let badges = if video.channel_verified {
        json!([{"metadataBadgeRenderer": {
            "icon": {"iconType": "CHECK_CIRCLE_THICK"}, "style": "BADGE_STYLE_TYPE_VERIFIED", "tooltip": "Verified",
        }}])
    } else {
        json!([])
    };
    json!({"videoSecondaryInfoRenderer": {
        "owner": {"videoOwnerRenderer": {
            "thumbnail": {"thumbnails": [{"url": format!("https://yt3.ggpht.com/{}=s48", video.channel_id), "width": 48, "height": 48}]},
            "title": {"runs": [{"text": video.author, "navigationEndpoint": channel}]},
            "navigationEndpoint": channel,
            "subscriberCountText": {"simpleText": format!("{} subscribers", abbreviated(video.subscribers))},
            "badges": badges,
        }},
        "attributedDescription": {"content": video.description},
    }})
}

fn player_overlay(video: &GeneratedVideo, playability: Playability) -> Value {
    if video.chapters.is_empty() || !playability.has_metadata() {
        return json!({});
    }
    let chapter = |GeneratedChapter { title, start_seconds }: &GeneratedChapter| json!({"chapterRenderer": {"title": {"simpleText": title}, "timeRangeStartMillis": start_seconds * 1_000}});
    let chapters: Vec<Value> = video.chapters.iter().map(chapter).collect();
    json!({"decoratedPlayerBarRenderer": {"decoratedPlayerBarRenderer": {"playerBar": {
        "multiMarkersPlayerBarRenderer": {"markersMap": [{"key": "DESCRIPTION_CHAPTERS", "value": {"chapters": chapters}}]},
    }}}})
}

/// `1234567` as `1.23M`: three digits, cut off.
pub(crate) fn abbreviated(number: u64) -> String {
    let (unit, letter) = match number {
        0..1_000 => return number.to_string(),
        1_000..1_000_000 => (1_000, 'K'),
        1_000_000..1_000_000_000 => (1_000_000, 'M'),
        _ => (1_000_000_000, 'B'),
    };
    let (whole, hundredths) = (number / unit, number % unit * 100 / unit);
    let fraction = match whole {
        100.. => String::new(),
        10..100 => format!(".{}", hundredths / 10),
        _ => format!(".{hundredths:02}"),
    };
    format!("{whole}{}{letter}", fraction.trim_end_matches('0').trim_end_matches('.'))
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_on_a_page() {
        for (number, text) in [
            (7, "7"),
            (999, "999"),
            (43_864, "43.8K"),
            (1_050_000, "1.05M"),
            (3_000_000, "3M"),
            (215_300, "215K"),
            (10_000, "10K"),
            (5_120_000_000, "5.12B"),
        ] {
            assert_eq!(abbreviated(number), text);
        }
        assert_eq!([grouped(7), grouped(1_000), grouped(1_856_109)], ["7", "1,000", "1,856,109"]);
    }
}
