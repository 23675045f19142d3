//! Titles and descriptions in five scripts, drawn by a seed. Some words are frequent and many are
//! rare, as in a language.
//!
//! It must not know: which benchmark uses them.

/// Draws numbers (SplitMix64): the same ones for the same seed, on every machine.
#[derive(Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn of_seed(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    pub(crate) fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[usize::try_from(self.below(values.len() as u64)).unwrap_or_default()]
    }
}

/// How many different words a script has.
const WORDS: u64 = 30_000;

/// A script: what its words are made of.
#[derive(Debug)]
struct Script {
    first: &'static str,
    second: &'static str,
    /// How many pairs of a first and a second character a word has at most.
    pairs: u64,
    /// What is between two words.
    space: &'static str,
}

/// Latin is twice as frequent as any other.
const SCRIPTS: [Script; 6] = [LATIN, LATIN, CYRILLIC, KOREAN, JAPANESE, THAI];
const LATIN: Script = Script {
    first: "tttnnssrrlldcmpbghfvkwjzñç",
    second: "eeeeeaaaaiiioooouuyéöü",
    pairs: 5,
    space: " ",
};
const CYRILLIC: Script =
    Script {
        first: "ннттссррввллкмдпгзбчхжш", second: "оооееаааиииуыяйё", pairs: 4, space: " "
    };
const KOREAN: Script = Script {
    first: "가나다라마바사아자차하이그는한국어노래음악영상뉴스리뷰대박오늘우리",
    second: "의을를은에서도만고지기요니까시간일년월방송공연모음집",
    pairs: 2,
    space: " ",
};
const JAPANESE: Script = Script {
    first: "東京夜日本語音楽大人小学生料理動画中国教程新年海山空花火車電気世界時間",
    second: "のはがをにでとたてるいしなまアイスタンルー曲歌旅",
    pairs: 3,
    space: "",
};
const THAI: Script =
    Script {
        first: "กขคงจชดตทนบปผพมยรลวสหอ", second: "าิีุูะเแโไ่้ัำ", pairs: 4, space: ""
    };

/// Returns a title and a description in one script.
pub(crate) fn draw(draw: &mut Draw) -> (String, String) {
    let number = draw.below(SCRIPTS.len() as u64);
    let title_words = 3 + draw.below(7);
    let description_words = 15 + draw.below(50);
    (text(draw, number, title_words), text(draw, number, description_words))
}

fn text(draw: &mut Draw, script_number: u64, words: u64) -> String {
    let script = &SCRIPTS[usize::try_from(script_number).unwrap_or_default()];
    let mut text = String::new();
    for number in 0..words {
        if number > 0 {
            text.push_str(script.space);
        }
        // The smallest of three is often a small number: that word is frequent.
        let word = draw.below(WORDS).min(draw.below(WORDS)).min(draw.below(WORDS));
        push_word(&mut text, script, word, script_number);
    }
    text
}

/// Appends the word with this number, which always is the same.
fn push_word(text: &mut String, script: &Script, word: u64, script_number: u64) {
    let mut draw = Draw(word * 64 + script_number.max(1));
    let mut character = |characters: &'static str| {
        let number = draw.below(characters.chars().count() as u64);
        characters.chars().nth(usize::try_from(number).unwrap_or_default())
    };
    // A frequent word is short.
    let pairs = 1 + (word % script.pairs).min(word / 50);
    for _ in 0..pairs {
        text.extend(character(script.first));
        text.extend(character(script.second));
    }
    if word.is_multiple_of(3) {
        text.extend(character(script.first));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_of_ordinary_length_and_a_seed_draws_the_same() {
        let some = |seed| -> Vec<_> {
            let mut numbers = Draw::of_seed(seed);
            (0..500).map(|_| draw(&mut numbers)).collect()
        };
        assert_eq!(some(1), some(1));
        assert_ne!(some(1), some(2));
        let mean = |texts: Vec<usize>| texts.iter().sum::<usize>() / texts.len();
        let titles = some(1).iter().map(|(title, _)| title.chars().count()).collect();
        let descriptions = some(1).iter().map(|(_, text)| text.chars().count()).collect();
        let (titles, descriptions) = (mean(titles), mean(descriptions));
        assert!((20..60).contains(&titles), "{titles}");
        assert!((150..400).contains(&descriptions), "{descriptions}");
    }
}
