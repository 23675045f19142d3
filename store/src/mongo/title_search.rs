//! Finds which videos may match a search, by reading their titles beside the rows: all entries, and
//! of the blocks those that have the rarest gram.

use std::collections::BTreeSet;

use futures::TryStreamExt;
use linkrelay_common::VideoId;
use mongodb::bson::{Document, doc};
use serde::Deserialize;

use super::titles::{Entry, GRAMS, Title, Titles};
use crate::error::StoreError;
use crate::search::SearchText;

/// How many videos are few: their rows are read to answer one page.
const FEW_VIDEOS: usize = 1_000;
/// How many titles a search reads before it counts as one of many. They are some 15 MB.
const TITLES_READ: usize = 200_000;

#[derive(Debug, Deserialize)]
struct TitlesOfBlock {
    titles: Vec<Title>,
}

/// Returns the videos whose titles have this text; `None` if they are too many: then the rows
/// themselves, read in the query's order, soon have a page of them.
pub(super) async fn candidates(
    titles: &Titles,
    text: &SearchText,
) -> Result<Option<BTreeSet<VideoId>>, StoreError> {
    let mut found = BTreeSet::new();
    let mut read = 0;
    // An entry becomes a block, and no block an entry, so they are read in this order.
    let mut entries = titles.entries.find(doc! {}).await?;
    while let Some(Entry { titles, erased, .. }) = entries.try_next().await? {
        found.extend(erased);
        if !take(&mut found, &mut read, titles, text) {
            return Ok(None);
        }
    }
    let blocks = titles.blocks.clone_with_type::<TitlesOfBlock>();
    let mut blocks = blocks.find(of_blocks(text)).projection(doc! { "titles": 1 }).await?;
    while let Some(block) = blocks.try_next().await? {
        if !take(&mut found, &mut read, block.titles, text) {
            return Ok(None);
        }
        tokio::task::yield_now().await;
    }
    Ok(Some(found))
}

/// Adds the videos that match, unless they are too many.
fn take(
    found: &mut BTreeSet<VideoId>,
    read: &mut usize,
    titles: Vec<Title>,
    text: &SearchText,
) -> bool {
    *read += titles.len();
    let matching = titles.into_iter().filter(|title| text.matches(&title.folded()));
    found.extend(matching.map(|title| title.video_id));
    found.len() <= FEW_VIDEOS && *read <= TITLES_READ
}

/// Returns which blocks may have a title with this text: those with its rarest gram, which is the
/// one with the greatest number, because the rarer scripts have the greater numbers.
fn of_blocks(text: &SearchText) -> Document {
    text.grams().last().map(|gram| doc! { GRAMS: gram.as_i64() }).unwrap_or_default()
}
