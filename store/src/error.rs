//! What can go wrong with a store. The caller can act on one thing only: whether to try again.

use linkrelay_common::ErrorClass;

/// An error of a store as a whole; the refusal of single documents is
/// [`WriteOutcome::Refused`](crate::WriteOutcome).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached, or did not answer in time.
    #[error("the store cannot be reached: {0}")]
    Unreachable(String),
    /// It answered with an error (not primary, disk full, no permission).
    #[error("the store refuses: {0}")]
    Refused(String),
    /// A document in the store is not of our form.
    #[error("a stored document cannot be read: {0}")]
    Unreadable(String),
}

impl StoreError {
    /// Every error of a store is transient to a pipeline that may lose nothing: even a missing
    /// permission is granted one day.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Unreachable(_) | Self::Refused(_) => ErrorClass::Transient,
            Self::Unreadable(_) => ErrorClass::Permanent,
        }
    }
}
