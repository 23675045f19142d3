//! What is to be done about a failure: the one question that every layer asks of an error.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The class of a failure decides its fate; see docs/ARCHITECTURE.md, "Errors".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorClass {
    /// Will fail the same way forever (deleted, private, not a video): a failed document.
    Permanent,
    /// May succeed if tried again: retried with backoff, then dead-lettered.
    Transient,
    /// YouTube asks for less: everything slows down, and no attempt of the link is counted.
    Throttled,
    /// The record itself cannot be read: dead-lettered at once.
    Malformed,
}

impl ErrorClass {
    /// Every class, once.
    pub const ALL: [Self; 4] = [Self::Permanent, Self::Transient, Self::Throttled, Self::Malformed];

    /// The class as it is written in documents, headers and metric labels.
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

/// None of the words of [`ErrorClass::as_str`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a class of errors is permanent, transient, throttled or malformed")]
pub struct ErrorClassError;

impl FromStr for ErrorClass {
    type Err = ErrorClassError;

    fn from_str(text: &str) -> Result<Self, ErrorClassError> {
        Self::ALL.into_iter().find(|class| class.as_str() == text).ok_or(ErrorClassError)
    }
}
