//! How a dead letter is shown: a table on a terminal, fields between tabs otherwise, or JSON.
//!
//! Links and errors are other people's text, so nothing that could move a cursor is shown as it
//! is; in JSON the encoding sees to that.

use std::io::IsTerminal;

use linkrelay_common::ErrorClass;

use super::letter::DeadLetter;
use crate::columns::columns;

/// Text in a line is cut at this length.
const MAX_CHARS: usize = 300;
/// And raw bytes at this one.
const MAX_RAW_BYTES: usize = 60;

const COLUMNS: [&str; 6] = ["FAILED AT", "CLASS", "ATTEMPTS", "DOCUMENT", "LINK", "ERROR"];
/// A request of two digits and a watch URL fit; the error takes what is left.
const WIDTHS: [u16; 6] = [20, 9, 8, 42, 43, 0];

/// Which of the forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Columns and a heading.
    Table,
    /// Fields between tabs.
    Plain,
    /// An object a line.
    Json,
}

impl Form {
    /// The form for standard output.
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

/// The text, cut, with every character escaped that would not stay in its place.
fn printable(text: &str) -> String {
    let mut shown = String::new();
    for (place, char) in text.chars().enumerate() {
        if place == MAX_CHARS {
            shown.push('…');
            break;
        }
        if char.is_control() || is_directional(char) {
            shown.extend(char.escape_unicode());
        } else {
            shown.push(char);
        }
    }
    shown
}

/// Unicode's marks, embeddings, overrides and isolates: they would reorder the line.
fn is_directional(char: char) -> bool {
    matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A value that is no link: its beginning, as text or with escapes.
pub(super) fn raw_text(value: &[u8]) -> String {
    let start = value.get(..MAX_RAW_BYTES).unwrap_or(value);
    let shown = match std::str::from_utf8(start) {
        Ok(text) => printable(text),
        // The cut may have hit the middle of a character.
        Err(error) if start.len() < value.len() && error.error_len().is_none() => {
            printable(&String::from_utf8_lossy(&start[..error.valid_up_to()]))
        }
        Err(_) => start.escape_ascii().to_string(),
    };
    if start.len() == value.len() { shown } else { format!("{shown}… ({} bytes)", value.len()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::letter::tests::letter;
    use super::*;

    const LINK: &str = "https://youtu.be/5fR9AHlSDtc";

    #[test]
    fn each_form_shows_the_same() {
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

    #[test]
    fn raw_bytes_are_short_and_say_how_long_they_are() {
        assert_eq!(raw_text(b"this is rubbish"), "this is rubbish");
        assert_eq!(raw_text(b"a\xff\x00\n"), "a\\xff\\x00\\n");
        assert_eq!(raw_text(b"\x1b[2J"), "\\u{1b}[2J");
        let long = "é".repeat(40);
        assert_eq!(raw_text(long.as_bytes()), format!("{}… (80 bytes)", "é".repeat(30)));
        let cut = format!("x{long}");
        assert_eq!(raw_text(cut.as_bytes()), format!("x{}… (81 bytes)", "é".repeat(29)));
    }

    proptest! {
        #[test]
        fn nothing_leaves_its_line(value: Vec<u8>, text: String) {
            for shown in [raw_text(&value), printable(&text)] {
                prop_assert!(!shown.contains(|char: char| char.is_control() || is_directional(char)));
                prop_assert!(shown.chars().count() <= 12 * (MAX_CHARS + 1));
            }
        }
    }
}
