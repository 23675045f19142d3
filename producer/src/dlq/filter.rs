//! The filter of dead letters, the same for a list and for a replay.

use jiff::Timestamp;
use linkrelay_common::{ErrorClass, RequestId};

use super::letter::DeadLetter;

/// A dead letter passes if every field that is set applies to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LetterFilter {
    /// The classes of the error, of which one must apply; empty for all.
    pub classes: Vec<ErrorClass>,
    /// Only links that were given up at this time or later.
    pub since: Option<Timestamp>,
    /// Only links that were given up before this time.
    pub until: Option<Timestamp>,
    /// Only links of this request.
    pub request_id: Option<RequestId>,
}

impl LetterFilter {
    /// Whether a dead letter passes. One whose time or request is unknown does not pass a filter by
    /// time or request.
    pub fn takes(&self, letter: &DeadLetter) -> bool {
        let is_class = letter.class.is_some_and(|class| self.asks_for(class));
        let is_since = |since| letter.failed_at.is_some_and(|at| at >= since);
        let is_until = |until| letter.failed_at.is_some_and(|at| at < until);
        (self.classes.is_empty() || is_class)
            && self.since.is_none_or(is_since)
            && self.until.is_none_or(is_until)
            && self.request_id.is_none_or(|request_id| letter.request_id == Some(request_id))
    }

    /// Whether the filter names this class.
    pub(super) fn asks_for(&self, class: ErrorClass) -> bool {
        self.classes.contains(&class)
    }
}
