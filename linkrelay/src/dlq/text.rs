//! Other people's text, as it may stand in a line of a terminal: nothing that could move a cursor
//! is shown as it is.

/// Text in a line is cut at this length.
const MAX_CHARS: usize = 300;
/// And raw bytes at this one.
const MAX_RAW_BYTES: usize = 60;

/// The text, cut, with every character escaped that would not stay in its place.
pub(super) fn printable(text: &str) -> String {
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

    use super::*;

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
