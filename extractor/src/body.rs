//! How the bytes of an answer become JSON: the one rule for text that is not quite Unicode.
//!
//! YouTube stores what users typed, and old titles and comments contain halves of characters: the
//! escape of a surrogate without its partner (`\ud83d`), or bytes that are not UTF-8. Each becomes
//! U+FFFD, and the rest of the text is kept. A text without them is parsed once and never copied.

use std::io::{self, BufReader, Read};

use serde::de::DeserializeOwned;
use serde_json::Deserializer;

/// What [`Lossy`] writes instead of the escape of a lone surrogate.
const REPLACED_ESCAPE: &[u8] = br"\ufffd";
/// What [`Lossy`] writes instead of bytes that are not UTF-8.
const REPLACED_BYTES: &[u8] = "\u{fffd}".as_bytes();
/// The length of an escape like `\ud83d`.
const ESCAPE_LENGTH: usize = 6;
/// The length of the longest character.
const CHARACTER_LENGTH: usize = 4;
/// How far [`Lossy`] looks ahead for plain text: a parser may stop at any byte.
const LONGEST_PIECE: usize = 4_096;

/// Parses a body that is one JSON value and nothing else; `None` if it is not, or not a `T`.
pub(crate) fn whole<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    let lossy = |error: serde_json::Error| {
        error.is_syntax().then(|| serde_json::from_reader(reader(body)).ok()).flatten()
    };
    serde_json::from_slice(body).map_or_else(lossy, Some)
}

/// Parses the JSON value at the beginning of a text and ignores what follows it; `None` if the
/// text does not begin with a value, or it is not a `T`.
pub(crate) fn first<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
    match T::deserialize(&mut Deserializer::from_slice(text)) {
        Ok(value) => Some(value),
        Err(error) if error.is_syntax() => {
            T::deserialize(&mut Deserializer::from_reader(reader(text))).ok()
        }
        Err(_) => None,
    }
}

/// Returns the length of the JSON value at the beginning of a text, with the spaces before it.
#[cfg(feature = "rusty-ytdl")]
pub(crate) fn length(text: &[u8]) -> Option<usize> {
    // What is skipped need not be Unicode.
    let mut values = Deserializer::from_slice(text).into_iter::<serde::de::IgnoredAny>();
    values.next()?.ok()?;
    Some(values.byte_offset())
}

fn reader(text: &[u8]) -> BufReader<Lossy<'_>> {
    BufReader::new(Lossy { rest: text, ready: &[] })
}

/// Returns a JSON text with U+FFFD wherever it is not Unicode.
#[cfg(feature = "rusty-ytdl")]
pub(crate) fn lossy(text: &[u8]) -> Vec<u8> {
    let mut repaired = Vec::with_capacity(text.len());
    let mut pieces = Lossy { rest: text, ready: &[] };
    while !pieces.rest.is_empty() {
        repaired.extend_from_slice(pieces.piece());
    }
    repaired
}

/// Reads a JSON text with U+FFFD wherever it is not Unicode, not further than it is asked for.
struct Lossy<'a> {
    rest: &'a [u8],
    /// What is repaired, and was not read yet.
    ready: &'a [u8],
}

impl<'a> Lossy<'a> {
    /// Takes the next bytes that belong together from a rest that is not empty.
    fn piece(&mut self) -> &'a [u8] {
        match self.rest {
            [b'\\', ..] => self.escape(),
            [byte, ..] if !byte.is_ascii() => self.character(),
            _ => {
                let is_end = |byte: &u8| *byte == b'\\' || !byte.is_ascii();
                let ahead = &self.rest[..self.rest.len().min(LONGEST_PIECE)];
                self.take(ahead.iter().position(is_end).unwrap_or(ahead.len()))
            }
        }
    }

    fn escape(&mut self) -> &'a [u8] {
        match code_unit(self.rest) {
            Some(0xd800..=0xdbff)
                if matches!(code_unit(&self.rest[ESCAPE_LENGTH..]), Some(0xdc00..=0xdfff)) =>
            {
                self.take(2 * ESCAPE_LENGTH)
            }
            Some(0xd800..=0xdfff) => {
                self.take(ESCAPE_LENGTH);
                REPLACED_ESCAPE
            }
            Some(_) => self.take(ESCAPE_LENGTH),
            // The second byte is taken as well: it may be a backslash that begins no escape.
            None => self.take(if self.rest.get(1).is_some_and(u8::is_ascii) { 2 } else { 1 }),
        }
    }

    fn character(&mut self) -> &'a [u8] {
        let ahead = &self.rest[..self.rest.len().min(CHARACTER_LENGTH)];
        let Some(chunk) = ahead.utf8_chunks().next() else { return &[] };
        match chunk.valid().chars().next() {
            Some(character) => self.take(character.len_utf8()),
            None => {
                self.take(chunk.invalid().len());
                REPLACED_BYTES
            }
        }
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }
}

impl Read for Lossy<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.ready.is_empty() && !self.rest.is_empty() {
            self.ready = self.piece();
        }
        self.ready.read(into)
    }
}

