//! One Kafka broker or three, and what that means for a schedule's times.

use std::time::Duration;

/// How many Kafka brokers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Serialize)]
pub enum Brokers {
    /// One, which is killed and frozen as a whole.
    #[default]
    #[value(name = "1")]
    #[serde(rename = "1")]
    One,
    /// A cluster with three copies, two of which acknowledge.
    #[value(name = "3")]
    #[serde(rename = "3")]
    Three,
}

impl Brokers {
    /// A schedule shorter than this could not hold one of each kind of fault.
    pub fn min_span(self) -> Duration {
        match self {
            Self::One => Duration::from_secs(45),
            Self::Three => Duration::from_secs(180),
        }
    }

    pub(super) fn round(self) -> Duration {
        match self {
            Self::One => Duration::from_secs(60),
            Self::Three => Duration::from_secs(180),
        }
    }

    /// Time for a node that is back to fetch what it missed.
    pub(super) fn rest(self) -> Duration {
        match self {
            Self::One => Duration::from_millis(2_500),
            Self::Three => Duration::from_secs(10),
        }
    }
}
