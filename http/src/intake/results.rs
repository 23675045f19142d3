//! The entries of an answer: the outcome of each link, in the order of the request.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;

use super::check::{CheckedLink, CheckedLinks, RejectedLink};
use linkrelay_common::{DocumentId, LinkError};

/// The most that an answer repeats of a link: enough for the client to recognize it.
const MAX_ECHO_BYTES: usize = 256;

/// The result of one valid link.
#[derive(Debug, Clone)]
pub struct ValidResult<'a> {
    /// The link as it was submitted.
    pub link: &'a str,
    /// The id of its document, even if it is not known whether that exists.
    pub document_id: DocumentId,
    /// The outcome.
    pub outcome: LinkOutcome,
    /// Why the link was not accepted or has no metadata.
    pub error: Option<ResultError>,
}

/// The outcome of a link in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LinkOutcome {
    /// The broker has it.
    Accepted,
    /// It has a document with metadata.
    Stored,
    /// It has a document that says why there is no metadata.
    Failed,
    /// It does not name a video; it is refused permanently.
    Rejected,
    /// It has no known outcome yet; the client can send it again.
    Unavailable,
}

/// An error of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ResultError {
    /// The stable code, for programs.
    #[schema(value_type = String, example = "not_youtube")]
    pub code: Cow<'static, str>,
    /// A sentence for users.
    pub message: String,
}

impl From<LinkError> for ResultError {
    fn from(error: LinkError) -> Self {
        Self { code: error.code().into(), message: error.to_string() }
    }
}

/// The entry of one link in an answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResultEntry<'a> {
    /// The position of the link among those that were found.
    index: usize,
    /// The position of its text in `links`.
    source: usize,
    /// The link, or the beginning of a long one.
    #[schema(value_type = String)]
    link: Cow<'a, str>,
    status: LinkOutcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    document_id: Option<DocumentId>,
    /// Why it was not accepted or has no metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ResultError>,
}

/// Returns the entries of all links of a request: merges the results of the valid links, which are
/// in order, with the rejected links.
pub fn results<'a, T>(
    valid: impl IntoIterator<Item = ValidResult<'a>>,
    links: &'a CheckedLinks<T>,
) -> Vec<ResultEntry<'a>> {
    let mut valid_results = valid.into_iter();
    let entry = |(index, link)| match link {
        CheckedLink::Rejected(rejected) => Some(rejection(rejected)),
        CheckedLink::Valid(valid) => {
            let ValidResult { link, document_id, outcome, error } = valid_results.next()?;
            let (source, link, document_id) = (valid.source, echo(link), Some(document_id));
            Some(ResultEntry { index, source, link, status: outcome, document_id, error })
        }
    };
    links.in_order().enumerate().map_while(entry).collect()
}

fn rejection(rejected: &RejectedLink) -> ResultEntry<'_> {
    ResultEntry {
        index: rejected.index,
        source: rejected.source,
        link: echo(&rejected.link),
        status: LinkOutcome::Rejected,
        document_id: None,
        error: Some(rejected.error.into()),
    }
}

/// Returns what an answer repeats of a link: all of it, or the beginning of a long one.
pub fn echo(link: &str) -> Cow<'_, str> {
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
    fn a_long_link_is_truncated_between_characters() {
        assert_eq!(echo("short"), "short");
        let echoed = echo(&"é".repeat(200)).into_owned();
        assert_eq!(echoed, format!("{}…", "é".repeat(128)));
        let echoed = echo(&format!("x{}", "é".repeat(200))).into_owned();
        assert_eq!(echoed.len(), 255 + "…".len());
    }
}
