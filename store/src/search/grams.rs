//! Grams: what an index keeps of a folded text.
//!
//! They are its characters and its pairs of neighbours, each once; white space is in none. A word
//! of one character is found by that character, and a longer one by all of its pairs.

use std::collections::BTreeSet;

use super::Folded;

/// One character of a text, or two neighbours, as a number: a character has 21 bits, and the second
/// is 0 in a gram of one character, because a folded text has no character 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gram(i64);

impl Gram {
    fn of(first: char, second: Option<char>) -> Self {
        Self((i64::from(u32::from(first)) << 21) | i64::from(second.map_or(0, u32::from)))
    }

    /// Returns a number that no other gram has. It is never negative.
    pub fn as_i64(self) -> i64 {
        self.0
    }

    /// Appends the characters.
    pub fn push_to(self, text: &mut String) {
        let character = |bits: i64| char::from_u32((bits & 0x1F_FFFF) as u32);
        text.extend(character(self.0 >> 21));
        text.extend(character(self.0).filter(|second| *second != '\0'));
    }
}

/// Returns the grams of a text, each once.
pub fn grams(text: &Folded) -> BTreeSet<Gram> {
    let words = text.as_str().split_whitespace();
    words.flat_map(|word| single(word).chain(pairs(word))).collect()
}

/// Returns the grams by which a word is found.
pub(super) fn grams_of_word(word: &str) -> Vec<Gram> {
    let pairs: Vec<Gram> = pairs(word).collect();
    if pairs.is_empty() { single(word).collect() } else { pairs }
}

fn single(word: &str) -> impl Iterator<Item = Gram> {
    word.chars().map(|character| Gram::of(character, None))
}

fn pairs(word: &str) -> impl Iterator<Item = Gram> {
    word.chars().zip(word.chars().skip(1)).map(|(first, second)| Gram::of(first, Some(second)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str) -> Vec<String> {
        let text_of = |gram: Gram| {
            let mut text = String::new();
            gram.push_to(&mut text);
            text
        };
        grams(&Folded::of(text)).into_iter().map(text_of).collect()
    }

    #[test]
    fn a_text_has_its_characters_and_pairs_once() {
        assert_eq!(texts(""), [""; 0]);
        assert_eq!(texts("Aba aba"), ["a", "ab", "b", "ba"]);
        assert_eq!(texts("日本 の"), ["の", "日", "日本", "本"]);
    }

    proptest! {
        #[test]
        fn no_two_grams_have_the_same_number(a: char, b: Option<char>, c: char, d: Option<char>) {
            prop_assume!(b != Some('\0') && d != Some('\0'));
            let (one, other) = (Gram::of(a, b), Gram::of(c, d));
            prop_assert_eq!(one == other, (a, b) == (c, d));
            prop_assert!(one.as_i64() >= 0);
        }
    }
}
