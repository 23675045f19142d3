//! Why there is no metadata or no list of videos, and what follows from it.

use std::time::Duration;

use linkrelay_common::ErrorClass;

/// What the answer is no with, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Deleted, or never was.
    Unavailable,
    /// Its owner shows it to nobody.
    Private,
    /// The account behind it was closed.
    Terminated,
    /// Only for paying members of the channel, and without metadata.
    MembersOnly,
    /// Only for adults, and without metadata.
    AgeRestricted,
    /// Not in this country, and without metadata.
    GeoBlocked,
    /// Only for money, and without metadata.
    PaymentRequired,
    /// A playlist or channel that is gone, never was, or is shown to nobody.
    ListUnavailable,
    /// Nothing here can find out what stands in a playlist or channel.
    NoExpansion,
}

impl Refusal {
    /// The stable code.
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

    /// A sentence for the person who submitted the link.
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
    /// The far side says no, and will go on saying so.
    #[error("{}", .0.message())]
    Refused(Refusal),
    /// The answer is not one that this strategy understands; another may.
    #[error("the answer could not be understood: {0}")]
    Unreadable(String),
    /// It answered with a status that means trouble of its own (5xx, 404 of a whole page).
    #[error("YouTube answered with status {0}")]
    Status(u16),
    /// No answer in time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The connection failed or broke.
    #[error("the connection failed: {0}")]
    Connection(String),
    /// The proxy does not lead to YouTube.
    #[error("the proxy gives no connection: {0}")]
    Proxy(String),
    /// This way was not tried: it is closed for a while (a breaker is open, a quota is used up).
    #[error("not asked: {reason}")]
    StoodDown {
        /// `breaker_open`, `quota_used_up`, `api_rate_limit`, `api_key_refused`.
        reason: &'static str,
        /// How long it stays closed.
        reopens_in: Duration,
    },
    /// 429, a bot check, a consent page, a redirect to /sorry: ask less.
    #[error("YouTube asks for fewer requests ({reason})")]
    Throttled {
        /// What it did: `status_429`, `bot_check`, `consent`, `captcha`, `sorry`. Or what keeps
        /// us from asking at all: a `reason` of [`ExtractError::StoodDown`].
        reason: &'static str,
        /// How long it said to wait.
        retry_after: Option<Duration>,
    },
}

impl ExtractError {
    /// What is to be done about it.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Refused(_) => ErrorClass::Permanent,
            Self::Throttled { .. } => ErrorClass::Throttled,
            Self::Unreadable(_)
            | Self::Status(_)
            | Self::TimedOut(_)
            | Self::Connection(_)
            | Self::Proxy(_)
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
            Self::Throttled { .. } => "throttled",
        }
    }
}
