//! The names that the readers look for. One that is missing here would not be found by them: a test
//! reads every captured page with and without the sieve.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

/// What a reader looks at behind a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A value: the name has its quotes and colon.
    Key,
    /// An equals sign and a value.
    Variable,
    /// Nothing: that the name is there says all.
    Sign,
}

/// A name that a reader looks for.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) text: &'static str,
    pub(super) kind: Kind,
}

const fn key(text: &'static str) -> Name {
    Name { text, kind: Kind::Key }
}

const fn variable(text: &'static str) -> Name {
    Name { text, kind: Kind::Variable }
}

const fn sign(text: &'static str) -> Name {
    Name { text, kind: Kind::Sign }
}

static NAMES: [Name; 16] = [
    variable("ytInitialPlayerResponse"),
    variable("ytplayer.config"),
    key("\"playerResponse\":"),
    key("\"player_response\":"),
    key("\"videoOwnerRenderer\":"),
    key("\"markersMap\":"),
    key("\"INNERTUBE_CONTEXT_GL\":"),
    key("\"GL\":"),
    sign("\"chapterRenderer\":"),
    sign("action=\"https://consent.youtube.com/"),
    sign("action=\"https://consent.google.com/"),
    sign("action=\"/consent"),
    sign("action=\"/das_captcha"),
    sign("action=\"/sorry/"),
    sign("class=\"g-recaptcha\""),
    sign("<h1 id=\"unavailable-message\""),
];

/// The length of the longest name.
pub(super) const LONGEST: usize = 36;

static SEARCH: LazyLock<AhoCorasick> = LazyLock::new(search);

#[expect(clippy::expect_used, reason = "a constant; the tests build it")]
fn search() -> AhoCorasick {
    // The default kind of match has no vectorized search, and takes many times as long.
    let kind = MatchKind::LeftmostFirst;
    let names = NAMES.iter().map(|name| name.text);
    AhoCorasick::builder().match_kind(kind).build(names).expect("sixteen short names are not many")
}

/// Returns the first name from here on, and where it begins; none contains another.
pub(super) fn find(text: &[u8], from: usize) -> Option<(&'static Name, usize)> {
    let found = SEARCH.find(&text[from.min(text.len())..])?;
    Some((&NAMES[found.pattern().as_usize()], from + found.start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_none_is_longer_than_the_longest() {
        assert_eq!(NAMES.iter().map(|name| name.text.len()).max(), Some(LONGEST));
        for name in &NAMES {
            let text = format!("\"{}{}", name.text, name.text);
            let (found, start) = find(text.as_bytes(), 0).unwrap();
            assert_eq!((found.text, start), (name.text, 1));
            let (_, second) = find(text.as_bytes(), start + 1).unwrap();
            assert_eq!(second, 1 + name.text.len());
        }
    }
}
