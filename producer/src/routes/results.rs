//! What became of each link, in the order it was sent.

use std::borrow::Cow;

use linkrelay_common::DocumentId;
use serde::Serialize;

use crate::publish::Failure;
use crate::record::LinkRecord;
use crate::submit::Rejected;

/// An answer repeats no more of a link than this: enough to know it again.
const MAX_ECHO_BYTES: usize = 256;

/// One link's result.
#[derive(Debug, Serialize)]
pub(crate) struct LinkResult<'a> {
    index: usize,
    link: Cow<'a, str>,
    status: Status,
    /// Of the document that it will become; also while it is not known whether it arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    document_id: Option<DocumentId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ResultError>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// It is safe.
    Accepted,
    /// It names no video, and never will.
    Rejected,
    /// It is not known to be safe; to be sent again.
    Unavailable,
}

#[derive(Debug, Serialize)]
struct ResultError {
    code: &'static str,
    message: String,
}

/// Merges the records of a request, which stand in order, with the links that gave none.
pub(crate) fn results<'a>(
    records: &'a [LinkRecord],
    failures: &[Failure],
    rejected: &'a [Rejected],
) -> Vec<LinkResult<'a>> {
    let mut rejected = rejected.iter().peekable();
    let mut records = records.iter().enumerate();
    let mut failures = failures.iter().peekable();
    let mut results = Vec::new();
    for index in 0.. {
        if let Some(rejected) = rejected.next_if(|rejected| rejected.index == index) {
            results.push(rejection(rejected));
        } else if let Some((place, record)) = records.next() {
            let failure = failures.next_if(|(failed, _)| *failed == place);
            results.push(fate(index, record, failure));
        } else {
            break;
        }
    }
    results
}

fn rejection(rejected: &Rejected) -> LinkResult<'_> {
    let error = ResultError { code: rejected.error.code(), message: rejected.error.to_string() };
    LinkResult {
        index: rejected.index,
        link: echo(&rejected.link),
        status: Status::Rejected,
        document_id: None,
        error: Some(error),
    }
}

fn fate<'a>(index: usize, record: &'a LinkRecord, failure: Option<&Failure>) -> LinkResult<'a> {
    LinkResult {
        index,
        link: echo(&record.link),
        status: if failure.is_some() { Status::Unavailable } else { Status::Accepted },
        document_id: Some(record.document_id()),
        error: failure
            .map(|(_, error)| ResultError { code: error.code(), message: error.to_string() }),
    }
}

fn echo(link: &str) -> Cow<'_, str> {
    if link.len() <= MAX_ECHO_BYTES {
        return Cow::Borrowed(link);
    }
    let end = (0..=MAX_ECHO_BYTES).rev().find(|end| link.is_char_boundary(*end)).unwrap_or(0);
    Cow::Owned(format!("{}…", &link[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_link_is_cut_between_characters() {
        assert_eq!(echo("short"), "short");
        let cut = echo(&"é".repeat(200)).into_owned();
        assert_eq!(cut, format!("{}…", "é".repeat(128)));
        let cut = echo(&format!("x{}", "é".repeat(200))).into_owned();
        assert_eq!(cut.len(), 255 + "…".len());
    }
}
