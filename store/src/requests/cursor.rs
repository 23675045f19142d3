//! Where a page of requests ends.

use std::fmt;
use std::str::FromStr;

use linkrelay_common::RequestId;

/// The end of a page of requests: the request at which it ended. Its text is
/// `<accepted, ms>.<request id>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestCursor {
    /// When the request was accepted, in milliseconds.
    pub accepted_ms: i64,
    /// The id of the request.
    pub id: RequestId,
}

impl fmt::Display for RequestCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.accepted_ms, self.id)
    }
}

/// The text is not the end of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it must be the `next` of an answer")]
pub struct RequestCursorError;

impl FromStr for RequestCursor {
    type Err = RequestCursorError;

    fn from_str(text: &str) -> Result<Self, RequestCursorError> {
        let (accepted, id) = text.split_once('.').ok_or(RequestCursorError)?;
        let accepted_ms = accepted.parse().map_err(|_| RequestCursorError)?;
        let cursor = Self { accepted_ms, id: id.parse().map_err(|_| RequestCursorError)? };
        // `+1` and `01` are numbers, but no text of ours.
        (cursor.to_string() == text).then_some(cursor).ok_or(RequestCursorError)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_as_it_is_written(accepted_ms: i64, count in 1_u32..) {
            let cursor = RequestCursor { accepted_ms, id: RequestId::new(count) };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn what_is_no_cursor_is_refused(text in "[-+.0-9a ]{0,12}") {
            prop_assert!(text.parse::<RequestCursor>().is_err());
        }
    }
}
