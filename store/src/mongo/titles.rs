//! The titles of videos, beside their rows, for searches to read: many folded titles in a document.
//!
//! A batch that has written rows leaves one *entry* with their titles, before its documents. An
//! indexer merges entries into *blocks*, which have the grams of their titles. So an entry or a
//! block has each title that a row has; it may also have older ones, so the row decides.
//!
//! It must not know: how entries are merged, or what is searched for.

use futures::TryStreamExt;
use linkrelay_common::VideoId;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::options::{CollectionOptions, ReadConcern, ReadPreference, SelectionCriteria};
use mongodb::{Collection, Database};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::search::Folded;

/// The field with the grams of a block.
pub(super) const GRAMS: &str = "grams";

/// The folded title of a video.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Title {
    #[serde(rename = "v")]
    pub(super) video_id: VideoId,
    #[serde(rename = "t")]
    folded: String,
}

impl Title {
    pub(super) fn new(video_id: VideoId, title: &str) -> Self {
        Self { video_id, folded: Folded::of(title).as_str().to_owned() }
    }

    pub(super) fn folded(&self) -> Folded {
        Folded::of_folded(self.folded.clone())
    }
}

/// A row of which only the title is read.
#[derive(Debug, Deserialize)]
pub(super) struct StoredTitle {
    #[serde(rename = "_id")]
    pub(super) video_id: VideoId,
    newest: Option<MetadataOfTitle>,
}

/// A row's metadata, of which only the title is read.
#[derive(Debug, Deserialize)]
pub(super) struct MetadataOfTitle {
    video: VideoOfTitle,
}

impl MetadataOfTitle {
    pub(super) fn title(&self, video_id: VideoId) -> Title {
        Title::new(video_id, &self.video.title)
    }
}

#[derive(Debug, Deserialize)]
struct VideoOfTitle {
    title: String,
}

impl StoredTitle {
    /// Returns the fields of a row that are read.
    pub(super) fn fields() -> Document {
        doc! { "newest.video.title": 1 }
    }

    /// Returns the title; `None` if the row has no metadata.
    pub(super) fn into_title(self) -> Option<Title> {
        self.newest.map(|newest| newest.title(self.video_id))
    }
}

/// What one batch has written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    #[serde(rename = "_id")]
    pub(super) id: ObjectId,
    pub(super) at: DateTime,
    #[serde(default)]
    pub(super) titles: Vec<Title>,
    /// Videos whose titles are removed from all entries and blocks, because a document of theirs
    /// was deleted. Until their rows are read again, any of them may match.
    #[serde(default)]
    pub(super) erased: Vec<VideoId>,
}

/// Merged entries, or what a page of the rows had.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Block {
    /// The id of the first of its entries: so two indexers that merge the same make one block.
    #[serde(rename = "_id")]
    pub(super) id: Bson,
    #[serde(default)]
    pub(super) entries: Vec<ObjectId>,
    pub(super) grams: Vec<i64>,
    pub(super) titles: Vec<Title>,
}

/// The collections of entries and of blocks.
#[derive(Debug)]
pub(super) struct Titles {
    pub(super) entries: Collection<Entry>,
    pub(super) blocks: Collection<Block>,
}

/// Returns the names of the collections of entries and of blocks, by that of the rows.
pub(super) fn names(videos: &str) -> [String; 2] {
    [format!("{videos}.new_titles"), format!("{videos}.titles")]
}

impl Titles {
    /// The titles of the rows in the collection `videos`.
    pub(super) fn new(database: &Database, videos: &str, mut options: CollectionOptions) -> Self {
        // Two servers could show an entry as merged and its block not yet.
        options.read_concern = Some(ReadConcern::local());
        options.selection_criteria =
            Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        let [entries, blocks] = names(videos);
        Self {
            entries: database.collection_with_options(&entries, options.clone()),
            blocks: database.collection_with_options(&blocks, options),
        }
    }

    /// Adds titles of rows, which must have been written before.
    pub(super) async fn add(&self, titles: Vec<Title>) -> Result<(), StoreError> {
        self.insert(titles, Vec::new()).await
    }

    /// Says that the titles of these videos are removed. The caller then changes their rows, and
    /// calls [`erase`](Self::erase); an indexer repeats that later.
    pub(super) async fn begin_erasure(&self, video_ids: Vec<VideoId>) -> Result<(), StoreError> {
        self.insert(Vec::new(), video_ids).await
    }

    async fn insert(&self, titles: Vec<Title>, erased: Vec<VideoId>) -> Result<(), StoreError> {
        if titles.is_empty() && erased.is_empty() {
            return Ok(());
        }
        let entry = Entry { id: ObjectId::new(), at: DateTime::now(), titles, erased };
        self.entries.insert_one(entry).await?;
        Ok(())
    }

    /// Removes the titles of these videos from all entries and blocks.
    pub(super) async fn erase(&self, video_ids: &[VideoId]) -> Result<(), StoreError> {
        if video_ids.is_empty() {
            return Ok(());
        }
        let ids: Vec<&str> = video_ids.iter().map(VideoId::as_str).collect();
        let having = doc! { "titles.v": { "$in": &ids } };
        let change = doc! { "$pull": { "titles": { "v": { "$in": ids } } } };
        self.entries.update_many(having.clone(), change.clone()).await?;
        self.blocks.update_many(having, change).await?;
        Ok(())
    }
}

/// Returns the titles that rows have, of those that `selected` selects, in the order of their ids.
pub(super) async fn of_rows(
    videos: &Collection<StoredTitle>,
    selected: Document,
    limit: i64,
) -> Result<Vec<StoredTitle>, StoreError> {
    let found = videos
        .find(selected)
        .sort(doc! { "_id": 1 })
        .limit(limit)
        .projection(StoredTitle::fields())
        .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        .read_concern(ReadConcern::local())
        .await?;
    Ok(found.try_collect().await?)
}
