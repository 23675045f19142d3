//! Undoes what other programs did to a text: invisible characters, HTML entities, backslashes of a
//! shell or of JSON.
//!
//! It must not know: what a link is.

use std::borrow::Cow;

/// Texts that were escaped more often than this are left alone.
const MAX_ROUNDS: usize = 5;

/// Returns the text as it was before it was escaped. Cleaning the result again changes nothing. `None` if
/// it has been escaped more than five times over.
pub(super) fn clean(text: &str) -> Option<Cow<'_, str>> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..MAX_ROUNDS {
        let Some(cleaned) = clean_once(&text) else { return Some(text) };
        text = Cow::Owned(cleaned);
    }
    clean_once(&text).is_none().then_some(text)
}

/// `None` if there is nothing to undo.
fn clean_once(text: &str) -> Option<String> {
    let mut cleaned = Cow::Borrowed(text);
    if !text.is_ascii() && text.contains(is_invisible) {
        cleaned = Cow::Owned(text.replace(is_invisible, ""));
    }
    if cleaned.contains('&') && cleaned.contains(';') {
        cleaned = Cow::Owned(html_escape::decode_html_entities(&cleaned).into_owned());
    }
    if cleaned.contains('\\') {
        cleaned = Cow::Owned(without_backslashes(&cleaned));
    }
    (cleaned != text).then(|| cleaned.into_owned())
}

/// Characters that take no room: soft hyphens, zero-width characters, marks of direction, the byte
/// order mark, variation selectors, tags (Unicode's Default_Ignorable_Code_Point).
fn is_invisible(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Undoes `\?`, `\/`, `\n` and `\u0026`; any other backslash stays.
fn without_backslashes(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        cleaned.push_str(before);
        let (char, length) = escaped(after);
        cleaned.push(char);
        rest = &after[length..];
    }
    cleaned.push_str(rest);
    cleaned
}

/// Returns the character that a backslash before this text means, and how many bytes of the text it
/// takes.
fn escaped(after: &str) -> (char, usize) {
    match after.as_bytes() {
        [b'n' | b'r' | b't', ..] => ('\n', 1),
        [b'u', ..] => hex(after.get(1..5)).map_or(('\\', 0), |char| (char, 5)),
        [b'x', ..] => hex(after.get(1..3)).map_or(('\\', 0), |char| (char, 3)),
        [byte, ..] if byte.is_ascii_punctuation() => (char::from(*byte), 1),
        _ => ('\\', 0),
    }
}

fn hex(digits: Option<&str>) -> Option<char> {
    char::from_u32(u32::from_str_radix(digits?, 16).ok()?)
}
