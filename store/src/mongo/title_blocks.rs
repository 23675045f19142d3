//! Merges the titles that batches have left into blocks, so that a search reads few documents.
//!
//! Until then a search reads them one by one, so merging may be late, and nothing waits for it.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use linkrelay_common::VideoId;
use mongodb::Collection;
use mongodb::bson::{Bson, DateTime, Document, doc, oid::ObjectId};

use super::deadline::{CALL_TIMEOUT, within};
use super::store::MongoStore;
use super::titles::{Block, Entry, StoredTitle, Title, Titles, of_rows};
use super::{codec, failure};
use crate::error::StoreError;
use crate::indexing::{Indexed, SearchIndexStore};
use crate::search::{Gram, grams};

/// How many titles a block has at least, unless it has [`ENTRIES_PER_BLOCK`].
const TITLES_PER_BLOCK: usize = 500;
/// How many small entries make a block, so that a search reads few documents.
const ENTRIES_PER_BLOCK: usize = 64;
/// How many entries one look reads.
const ENTRIES_READ: i64 = 100;
/// After this every call that was in flight when an erasure began has ended.
const CALLS_HAVE_ENDED: Duration = CALL_TIMEOUT.saturating_mul(2);
/// The document, among the blocks, that says which rows older than entries are in blocks.
const OLDER_ROWS: &str = "older_rows";

/// Whether searches may rely on entries and blocks: all rows are in them, also those that were
/// written before there were any. An operator may drop both collections at any time, so it is read
/// for each search.
pub(super) async fn have_all_rows(titles: &Titles) -> Result<bool, StoreError> {
    Ok(rows_after(titles).await?.is_some_and(|after| after.is_none()))
}

#[async_trait]
impl SearchIndexStore for MongoStore {
    async fn index_videos(&self) -> Result<Option<Indexed>, StoreError> {
        let (videos, titles) = (self.videos_collection().await?, self.titles().await?);
        let videos = videos.clone_with_type::<StoredTitle>();
        within(CALL_TIMEOUT, step(&videos, titles)).await.map(Some)
    }
}

async fn step(videos: &Collection<StoredTitle>, titles: &Titles) -> Result<Indexed, StoreError> {
    if !have_all_rows(titles).await? {
        let titles_count = add_older_rows(videos, titles).await?;
        return Ok(Indexed { titles_count, has_more: true, ..Indexed::default() });
    }
    let oldest = titles.entries.find(doc! {}).sort(doc! { "_id": 1 }).limit(ENTRIES_READ).await?;
    let oldest: Vec<Entry> = oldest.try_collect().await?;
    let waiting_batches = oldest.len() as u64;
    let (erasures, oldest): (Vec<Entry>, Vec<Entry>) =
        oldest.into_iter().partition(|entry| !entry.erased.is_empty());
    for erasure in erasures {
        end_erasure(videos, titles, erasure).await?;
    }
    let mut indexed = Indexed { waiting_batches, ..Indexed::default() };
    if let Some(entries) = of_next_block(&oldest) {
        indexed.oldest_at = entries.first().map(|entry| codec::time(entry.at)).transpose()?;
        indexed.titles_count = merge(titles, entries).await?;
        indexed.has_more = of_next_block(&oldest[entries.len()..]).is_some();
    }
    Ok(indexed)
}

/// Returns the entries of the next block, once they are enough.
fn of_next_block(oldest: &[Entry]) -> Option<&[Entry]> {
    let mut titles_count = 0;
    let is_enough = |(index, entry): (usize, &Entry)| {
        titles_count += entry.titles.len();
        titles_count >= TITLES_PER_BLOCK || index + 1 >= ENTRIES_PER_BLOCK
    };
    let last = oldest.iter().enumerate().position(is_enough)?;
    oldest.get(..=last)
}

/// Makes a block of entries, and removes them. Returns how many titles it has.
async fn merge(titles: &Titles, entries: &[Entry]) -> Result<u64, StoreError> {
    let Some(first) = entries.first() else { return Ok(0) };
    let of_entries: Vec<ObjectId> = entries.iter().map(|entry| entry.id).collect();
    let merged = entries.iter().flat_map(|entry| &entry.titles).cloned().collect();
    let block = block(first.id.into(), of_entries.clone(), merged);
    let count = block.titles.len() as u64;
    if insert(titles, &block).await? {
        remove(titles, &of_entries).await?;
        return Ok(count);
    }
    // Another process has merged these, or some of them, and has not removed them.
    let made = titles.blocks.find_one(doc! { "_id": block.id }).await?;
    remove(titles, &made.map(|made| made.entries).unwrap_or_default()).await?;
    Ok(0)
}

