//! The two ways of a link through linkrelay.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a link is submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// Answered when Kafka has the link; its document comes later.
    Kafka,
    /// Answered when the document is stored.
    Waiting,
}

impl Way {
    /// Both, in the order in which they run.
    pub const ALL: [Self; 2] = [Self::Kafka, Self::Waiting];

    /// The producer's route.
    pub fn route(self) -> &'static str {
        match self {
            Self::Kafka => "/links/send-message-kafka",
            Self::Waiting => "/links/send-message-axios",
        }
    }

    /// Its environment in `scenarios/common.yml`, and its name elsewhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Waiting => "waiting",
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Kafka => "through Kafka",
            Self::Waiting => "waiting",
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}
