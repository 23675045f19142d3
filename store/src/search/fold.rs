//! Folding: texts that a reader takes for the same become equal.

use std::sync::atomic::{AtomicU32, Ordering};

use linkrelay_common::Video;
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

/// A folded text. Folding it again changes nothing.
///
/// Compatible forms are one form (`ｶﾞ` is `ガ`, `①` is `1`), and case is folded. Over letters of
/// Latin, Greek and Cyrillic no mark is left; other scripts keep theirs, because there a mark makes
/// another letter or vowel. What cannot be seen is removed, and between two words is one space.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Folded(String);

impl Folded {
    /// Folds a text.
    pub fn of(text: &str) -> Self {
        let mut folded = String::with_capacity(text.len());
        // Where the part begins that is not folded yet, and what it becomes if it is one plain
        // character. A mark belongs to the character before it, so it is folded together with that.
        let (mut start, mut plain) = (0, None);
        for (position, character) in text.char_indices() {
            let next = plain_form(character);
            if next.is_some() {
                push_part(&mut folded, plain, &text[start..position]);
                start = position;
            }
            plain = next;
        }
        push_part(&mut folded, plain, &text[start..]);
        folded.truncate(folded.trim_end().len());
        Self(folded)
    }

    /// Folds several texts, each of which is on a line of its own, so that no words of two texts
    /// are neighbours.
    pub fn of_all<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let folded: Vec<String> = texts.into_iter().map(|text| Self::of(text).0).collect();
        Self(folded.join("\n"))
    }

    /// Folds what a store with descriptions searches of a video.
    pub fn of_video(video: &Video) -> Self {
        Self::of_all(std::iter::once(video.title.as_str()).chain(video.description.as_deref()))
    }

    /// Takes a text that [`of`](Self::of) has folded before.
    pub(crate) fn of_folded(folded: String) -> Self {
        Self(folded)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns what a character becomes wherever it is, if that is one character.
fn plain_form(character: char) -> Option<char> {
    /// The forms of the characters up to U+FFFF; 0 until a character is met for the first time.
    static FORMS: [AtomicU32; 1 << 16] = [const { AtomicU32::new(0) }; 1 << 16];
    const NOT_PLAIN: u32 = u32::MAX;
    if character.is_ascii() {
        return Some(character.to_ascii_lowercase());
    }
    let known = FORMS.get(character as usize)?;
    match known.load(Ordering::Relaxed) {
        0 => {
            let form = find_plain_form(character);
            known.store(form.map_or(NOT_PLAIN, u32::from), Ordering::Relaxed);
            form
        }
        form => char::from_u32(form),
    }
}

fn find_plain_form(character: char) -> Option<char> {
    let mut buffer = [0; 4];
    let mut folded = fold_mixed(character.encode_utf8(&mut buffer)).nfc();
    let form = folded.next()?;
    // It must never become one character with the one before it.
    let is_separate = |character| is_nfc_quick(std::iter::once(character)) == IsNormalized::Yes;
    let is_plain = folded.next().is_none()
        && !is_combining_mark(character)
        && canonical_combining_class(form) == 0
        && std::iter::once(form).nfd().take(1).chain([form]).all(is_separate);
    is_plain.then_some(form)
}

/// Appends a part of a text: its plain form if it has one.
fn push_part(folded: &mut String, plain: Option<char>, part: &str) {
    match plain {
        Some(character) => push_words(folded, std::iter::once(character)),
        None => push_words(folded, fold_mixed(part).nfc()),
    }
}

/// Appends characters, with one space instead of each run of white space, and none at the start.
fn push_words(folded: &mut String, characters: impl Iterator<Item = char>) {
    for character in characters {
        if !(character.is_whitespace() || character.is_control()) {
            folded.push(character);
        } else if !folded.is_empty() && !folded.ends_with(' ') {
            folded.push(' ');
        }
    }
}

/// Folds a text all of whose characters are decomposed in the result.
fn fold_mixed(text: &str) -> impl Iterator<Item = char> {
    let mut is_stripped = false;
    decomposed(text).flat_map(move |character| {
        let is_mark = is_combining_mark(character);
        if !is_mark {
            is_stripped = loses_marks(character);
        }
        let kept = (!(is_mark && is_stripped)).then_some(character);
        kept.into_iter().flat_map(move |character| fold_case(character, is_mark))
    })
}

/// Returns the compatible and decomposed form, without what cannot be seen.
fn decomposed(text: &str) -> impl Iterator<Item = char> {
    // The letters of Hangul that people type alone (ㅋㅋㅋ) would become parts of syllables.
    let seen = text.chars().filter(|character| !is_invisible(*character));
    seen.flat_map(|character| {
        let is_alone = matches!(character, '\u{3131}'..='\u{318E}');
        let alone = is_alone.then_some(character);
        let other = (!is_alone).then(|| std::iter::once(character).nfkd());
        alone.into_iter().chain(other.into_iter().flatten())
    })
    .nfd()
}

/// Folds the case of a character, through its capital, because only that joins `ß` and `ss`, or
/// the two forms of a small sigma.
fn fold_case(character: char, is_mark: bool) -> impl Iterator<Item = char> {
    let mark = is_mark.then_some(character);
    let letter = (!is_mark).then(|| {
        let small = character.to_lowercase().flat_map(char::to_uppercase);
        small.flat_map(char::to_lowercase).flat_map(without_stroke)
    });
    mark.into_iter().chain(letter.into_iter().flatten())
}

/// Letters that people type without the stroke, or as two, which Unicode does not decompose.
fn without_stroke(letter: char) -> impl Iterator<Item = char> {
    let (first, second) = match letter {
        'ø' => ('o', None),
        'ł' => ('l', None),
        'đ' => ('d', None),
        'ħ' => ('h', None),
        'ŧ' => ('t', None),
        'æ' => ('a', Some('e')),
        'œ' => ('o', Some('e')),
        _ => (letter, None),
    };
    std::iter::once(first).chain(second)
}

/// Whether a character is a letter of Latin, Greek or Cyrillic.
fn loses_marks(character: char) -> bool {
    matches!(character,
        'A'..='Z' | 'a'..='z'
        // Latin, and the letters of phonetics; Greek; Cyrillic.
        | '\u{AA}' | '\u{BA}' | '\u{C0}'..='\u{2B8}' | '\u{370}'..='\u{3FF}'
        | '\u{400}'..='\u{52F}' | '\u{1C80}'..='\u{1C8F}' | '\u{1D00}'..='\u{1DBF}'
        | '\u{1E00}'..='\u{1FFF}' | '\u{2C60}'..='\u{2C7F}' | '\u{A640}'..='\u{A69F}'
        | '\u{A722}'..='\u{A7FF}' | '\u{AB30}'..='\u{AB6F}')
}

/// Whether a character only says how others are shown: joiners, directions, variants, soft hyphens.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fold(text: &str) -> String {
        Folded::of(text).0
    }

    #[test]
    fn what_a_reader_takes_for_the_same_is_equal() {
        for (text, folded) in [
            ("", ""),
            (" \t\n", ""),
            ("  Hello,\r\n  WORLD ", "hello, world"),
            // Latin, Greek and Cyrillic lose their marks, composed or not.
            ("Beyoncé", "beyonce"),
            ("Beyonce\u{301}", "beyonce"),
            ("Việt Nam ở", "viet nam o"),
            ("Straße STRASSE ẞ", "strasse strasse ss"),
            ("İstanbul ISPARTA ısı", "istanbul isparta isi"),
            ("Łódź, Ærø, cœur", "lodz, aero, coeur"),
            ("ΤΈΛΟΣ τέλος ᾳ", "τελοσ τελοσ α"),
            ("Ёлка Йод", "елка иод"),
            // Other scripts keep theirs.
            ("हिन्दी", "हिन्दी"),
            ("ที่นี่", "ที่นี่"),
            ("שָׁלוֹם", "שָׁלוֹם"),
            ("مُحَمَّد", "مُحَمَّد"),
            ("か\u{3099}く", "がく"),
            ("ｶﾞｸﾞ", "ガグ"),
            ("한국", "한국"),
            ("\u{1112}\u{1161}\u{11AB}", "한"),
            ("ㅋㅋㅏ", "ㅋㅋㅏ"),
            // Compatible forms, and what is not seen.
            ("Ｆｕｌｌ　Ｗｉｄｔｈ", "full width"),
            ("ﬁne ① ㈱ …", "fine 1 (株) ..."),
            ("1\u{FE0F}\u{20E3} a\u{AD}b c\u{200B}d\u{FEFF}", "1\u{20E3} ab cd"),
            ("می\u{200C}خواهم", "میخواهم"),
            ("👩\u{200D}💻 ❤\u{FE0F}", "👩💻 ❤"),
            ("a\0b\u{85}c", "a b c"),
        ] {
            assert_eq!(fold(text), folded.nfc().collect::<String>(), "{text:?}");
        }
    }

    #[test]
    fn every_character_is_folded_once_and_for_all() {
        // All but ideographs, Hangul's syllables, and characters that are not assigned.
        let scripts = (0..0x3400).chain(0xA000..0xAC00).chain(0xF900..0x1_7000);
        for character in scripts.chain(0x1_AFF0..0x1_FC00).filter_map(char::from_u32) {
            for text in
                [character.to_string(), format!("a{character}"), format!("{character}\u{301}")]
            {
                let folded = fold(&text);
                assert_eq!(fold(&folded), folded, "{text:?} ({:x})", u32::from(character));
            }
        }
    }

    proptest! {
        #[test]
        fn folding_again_changes_nothing(text in "(\\PC|[a-zA-Z \u{301}\u{345}\u{3099}ßİΣ가ㅏ\u{1161}]){0,20}") {
            let folded = fold(&text);
            prop_assert_eq!(fold(&folded), folded);
        }

        #[test]
        fn case_does_not_matter(text in "[a-zß-ÿĀ-žα-ωά-ώа-яѐ-џա-ֆა-ჰ ]{0,20}") {
            prop_assert_eq!(fold(&text.to_uppercase()), fold(&text));
        }

        #[test]
        fn a_text_is_folded_as_if_at_once(text in "(\\PC|[a-cA-CßŁİı é\u{301}\u{345}=≠\u{338}ä가漢ㅏ\u{1161}\u{11AB}\u{3099}かที้ㅋ\u{200D}é]){0,16}") {
            let mut slow = String::new();
            push_words(&mut slow, fold_mixed(&text).nfc());
            prop_assert_eq!(fold(&text), slow.trim_end());
        }
    }
}
