//! `ytInitialData`, which is about what is around the player. Readers find the channel's
//! subscribers and the chapters only here.

use serde_json::{Value, json};

use super::Playability;
use super::video::{GeneratedChapter, GeneratedVideo};

/// Returns the data of this video's page, which is nearly empty if there is no metadata.
pub fn response(video: &GeneratedVideo, playability: Playability) -> Value {
    let contents = if playability.has_metadata() { vec![secondary(video)] } else { Vec::new() };
    json!({
        "contents": {"twoColumnWatchNextResults": {
            "results": {"results": {"contents": contents}},
        }},
        "playerOverlays": {"playerOverlayRenderer": player_overlay(video, playability)},
    })
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

/// Writes `1234567` as `1.23M`: three digits, truncated.
fn abbreviated(number: u64) -> String {
    let (unit, letter) = match number {
        0..1_000 => return number.to_string(),
        1_000..1_000_000 => (1_000, 'K'),
        _ => (1_000_000, 'M'),
    };
    let (whole, hundredths) = (number / unit, number % unit * 100 / unit);
    let fraction = match whole {
        100.. => String::new(),
        10..100 => format!(".{}", hundredths / 10),
        _ => format!(".{hundredths:02}"),
    };
    format!("{whole}{}{letter}", fraction.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_abbreviated_as_on_a_page() {
        for (number, text) in [
            (7, "7"),
            (999, "999"),
            (43_864, "43.8K"),
            (1_050_000, "1.05M"),
            (3_000_000, "3M"),
            (215_300, "215K"),
            (10_000, "10K"),
        ] {
            assert_eq!(abbreviated(number), text);
        }
    }
}
