//! Why a link has no metadata, as its document, its status and its dead letter say it.

use serde::{Deserialize, Serialize};

use crate::class::ErrorClass;

/// Why a link has no metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkFailure {
    /// What kind of failure it is.
    pub class: ErrorClass,
    /// A stable word for programs (`private`, `not_youtube`, …).
    pub code: String,
    /// A sentence for the person who submitted the link.
    pub message: String,
    /// How often YouTube was asked; 0 if there was nothing to ask.
    pub attempts: u32,
}
