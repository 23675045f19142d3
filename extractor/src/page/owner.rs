//! Reads the owner's box below a video: subscribers and the badge.
//!
//! The box may show another channel than the one that published the video (an artist instead of a
//! "Topic" channel, a show instead of its owner): then it is ignored. For a collaboration it shows
//! several channels, and opens a dialog that lists them; then the entry of the publishing channel
//! is read.

use serde_json::Value;

use super::{json, locate};

const VERIFIED_STYLES: [&str; 2] =
    ["BADGE_STYLE_TYPE_VERIFIED", "BADGE_STYLE_TYPE_VERIFIED_ARTIST"];
/// The beginnings of the names of the images that are badges in a list of channels: the check mark
/// and the note of an artist.
const VERIFIED_IMAGES: [&str; 3] = ["CHECK_CIRCLE", "AUDIO_BADGE", "MUSIC"];

/// What the box shows of a channel.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// Rounded by YouTube to three digits.
    pub(super) subscribers: Option<u64>,
    /// `None` if there is an image beside the name, but none that is known.
    pub(super) is_verified: Option<bool>,
}

/// Returns the box's content, if there is a box and it shows this channel.
pub(super) fn read(body: &[u8], channel_id: &str) -> Option<Owner> {
    let owner: Value = locate::value_of(body, b"\"videoOwnerRenderer\":")?;
    match owner.pointer("/navigationEndpoint/browseEndpoint/browseId").and_then(Value::as_str) {
        Some(shown) => (shown == channel_id).then(|| Owner {
            subscribers: json::formatted_text(&owner, "subscriberCountText")
                .and_then(|text| rounded(&text)),
            is_verified: Some(has_verified_badge(&owner)),
        }),
        None => listed(&owner, channel_id),
    }
}

