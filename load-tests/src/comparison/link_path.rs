//! The two paths of a link through linkrelay.

use std::fmt;

use serde::Serialize;

/// How a link is submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LinkPath {
    /// Answered when Kafka has the link; its document comes later.
    Kafka,
    /// Answered when the document is stored.
    Waiting,
}

impl LinkPath {
    /// Both, in the order in which they run.
    pub(crate) const ALL: [Self; 2] = [Self::Kafka, Self::Waiting];

    /// Returns the HTTP path of the producer.
    pub(crate) fn route(self) -> &'static str {
        match self {
            Self::Kafka => "/links/send-message-kafka",
            Self::Waiting => "/links/send-message-axios",
        }
    }
}

/// The title in the report.
impl fmt::Display for LinkPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kafka => "through Kafka",
            Self::Waiting => "waiting",
        })
    }
}
