//! What became of each link, in the order it was sent.

use std::borrow::Cow;

use serde::Serialize;

use super::check::{CheckedLinks, RejectedLink};
use linkrelay_common::DocumentId;

/// An answer repeats no more of a link than this: enough to know it again.
const MAX_ECHO_BYTES: usize = 256;

/// What became of one valid link.
#[derive(Debug, Clone)]
pub struct LinkFate<'a> {
    /// As it was sent.
    pub link: &'a str,
    /// Of the document that it is or will be; also while it is not known whether it is there.
    pub document_id: DocumentId,
    /// How it went.
    pub status: LinkResultStatus,
    /// Why it did not go well.
    pub error: Option<ResultError>,
}

/// How it went with a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkResultStatus {
    /// The broker has it.
    Accepted,
    /// There is a document with its metadata.
    Stored,
    /// There is a document that says why there is no metadata.
    Failed,
    /// It names no video, and never will.
    Rejected,
    /// Nothing is known to have come of it; to be sent again.
    Unavailable,
}

/// Why, for a program and for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResultError {
    /// Stable.
    pub code: Cow<'static, str>,
    /// A sentence.
    pub message: String,
}

/// One link's result.
#[derive(Debug, Serialize)]
pub struct LinkResult<'a> {
    index: usize,
    source: usize,
    link: Cow<'a, str>,
    status: LinkResultStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    document_id: Option<DocumentId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ResultError>,
}

/// Merges the fates of a request's valid links, which are in their order, with the rejected ones.
pub fn results<'a, T>(
    fates: impl IntoIterator<Item = LinkFate<'a>>,
    links: &'a CheckedLinks<T>,
) -> Vec<LinkResult<'a>> {
    let mut rejected = links.rejected.iter().peekable();
    let mut fates = fates.into_iter().zip(&links.valid);
    let mut results = Vec::new();
    for index in 0.. {
        if let Some(rejected) = rejected.next_if(|rejected| rejected.index == index) {
            results.push(rejection(rejected));
        } else if let Some((fate, valid)) = fates.next() {
            let LinkFate { link, document_id, status, error } = fate;
            let (source, link, document_id) = (valid.source, echo(link), Some(document_id));
            results.push(LinkResult { index, source, link, status, document_id, error });
        } else {
            break;
        }
    }
    results
}

fn rejection(rejected: &RejectedLink) -> LinkResult<'_> {
    let error =
        ResultError { code: rejected.error.code().into(), message: rejected.error.to_string() };
    LinkResult {
        index: rejected.index,
        source: rejected.source,
        link: echo(&rejected.link),
        status: LinkResultStatus::Rejected,
        document_id: None,
        error: Some(error),
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
