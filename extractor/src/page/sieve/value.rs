//! Finds where a JSON parser stops at the latest, without parsing.
//!
//! In a valid value that is its end. An invalid one ends at a byte that no parser passes, maybe
//! some bytes after the one at which serde_json stops.

use memchr::memchr2;

/// serde_json gives up before this depth, except in what it skips; YouTube's JSON is far from it.
/// It bounds how often values within values are looked at.
const MAX_DEPTH: u8 = 128;

/// The end of a value that comes in pieces.
#[derive(Debug)]
pub(super) struct ValueEnd {
    state: State,
    depth: u8,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Between a name and the equals sign behind it.
    Name,
    /// Before the value.
    Start,
    /// Outside of texts.
    Plain,
    Text,
    /// After a backslash in a text.
    Escape,
}

impl ValueEnd {
    /// A value that begins here, or after spaces.
    pub(super) fn of_value() -> Self {
        Self { state: State::Start, depth: 0 }
    }

    /// A value behind `=`, or behind `"] =`; if no such thing follows, the end is at once.
    pub(super) fn of_assignment() -> Self {
        Self { state: State::Name, depth: 0 }
    }

    /// Returns how many of these bytes belong to the value; `None` if its end is not among them.
    pub(super) fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            if matches!(self.state, State::Text) {
                at += memchr2(b'"', b'\\', &bytes[at..])?;
            }
            let is_end = self.is_end(bytes[at]);
            at += 1;
            if is_end {
                return Some(at);
            }
        }
        None
    }

    /// Whether the value ends with this byte, or before it.
    fn is_end(&mut self, byte: u8) -> bool {
        match self.state {
            State::Name => match byte {
                b'=' => self.state = State::Start,
                _ => return !(matches!(byte, b'"' | b'\'' | b']') || byte.is_ascii_whitespace()),
            },
            State::Start if byte.is_ascii_whitespace() => {}
            State::Start | State::Plain => return self.is_end_outside_of_texts(byte),
            State::Text => match byte {
                b'"' => {
                    self.state = State::Plain;
                    return self.depth == 0;
                }
                b'\\' => self.state = State::Escape,
                _ => {}
            },
            State::Escape => self.state = State::Text,
        }
        false
    }

    fn is_end_outside_of_texts(&mut self, byte: u8) -> bool {
        self.state = State::Plain;
        match byte {
            b'"' => self.state = State::Text,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        let is_inner = matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' | b'}' | b']');
        let is_plain = matches!(byte, b'"' | b'{' | b'[' | b'0'..=b'9' | b'+' | b'-' | b'.' | b'E')
            || b"truefalsn".contains(&byte);
        !is_plain && (self.depth == 0 || !is_inner) || self.depth > MAX_DEPTH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_where_a_parser_is_done_with_it_or_fails() {
        for (text, end) in [
            (r#" {"a":[1,"}\"]"],"b":{}};x"#, Some(24)),
            (r#""a\\" and more"#, Some(5)),
            ("[1,2]]", Some(5)),
            ("12.5e-3,", Some(8)),
            ("null}", Some(5)),
            ("function(){}", Some(4)),
            ("{b:1}", Some(2)),
            ("[}", Some(2)),
            (",", Some(1)),
            ("}", Some(1)),
            (r#"{"a":"#, None),
            (r#""a\""#, None),
            ("12", None),
            ("", None),
        ] {
            for cut in 0..=text.len() {
                let mut value = ValueEnd::of_value();
                let (first, second) = text.as_bytes().split_at(cut);
                let found = value.find(first);
                let found = found.or_else(|| Some(cut + value.find(second)?));
                assert_eq!(found, end, "{text} cut at {cut}");
            }
        }
        let deep = "[".repeat(usize::from(MAX_DEPTH) + 10);
        assert_eq!(ValueEnd::of_value().find(deep.as_bytes()), Some(usize::from(MAX_DEPTH) + 1));
    }

    #[test]
    fn an_assigned_value_begins_behind_the_equals_sign() {
        for (text, end) in [
            (" = {}; x", Some(5)),
            ("\"] = {} x", Some(7)),
            ("=null;", Some(6)),
            ("){}", Some(1)),
            (" == 1", Some(3)),
            ("'] ", None),
        ] {
            assert_eq!(ValueEnd::of_assignment().find(text.as_bytes()), end, "{text}");
        }
    }
}
