//! Why there is no metadata or no list of videos, and whether another attempt can help.

use std::time::Duration;

use linkrelay_common::ErrorClass;

/// The reason of an [`ExtractError::Throttled`] after YouTube has refused even the canary.
pub const EVERYTHING_REFUSED: &str = "everything_refused";

/// A permanent reason why a link has no metadata or no videos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The video was deleted, or never existed.
    Unavailable,
    /// The video's owner made it private.
    Private,
    /// The account that published the video was closed.
    Terminated,
    /// The video is for paying members of its channel, and YouTube gave no metadata.
    MembersOnly,
    /// The video is for adults, and YouTube gave no metadata.
    AgeRestricted,
    /// The video is not shown in this country, and YouTube gave no metadata.
    GeoBlocked,
    /// The video must be paid for, and YouTube gave no metadata.
    PaymentRequired,
    /// The playlist or channel was deleted, never existed, or is private.
    ListUnavailable,
    /// This extractor cannot look up the videos of playlists and channels.
    NoExpansion,
}

impl Refusal {
    /// The stable code, for documents and metric labels.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Private => "private",
            Self::Terminated => "account_terminated",
            Self::MembersOnly => "members_only",
            Self::AgeRestricted => "age_restricted",
            Self::GeoBlocked => "geo_blocked",
            Self::PaymentRequired => "payment_required",
            Self::ListUnavailable => "list_unavailable",
            Self::NoExpansion => "no_expansion",
        }
    }

    /// A sentence for the client that submitted the link.
    pub fn message(self) -> &'static str {
        match self {
            Self::Unavailable => "this video does not exist, or has been deleted",
            Self::Private => "this video is private",
            Self::Terminated => "the account of this video has been closed",
            Self::MembersOnly => "this video is for members of its channel only",
            Self::AgeRestricted => "this video is for adults only",
            Self::GeoBlocked => "this video is not shown in this country",
            Self::PaymentRequired => "this video must be paid for",
            Self::ListUnavailable => "this playlist or channel does not exist, or is private",
            Self::NoExpansion => {
                "linkrelay is not set up to look up playlists and channels; send the links of \
                 their videos"
            }
        }
    }
}

/// Why there is no metadata, or no list.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExtractError {
    /// YouTube refuses, and a later attempt would be refused as well.
    #[error("{}", .0.message())]
    Refused(Refusal),
    /// This strategy does not understand YouTube's answer; another one may.
    #[error("YouTube's answer could not be understood: {0}")]
    Unreadable(String),
    /// YouTube answered with a status that means a failure of its own (5xx, 404 for a page).
    #[error("YouTube answered with status {0}")]
    Status(u16),
    /// YouTube, or the strategy's reader, did not answer in time.
    #[error("there was no answer within {0:?}")]
    TimedOut(Duration),
    /// The connection could not be made, or broke.
    #[error("the connection to YouTube failed: {0}")]
    Connection(String),
    /// The proxy did not connect to YouTube.
    #[error("the proxy did not connect to YouTube: {0}")]
    Proxy(String),
    /// The strategy was not asked: it is closed for a while (its breaker is open, or the quota of
    /// the Data API is used up).
    #[error("YouTube was not asked ({reason})")]
    StoodDown {
        /// `breaker_open`, `quota_used_up`, `api_rate_limit`, `api_key_refused`.
        reason: &'static str,
        /// How long the strategy stays closed.
        reopens_in: Duration,
    },
    /// YouTube refuses the video, and the request for the canary that would confirm it failed.
    #[error("it is not confirmed that {} (the canary: {canary})", .refusal.message())]
    Unconfirmed {
        /// What YouTube answered.
        refusal: Refusal,
        /// Why the canary was not found.
        canary: String,
    },
    /// YouTube throttles each request for this video, while it finds others.
    #[error("YouTube throttles every request for this video alone ({reason})")]
    ThrottledAlone {
        /// As of [`ExtractError::Throttled`].
        reason: &'static str,
    },
    /// YouTube wants fewer requests: a 429, a bot check, a consent page, a redirect to /sorry.
    #[error("YouTube asks for fewer requests ({reason})")]
    Throttled {
        /// What YouTube answered: `status_429`, `bot_check`, `consent`, `captcha`, `sorry`, or
        /// [`EVERYTHING_REFUSED`]. If every strategy is closed, the `reason` of an
        /// [`ExtractError::StoodDown`].
        reason: &'static str,
        /// How long to wait, if that is known.
        retry_after: Option<Duration>,
    },
}

impl ExtractError {
    /// Whether another attempt can help.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Refused(_) => ErrorClass::Permanent,
            Self::Throttled { .. } => ErrorClass::Throttled,
            Self::Unreadable(_)
            | Self::Status(_)
            | Self::TimedOut(_)
            | Self::Connection(_)
            | Self::Proxy(_)
            | Self::Unconfirmed { .. }
            | Self::ThrottledAlone { .. }
            | Self::StoodDown { .. } => ErrorClass::Transient,
        }
    }

    /// The stable code, for documents and metric labels.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Unreadable(_) => "unreadable",
            Self::Status(_) => "bad_status",
            Self::TimedOut(_) => "timed_out",
            Self::Connection(_) => "connection",
            Self::Proxy(_) => "proxy",
            Self::StoodDown { .. } => "stood_down",
            Self::Unconfirmed { .. } => "unconfirmed",
            Self::ThrottledAlone { .. } => "throttled_alone",
            Self::Throttled { .. } => "throttled",
        }
    }
}
