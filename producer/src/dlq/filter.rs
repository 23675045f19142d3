//! The filter of dead letters, the same for a list and for a replay.

use std::collections::BTreeSet;

use jiff::Timestamp;
use linkrelay_common::{DocumentId, ErrorClass, RequestId};

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
    /// Only links with these documents; empty for all.
    pub ids: BTreeSet<DocumentId>,
    /// The codes of the errors in the failed documents, of which one must apply; empty for all. A
    /// dead letter itself has no code.
    pub codes: BTreeSet<String>,
}

impl LetterFilter {
    /// Whether a dead letter passes, apart from the code in its document. One whose time or request is unknown does not pass a filter by
    /// time or request.
    pub fn takes(&self, letter: &DeadLetter) -> bool {
        let is_class = letter.class.is_some_and(|class| self.asks_for(class));
        let is_since = |since| letter.failed_at.is_some_and(|at| at >= since);
        let is_until = |until| letter.failed_at.is_some_and(|at| at < until);
        let is_named = || letter.document_id.as_ref().is_some_and(|id| self.ids.contains(id));
        (self.classes.is_empty() || is_class)
            && (self.ids.is_empty() || is_named())
            && self.since.is_none_or(is_since)
            && self.until.is_none_or(is_until)
            && self.request_id.is_none_or(|request_id| letter.request_id == Some(request_id))
    }

    /// Whether a document with this code passes.
    pub fn takes_code(&self, code: Option<&str>) -> bool {
        self.codes.is_empty() || code.is_some_and(|code| self.codes.contains(code))
    }

    /// Whether the filter names this class.
    pub(super) fn asks_for(&self, class: ErrorClass) -> bool {
        self.classes.contains(&class)
    }
}