/// Returns the UTF-16 unit whose escape the text begins with.
fn code_unit(text: &[u8]) -> Option<u16> {
    let digits = text.get(..ESCAPE_LENGTH)?.strip_prefix(br"\u")?;
    let digits = std::str::from_utf8(digits).ok()?;
    // Without this check, a plus sign would also be accepted.
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// A part of a JSON string: its bytes in the answer, and the text that they mean.
    #[derive(Debug, Clone)]
    struct Part {
        raw: Vec<u8>,
        /// UTF-16 units, so that halves that meet in the text become one character.
        units: Vec<u16>,
    }

    fn text(text: &str) -> Part {
        let quoted = serde_json::to_string(text).unwrap();
        Part { raw: quoted[1..quoted.len() - 1].into(), units: text.encode_utf16().collect() }
    }

    fn escaped(unit: u16) -> Part {
        Part { raw: format!("\\u{unit:04x}").into_bytes(), units: vec![unit] }
    }

    /// Bytes that are no character and begin none, so that their neighbours do not matter.
    fn stray(byte: u8) -> Part {
        Part { raw: vec![byte], units: vec![0xfffd] }
    }

    fn part() -> impl Strategy<Value = Part> {
        prop_oneof![
            "\\PC{0,8}".prop_map(|it| text(&it)),
            any::<String>().prop_map(|it| text(&it)),
            any::<u16>().prop_map(escaped),
            (0xd800_u16..=0xdfff).prop_map(escaped),
            (0x80_u8..=0xbf).prop_map(stray),
            (0xf5_u8..=0xff).prop_map(stray),
        ]
    }

    fn joined(parts: &[Part]) -> (Vec<u8>, String) {
        // A stray byte after a character is not part of it, because the character is complete.
        let raw = parts.iter().flat_map(|part| part.raw.clone()).collect();
        let units: Vec<u16> = parts.iter().flat_map(|part| part.units.clone()).collect();
        (raw, String::from_utf16_lossy(&units))
    }

    fn document(raw: &[u8]) -> Vec<u8> {
        [&b"{\"before\":[1,\"\\\\\"],\""[..], raw, b"\":\"", raw, b"\",\"after\":true}"].concat()
    }

    #[test]
    fn each_kind_of_broken_text_is_replaced_and_the_rest_is_kept() {
        for (raw, expected) in [
            (&br"a\ud83db"[..], "a\u{fffd}b"),
            (br"\ud83d", "\u{fffd}"),
            (br"\ude00\ud83d", "\u{fffd}\u{fffd}"),
            (br"\ud83d\ud83d\ude00!", "\u{fffd}😀!"),
            (br"\uD83D\uDE00", "😀"),
            (br"\ud83d\n", "\u{fffd}\n"),
            (br"\\ud83d", r"\ud83d"),
            (br"\\\ud83d\\", "\\\u{fffd}\\"),
            (b"a\xffb", "a\u{fffd}b"),
            (b"caf\xe9 \xc3\xa9", "caf\u{fffd} é"),
            // The beginning of a character is one replacement, as in String::from_utf8_lossy.
            (b"\xf0\x9f\x98", "\u{fffd}"),
            (b"\xed\xa0\xbd", "\u{fffd}\u{fffd}\u{fffd}"),
            ("ſ\u{a0}😀".as_bytes(), "ſ\u{a0}😀"),
        ] {
            let body = document(raw);
            let value: Value = whole(&body).unwrap();
            assert_eq!(value[expected], expected, "{}", String::from_utf8_lossy(raw));
            assert_eq!(value["after"], true);
            let followed = [body, b";var next = 1;".to_vec()].concat();
            assert_eq!(first::<Value>(&followed), Some(value));
            assert_eq!(whole::<Value>(&followed), None);
        }
    }

    #[test]
    fn what_is_not_json_stays_unread() {
        for body in [&b""[..], b"{", b"\"\\ud83", b"\"\\ud83d", b"{\"a\":\xff}", b"\xff", b"\\u12"]
        {
            assert_eq!(whole::<Value>(body), None);
            assert_eq!(first::<Value>(body), None);
        }
    }

    proptest! {
        #[test]
        fn any_halves_and_bytes_in_a_text_become_what_the_lossy_readers_of_std_make_of_them(
            parts in proptest::collection::vec(part(), 0..12),
        ) {
            let (raw, expected) = joined(&parts);
            let value: Value = whole(&document(&raw)).unwrap();
            // A key may be "before" or "after" by itself.
            prop_assert_eq!(value.get(expected.as_str()).is_some(), true);
            let text: String = first(&[b"\"", &raw[..], b"\" and more"].concat()).unwrap();
            prop_assert_eq!(text, expected);
        }

        #[test]
        fn any_bytes_are_repaired_as_std_does_and_never_lost(bytes: Vec<u8>) {
            let plain: Vec<u8> = bytes.into_iter().filter(|byte| *byte != b'\\').collect();
            let mut repaired = Vec::new();
            reader(&plain).read_to_end(&mut repaired).unwrap();
            prop_assert_eq!(String::from_utf8(repaired).unwrap(), String::from_utf8_lossy(&plain));
        }
    }
}
