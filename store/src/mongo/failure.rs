//! Maps the driver's errors to errors that a caller can act on.

use mongodb::error::{Error, ErrorKind, WriteConcernError, WriteFailure};

use crate::error::StoreError;

/// The code of a duplicate key.
pub(super) const DUPLICATE_KEY: i32 = 11_000;

/// Codes that are about the server and not about the document: the server steps down, shuts down,
/// is out of space or over its quota, accepts no writes or none of this user, moves a shard, or
/// was too slow.
const OF_THE_SERVER: [i32; 29] = [
    6, 7, 13, 24, 50, 63, 70, 89, 91, 112, 133, 189, 249, 262, 317, 371, 8_000, 9_001, 10_058,
    10_107, 11_600, 11_601, 11_602, 12_501, 13_388, 13_435, 13_436, 14_031, 16_500,
];

/// Whether a write error that came with one document would have come with any other.
pub(super) fn is_of_the_server(code: i32) -> bool {
    OF_THE_SERVER.contains(&code)
}

/// Whether one write, or one command, failed because of a duplicate key.
pub(super) fn is_duplicate(error: &Error) -> bool {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => command.code == DUPLICATE_KEY,
        ErrorKind::Write(WriteFailure::WriteError(error)) => error.code == DUPLICATE_KEY,
        _ => false,
    }
}

/// Returns the index that has the duplicate key. Only its name is taken from the message, which
/// also contains the key itself.
pub(super) fn unique_index(message: &str) -> String {
    let name = message.split_once(" index: ").and_then(|(_, rest)| rest.split(' ').next());
    name.map_or_else(|| "a unique index".to_owned(), |name| format!("the unique index {name}"))
}

/// Texts of the driver about a server's certificate, and what each means to the operator.
const CERTIFICATES: [(&str, &str); 5] = [
    ("UnknownIssuer", NOT_TRUSTED),
    ("BadSignature", NOT_TRUSTED),
    ("not valid for name", OF_ANOTHER_HOST),
    ("NotValidForName", OF_ANOTHER_HOST),
    ("expired", "MongoDB's certificate has expired"),
];
const NOT_TRUSTED: &str =
    "MongoDB's certificate is of an authority that is not trusted (tlsCAFile of MONGODB_URI)";
const OF_ANOTHER_HOST: &str = "MongoDB's certificate is not for the host that MONGODB_URI names";

/// Returns the driver's text, which describes all servers; if a certificate is wrong, the text
/// begins with what that means.
fn explained(text: &str) -> String {
    let text = without_labels(text);
    let is_certificate = text.contains("invalid peer certificate");
    let known = CERTIFICATES.iter().find(|(word, _)| is_certificate && text.contains(word));
    let meaning = known.map(|(_, meaning)| format!("{meaning}: "));
    meaning.unwrap_or_default() + &text
}

/// Removes the driver's labels: their order varies, so that the same failure would have many texts.
fn without_labels(mut text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    while let Some((before, labels)) = text.split_once(", labels: {") {
        kept.push_str(before);
        text = labels.split_once('}').map_or("", |(_, after)| after);
    }
    (kept + text).replace(", source: None, server response: None", "")
}

/// Maps the error of a call. No text contains the connection string.
impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let text = || explained(&error.kind.to_string());
        match error.kind.as_ref() {
            ErrorKind::Io(_)
            | ErrorKind::ConnectionPoolCleared { .. }
            | ErrorKind::ServerSelection { .. }
            | ErrorKind::DnsResolve { .. }
            | ErrorKind::Shutdown => Self::Unreachable(text()),
            ErrorKind::BsonDeserialization(_) => Self::Unreadable(text()),
            ErrorKind::Command(command) => {
                Self::Refused(format!("{} (code {})", command.message, command.code))
            }
            ErrorKind::Write(WriteFailure::WriteError(error)) => {
                Self::Refused(format!("{} (code {})", error.message, error.code))
            }
            ErrorKind::Write(WriteFailure::WriteConcernError(error)) => not_acknowledged(error),
            _ => Self::Refused(text()),
        }
    }
}

/// Returns the error for a write that the primary has, but no majority yet: it may be rolled back.
pub(super) fn not_acknowledged(error: &WriteConcernError) -> StoreError {
    StoreError::Refused(format!(
        "a majority of the servers has not acknowledged the write: {} (code {})",
        error.message, error.code
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_a_certificate_is_explained_and_no_other() {
        for (text, meaning) in [
            ("I/O error: invalid peer certificate: UnknownIssuer", NOT_TRUSTED),
            ("invalid peer certificate: BadSignature", NOT_TRUSTED),
            ("invalid peer certificate: NotValidForName", OF_ANOTHER_HOST),
            (
                "invalid peer certificate: certificate not valid for name \"a\"; it is for b",
                OF_ANOTHER_HOST,
            ),
        ] {
            assert_eq!(explained(text), format!("{meaning}: {text}"));
        }
        assert_eq!(explained("the session has expired"), "the session has expired");
        let labelled = r#"[ { Error: away, labels: {"b", "a"}, source: None, server response: None } { Error: x, labels: {} } ]"#;
        assert_eq!(explained(labelled), "[ { Error: away } { Error: x } ]");
    }
}
