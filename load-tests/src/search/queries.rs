//! What is searched for: parts of the titles that are stored.

use anyhow::Result;
use linkrelay_store::search::{Folded, SearchText};

use crate::many_videos;
use crate::texts::Draw;

/// Returns queries of one, two and three characters, of a word and of two, in turns.
pub(crate) fn draw(seed: u64, videos: usize, count: usize) -> Result<Vec<SearchText>> {
    // The titles of the first documents are drawn as those of all.
    let documents = many_videos::documents(seed).take(videos);
    let titles = documents.filter_map(|document| Some(document.video?.title));
    let mut draw = Draw::of_seed(seed);
    let mut queries = Vec::new();
    for (number, title) in titles.take(count).enumerate() {
        queries.push(part_of(&title, number % 5, &mut draw).parse()?);
    }
    Ok(queries)
}

fn part_of(title: &str, kind: usize, draw: &mut Draw) -> String {
    // Where there are no spaces, a word has up to eight characters.
    let folded = Folded::of(title);
    let words: Vec<&str> = folded.as_str().split(' ').collect();
    let word: Vec<char> = draw.of(&words).chars().collect();
    let start = draw.below(word.len() as u64) as usize;
    let from = |length: usize| -> String {
        let start = start.min(word.len().saturating_sub(length));
        word[start..].iter().take(length).collect()
    };
    match kind {
        0..=2 => from(kind + 1),
        3 => from(8),
        _ => format!("{} {}", from(8), draw.of(&words).chars().take(4).collect::<String>()),
    }
}
