//! Why a link has no metadata, as written in its document, its status and its dead letter.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::class::ErrorClass;

/// Why a link has no metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkFailure {
    /// What kind of failure it is.
    pub class: ErrorClass,
    /// A stable word for programs (`private`, `not_youtube`, …).
    pub code: String,
    /// A sentence for the client that submitted the link.
    pub message: String,
    /// The number of attempts; 0 if YouTube was not asked.
    pub attempts: u32,
}
