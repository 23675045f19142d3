//! The class of a failure, from which every layer decides what to do about it.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The class of a failure. docs/ARCHITECTURE.md, "Errors", has the outcome of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ErrorClass {
    /// Will fail the same way forever (deleted, private, not a video): a failed document.
    Permanent,
    /// May succeed if tried again: retried with backoff, then dead-lettered.
    Transient,
    /// YouTube throttles: the whole process cools down, and no attempt of the link is counted.
    Throttled,
    /// The record itself cannot be read: dead-lettered without a retry.
    Malformed,
}

impl ErrorClass {
    /// All classes.
    pub const ALL: [Self; 4] = [Self::Permanent, Self::Transient, Self::Throttled, Self::Malformed];

    /// Returns the class as it is written in documents, headers and metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::Transient => "transient",
            Self::Throttled => "throttled",
            Self::Malformed => "malformed",
        }
    }
}

impl std::fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is not a class, as [`ErrorClass::as_str`] writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a class of errors is permanent, transient, throttled or malformed")]
pub struct ErrorClassError;

impl FromStr for ErrorClass {
    type Err = ErrorClassError;

    fn from_str(text: &str) -> Result<Self, ErrorClassError> {
        Self::ALL.into_iter().find(|class| class.as_str() == text).ok_or(ErrorClassError)
    }
}
