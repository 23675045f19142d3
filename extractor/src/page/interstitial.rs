//! Recognizes the pages that YouTube sends instead of a watch page: consent, captcha, and the old
//! page for a deleted video.
//!
//! They are recognized by the target of their form, never by text. They are looked for only in a
//! body without a player response, so that a description that quotes one of them does no harm.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::locate;
use crate::error::{ExtractError, Refusal};

const CONSENT_FORMS: [&str; 3] = [
    "action=\"https://consent.youtube.com/",
    "action=\"https://consent.google.com/",
    "action=\"/consent",
];
const CAPTCHA_SIGNS: [&str; 3] =
    ["action=\"/das_captcha", "action=\"/sorry/", "class=\"g-recaptcha\""];

/// Returns Throttled if a body without a player response is a consent page or a captcha.
fn throttled(body: &[u8]) -> Option<ExtractError> {
    let has_any = |signs: &[&str]| signs.iter().any(|sign| locate::has(body, sign));
    let reason = if has_any(&CONSENT_FORMS) {
        "consent"
    } else if has_any(&CAPTCHA_SIGNS) {
        "captcha"
    } else {
        return None;
    };
    Some(ExtractError::Throttled { reason, retry_after: None })
}

/// Returns the error that a body without a player response means.
pub(super) fn explain(body: &[u8]) -> ExtractError {
    if let Some(throttled) = throttled(body) {
        throttled
    } else if is_old_deleted_page(body) {
        ExtractError::Refused(Refusal::Unavailable)
    } else {
        ExtractError::Unreadable("there is no player response in it".to_owned())
    }
}

/// Whether this is the page of a deleted video as it was until 2019: a complete player
/// configuration without a player response.
///
/// The heading alone proves nothing: pages of playable videos had it as well, hidden.
fn is_old_deleted_page(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Config {
        args: Args,
    }
    #[derive(Deserialize)]
    struct Args {
        player_response: Option<IgnoredAny>,
    }
    locate::has(body, "<h1 id=\"unavailable-message\"")
        && locate::assigned_value::<Config>(body, b"ytplayer.config")
            .is_some_and(|config| config.args.player_response.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_is_recognized_by_its_form() {
        for (body, code) in [
            (r#"<form action="https://consent.youtube.com/s" method="POST">"#, "throttled"),
            (r#"<form action="/das_captcha?fw=1"><div class="g-recaptcha">"#, "throttled"),
            (
                r#"<h1 id="unavailable-message">…</h1>ytplayer.config = {"args":{"a":1}};"#,
                "unavailable",
            ),
            (
                r#"<h1 id="unavailable-message">…</h1>ytplayer.config = {"args":{"player_response":"{"#,
                "unreadable",
            ),
            (
                r#"<h1 id="unavailable-message">…</h1>ytplayer.config = {"args":{"player_response":"?"}};"#,
                "unreadable",
            ),
            ("<p>consent.youtube.com and g-recaptcha as text</p>", "unreadable"),
            ("", "unreadable"),
        ] {
            assert_eq!(explain(body.as_bytes()).code(), code, "{body}");
        }
    }
}
