//! Reads whether a video can be played, without reading texts, which come in any language; only
//! [`sign_in`] has to.
//!
//! The rules were derived from captured pages and player answers of 2017 to 2026. Where a rule is
//! not certain, the result is "unknown" and not a refusal, because a refusal is permanent.

use linkrelay_common::video::Availability;
use serde_json::Value;

use super::sign_in::{self, SignIn};
use crate::error::{ExtractError, Refusal};

/// The id of the offer that YouTube shows on members-only videos.
const MEMBERS_OFFER: &str = "sponsors_only_video";

/// Whether the video can be played.
pub(super) fn is_ok(status: &Value) -> bool {
    name(status) == Some("OK")
}

/// Returns whether a video that has metadata can be played, or why not; `None` if that is unknown
/// (a request to sign in may be about the client and not about the video). `has_ended` is set for
/// a broadcast that is over.
///
/// `is_blocked_here` is called only if the result depends on it.
pub(super) fn availability(
    status: &Value,
    has_ended: bool,
    is_blocked_here: impl FnOnce() -> bool,
) -> Option<Availability> {
    match name(status)? {
        "OK" => Some(Availability::Ok),
        // Its recording is missing, or is not ready yet.
        "LIVE_STREAM_OFFLINE" if has_ended => Some(Availability::Unavailable),
        "LIVE_STREAM_OFFLINE" => Some(Availability::Upcoming),
        "ERROR" => Some(Availability::Unavailable),
        "UNPLAYABLE" => Some(match offer(status) {
            Some(MEMBERS_OFFER) => Availability::MembersOnly,
            Some(_) => Availability::PaymentRequired,
            None if is_blocked_here() => Availability::GeoBlocked,
            None => Availability::Unavailable,
        }),
        _ => is_age_gate(status).then_some(Availability::AgeRestricted),
    }
}

/// Returns the error that this status means if there is no metadata.
pub(super) fn refusal(status: &Value) -> ExtractError {
    match (name(status), offer(status)) {
        (Some("ERROR"), _) => ExtractError::Refused(Refusal::Unavailable),
        (Some("UNPLAYABLE"), Some(MEMBERS_OFFER)) => ExtractError::Refused(Refusal::MembersOnly),
        (Some("UNPLAYABLE"), Some(_)) => ExtractError::Refused(Refusal::PaymentRequired),
        _ if is_age_gate(status) => ExtractError::Refused(Refusal::AgeRestricted),
        (Some("LOGIN_REQUIRED"), _) => match sign_in::cause(status) {
            Some(SignIn::Private) => ExtractError::Refused(Refusal::Private),
            _ => ExtractError::Throttled { reason: "bot_check", retry_after: None },
        },
        // "UNPLAYABLE" alone may be about this client profile; another one may get the video.
        (Some(name), _) => {
            let name: String = name.chars().filter(char::is_ascii).take(40).collect();
            ExtractError::Unreadable(format!("no metadata, playability {name}"))
        }
        (None, _) => ExtractError::Unreadable("neither metadata nor playability".to_owned()),
    }
}

fn name(status: &Value) -> Option<&str> {
    status.get("status")?.as_str()
}

fn is_age_gate(status: &Value) -> bool {
    match name(status) {
        Some("AGE_CHECK_REQUIRED" | "AGE_VERIFICATION_REQUIRED") => true,
        Some("LOGIN_REQUIRED") => sign_in::cause(status) == Some(SignIn::Age),
        _ => false,
    }
}

/// Returns the id of what YouTube offers for sale instead; it is in one of several screens.
fn offer(status: &Value) -> Option<&str> {
    let screens = status.get("errorScreen")?.as_object()?;
    screens.values().find_map(|screen| screen.get("offerId")?.as_str())
}

#[cfg(test)]
mod tests {
    use linkrelay_common::ErrorClass;
    use serde_json::json;

    use super::*;

    fn offering(offer: &str) -> Value {
        json!({
            "status": "UNPLAYABLE",
            "errorScreen": {"playerLegacyDesktopYpcOfferRenderer": {"offerId": offer}},
        })
    }

    #[test]
    fn with_metadata_each_status_shows_whether_the_video_can_be_played() {
        for (status, is_blocked, expected) in [
            (json!({"status": "OK"}), true, Some(Availability::Ok)),
            (json!({"status": "ERROR"}), true, Some(Availability::Unavailable)),
            (json!({"status": "LIVE_STREAM_OFFLINE"}), true, Some(Availability::Upcoming)),
            (json!({"status": "UNPLAYABLE"}), true, Some(Availability::GeoBlocked)),
            (json!({"status": "UNPLAYABLE"}), false, Some(Availability::Unavailable)),
            (offering("sponsors_only_video"), true, Some(Availability::MembersOnly)),
            (offering("a.V.1"), true, Some(Availability::PaymentRequired)),
            (
                json!({"status": "LOGIN_REQUIRED", "desktopLegacyAgeGateReason": 1}),
                true,
                Some(Availability::AgeRestricted),
            ),
            (json!({"status": "LOGIN_REQUIRED"}), true, None),
            (json!({"status": "SOMETHING_NEW"}), true, None),
            (json!({"status": 5}), true, None),
            (Value::Null, true, None),
        ] {
            assert_eq!(availability(&status, false, || is_blocked), expected, "{status}");
        }
        let offline = json!({"status": "LIVE_STREAM_OFFLINE"});
        assert_eq!(availability(&offline, true, || true), Some(Availability::Unavailable));
    }

    #[test]
    fn without_metadata_only_a_certain_sign_is_a_refusal() {
        for (status, code) in [
            (json!({"status": "ERROR"}), "unavailable"),
            (offering("sponsors_only_video"), "members_only"),
            (offering("a.V.1"), "payment_required"),
            (json!({"status": "LOGIN_REQUIRED", "messages": ["words"]}), "private"),
            (
                json!({"status": "LOGIN_REQUIRED", "desktopLegacyAgeGateReason": 1}),
                "age_restricted",
            ),
            (json!({"status": "LOGIN_REQUIRED", "reason": "words", "skip": {}}), "throttled"),
            (json!({"status": "LOGIN_REQUIRED", "messages": []}), "throttled"),
            (
                json!({"status": "LOGIN_REQUIRED", "messages": ["confirm your age"]}),
                "age_restricted",
            ),
            (json!({"status": "LOGIN_REQUIRED", "messages": ["you’re not a bot"]}), "throttled"),
            (json!({"status": "UNPLAYABLE"}), "unreadable"),
            (json!({"status": "OK"}), "unreadable"),
            (json!([]), "unreadable"),
        ] {
            assert_eq!(refusal(&status).code(), code, "{status}");
        }
        assert_eq!(refusal(&json!({"status": "UNPLAYABLE"})).class(), ErrorClass::Transient);
    }
}
