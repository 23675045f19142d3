//! Whether YouTube would play a video, and how it says so.

use serde_json::{Value, json};

use super::video::GeneratedVideo;

/// What YouTube answers about playing a video. A video whose metadata is public may still not
/// be played: these are two answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Playability {
    /// It plays.
    Ok,
    /// A broadcast that runs now.
    Live,
    /// A broadcast that has not begun.
    Upcoming,
    /// For signed-in adults; carries its metadata.
    AgeRestricted,
    /// Not in the asking country; carries its metadata.
    GeoBlocked,
    /// For members of the channel; carries its metadata.
    MembersOnly,
    /// To be bought or rented; carries its metadata.
    PaymentRequired,
    /// Only for users whom its owner names; no metadata.
    Private,
    /// Gone, or never there; no metadata.
    Deleted,
    /// The client is taken for a robot; says nothing about the video.
    BotCheck,
}

impl Playability {
    /// Whether the answer carries `videoDetails` and `microformat`.
    pub fn has_metadata(self) -> bool {
        !matches!(self, Self::Private | Self::Deleted | Self::BotCheck)
    }

    /// Whether it is a broadcast that is not over, which has no length yet.
    pub fn is_broadcast(self) -> bool {
        matches!(self, Self::Live | Self::Upcoming)
    }

    /// The countries that may see it: nearly all, or a few.
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

    /// The `playabilityStatus` object.
    pub(crate) fn status(self, video: &GeneratedVideo) -> Value {
        match self {
            Self::Ok => json!({
                "status": "OK", "playableInEmbed": true, "miniplayer": mini_player(),
                "contextParams": "Q0FFU0FnZ0I=",
            }),
            Self::Live => live(video),
            Self::Upcoming => upcoming(video),
            Self::AgeRestricted => age_restricted(),
            Self::GeoBlocked => json!({
                "status": "UNPLAYABLE", "reason": "Video unavailable",
                "errorScreen": error_screen("Video unavailable", "The uploader has not made this video available in your country"),
                "contextParams": "Q0FFU0FnZ0I=",
            }),
            Self::MembersOnly => members_only(video),
            Self::PaymentRequired => payment_required(video),
            Self::Private => json!({
                "status": "LOGIN_REQUIRED",
                "messages": ["This is a private video. Please sign in to verify that you may see it."],
                "errorScreen": error_screen("Private video", "Sign in if you've been granted access to this video"),
                "contextParams": "Q0FBU0FnZ0E=",
            }),
            Self::Deleted => json!({
                "status": "ERROR", "reason": "Video unavailable",
                "errorScreen": error_screen("Video unavailable", "This video isn't available anymore"),
                "contextParams": "Q0FBU0FnZ0E=",
            }),
            Self::BotCheck => json!({
                "status": "LOGIN_REQUIRED", "reason": "Sign in to confirm you’re not a bot",
                "errorScreen": error_screen("Sign in to confirm you’re not a bot", "This helps protect our community. Learn more"),
                "skip": {"playabilityErrorSkipConfig": {"skipOnPlayabilityError": false}},
                "contextParams": "Q0FFU0FnZ0M=",
            }),
        }
    }
}

fn mini_player() -> Value {
    json!({"miniplayerRenderer": {"playbackMode": "PLAYBACK_MODE_ALLOW"}})
}

fn error_screen(reason: &str, subreason: &str) -> Value {
    json!({"playerErrorMessageRenderer": {
        "subreason": {"simpleText": subreason},
        "reason": {"simpleText": reason},
        "thumbnail": {"thumbnails": [{"url": "//s.ytimg.com/yts/img/meh7-vflGevej7.png", "width": 140, "height": 100}]},
        "icon": {"iconType": "ERROR_OUTLINE"},
    }})
}

fn live(video: &GeneratedVideo) -> Value {
    json!({
        "status": "OK", "playableInEmbed": true,
        "liveStreamability": {"liveStreamabilityRenderer": {"videoId": video.video_id, "pollDelayMs": "15000"}},
        "miniplayer": mini_player(), "contextParams": "Q0FFU0FnZ0M=",
    })
}

fn upcoming(video: &GeneratedVideo) -> Value {
    json!({
        "status": "LIVE_STREAM_OFFLINE", "reason": "This live event will begin in 2 days.",
        "playableInEmbed": true,
        "liveStreamability": {"liveStreamabilityRenderer": {
            "videoId": video.video_id,
            "offlineSlate": {"liveStreamOfflineSlateRenderer": {
                "scheduledStartTime": video.upcoming_start.as_second().to_string(),
                "mainText": {"runs": [{"text": "Live in "}, {"text": "2 days"}]},
            }},
            "pollDelayMs": "15000",
        }},
        "miniplayer": mini_player(), "contextParams": "Q0FFU0FnZ0M=",
    })
}

fn age_restricted() -> Value {
    json!({
        "status": "LOGIN_REQUIRED", "reason": "Sign in to confirm your age",
        "errorScreen": error_screen("Sign in to confirm your age", "This video may be inappropriate for some users."),
        "desktopLegacyAgeGateReason": 1, "contextParams": "Q0FFU0FnZ0M=",
    })
}

fn members_only(video: &GeneratedVideo) -> Value {
    let offer = json!({
        "itemTitle": video.author, "offerHeadline": "Join this channel",
        "offerDescription": "Join this channel to get access to members-only content like this video, and other exclusive perks.",
        "offerId": "sponsors_only_video", "offerButtonText": "Join",
    });
    unplayable_with_offer("Join this channel to get access to members-only content", offer)
}

fn payment_required(video: &GeneratedVideo) -> Value {
    let offer = json!({
        "itemTitle": video.title, "offerHeadline": "Watch this movie on YouTube",
        "offerDescription": "This movie is available for purchase.",
        "offerId": format!("{}.V.1488990059195414", video.video_id), "offerButtonText": "Buy",
    });
    unplayable_with_offer("This video requires payment to watch.", offer)
}

fn unplayable_with_offer(reason: &str, offer: Value) -> Value {
    json!({
        "status": "UNPLAYABLE", "reason": reason,
        "errorScreen": {"playerLegacyDesktopYpcOfferRenderer": offer},
        "skip": {"playabilityErrorSkipConfig": {"skipOnPlayabilityError": false}},
        "playableInEmbed": true, "contextParams": "Q0FFU0FnZ0M=",
    })
}
