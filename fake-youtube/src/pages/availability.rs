//! Whether YouTube would play a video, and the answer's `playabilityStatus`.

use serde_json::{Value, json};

use super::video::{GeneratedVideo, UPCOMING_START};

/// What YouTube answers about playing a video. A video that cannot be played may still have public
/// metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Playability {
    /// It can be played.
    Ok,
    /// A broadcast that is live now.
    Live,
    /// A broadcast that has not begun.
    Upcoming,
    /// Only for signed-in adults; has metadata.
    AgeRestricted,
    /// Not in the client's country; has metadata.
    GeoBlocked,
    /// Only for members of the channel; has metadata.
    MembersOnly,
    /// Only for sale or rent; has metadata.
    PaymentRequired,
    /// Only for users that its owner names; has no metadata.
    Private,
    /// There is no such video, or no longer; has no metadata.
    Deleted,
    /// The client is taken for a robot, no matter what the video is.
    BotCheck,
}

impl Playability {
    /// Whether the answer has `videoDetails` and `microformat`.
    pub fn has_metadata(self) -> bool {
        !matches!(self, Self::Private | Self::Deleted | Self::BotCheck)
    }

    /// Whether it is a broadcast that has not ended, which has no length yet.
    pub fn is_broadcast(self) -> bool {
        matches!(self, Self::Live | Self::Upcoming)
    }

    /// Returns the countries in which the video is available.
    pub(crate) fn available_countries(self) -> &'static [&'static str] {
        const MOST: &[&str] = &[
            "AR", "AT", "AU", "BE", "BR", "CA", "CH", "CL", "CN", "CO", "CZ", "DE", "DK", "EG",
            "ES", "FI", "FR", "GB", "GR", "HU", "ID", "IE", "IL", "IN", "IT", "JP", "KE", "KR",
            "MX", "MY", "NG", "NL", "NO", "NZ", "PE", "PH", "PL", "PT", "RO", "SE", "SG", "TH",
            "TR", "TW", "UA", "US", "VN", "ZA",
        ];
        match self {
            Self::GeoBlocked => &["AT", "CH", "DE", "LI"],
            Self::PaymentRequired => &["US"],
            _ => MOST,
        }
    }

    /// Returns the `playabilityStatus` of this video.
    pub(crate) fn status(self, video: &GeneratedVideo) -> Value {
        match self {
            Self::Ok => json!({"status": "OK", "playableInEmbed": true}),
            Self::Live => json!({
                "status": "OK", "playableInEmbed": true,
                "liveStreamability": {"liveStreamabilityRenderer": {"videoId": video.video_id, "pollDelayMs": "15000"}},
            }),
            Self::Upcoming => json!({
                "status": "LIVE_STREAM_OFFLINE", "reason": "This live event will begin in 2 days.",
                "liveStreamability": {"liveStreamabilityRenderer": {
                    "videoId": video.video_id,
                    "offlineSlate": {"liveStreamOfflineSlateRenderer": {
                        "scheduledStartTime": UPCOMING_START.as_second().to_string(),
                    }},
                }},
            }),
            Self::AgeRestricted => json!({
                "status": "LOGIN_REQUIRED", "reason": "Sign in to confirm your age",
                "errorScreen": error_screen("Sign in to confirm your age", "This video may be inappropriate for some users."),
                "desktopLegacyAgeGateReason": 1,
            }),
            Self::GeoBlocked => json!({
                "status": "UNPLAYABLE", "reason": "Video unavailable",
                "errorScreen": error_screen("Video unavailable", "The uploader has not made this video available in your country"),
            }),
            Self::MembersOnly => offer(
                "Join this channel to get access to members-only content",
                "sponsors_only_video",
            ),
            Self::PaymentRequired => offer(
                "This video requires payment to watch.",
                &format!("{}.V.1488990059195414", video.video_id),
            ),
            Self::Private => json!({
                "status": "LOGIN_REQUIRED",
                "messages": ["This is a private video. Please sign in to verify that you may see it."],
                "errorScreen": error_screen("Private video", "Sign in if you've been granted access to this video"),
            }),
            Self::Deleted => json!({
                "status": "ERROR", "reason": "Video unavailable",
                "errorScreen": error_screen("Video unavailable", "This video isn't available anymore"),
            }),
            Self::BotCheck => json!({
                "status": "LOGIN_REQUIRED", "reason": "Sign in to confirm you’re not a bot",
                "errorScreen": error_screen("Sign in to confirm you’re not a bot", "This helps protect our community. Learn more"),
                "skip": {"playabilityErrorSkipConfig": {"skipOnPlayabilityError": false}},
            }),
        }
    }
}

fn error_screen(reason: &str, subreason: &str) -> Value {
    json!({"playerErrorMessageRenderer": {
        "subreason": {"simpleText": subreason}, "reason": {"simpleText": reason},
        "icon": {"iconType": "ERROR_OUTLINE"},
    }})
}

fn offer(reason: &str, offer_id: &str) -> Value {
    json!({
        "status": "UNPLAYABLE", "reason": reason,
        "errorScreen": {"playerLegacyDesktopYpcOfferRenderer": {
            "offerHeadline": reason, "offerId": offer_id, "offerButtonText": "Continue",
        }},
    })
}
