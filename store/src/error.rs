//! The errors of a store. What matters to the caller is only whether to try again.

use linkrelay_common::ErrorClass;

/// An error of a store as a whole; the refusal of single documents is
/// [`WriteOutcome::Refused`](crate::WriteOutcome).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached, or did not answer in time.
    #[error("the store cannot be reached: {0}")]
    Unreachable(String),
    /// The store answered with an error (not primary, disk full, no permission).
    #[error("the store refuses: {0}")]
    Refused(String),
    /// A document in the store does not have linkrelay's format.
    #[error("a stored document cannot be read: {0}")]
    Unreadable(String),
}

impl StoreError {
    /// Whether another attempt can help. Because no link may be lost, every error but an
    /// unreadable document is transient: the operator can grant even a missing permission.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Unreachable(_) | Self::Refused(_) => ErrorClass::Transient,
            Self::Unreadable(_) => ErrorClass::Permanent,
        }
    }
}
