//! The pages that come instead of a watch page: consent, captcha, and the old "gone" page.
//!
//! They are known by where their form leads, never by words. They are looked for only in a body
//! without a player response, so that a description that quotes one of them does no harm.

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

/// The throttling that a body without a player response amounts to, if it does.
fn throttled(body: &[u8]) -> Option<ExtractError> {
    let holds_any = |signs: &[&str]| signs.iter().any(|sign| locate::has(body, sign));
    let reason = if holds_any(&CONSENT_FORMS) {
        "consent"
    } else if holds_any(&CAPTCHA_SIGNS) {
        "captcha"
    } else {
        return None;
    };
    Some(ExtractError::Throttled { reason, retry_after: None })
}

/// What a body without a player response is.
pub(super) fn explain(body: &[u8]) -> ExtractError {
    if let Some(throttled) = throttled(body) {
        throttled
    } else if is_old_gone_page(body) {
        ExtractError::Refused(Refusal::Unavailable)
    } else {
        ExtractError::Unreadable("there is no player response in it".to_owned())
    }
}

/// A deleted video of 2019 and before: a whole player configuration without a player response.
///
/// The heading alone proves nothing: playable videos of that time had it too, hidden.
fn is_old_gone_page(body: &[u8]) -> bool {
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
    fn each_page_is_known_by_its_form() {
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
            ("<p>consent.youtube.com and g-recaptcha in words</p>", "unreadable"),
            ("", "unreadable"),
        ] {
            assert_eq!(explain(body.as_bytes()).code(), code, "{body}");
        }
    }
}