/// Returns what the list of a collaboration's channels shows of this one. The list is in a dialog
/// or a sheet, which the names or the pictures open.
fn listed(owner: &Value, channel_id: &str) -> Option<Owner> {
    let mut entries = json::all(owner, "listItemViewModel").into_iter();
    let entry = entries.find(|entry| {
        json::all(entry, "browseId").into_iter().any(|id| id.as_str() == Some(channel_id))
    })?;
    // "@handle • 1.14M subscribers", with invisible marks for the direction of writing.
    let subtitle = entry.pointer("/subtitle/content").and_then(Value::as_str).unwrap_or_default();
    let is_mark = |character: char| {
        character.is_whitespace()
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut parts = subtitle.split(['•', '·']).map(|part| part.trim_matches(is_mark));
    Some(Owner { subscribers: parts.find_map(rounded), is_verified: has_verified_image(entry) })
}

fn has_verified_image(entry: &Value) -> Option<bool> {
    let beside_the_name = entry.pointer("/title/attachmentRuns").unwrap_or(&Value::Null);
    let images = json::all(beside_the_name, "imageName");
    let is_badge = |image: &&Value| {
        let name = image.as_str().unwrap_or_default();
        VERIFIED_IMAGES.iter().any(|known| name.starts_with(known))
    };
    let is_bare = beside_the_name.as_array().is_none_or(Vec::is_empty);
    if is_bare { Some(false) } else { images.iter().any(is_badge).then_some(true) }
}

fn has_verified_badge(owner: &Value) -> bool {
    let badges = owner.get("badges").and_then(Value::as_array);
    badges.into_iter().flatten().any(|badge| {
        let style = badge.pointer("/metadataBadgeRenderer/style").and_then(Value::as_str);
        style.is_some_and(|style| VERIFIED_STYLES.contains(&style))
    })
}

/// Parses "1.14M subscribers", in exactly this English form; in another language the same letters
/// can mean another power ("34,2 N" is 34,200), so nothing is guessed.
fn rounded(text: &str) -> Option<u64> {
    let number = text.strip_suffix(" subscribers").or_else(|| text.strip_suffix(" subscriber"))?;
    let (digits, power) = match number.as_bytes().last()? {
        b'K' => (&number[..number.len() - 1], 3),
        b'M' => (&number[..number.len() - 1], 6),
        b'B' => (&number[..number.len() - 1], 9),
        _ => (number, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) || fraction.len() > power {
        return None;
    }
    format!("{whole}{fraction:0<power$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_plain_english_form_is_a_number() {
        for (text, number) in [
            ("1.14M subscribers", Some(1_140_000)),
            ("721K subscribers", Some(721_000)),
            ("1.02B subscribers", Some(1_020_000_000)),
            ("999 subscribers", Some(999)),
            ("1 subscriber", Some(1)),
            ("34,2\u{a0}N người đăng ký", None),
            ("4,69\u{a0}M de suscriptores", None),
            ("1,5M subscribers", None),
            ("1.5 subscribers", None),
            ("No subscribers", None),
            ("K subscribers", None),
            (" subscribers", None),
            ("99999999999999999999 subscribers", None),
            ("", None),
        ] {
            assert_eq!(rounded(text), number, "{text}");
        }
    }

    #[test]
    fn the_box_of_another_channel_is_not_read() {
        let body =
            br#""videoOwnerRenderer":{"navigationEndpoint":{"browseEndpoint":{"browseId":"UC1"}},
            "subscriberCountText":{"simpleText":"20K subscribers"},
            "badges":[{"metadataBadgeRenderer":{"style":"BADGE_STYLE_TYPE_VERIFIED"}}]}"#;
        let owner = Owner { subscribers: Some(20_000), is_verified: Some(true) };
        assert_eq!(read(body, "UC1"), Some(owner));
        assert_eq!(read(body, "UC2"), None);
    }

    fn entry(channel_id: &str, subtitle: &str, image: Option<&str>) -> Value {
        let images = image.map(|name| {
            json!({"startIndex": 4, "element": {"type": {"imageType": {
                "image": {"sources": [{"clientResource": {"imageName": name}}]},
            }}}})
        });
        let browse = json!({"innertubeCommand": {"browseEndpoint": {"browseId": channel_id}}});
        json!({"listItemViewModel": {
            "title": {
                "content": "Name",
                "commandRuns": [{"onTap": browse}],
                "attachmentRuns": Vec::from_iter(images),
            },
            "subtitle": {"content": subtitle},
        }})
    }

    #[test]
    fn the_entry_of_the_channel_is_read_from_the_list_of_a_collaboration() {
        let entries = json!([
            entry("UC1", "\u{200e}@one\u{200e} • \u{200e}1.14M subscribers\u{200e}", None),
            entry("UC2", "@two • 721K subscribers", Some("CHECK_CIRCLE_FILLED")),
            entry("UC3", "3.5M subscribers\u{a0}•\u{a0}@three", Some("AUDIO_BADGE")),
            entry("UC4", "@four", Some("SOMETHING_NEW")),
            entry("UC5", "@five • 4,69 M de suscriptores", None),
        ]);
        let list = json!({"listViewModel": {"listItems": entries}});
        let dialog = json!({"showDialogCommand": {"panelLoadingStrategy": {"inlineContent": {
            "dialogViewModel": {"customContent": list},
        }}}});
        let sheet = json!({"showSheetCommand": {"panelLoadingStrategy": {"inlineContent": {
            "sheetViewModel": {"content": list},
        }}}});
        for owner in [
            json!({"avatarStack": {}, "navigationEndpoint": dialog}),
            json!({"navigationEndpoint": sheet}),
            json!({"attributedTitle": {"commandRuns": [{"onTap": {"innertubeCommand": dialog}}]}}),
        ] {
            let body = format!("\"videoOwnerRenderer\":{owner},");
            for (channel_id, subscribers, is_verified) in [
                ("UC1", Some(1_140_000), Some(false)),
                ("UC2", Some(721_000), Some(true)),
                ("UC3", Some(3_500_000), Some(true)),
                ("UC4", None, None),
                ("UC5", None, Some(false)),
            ] {
                let expected = Some(Owner { subscribers, is_verified });
                assert_eq!(read(body.as_bytes(), channel_id), expected, "{channel_id}");
            }
            assert_eq!(read(body.as_bytes(), "UC6"), None);
        }
    }
}