fn block(id: Bson, entries: Vec<ObjectId>, titles: Vec<Title>) -> Block {
    let grams: BTreeSet<Gram> = titles.iter().flat_map(|title| grams(&title.folded())).collect();
    Block { id, entries, grams: grams.into_iter().map(Gram::as_i64).collect(), titles }
}

/// Inserts a block; returns whether it is new.
async fn insert(titles: &Titles, block: &Block) -> Result<bool, StoreError> {
    match titles.blocks.insert_one(block).await {
        Ok(_) => Ok(true),
        Err(error) if failure::is_duplicate(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn remove(titles: &Titles, entries: &[ObjectId]) -> Result<(), StoreError> {
    titles.entries.delete_many(doc! { "_id": { "$in": entries } }).await?;
    Ok(())
}

/// Erases the titles again, once no call can bring one back that it had read before, and adds those
/// that the rows have then.
async fn end_erasure(
    videos: &Collection<StoredTitle>,
    titles: &Titles,
    erasure: Entry,
) -> Result<(), StoreError> {
    let age = DateTime::now().timestamp_millis() - erasure.at.timestamp_millis();
    if u128::try_from(age).unwrap_or_default() < CALLS_HAVE_ENDED.as_millis() {
        return Ok(());
    }
    // A row is written before its title is added, so a title that this removes is in its row.
    titles.erase(&erasure.erased).await?;
    let ids: Vec<&str> = erasure.erased.iter().map(VideoId::as_str).collect();
    let rows = of_rows(videos, doc! { "_id": { "$in": ids } }, 0).await?;
    titles.add(rows.into_iter().filter_map(StoredTitle::into_title).collect()).await?;
    remove(titles, &[erasure.id]).await
}

/// Returns after which video rows are not in blocks yet: `Some(None)` if all are, and `None` if
/// none is known to be.
async fn rows_after(titles: &Titles) -> Result<Option<Option<String>>, StoreError> {
    let progress = titles.blocks.clone_with_type::<Document>();
    let progress = progress.find_one(doc! { "_id": OLDER_ROWS }).await?;
    Ok(progress.map(|progress| progress.get_str("after").ok().map(str::to_owned)))
}

/// Makes a block of the next rows, which may be older than entries; returns how many they are. Two
/// processes that do it together do the same.
async fn add_older_rows(
    videos: &Collection<StoredTitle>,
    titles: &Titles,
) -> Result<u64, StoreError> {
    let progress = titles.blocks.clone_with_type::<Document>();
    let after = match rows_after(titles).await? {
        Some(None) => return Ok(0),
        Some(Some(after)) => after,
        None => {
            let begun = progress.insert_one(doc! { "_id": OLDER_ROWS, "after": "" }).await;
            begun
                .map(drop)
                .or_else(|error| if failure::is_duplicate(&error) { Ok(()) } else { Err(error) })?;
            String::new()
        }
    };
    let limit = i64::try_from(TITLES_PER_BLOCK).unwrap_or(i64::MAX);
    let rows = of_rows(videos, doc! { "_id": { "$gt": &after } }, limit).await?;
    let count = rows.len();
    let last = rows.last().map(|row| row.video_id.as_str().to_owned());
    let of_page: Vec<Title> = rows.into_iter().filter_map(StoredTitle::into_title).collect();
    if !of_page.is_empty() {
        let id = format!("{OLDER_ROWS}:{after}");
        insert(titles, &block(id.into(), Vec::new(), of_page)).await?;
    }
    let is_last = count < TITLES_PER_BLOCK;
    let change = match last.filter(|_| !is_last) {
        Some(last) => doc! { "$set": { "after": last } },
        None => doc! { "$unset": { "after": "" } },
    };
    progress.update_one(doc! { "_id": OLDER_ROWS, "after": after }, change).await?;
    Ok(count as u64)
}
