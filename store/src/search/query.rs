//! What a client searches for.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::Folded;
use super::grams::{Gram, grams_of_word};

const MAX_BYTES: usize = 200;
const MAX_WORDS: usize = 16;

/// What a client searches for: parts of words, all of which a text must have, in any order. Parts
/// in double quotes are one part, with the spaces between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchText {
    text: String,
    parts: Vec<Folded>,
}

/// Why a text cannot be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SearchTextError {
    /// It is too long.
    #[error("must have at most {MAX_BYTES} bytes")]
    TooLong,
    /// It has too many parts.
    #[error("must have at most {MAX_WORDS} words")]
    TooManyWords,
    /// Nothing of it can be seen.
    #[error("must have a character that can be seen")]
    Empty,
}

impl SearchText {
    /// Whether a text has all parts.
    pub fn matches(&self, text: &Folded) -> bool {
        self.parts.iter().all(|part| text.as_str().contains(part.as_str()))
    }

    /// Returns the grams that a text has if it matches, each once; there is at least one.
    pub fn grams(&self) -> BTreeSet<Gram> {
        let words = self.parts.iter().flat_map(|part| part.as_str().split(' '));
        words.flat_map(grams_of_word).collect()
    }

    /// Whether every text with these grams matches, because no part has more than two characters.
    pub fn is_exact(&self) -> bool {
        self.parts.iter().all(|part| part.as_str().chars().nth(2).is_none())
    }
}

impl FromStr for SearchText {
    type Err = SearchTextError;

    fn from_str(text: &str) -> Result<Self, SearchTextError> {
        if text.len() > MAX_BYTES {
            return Err(SearchTextError::TooLong);
        }
        let mut parts: Vec<Folded> = Vec::new();
        for part in parts_of(text) {
            if !part.as_str().is_empty() && !parts.contains(&part) {
                parts.push(part);
            }
        }
        match parts.len() {
            0 => Err(SearchTextError::Empty),
            1..=MAX_WORDS => Ok(Self { text: text.to_owned(), parts }),
            _ => Err(SearchTextError::TooManyWords),
        }
    }
}

/// The text as the client wrote it.
impl fmt::Display for SearchText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Returns the words, and what is between two quotes as one part. A quote within a word, or one
/// that is not closed, is a character like others.
fn parts_of(text: &str) -> Vec<Folded> {
    let mut parts = Vec::new();
    let mut left = text.trim_start();
    while !left.is_empty() {
        let quoted = left.strip_prefix('"').and_then(|inner| inner.split_once('"'));
        let (part, rest) = quoted
            .unwrap_or_else(|| left.split_at(left.find(char::is_whitespace).unwrap_or(left.len())));
        let folded = Folded::of(part);
        if quoted.is_some() {
            parts.push(folded);
        } else {
            // Some characters fold into several words.
            parts.extend(folded.as_str().split(' ').map(Folded::of));
        }
        left = rest.trim_start();
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::search::grams;

    fn query(text: &str) -> SearchText {
        text.parse().unwrap()
    }

    #[test]
    fn a_text_matches_if_it_has_all_parts() {
        for (text, searched, is_match) in [
            ("Beyoncé – Halo (Live)", "halo BEYONCE", true),
            ("Beyoncé – Halo (Live)", "halo x", false),
            ("한국어 뉴스", "국어", true),
            ("한국어 뉴스", "어", true),
            ("한국어 뉴스", "어뉴", false),
            ("東京タワー", "京タ", true),
            ("ภาษาไทย", "ไทย", true),
            ("a big red fox", "\"big red\"", true),
            ("a big red fox", "\"BIG  Red\" fox", true),
            ("a red big fox", "\"big red\"", false),
            ("say \"hi", "\"hi", true),
            ("C++ in 5\" inches", "++ 5\"", true),
        ] {
            assert_eq!(query(searched).matches(&Folded::of(text)), is_match, "{text} {searched}");
        }
        let two_texts = Folded::of_all(["big", "red"]);
        assert!(query("red big").matches(&two_texts));
        assert!(!query("\"big red\"").matches(&two_texts));
    }

    #[test]
    fn what_cannot_be_searched_for_says_why() {
        let words = |count: usize| (0..count).map(|n| format!("{n} ")).collect::<String>();
        for (text, error) in [
            (String::new(), SearchTextError::Empty),
            (" \u{200B} \"\" \t".to_owned(), SearchTextError::Empty),
            (words(MAX_WORDS + 1), SearchTextError::TooManyWords),
            ("a".repeat(MAX_BYTES + 1), SearchTextError::TooLong),
        ] {
            assert_eq!(text.parse::<SearchText>(), Err(error), "{text:?}");
        }
        assert!(words(MAX_WORDS).parse::<SearchText>().is_ok());
        assert!("1 ".repeat(MAX_WORDS + 1).parse::<SearchText>().is_ok());
        assert!("é".repeat(MAX_BYTES / 2).parse::<SearchText>().is_ok());
    }

    proptest! {
        /// The grams never hide a match, and a query of short words needs nothing else.
        #[test]
        fn a_text_that_matches_has_the_grams(
            text in "[a-c äが日本 ]{0,24}", searched in "[a-cA\"が日 ]{1,6}",
        ) {
            let Ok(searched) = searched.parse::<SearchText>() else { return Ok(()) };
            let folded = Folded::of(&text);
            let has_grams = searched.grams().is_subset(&grams(&folded));
            prop_assert!(!searched.matches(&folded) || has_grams);
            prop_assert!(!searched.is_exact() || searched.matches(&folded) == has_grams);
            prop_assert!(!searched.grams().is_empty());
        }

        /// A part of a text is found in it, wherever its characters begin and end.
        #[test]
        fn a_part_of_a_text_is_found(text in "[a-zA-Z 가-힣ぁ-んäñ]{1,12}", from in 0_usize..6, count in 1_usize..6) {
            let part: String = text.chars().skip(from).take(count).collect();
            if let Ok(part) = part.parse::<SearchText>() {
                prop_assert!(part.matches(&Folded::of(&text)));
            }
        }
    }
}
