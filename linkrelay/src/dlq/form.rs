//! The form in which dead letters are printed: a table on a terminal, otherwise fields separated by
//! tabs, or JSON.
//!
//! Links and errors are untrusted text, which [`printable`] makes safe; in JSON the encoding does.

use std::io::IsTerminal;

use linkrelay_common::ErrorClass;
use linkrelay_producer::dlq::{DeadLetter, printable};

use crate::columns::columns;

const COLUMNS: [&str; 6] = ["FAILED AT", "CLASS", "ATTEMPTS", "DOCUMENT", "LINK", "ERROR"];
/// A request of two digits and a watch URL fit; the error has the remaining width.
const WIDTHS: [u16; 6] = [20, 9, 8, 42, 43, 0];

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Columns and a heading.
    Table,
    /// Fields separated by tabs.
    Plain,
    /// One object per line.
    Json,
}

impl Form {
    /// Returns the form for standard output.
    pub(super) fn of_stdout(json: bool) -> Self {
        match (json, std::io::stdout().is_terminal()) {
            (true, _) => Self::Json,
            (false, true) => Self::Table,
            (false, false) => Self::Plain,
        }
    }

    pub(super) fn heading(self) -> Option<String> {
        (self == Self::Table).then(|| columns(WIDTHS, [COLUMNS.map(str::to_owned)]))
    }

    pub(super) fn line(self, letter: &DeadLetter) -> Result<String, serde_json::Error> {
        match self {
            Self::Table => Ok(columns(WIDTHS, [fields(letter)])),
            Self::Plain => Ok(fields(letter).join("\t")),
            Self::Json => serde_json::to_string(letter),
        }
    }
}

fn fields(letter: &DeadLetter) -> [String; 6] {
    let what = letter.link.as_deref().or(letter.raw.as_deref());
    [
        letter.failed_at.map_or_else(unknown, |at| format!("{at:.0}")),
        letter.class.map_or_else(unknown, |class| ErrorClass::as_str(class).to_owned()),
        letter.attempts.map_or_else(unknown, |attempts| attempts.to_string()),
        letter.identity().map_or_else(unknown, printable),
        what.map_or_else(unknown, printable),
        letter.error.as_deref().map_or_else(unknown, printable),
    ]
}

fn unknown() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::letter;
    use super::*;

    const LINK: &str = "https://youtu.be/5fR9AHlSDtc";

    #[test]
    fn each_form_has_the_same_fields() {
        let letter = letter(ErrorClass::Transient, 3);
        let table = Form::Table.line(&letter).unwrap();
        let heading = Form::Table.heading().unwrap();
        assert_eq!(heading.find("LINK"), table.find(LINK));
        let fields: Vec<&str> = table.split_whitespace().collect();
        let expected =
            ["1970-01-01T00:00:03Z", "transient", "5", "T:2:1003:7:0", LINK, "status", "503"];
        assert_eq!(fields, expected);
        let plain = Form::Plain.line(&letter).unwrap();
        assert_eq!(
            plain,
            format!("1970-01-01T00:00:03Z\ttransient\t5\tT:2:1003:7:0\t{LINK}\tstatus 503")
        );
        assert_eq!(Form::Plain.heading(), None);
        let object: Value = serde_json::from_str(&Form::Json.line(&letter).unwrap()).unwrap();
        let expected = json!({
            "failed_at": "1970-01-01T00:00:03Z", "class": "transient", "attempts": 5,
            "document_id": "T:2:1003:7:0", "request_id": null, "origin": "T:2:1003:7", "link": LINK,
            "raw": null, "error": "status 503", "replays": 0, "truncated": null, "partition": 0,
            "offset": 3,
        });
        assert_eq!(object, expected);
    }
}
