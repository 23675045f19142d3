//! What can go wrong with a request for a video, or with every call of the Data API.

use std::fmt;
use std::time::Duration;

use crate::pages::Playability;

/// A way to fail. Written as its name in small letters: `private`, `cut-off-body`,
/// `throttled`, `throttled:5s` (with `Retry-After`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// Status 404.
    NotFound,
    /// A page that says so, without metadata; oEmbed answers 401.
    Private,
    /// A page that says so, without metadata; oEmbed answers 404.
    Deleted,
    /// Metadata, and an offer to become a member.
    MembersOnly,
    /// Metadata, and an age gate.
    AgeRestricted,
    /// Metadata, and a refusal that names no reason but the list of countries.
    GeoBlocked,
    /// Metadata, and an offer to buy.
    PaymentRequired,
    /// Metadata of a broadcast that has not begun.
    Upcoming,
    /// Metadata of a broadcast that runs.
    Live,
    /// A page that takes the client for a robot, without metadata.
    BotCheck,
    /// Status 429.
    Throttled {
        /// What `Retry-After` says, in whole seconds rounded up; without it, there is no such header.
        retry_after: Option<Duration>,
    },
    /// Status 503.
    ServerError,
    /// The request is taken and never answered.
    Hang,
    /// The connection is reset (RST) in the middle of the answer.
    Reset,
    /// The connection ends after half of the declared answer.
    CutOffBody,
    /// A watch page redirects (302) to consent.youtube.com; the other routes answer as ever.
    ConsentRedirect,
    /// A watch page redirects (302) to www.google.com/sorry; the other routes answer 429.
    SorryRedirect,
    /// A whole answer about another video ([`other_id`](crate::pages::other_id)).
    WrongVideo,
    /// Status 200 and no body.
    EmptyAnswer,
    /// Status 200 and an answer whose JSON breaks off.
    Garbage,
}

/// A way in which the Data API refuses every call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiFailure {
    /// The day's quota is used up (403).
    QuotaExceeded,
    /// Too many calls in a short time (403).
    RateLimitExceeded,
    /// No such key (400).
    KeyInvalid,
}

impl Failure {
    /// Every way to fail, once.
    pub const ALL: [Self; 20] = [
        Self::NotFound,
        Self::Private,
        Self::Deleted,
        Self::MembersOnly,
        Self::AgeRestricted,
        Self::GeoBlocked,
        Self::PaymentRequired,
        Self::Upcoming,
        Self::Live,
        Self::BotCheck,
        Self::Throttled { retry_after: None },
        Self::ServerError,
        Self::Hang,
        Self::Reset,
        Self::CutOffBody,
        Self::ConsentRedirect,
        Self::SorryRedirect,
        Self::WrongVideo,
        Self::EmptyAnswer,
        Self::Garbage,
    ];

    /// Its name, without a parameter.
    pub fn kind(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Private => "private",
            Self::Deleted => "deleted",
            Self::MembersOnly => "members-only",
            Self::AgeRestricted => "age-restricted",
            Self::GeoBlocked => "geo-blocked",
            Self::PaymentRequired => "payment-required",
            Self::Upcoming => "upcoming",
            Self::Live => "live",
            Self::BotCheck => "bot-check",
            Self::Throttled { .. } => "throttled",
            Self::ServerError => "server-error",
            Self::Hang => "hang",
            Self::Reset => "reset",
            Self::CutOffBody => "cut-off-body",
            Self::ConsentRedirect => "consent-redirect",
            Self::SorryRedirect => "sorry-redirect",
            Self::WrongVideo => "wrong-video",
            Self::EmptyAnswer => "empty-answer",
            Self::Garbage => "garbage",
        }
    }

    /// Whether it says something about the moment, not about the video.
    pub fn is_transient(self) -> bool {
        self.playability().is_none_or(|playability| playability == Playability::BotCheck)
            && self != Self::NotFound
    }

    /// What the page says, if it is the page that says it.
    pub(crate) fn playability(self) -> Option<Playability> {
        Some(match self {
            Self::Private => Playability::Private,
            Self::Deleted => Playability::Deleted,
            Self::MembersOnly => Playability::MembersOnly,
            Self::AgeRestricted => Playability::AgeRestricted,
            Self::GeoBlocked => Playability::GeoBlocked,
            Self::PaymentRequired => Playability::PaymentRequired,
            Self::Upcoming => Playability::Upcoming,
            Self::Live => Playability::Live,
            Self::BotCheck => Playability::BotCheck,
            _ => return None,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        match self {
            Self::Throttled { retry_after: Some(wait) } => {
                write!(f, ":{}", humantime::format_duration(*wait))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_video_is_not_transient() {
        let transient: Vec<&str> = Failure::ALL
            .into_iter()
            .filter(|failure| failure.is_transient())
            .map(Failure::kind)
            .collect();
        assert_eq!(
            transient,
            [
                "bot-check",
                "throttled",
                "server-error",
                "hang",
                "reset",
                "cut-off-body",
                "consent-redirect",
                "sorry-redirect",
                "wrong-video",
                "empty-answer",
                "garbage"
            ]
        );
    }
}
