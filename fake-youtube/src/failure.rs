//! The failures of a request for a video, and of every call of the Data API.

use std::time::Duration;

use crate::pages::Playability;

/// How a request for a video fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// Status 404.
    NotFound,
    /// A page without metadata, which names the reason; oEmbed answers 401.
    Private,
    /// A page without metadata, which names the reason; oEmbed answers 404.
    Deleted,
    /// Metadata, and an offer to become a member.
    MembersOnly,
    /// Metadata, and an age gate.
    AgeRestricted,
    /// Metadata, and a refusal whose only reason is the list of countries.
    GeoBlocked,
    /// Metadata, and an offer to buy.
    PaymentRequired,
    /// Metadata of a broadcast that has not begun.
    Upcoming,
    /// Metadata of a broadcast that is live.
    Live,
    /// A page that takes the client for a robot, without metadata.
    BotCheck,
    /// Status 429.
    Throttled {
        /// The header `Retry-After`, in whole seconds rounded up.
        retry_after: Option<Duration>,
    },
    /// Status 503.
    ServerError,
    /// The request is read and never answered.
    Hang,
    /// The connection is reset (RST) in the middle of the answer.
    Reset,
    /// The connection ends after half of the declared answer.
    CutOffBody,
    /// A watch page redirects (302) to consent.youtube.com; the other routes answer normally.
    ConsentRedirect,
    /// A watch page redirects (302) to www.google.com/sorry; the other routes answer 429.
    SorryRedirect,
    /// A complete answer about another video ([`other_id`](crate::pages::other_id)).
    WrongVideo,
    /// Status 200 and no body.
    EmptyAnswer,
    /// Status 200 and an answer whose JSON breaks off.
    Garbage,
}

/// How the Data API refuses every call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiFailure {
    /// The quota of the day is used up (403).
    QuotaExceeded,
    /// Too many calls in a short time (403).
    RateLimitExceeded,
    /// There is no such key (400).
    KeyInvalid,
}

impl Failure {
    /// Every failure, once.
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

    /// Whether a later request for the same video may succeed.
    pub fn is_transient(self) -> bool {
        self.playability().is_none_or(|playability| playability == Playability::BotCheck)
            && self != Self::NotFound
    }

    /// Returns what the page says, if the failure is in the page.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_video_is_not_transient() {
        let permanent: Vec<_> =
            Failure::ALL.into_iter().filter(|failure| !failure.is_transient()).collect();
        let expected = [
            Failure::NotFound,
            Failure::Private,
            Failure::Deleted,
            Failure::MembersOnly,
            Failure::AgeRestricted,
            Failure::GeoBlocked,
            Failure::PaymentRequired,
            Failure::Upcoming,
            Failure::Live,
        ];
        assert_eq!(permanent, expected);
    }
}
