//! Makes untrusted text safe for a line of a terminal: every character that could move the cursor
//! is escaped.

/// Text in a line is truncated at this length.
const MAX_CHARS: usize = 300;
/// Raw bytes are truncated at this length.
const MAX_RAW_BYTES: usize = 60;

/// Truncates the text, and escapes each character that would not remain at its index.
pub fn printable(text: &str) -> String {
    let mut shown = String::new();
    for (index, char) in text.chars().enumerate() {
        if index == MAX_CHARS {
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

/// Unicode's marks, embeddings, overrides and isolates, which would reorder the line.
fn is_directional(char: char) -> bool {
    matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns the beginning of a value that is not a link, as text or with escapes.
pub(super) fn raw_text(value: &[u8]) -> String {
    let start = value.get(..MAX_RAW_BYTES).unwrap_or(value);
    let shown = match std::str::from_utf8(start) {
        Ok(text) => printable(text),
        // It may be truncated within a character.
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
    fn raw_bytes_are_truncated_and_name_their_size() {
        assert_eq!(raw_text(b"this is garbage"), "this is garbage");
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
