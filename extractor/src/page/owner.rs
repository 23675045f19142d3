//! Reads the owner's box below a video: subscribers and the badge.
//!
//! The box may show another channel than the one that published the video (an artist instead of a
//! "Topic" channel, a show instead of its owner): then it is ignored.

use serde_json::Value;

use super::{json, locate};

const VERIFIED_STYLES: [&str; 2] =
    ["BADGE_STYLE_TYPE_VERIFIED", "BADGE_STYLE_TYPE_VERIFIED_ARTIST"];

/// What the box shows of a channel.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// Rounded by YouTube to three digits.
    pub(super) subscribers: Option<u64>,
    pub(super) is_verified: bool,
}

/// Returns the box's content, if there is a box and it shows this channel.
pub(super) fn read(body: &[u8], channel_id: &str) -> Option<Owner> {
    let owner: Value = locate::value_of(body, b"\"videoOwnerRenderer\":")?;
    let shown = owner.pointer("/navigationEndpoint/browseEndpoint/browseId")?.as_str()?;
    (shown == channel_id).then(|| Owner {
        subscribers: json::formatted_text(&owner, "subscriberCountText")
            .and_then(|text| rounded(&text)),
        is_verified: has_verified_badge(&owner),
    })
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
        let owner = Owner { subscribers: Some(20_000), is_verified: true };
        assert_eq!(read(body, "UC1"), Some(owner));
        assert_eq!(read(body, "UC2"), None);
    }
}
